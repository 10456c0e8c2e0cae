import Addressing
import Testing

@testable import Resolving

private let second: Int64 = 1_000_000_000

private func ip(_ last: UInt8) -> IPAddress { IPAddress(192, 0, 2, last) }

private func dns(_ ttl: Int64, _ last: UInt8...) -> Result<ResolvedAnswer, ResolutionError> {
    .success(ResolvedAnswer(addresses: last.map(ip), origin: .dns(ttlSeconds: ttl)))
}

@Suite("When a name is asked for again")
struct ResolutionScheduleTests {
    private func schedule() -> ResolutionSchedule {
        ResolutionSchedule(limits: ResolverLimits(), now: 0)
    }

    @Test("a name is due at once, and not while it is being asked for")
    func start() {
        var schedule = schedule()
        #expect(schedule.isDue(now: 0) && !schedule.isDue(now: -1))
        #expect(schedule.resolution == nil)
        schedule.begin()
        #expect(!schedule.isDue(now: .max) && schedule.nextAttempt == nil)
    }

    struct Pause: CustomTestStringConvertible, Sendable {
        let origin: ResolvedAnswer.Origin
        let seconds: Int64
        var testDescription: String { "\(origin) → \(seconds) s" }
    }

    @Test(
        "an answer is kept for its TTL between the limits",
        arguments: [
            Pause(origin: .dns(ttlSeconds: 0), seconds: 1),
            Pause(origin: .dns(ttlSeconds: 1), seconds: 1),
            Pause(origin: .dns(ttlSeconds: 2), seconds: 2),
            Pause(origin: .dns(ttlSeconds: 300), seconds: 300),
            Pause(origin: .dns(ttlSeconds: 301), seconds: 300),
            Pause(origin: .dns(ttlSeconds: .max), seconds: 300),
            Pause(origin: .dns(ttlSeconds: -5), seconds: 1),
            Pause(origin: .hosts, seconds: 30),
        ]
    )
    func timeToLive(_ row: Pause) {
        var schedule = schedule()
        schedule.begin()
        let news = schedule.end(
            .success(ResolvedAnswer(addresses: [ip(1)], origin: row.origin)),
            now: 7 * second
        )
        #expect(
            news == .resolved([ip(1)], since: 7 * second, timeToLive: row.seconds * second)
        )
        #expect(schedule.nextAttempt == (7 + row.seconds) * second)
    }

    @Test("failures pause 1, 2, 4 … 30 seconds; a success starts over")
    func pauses() {
        var schedule = schedule()
        var now: Int64 = 0
        for seconds: Int64 in [1, 2, 4, 8, 16, 30, 30, 30] {
            schedule.begin()
            _ = schedule.end(.failure(.timeout), now: now)
            #expect(schedule.nextAttempt == now + seconds * second)
            now += seconds * second
        }
        for _ in 0..<100 {
            schedule.begin()
            _ = schedule.end(.failure(.timeout), now: now)
        }
        #expect(schedule.nextAttempt == now + 30 * second)
        schedule.begin()
        _ = schedule.end(dns(5, 1), now: now)
        #expect(schedule.nextAttempt == now + 5 * second)
        schedule.begin()
        _ = schedule.end(.failure(.timeout), now: now)
        #expect(schedule.nextAttempt == now + second)
    }

    @Test("reports a change of the addresses or of the kind of state, and nothing else")
    func reports() {
        var schedule = schedule()
        let steps: [(Result<ResolvedAnswer, ResolutionError>, Resolution?)] = [
            (.failure(.notFound), .neverResolved(.notFound)),
            (.failure(.timeout), nil),
            (dns(9), nil),  // An answer without addresses is a failure.
            (dns(9, 2, 1, 2), .resolved([ip(1), ip(2)], since: 3, timeToLive: 9 * second)),
            (dns(8, 1, 2), nil),
            (dns(8, 1), .resolved([ip(1)], since: 5, timeToLive: 8 * second)),
            (.failure(.timeout), .stale([ip(1)], since: 5, because: .timeout)),
            (.failure(.notFound), nil),
            (dns(8, 1), .resolved([ip(1)], since: 5, timeToLive: 8 * second)),
            (dns(8), .stale([ip(1)], since: 5, because: .noAddress)),
            (dns(8, 3), .resolved([ip(3)], since: 10, timeToLive: 8 * second)),
        ]
        for (now, step) in steps.enumerated() {
            schedule.begin()
            #expect(schedule.end(step.0, now: Int64(now)) == step.1, "step \(now)")
        }
    }

    @Test("what is known stays readable also where nothing was reported")
    func keeps() {
        var schedule = schedule()
        schedule.begin()
        _ = schedule.end(dns(9, 1), now: 0)
        schedule.begin()
        _ = schedule.end(.failure(.timeout), now: 1)
        schedule.begin()
        _ = schedule.end(.failure(.serverFailure), now: 2)
        #expect(schedule.resolution == .stale([ip(1)], since: 0, because: .serverFailure))
        #expect(schedule.resolution?.addresses == [ip(1)])
        #expect(Resolution.neverResolved(.timeout).addresses.isEmpty)
    }

    @Test("a refresh makes the next attempt due now, or right after the one that runs")
    func refresh() {
        var schedule = schedule()
        schedule.begin()
        _ = schedule.end(dns(100, 1), now: 0)
        schedule.refresh(now: 5)
        #expect(schedule.nextAttempt == 5)
        schedule.begin()
        schedule.refresh(now: 6)
        #expect(schedule.nextAttempt == nil)
        _ = schedule.end(dns(100, 1), now: 7)
        #expect(schedule.nextAttempt == 7)
        schedule.begin()
        _ = schedule.end(dns(100, 1), now: 8)
        #expect(schedule.nextAttempt == 8 + 100 * second)
    }

    @Test("no more addresses are kept than the limit")
    func addressLimit() {
        var schedule = schedule()
        schedule.begin()
        let many = (0..<200).map { IPAddress(v4: UInt32($0)) }
        _ = schedule.end(
            .success(ResolvedAnswer(addresses: many.reversed(), origin: .hosts)),
            now: 0
        )
        #expect(schedule.resolution?.addresses == Array(many.prefix(64)))
    }
}
