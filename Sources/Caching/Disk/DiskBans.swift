import Bytes

/// Purges that the disk has yet to hear of: a file older than one that means it is not served.
///
/// A purge by tag or prefix would have to read every file, so it is remembered instead, asked
/// whenever a file is read, and forgotten once a sweep has looked at all files.
package struct DiskBans: Sendable {
    /// One purge.
    package struct Ban: Sendable, Equatable {
        /// Counts all purges of the directory, from 1.
        package let number: UInt64
        package let purge: Purge
        /// Whether what it means only becomes stale.
        package let isSoft: Bool
        /// Unix milliseconds at which it came.
        package let time: Int64
    }

    /// What the bans say of a file.
    package enum Verdict: Sendable, Equatable {
        case unaffected
        /// Stale since a time.
        case stale(Int64)
        case removed
    }

    /// Bans from which on a sweep is worth its reads.
    static let sweepAt = 64
    /// Bans at most; past them everything is taken as purged.
    package static let maximumCount = 4096

    package private(set) var bans: [Ban] = []
    /// How many purges there have been.
    package private(set) var count: UInt64

    /// Whether all files should be held against them, so that they can be forgotten.
    package var areWorthASweep: Bool {
        bans.count >= Self.sweepAt || bans.contains { $0.purge == .everything && !$0.isSoft }
    }

    package init(count: UInt64 = 0) { self.count = count }

    /// Takes a purge in.
    package mutating func add(_ purge: Purge, isSoft: Bool, time: Int64) -> Ban {
        count += 1
        // With too many of them one that means everything is what remains.
        let isFull = bans.count >= Self.maximumCount
        let ban = Ban(
            number: count,
            purge: isFull ? .everything : purge,
            isSoft: isFull ? false : isSoft,
            time: time
        )
        if ban.purge == .everything, !ban.isSoft { bans.removeAll() }
        bans.append(ban)
        return ban
    }

    /// Takes in what a journal says.
    mutating func restore(_ ban: Ban) {
        count = max(count, ban.number)
        bans.append(ban)
    }

    /// What is to be done with a response of a time.
    ///
    /// `purges`: How many there had been when it was stored.
    package func verdict(key: Span<UInt8>, head: Span<UInt8>, purges: UInt64) -> Verdict {
        if count <= purges { return .unaffected }
        var verdict = Verdict.unaffected
        for ban in bans {
            guard ban.number > purges, ban.purge.means(key: key, head: head) else { continue }
            if !ban.isSoft { return .removed }
            // The earliest counts: it has been stale since.
            if verdict == .unaffected { verdict = .stale(ban.time) }
        }
        return verdict
    }

    /// Forgets those up to a number, after a sweep.
    package mutating func forget(upTo number: UInt64) { bans.removeAll { $0.number <= number } }
}
