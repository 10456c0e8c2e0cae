import HTTP

/// The key of a counter: 128 bits that stand for whatever a request is counted by.
public struct LimitKey: Sendable, Hashable {
    /// The upper half.
    public let high: UInt64
    /// The lower half.
    public let low: UInt64

    /// Makes a key of its halves; all zero marks an empty place, so that becomes another one.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = high == 0 && low == 0 ? 1 : low
    }
}

/// A secret that makes keys unpredictable, so that no client can choose values that collide.
public struct LimitSecret: Sendable, Hashable {
    let first: UInt64
    let second: UInt64

    /// Makes a secret of 128 random bits.
    public init(_ first: UInt64, _ second: UInt64) {
        self.first = first
        self.second = second
    }
}

/// SipHash-2-4 with 128 bits, fed piece by piece: a keyed hash, so that keys of any length take the
/// same room, and nobody who does not know the secret finds two that meet.
///
/// Source: Aumasson and Bernstein, SipHash: a fast short-input PRF.
public struct KeyHasher {
    private var v0: UInt64
    private var v1: UInt64
    private var v2: UInt64
    private var v3: UInt64
    /// Bytes that do not fill a word yet, the first one lowest.
    private var tail: UInt64 = 0
    private var count = 0

    /// Begins a key.
    public init(_ secret: LimitSecret) {
        v0 = 0x736f_6d65_7073_6575 ^ secret.first
        v1 = 0x646f_7261_6e64_6f6d ^ secret.second ^ 0xee
        v2 = 0x6c79_6765_6e65_7261 ^ secret.first
        v3 = 0x7465_6462_7974_6573 ^ secret.second
    }

    /// Adds eight bytes, the lowest first.
    @inline(__always)
    public mutating func combine(_ word: UInt64) {
        let used = UInt64(count & 7) &* 8
        count &+= 8
        if used == 0 {
            compress(word)
            return
        }
        compress(tail | word << used)
        tail = word >> (64 &- used)
    }

    /// Adds bytes as they are; who adds several values adds their lengths too.
    @inline(__always)
    public mutating func combine(bytes: Span<UInt8>) {
        var index = 0
        // Whole words while they fit; a byte at a time would cost as much as the hash itself.
        if count & 7 == 0 {
            while index &+ 8 <= bytes.count {
                compress(bytes.word(at: index))
                index &+= 8
            }
            count &+= index
        }
        while index &+ 8 <= bytes.count {
            combine(bytes.word(at: index))
            index &+= 8
        }
        while index < bytes.count {
            let shift = UInt64(count & 7) &* 8
            tail |= UInt64(bytes[index]) << shift
            count &+= 1
            if count & 7 == 0 {
                compress(tail)
                tail = 0
            }
            index &+= 1
        }
    }

    /// Adds a value of a length of its own, so that no two lists of values are fed alike.
    public mutating func combine(value: Span<UInt8>) {
        // A copy stays in registers from the first round to the last.
        var hasher = self
        hasher.combine(UInt64(value.count))
        hasher.combine(bytes: value)
        self = hasher
    }

    /// Adds three words: what an address is added as.
    public mutating func combine(_ words: (UInt64, UInt64, UInt64)) {
        var hasher = self
        hasher.combine(words.0)
        hasher.combine(words.1)
        hasher.combine(words.2)
        self = hasher
    }

    /// The key of three words, as if they were added one by one: what nearly every limit counts by.
    ///
    /// In one function, the state stays in registers from the first round to the last.
    public static func key(_ secret: LimitSecret, _ words: (UInt64, UInt64, UInt64)) -> LimitKey {
        var hasher = KeyHasher(secret)
        hasher.compress(words.0)
        hasher.compress(words.1)
        hasher.compress(words.2)
        hasher.count = 24
        return hasher.finish()
    }

    /// The key of all that was added.
    @inline(__always)
    public consuming func finish() -> LimitKey {
        compress(tail | UInt64(truncatingIfNeeded: count & 0xFF) << 56)
        v2 ^= 0xee
        for _ in 0..<4 { mix() }
        let low = v0 ^ v1 ^ v2 ^ v3
        v1 ^= 0xdd
        for _ in 0..<4 { mix() }
        return LimitKey(high: v0 ^ v1 ^ v2 ^ v3, low: low)
    }

    @inline(__always)
    private mutating func compress(_ word: UInt64) {
        v3 ^= word
        mix()
        mix()
        v0 ^= word
    }

    @inline(__always)
    private mutating func mix() {
        v0 = v0 &+ v1
        v1 = (v1 << 13 | v1 >> 51) ^ v0
        v0 = v0 << 32 | v0 >> 32
        v2 = v2 &+ v3
        v3 = (v3 << 16 | v3 >> 48) ^ v2
        v0 = v0 &+ v3
        v3 = (v3 << 21 | v3 >> 43) ^ v0
        v2 = v2 &+ v1
        v1 = (v1 << 17 | v1 >> 47) ^ v2
        v2 = v2 << 32 | v2 >> 32
    }
}
