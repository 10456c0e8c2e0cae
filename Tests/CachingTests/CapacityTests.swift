import Bytes
import Foundation
import HTTP
import Testing

@testable import Caching

/// What a million small objects cost; run with `MILLION=1`, best in a release build.
@Suite("A million objects")
struct CapacityTests {
    private static func residentBytes() -> Int {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8),
            let pages = text.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        else { return 0 }
        return pages * 4096
    }

    @Test(
        "fit without a long pause",
        .enabled(if: ProcessInfo.processInfo.environment["MILLION"] != nil)
    )
    func million() {
        let count = 1_000_000
        let store = CacheStore(budget: 4 << 30, objectLimit: 8 << 20, seed: 1)
        let clock = ContinuousClock()
        let before = Self.residentBytes()
        var longest = Duration.zero
        var content = 0
        for number in 0..<count {
            let key = bytes("shop.example\nhttp://shop.example/products/\(number)")
            let made = object(
                String(decoding: key, as: UTF8.self),
                hash: store.hash(key.span),
                size: 120
            )
            content += made.cost - CachedResponse.overhead
            let took = clock.measure { _ = store.insert(made) }
            longest = max(longest, took)
        }
        let resident = Self.residentBytes() - before
        let overhead = (resident - content) / count
        print("overhead: \(overhead) bytes an object, longest insertion \(longest)")
        #expect(overhead <= 400)
        #expect(store.figures.objects == count)
    }
}
