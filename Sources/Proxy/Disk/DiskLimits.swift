/// Bounds of the disk tier, with unit and reason.
enum DiskLimits {
    /// Threads that read: a disk answers several at once, and one that hangs holds up one only.
    static let readers = 4
    /// Responses being read or waiting for it; past it a look-up is a miss.
    static let reads = 1024
    /// Bytes of responses that wait to be written; past it one is not.
    static let queuedBytes = 64 << 20
    /// What else waits for the writer; past it everything on the disk is taken as purged, which
    /// costs one entry.
    static let queuedChanges = 1 << 20
    /// Variants of a key whose files are looked at for one request, the newest first.
    static let variants = 16
    /// A response takes at most the so-manieth part of the disk's bytes.
    static let share = 4
    /// Files removed in one go.
    static let removals = 256
    /// Entries taken into the index under one hold of its lock.
    static let entriesPerStep = 256
    /// Names that a sweep looks at between two holds of the lock.
    static let namesPerStep = 64
    /// Milliseconds after which a sweep looks again whether all it removed has gone.
    static let sweepPause: Int32 = 1000
    /// Nanoseconds in which what is queued is written when the process ends.
    static let closingTime: Int64 = 2_000_000_000
    /// Nanoseconds that an answer to a client waits for the disk to have dropped what it purged.
    static let settleTime: Int64 = 1_000_000_000
}
