import Foundation
import Limiting
import Testing

private struct Step: Decodable {
    let t_ms: Int64
    let cost: Int
    let want_limited: Bool?
    let want_allowed: Int?
    let want_remaining: Int
    let want_reset_ms: Int64
    let want_retry_after_ms: Int64
}

private struct Vector: Decodable {
    let src: String
    let rate_per_s: Int
    let burst: Int
    let note: String?
    let steps: [Step]
}

private struct Vectors: Decodable { let vectors: [Vector] }

/// The file lies beside the checkout; elsewhere the test is shown as skipped.
private let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../../../shared/vectors/ratelimit-gcra.json").standardized.path
private let nearPath = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../../shared/vectors/ratelimit-gcra.json").standardized.path
private let found = [path, nearPath].first { FileManager.default.fileExists(atPath: $0) }

@Suite("GCRA step by step: throttled and redis_rate")
struct VectorTests {
    @Test("Each step decides and tells as theirs does", .enabled(if: found != nil))
    func steps() throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: try #require(found)))
        let vectors = try JSONDecoder().decode(Vectors.self, from: data).vectors
        #expect(vectors.count >= 2)
        for vector in vectors {
            let rate = try #require(
                LimitRate(vector.rate_per_s, per: second, burst: vector.burst)
            )
            let table = LimitTable(algorithm: .tokenBucket)
            // Their times are rounded where a note says so.
            let slack: Int64 = vector.note == nil ? 0 : 10
            for (number, step) in vector.steps.enumerated() {
                // Not at nought, where an empty state and a full bucket are the same by chance.
                let now = 5 * second + step.t_ms * millisecond
                let decision = table.take(key(7), cost: step.cost, rate, now: now)
                let place = Comment("\(vector.src), step \(number)")
                let isAllowed = step.want_limited.map { !$0 } ?? (step.want_allowed != 0)
                #expect(decision.isAllowed == isAllowed, place)
                #expect(decision.remaining == step.want_remaining, place)
                #expect(abs(decision.reset / millisecond - step.want_reset_ms) <= slack, place)
                if step.want_retry_after_ms >= 0 {
                    let retry = decision.retryAfter / millisecond
                    let retrySlack: Int64 = vector.note == nil ? 0 : 1000
                    #expect(abs(retry - step.want_retry_after_ms) <= retrySlack, place)
                } else {
                    #expect(decision.isAllowed || !decision.isPossible, place)
                }
            }
        }
    }
}
