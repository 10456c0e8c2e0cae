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
    /// Contents that arrive at once, and are too large for memory, at most.
    static let arriving = 32
    /// All of those take at most the so-manieth part of the disk's bytes before they are complete.
    static let arrivingShare = 2
    /// Threads that write them, each so many pieces of one before another one's turn, and threads
    /// that wait until all of one has reached the disk.
    static let spoolers = 4
    static let piecesPerTurn = 16
    static let finishers = 2
    /// Bytes of one that may wait to be written; past it the upstream waits, for so many
    /// nanoseconds, and then it is not stored.
    static let window = 2 << 20
    static let backpressure: Int64 = 1_000_000_000
    /// Bytes of the disk that are set aside at a time where the length is not known.
    static let reservation = 16 << 20
    /// Bytes after which the kernel is told to begin with what was written.
    static let writeback = 8 << 20
    /// Bytes of a content that are brought into memory, and sent, at a time; of one that is copied,
    /// through TLS or at a pace.
    static let run = 1 << 20
    static let copiedRun = 256 << 10
    /// Runs that wait to be read: each is of somebody who is being sent it.
    static let loads = 1 << 16
    /// Nanoseconds that a client waits for a run, but for the first.
    static let runTime: Int64 = 60_000_000_000
    /// Files of contents that are kept open.
    static let openFiles = 64
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
