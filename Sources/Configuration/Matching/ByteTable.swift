/// A fixed set of byte strings, found by a hash that the caller computes as it walks its bytes.
///
/// Built once, when the configuration is loaded. The seed is tried until no search takes more than
/// `maximumProbes` steps, so a client that knows the function gains nothing: the table holds only
/// what the file says, and a search for anything at all is bounded by that number.
struct ByteTable: Sendable {
    /// Steps that a search may take.
    ///
    /// Seeds that need more are passed over.
    static let maximumProbes = 8
    /// Seeds tried before the table is doubled.
    private static let seedAttempts: UInt64 = 16

    /// Key number plus one, 0 for free; the count is a power of two.
    private let slots: [UInt32]
    /// The upper half of each slot's hash: a key is compared only when it is nearly certain.
    private let tags: [UInt32]
    /// All keys, one behind the other.
    private let bytes: [UInt8]
    /// Where key `n` starts in `bytes`; one more than there are keys.
    private let starts: [Int]
    /// What a hash begins with.
    let seed: UInt64
    /// Bytes of the longest key.
    let longestKey: Int

    /// - Parameters:
    ///   - keys: Distinct.
    ///   - reversed: Whether the hash runs from the last byte to the first.
    init(keys: [[UInt8]], reversed: Bool) {
        var capacity = 4
        while capacity < keys.count * 2 { capacity *= 2 }
        var attempt: UInt64 = 0
        while true {
            let seed = 0x9E37_79B9_7F4A_7C15 &* (attempt &+ 1)
            if let filled = Self.fill(
                keys,
                capacity: capacity,
                seed: seed,
                reversed: reversed
            ) {
                slots = filled.slots
                tags = filled.tags
                self.seed = seed
                break
            }
            attempt &+= 1
            if attempt % Self.seedAttempts == 0 { capacity *= 2 }
        }
        bytes = keys.flatMap { $0 }
        starts = keys.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) }
        longestKey = keys.reduce(0) { max($0, $1.count) }
    }

    /// One byte more of a hash.
    @inline(__always)
    static func step(_ hash: UInt64, _ byte: UInt8) -> UInt64 {
        (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
    }

    /// The key that equals some bytes.
    /// - Parameters:
    ///   - hash: `seed` after a `step` for each byte of `range`, in the table's direction.
    ///   - text: Where the bytes stand; letters are compared as they are.
    ///   - range: Which of them.
    ///   - foldsCase: Whether letters of `text` count as lower-case.
    /// - Returns: The key's number, or nil when none equals the bytes.
    func find(hash: UInt64, text: Span<UInt8>, range: Range<Int>, foldsCase: Bool) -> Int? {
        let mixed = Self.mix(hash)
        let mask = slots.count - 1
        var position = Int(truncatingIfNeeded: mixed) & mask
        let tag = UInt32(truncatingIfNeeded: mixed >> 32)
        for _ in 0..<Self.maximumProbes {
            let slot = slots[position]
            guard slot != 0 else { return nil }
            let key = Int(slot) - 1
            if tags[position] == tag, equals(key, text, range, foldsCase) { return key }
            position = (position + 1) & mask
        }
        return nil
    }

    private func equals(
        _ key: Int,
        _ text: Span<UInt8>,
        _ range: Range<Int>,
        _ foldsCase: Bool
    ) -> Bool {
        var position = starts[key]
        guard starts[key + 1] - position == range.count else { return false }
        for index in range {
            let byte = foldsCase ? lowercase(text[index]) : text[index]
            if bytes[position] != byte { return false }
            position += 1
        }
        return true
    }

    /// FNV leaves its low bits to the last bytes; this spreads all of them.
    private static func mix(_ hash: UInt64) -> UInt64 {
        var mixed = hash ^ (hash >> 32)
        mixed = mixed &* 0xD6E8_FEB8_6659_FD93
        return mixed ^ (mixed >> 32)
    }

    private static func fill(
        _ keys: [[UInt8]],
        capacity: Int,
        seed: UInt64,
        reversed: Bool
    ) -> (slots: [UInt32], tags: [UInt32])? {
        var slots = [UInt32](repeating: 0, count: capacity)
        var tags = slots
        for (number, key) in keys.enumerated() {
            var hash = seed
            if reversed {
                for byte in key.reversed() { hash = step(hash, byte) }
            } else {
                for byte in key { hash = step(hash, byte) }
            }
            let mixed = mix(hash)
            var position = Int(truncatingIfNeeded: mixed) & (capacity - 1)
            var probes = 1
            while slots[position] != 0 {
                position = (position + 1) & (capacity - 1)
                probes += 1
                if probes > maximumProbes { return nil }
            }
            slots[position] = UInt32(truncatingIfNeeded: number + 1)
            tags[position] = UInt32(truncatingIfNeeded: mixed >> 32)
        }
        return (slots, tags)
    }
}

/// The lower-case form of an ASCII letter.
///
/// A copy of `asciiLowercase`, which would be a call into
/// another module for each byte where inlining does not reach.
@inline(__always)
func lowercase(_ byte: UInt8) -> UInt8 { byte &- 65 < 26 ? byte | 0x20 : byte }
