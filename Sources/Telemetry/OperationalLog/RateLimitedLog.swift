/// Lets a message through at most once in an interval and counts the others.
///
/// For messages that a client or a broken server could otherwise cause as often as it likes.
public struct RateLimitedLog: Sendable {
    /// One minute, in nanoseconds.
    public static let minute: Int64 = 60_000_000_000

    private let interval: Int64
    private var last: Int64?
    private var suppressed = 0

    /// A limit that has let nothing through yet.
    ///
    /// - Parameter interval: Nanoseconds between two messages.
    public init(interval: Int64 = RateLimitedLog.minute) {
        self.interval = interval
    }

    /// Decides on one message.
    ///
    /// - Parameter now: Nanoseconds of a monotonic clock.
    /// - Returns: How many messages were held back since the last one that was let through; nil
    ///   holds this one back too.
    public mutating func admit(now: Int64) -> Int? {
        if let last, now &- last < interval {
            suppressed &+= 1
            return nil
        }
        last = now
        defer { suppressed = 0 }
        return suppressed
    }
}
