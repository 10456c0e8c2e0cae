import Limiting

/// A seeded generator, so that a failure can be run again.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}

let second: Int64 = 1_000_000_000
let millisecond: Int64 = 1_000_000

func key(_ number: UInt64) -> LimitKey {
    var hasher = KeyHasher(LimitSecret(1, 2))
    hasher.combine(number)
    return hasher.finish()
}
