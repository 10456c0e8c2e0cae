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

    private static func threadNanoseconds() -> Int {
        var time = timespec()
        // The structure is this function's own.
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }

    @Test(
        "fit without a long pause",
        .enabled(if: ProcessInfo.processInfo.environment["MILLION"] != nil)
    )
    func million() {
        let count = 1_000_000
        let store = CacheStore(budget: 4 << 30, objectLimit: 8 << 20, seed: 1)
        let before = Self.residentBytes()
        var longest = 0
        var content = 0
        for number in 0..<count {
            let key = bytes("shop.example\nhttp://shop.example/products/\(number)")
            let made = object(
                String(decoding: key, as: UTF8.self),
                hash: store.hash(key.span),
                size: 120
            )
            content += made.cost - CachedResponse.overhead
            // The thread's own time: what others do on the machine is no pause of the store's.
            let start = Self.threadNanoseconds()
            _ = store.insert(made)
            longest = max(longest, Self.threadNanoseconds() - start)
        }
        let resident = Self.residentBytes() - before
        let overhead = (resident - content) / count
        print("overhead: \(overhead) bytes an object, longest insertion \(longest / 1000) µs")
        #expect(overhead <= 400)
        #expect(longest <= 5_000_000)
        #expect(store.figures.objects == count)
    }
}
