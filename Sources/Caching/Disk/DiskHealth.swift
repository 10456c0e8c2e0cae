/// When a disk that fails is left alone, and when it is tried again.
package struct DiskHealth: Sendable {
    /// Nanoseconds that the first failure keeps the tier off, and that any does at most.
    package static let firstPause: Int64 = 1_000_000_000
    package static let longestPause: Int64 = 300_000_000_000
    /// Nanoseconds between two lines of the log about it.
    package static let logInterval: Int64 = 60_000_000_000

    private var pause: Int64 = 0
    private var end: Int64 = 0
    private var nextLog = Int64.min
    /// Failures so far.
    package private(set) var errors = 0

    package init() {}

    /// Whether the disk is left alone now.
    package func isOff(now: Int64) -> Bool { now < end }

    /// When it is tried again.
    package var resumes: Int64 { end }

    /// A call has failed.
    ///
    /// Returns Whether the operator should be told.
    package mutating func failed(now: Int64) -> Bool {
        errors += 1
        // Calls that were under way when the first one failed say nothing new.
        if now >= end {
            pause = min(Self.longestPause, max(Self.firstPause, pause * 2))
            end = now + pause
        }
        guard now >= nextLog else { return false }
        nextLog = now + Self.logInterval
        return true
    }

    /// A call went well: the next failure is a first one again.
    package mutating func succeeded(now: Int64) {
        if now >= end { pause = 0 }
    }
}
