/// What is known about an attempt that failed.
public struct FailedAttempt: Sendable, Equatable {
    /// What went wrong.
    public enum Failure: Sendable, Equatable {
        /// No connection: refused, unreachable, or not made in time.
        case connect
        /// The connection was lost before a response was whole.
        case connectionLost
        /// The server kept silent for longer than it may.
        case timeout
        /// The response was not HTTP.
        case invalidResponse
    }

    /// What is left of the request's body for another attempt.
    public enum Body: Sendable, Equatable {
        /// The request has none.
        case none
        /// All that was sent is still here.
        case buffered
        /// Nothing of it has been read from the client yet, so all of it is still to come.
        case untouched
        /// A part was passed on and is gone.
        case consumed
    }

    /// What went wrong.
    public var failure: Failure
    /// Whether repeating the request has the same effect as sending it once (RFC 9110 §9.2.2).
    public var isIdempotent: Bool
    /// Whether the server may have got any byte of the request: true as soon as a write took one.
    public var requestBytesSent: Bool
    /// Whether any byte of a response arrived, 1xx included.
    public var responseBytesSeen: Bool
    /// Whether the connection had served a request before.
    public var connectionWasReused: Bool
    /// What is left of the request's body.
    public var body: Body

    /// Describes a failed attempt.
    /// - Parameters:
    ///   - failure: What went wrong.
    ///   - isIdempotent: Whether the request's method is idempotent.
    ///   - requestBytesSent: Whether a write took any byte.
    ///   - responseBytesSeen: Whether any byte came back.
    ///   - connectionWasReused: Whether the connection had served a request before.
    ///   - body: What is left of the request's body.
    public init(
        failure: Failure,
        isIdempotent: Bool,
        requestBytesSent: Bool,
        responseBytesSeen: Bool,
        connectionWasReused: Bool,
        body: Body
    ) {
        self.failure = failure
        self.isIdempotent = isIdempotent
        self.requestBytesSent = requestBytesSent
        self.responseBytesSeen = responseBytesSeen
        self.connectionWasReused = connectionWasReused
        self.body = body
    }
}

/// Whether a request is sent once more, and why.
public enum RetryDecision: Sendable, Equatable {
    /// Why it may be sent again.
    public enum Permission: Sendable, Equatable {
        /// The server got no byte of it.
        case notSent
        /// The server closed a kept connection as the request was on its way; the method allows it.
        case staleConnection
        /// The method allows it.
        case idempotent
    }

    /// Why it may not.
    public enum Refusal: Sendable, Equatable {
        /// A part of a response was seen: the server has acted.
        case responseSeen
        /// The server may have acted, and acting twice is not the same as acting once.
        case notIdempotent
        /// The body is gone.
        case bodyConsumed
        /// The server is slow; asking again would only add to its work.
        case timeout
        /// The request has had its attempts.
        case attemptsUsed
        /// The upstream has had its share of retries.
        case budgetUsed
    }

    /// Send it again, to another server if there is one.
    case retry(Permission)
    /// Give up on it.
    case fail(Refusal)
}

/// When a failed request is sent again.
///
/// Source: RFC 9110 §9.2.2: a proxy must not repeat a request whose method is not idempotent,
/// unless it knows that the first was not applied. "Not a byte was sent" is the only such knowledge
/// here.
public struct RetryPolicy: Sendable, Equatable {
    /// Attempts in all, the first included.
    public var attempts: Int
    /// Whether an idempotent request is sent again when the response takes too long.
    public var retriesTimeouts: Bool

    /// Makes a policy.
    /// - Parameters:
    ///   - attempts: Brought into 1…`TriedServers.maximumCount`.
    ///   - retriesTimeouts: Off by default: a slow server gets slower when asked twice.
    public init(attempts: Int = 3, retriesTimeouts: Bool = false) {
        self.attempts = min(max(1, attempts), TriedServers.maximumCount)
        self.retriesTimeouts = retriesTimeouts
    }

    /// Decides about a failed attempt, and takes a retry from the budget where one is needed.
    ///
    /// What never reached a server costs that server nothing, so it is not charged: when a server
    /// dies, all of its requests go to the next one, however many they are.
    /// - Parameters:
    ///   - attempt: What happened.
    ///   - attemptsMade: Attempts so far, this one included.
    ///   - budget: The upstream's budget.
    ///   - now: Monotonic nanoseconds.
    /// - Returns: Whether to send it again, with the reason for the log and the metrics.
    public func decide(
        _ attempt: FailedAttempt,
        attemptsMade: Int,
        budget: inout RetryBudget,
        now: Int64
    ) -> RetryDecision {
        if attempt.responseBytesSeen { return .fail(.responseSeen) }
        if attempt.body == .consumed { return .fail(.bodyConsumed) }
        let isUnsent = attempt.failure == .connect || !attempt.requestBytesSent
        if !isUnsent {
            if !attempt.isIdempotent { return .fail(.notIdempotent) }
            if attempt.failure == .timeout && !retriesTimeouts { return .fail(.timeout) }
        }
        if attemptsMade >= attempts { return .fail(.attemptsUsed) }
        if isUnsent { return .retry(.notSent) }
        guard budget.take(now: now) else { return .fail(.budgetUsed) }
        let isStale = attempt.connectionWasReused && attempt.failure == .connectionLost
        return .retry(isStale ? .staleConnection : .idempotent)
    }
}

/// How many retries an upstream may get: a share of its requests, and a little for quiet times.
///
/// Without it retries multiply the load of servers that fail because of their load. One per loop
/// and upstream; a token bucket in thousandths of a retry.
public struct RetryBudget: Sendable, Equatable {
    /// Thousandths of a retry that each request pays in.
    private let perRequest: Int64
    /// Retries that come in each second without any request.
    private let perSecond: Int64
    /// Most thousandths saved up.
    private let capacity: Int64
    private var tokens: Int64
    private var filledAt: Int64?

    /// Makes a full budget.
    /// - Parameters:
    ///   - percent: Retries for each hundred requests, 0…100.
    ///   - minimumPerSecond: Retries a second that are allowed however few the requests are.
    ///   - burst: Most retries saved up, 1…1,000,000.
    public init(percent: Int = 20, minimumPerSecond: Int = 3, burst: Int = 100) {
        perRequest = Int64(min(max(0, percent), 100)) * 10
        perSecond = Int64(min(max(0, minimumPerSecond), 1_000_000))
        capacity = Int64(min(max(1, burst), 1_000_000)) * 1_000
        tokens = capacity
    }

    /// Takes note of a request's first attempt.
    public mutating func requestStarted() {
        tokens = min(capacity, tokens + perRequest)
    }

    /// Takes a retry, if there is one.
    public mutating func take(now: Int64) -> Bool {
        fill(now: now)
        guard tokens >= 1_000 else { return false }
        tokens -= 1_000
        return true
    }

    private mutating func fill(now: Int64) {
        guard let last = filledAt else {
            filledAt = now
            return
        }
        guard perSecond > 0, now > last else { return }
        // An hour fills any bucket; the bound keeps the product in range.
        let passed = min(now - last, 3_600_000_000_000)
        let earned = passed / 1_000_000 * perSecond
        guard earned > 0 else { return }
        tokens = min(capacity, tokens + earned)
        // What is below a millisecond is kept for the next time.
        filledAt = now - passed % 1_000_000
    }
}
