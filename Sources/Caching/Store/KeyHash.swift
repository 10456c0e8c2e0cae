import Bytes
import HTTP

/// A seeded hash of cache keys: clients choose keys, so nobody may know where they fall.
package struct KeyHash: Sendable {
    private let seed: UInt64

    package init(seed: UInt64) { self.seed = seed }

    /// Multiplies eight bytes at a time into 128 bits and folds them, as wyhash does.
    package func hash(_ bytes: Span<UInt8>) -> UInt64 {
        var state = seed ^ 0xA076_1D64_78BD_642F
        var index = 0
        while index &+ 8 <= bytes.count {
            state = mix(state ^ bytes.word(at: index), 0xE703_7ED1_A0B4_28DB)
            index &+= 8
        }
        var tail: UInt64 = 0
        while index < bytes.count {
            tail = tail << 8 | UInt64(bytes[index])
            index &+= 1
        }
        state = mix(state ^ tail, 0x8EBC_6AF0_9C88_C6E3)
        return mix(state ^ UInt64(bytes.count), seed | 1)
    }

    private func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}
