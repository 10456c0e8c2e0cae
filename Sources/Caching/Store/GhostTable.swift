/// What was dropped lately from the small queue: fingerprints without objects.
///
/// Direct-mapped, so that one comes at the cost of another: a forgotten ghost costs a hit at most.
struct GhostTable {
    private var entries: [UInt64] = []
    private var sequence: UInt32 = 0
    /// Entries at most: 8 bytes each.
    static let maximumCount = 1 << 17
    private static let minimumCount = 1 << 10

    /// Remembers a key.
    ///
    /// `capacity`: Objects in the cache, which is how many ghosts are kept.
    mutating func add(_ hash: UInt64, capacity: Int) {
        let wanted = min(Self.maximumCount, max(Self.minimumCount, capacity))
        if entries.count < wanted {
            var size = max(Self.minimumCount, entries.count)
            while size < wanted { size *= 2 }
            entries = [UInt64](repeating: 0, count: size)
        }
        sequence &+= 1
        entries[place(hash)] = hash & 0xFFFF_FFFF_0000_0000 | UInt64(sequence)
    }

    /// Whether a key was dropped lately; it is forgotten by this.
    mutating func take(_ hash: UInt64) -> Bool {
        guard !entries.isEmpty else { return false }
        let index = place(hash)
        let entry = entries[index]
        guard entry != 0, entry >> 32 == hash >> 32 else { return false }
        entries[index] = 0
        return Int(sequence &- UInt32(truncatingIfNeeded: entry)) <= entries.count
    }

    private func place(_ hash: UInt64) -> Int {
        Int(truncatingIfNeeded: hash & UInt64(entries.count - 1))
    }
}

/// Keys whose last response could not be stored: their requests go on without waiting for each
/// other.
struct PassTable {
    private var ends: [UInt64: Int64] = [:]
    /// Keys remembered at most; past it all are forgotten, which costs one wait each.
    static let maximumCount = 4096

    /// Remembers a key until a time in milliseconds.
    mutating func add(_ hash: UInt64, until end: Int64) {
        if ends.count >= Self.maximumCount { ends.removeAll() }
        ends[hash] = end
    }

    mutating func contains(_ hash: UInt64, now: Int64) -> Bool {
        guard let end = ends[hash] else { return false }
        if end > now { return true }
        ends[hash] = nil
        return false
    }

    mutating func remove(_ hash: UInt64) { if !ends.isEmpty { ends[hash] = nil } }
}

/// How often keys were asked for lately, about: never too few, sometimes too many.
struct UseSketch {
    private var counts: [UInt8] = []
    private var total = 0
    static let size = 1 << 14
    /// Uses after which all counts are halved, so that old ones fade.
    static let fadeAfter = 1 << 15

    /// Counts one more.
    mutating func count(_ hash: UInt64) -> Int {
        if counts.isEmpty { counts = [UInt8](repeating: 0, count: Self.size) }
        total += 1
        if total >= Self.fadeAfter {
            total = 0
            for index in counts.indices { counts[index] /= 2 }
        }
        let first = Int(truncatingIfNeeded: hash) & (Self.size - 1)
        let second = Int(truncatingIfNeeded: hash >> 20) & (Self.size - 1)
        for index in first == second ? [first] : [first, second] where counts[index] < .max {
            counts[index] += 1
        }
        return Int(min(counts[first], counts[second]))
    }
}
