import Foundation
import Testing

@testable import Balancing

@Suite("Stable hash and logarithm")
struct StableHashTests {
    @Test("FNV-1a of known inputs, mixed")
    func known() {
        // The published FNV-1a values of "", "a" and "foobar".
        #expect(stableHash(of: "") == mixed(0xcbf2_9ce4_8422_2325))
        #expect(stableHash(of: "a") == mixed(0xaf63_dc4c_8601_ec8c))
        #expect(stableHash(of: "foobar") == mixed(0x8594_4171_f739_67e8))
    }

    @Test("The logarithm agrees with the C library's to ten digits")
    func logarithm() {
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<10_000 {
            let value = Double((generator.next() >> 11) + 1) * 0x1p-53
            let error = abs(naturalLogarithm(value) - log(value))
            #expect(error <= 1e-9 * max(1, abs(log(value))), "ln \(value)")
        }
        #expect(naturalLogarithm(1) == 0)
    }
}
