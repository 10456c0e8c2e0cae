/// What a limit says of one request, and what the next one would meet.
public struct LimitDecision: Sendable, Equatable {
    /// Whether there is room for it.
    public var isAllowed: Bool
    /// Units that are left now, the request's own taken off if it is allowed.
    public var remaining: Int
    /// Nanoseconds until everything is back, if nobody asks meanwhile.
    public var reset: Int64
    /// Nanoseconds until the same request would be allowed, if nobody asks meanwhile; 0 when it is.
    ///
    /// For a request that costs more than there ever is, it says what the arithmetic says, and
    /// `isPossible` that waiting does not help.
    public var retryAfter: Int64
    /// Whether the limit ever has room for a request of this cost.
    public var isPossible = true

    /// Says what a limit decided.
    public init(
        isAllowed: Bool,
        remaining: Int,
        reset: Int64,
        retryAfter: Int64 = 0,
        isPossible: Bool = true
    ) {
        self.isAllowed = isAllowed
        self.remaining = remaining
        self.reset = reset
        self.retryAfter = retryAfter
        self.isPossible = isPossible
    }
}

/// How requests are counted.
public enum LimitAlgorithm: String, Sendable, CaseIterable {
    /// A bucket that fills steadily: at most `rate × time + burst` in any stretch of time.
    ///
    /// Exact, as the generic cell rate algorithm (ITU-T I.371): one moment is all its state.
    case tokenBucket = "token_bucket"
    /// The count of this window, and of the one before by the share that still counts.
    ///
    /// At most `limit × (1 + d / window)` in any stretch of `d`, up to a window.
    case slidingWindow = "sliding_window"
    /// The time of each request: at most the limit in any window, exactly.
    case slidingLog = "sliding_log"
    /// A count that starts anew at each edge: up to twice the limit across one.
    case fixedWindow = "fixed_window"

    /// Requests that a log may have to remember for one key.
    public static let maximumLogCount = 256
}

/// Two words in which an algorithm remembers one key; all zero for a key that was never seen.
struct LimitState: Sendable, Equatable {
    var first: UInt64 = 0
    var second: UInt64 = 0
}
