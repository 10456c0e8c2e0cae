import Synchronization

/// What all event loops know together about one server: its load and its health.
///
/// The path of a request reads relaxed atomics only: a loop that sees a value a moment late sends
/// one request more or less to a server, which every rule here bears. The mutex is taken on a
/// failure and on the first success after one.
public final class ServerStatus: Sendable {
    private let requestsInFlight = Atomic<Int>(0)
    /// Monotonic nanoseconds; `notEjected` when in use.
    ///
    /// While a trial is under way it is the end of the trial's lease, so that the others see the
    /// server as set aside.
    private let ejectionEnd = Atomic<Int64>(ServerStatus.notEjected)
    private let passesHealthCheck = Atomic<Bool>(true)
    /// Whether the bookkeeping holds anything that a success would change.
    private let isTroubled = Atomic<Bool>(false)
    private let ejection = Mutex(EjectionState())

    private static let notEjected = Int64.min

    /// Makes the status of a server of which nothing is known: usable, without load.
    public init() {}

    /// Requests that the server is working on now, of all loops.
    public var inFlight: Int { requestsInFlight.load(ordering: .relaxed) }

    /// Whether active health checks let the server be used.
    ///
    /// True until a check has said otherwise.
    public var isHealthy: Bool { passesHealthCheck.load(ordering: .relaxed) }

    /// Writes down what the active health checks say.
    public func setHealthy(_ isHealthy: Bool) {
        passesHealthCheck.store(isHealthy, ordering: .relaxed)
    }

    /// When the ejection (or the trial that may end it) is over, monotonic nanoseconds, or nil when
    /// the server is not set aside.
    public var ejectedUntil: Int64? {
        let end = ejectionEnd.load(ordering: .relaxed)
        return end == ServerStatus.notEjected ? nil : end
    }

    /// Counts a request in, unless the server has as many as it may have.
    /// - Parameter limit: Most requests at a time; 0 for no limit.
    /// - Returns: Whether it was counted; if so, `release` must follow exactly once.
    public func acquire(limit: Int = 0) -> Bool {
        // `&+` cannot wrap: each request in flight holds a descriptor.
        let before = requestsInFlight.wrappingAdd(1, ordering: .relaxed).oldValue
        if limit > 0 && before >= limit {
            requestsInFlight.wrappingSubtract(1, ordering: .relaxed)
            return false
        }
        return true
    }

    /// Counts a request out, whatever became of it.
    public func release() {
        requestsInFlight.wrappingSubtract(1, ordering: .relaxed)
    }

    /// Takes the one trial that is allowed when an ejection is over.
    ///
    /// The winner holds a lease: if its request ends without a word (the client went away), the
    /// next trial may start when the lease is over, so a server is never lost.
    /// - Parameters:
    ///   - now: Monotonic nanoseconds.
    ///   - lease: How long others wait for the outcome, nanoseconds.
    /// - Returns: False if the server is not ejected, not yet due, or somebody else was first.
    public func claimTrial(now: Int64, lease: Int64) -> Bool {
        let end = ejectionEnd.load(ordering: .relaxed)
        guard end != ServerStatus.notEjected, end <= now else { return false }
        // At least one nanosecond, or the claim would not keep anybody out.
        let leaseEnd = saturatingSum(now, max(1, lease))
        return ejectionEnd.compareExchange(
            expected: end,
            desired: leaseEnd,
            ordering: .relaxed
        ).exchanged
    }

    /// Takes note that a request failed for a reason that speaks against the server: no connection,
    /// connection lost before the response, response invalid or too late, or an unwanted status.
    /// - Parameters:
    ///   - now: Monotonic nanoseconds.
    ///   - isTrial: What `Balancer.choose` said about this request.
    ///   - policy: The upstream's rule.
    /// - Returns: Whether this failure set the server aside.
    @discardableResult
    public func recordFailure(now: Int64, isTrial: Bool, policy: EjectionPolicy) -> Bool {
        guard policy.fails > 0 else { return false }
        return ejection.withLock { state in
            let until = state.fail(now: now, isTrial: isTrial, policy: policy)
            isTroubled.store(!state.isClean, ordering: .relaxed)
            if let until { ejectionEnd.store(until, ordering: .relaxed) }
            return until != nil
        }
    }

    /// Takes note that the server answered a request.
    /// - Parameters:
    ///   - now: Monotonic nanoseconds.
    ///   - isTrial: What `Balancer.choose` said about this request.
    /// - Returns: Whether this brought the server back from an ejection.
    @discardableResult
    public func recordSuccess(now: Int64, isTrial: Bool) -> Bool {
        guard isTroubled.load(ordering: .relaxed) else { return false }
        return ejection.withLock { state in
            let returned = state.succeed(now: now, isTrial: isTrial)
            isTroubled.store(!state.isClean, ordering: .relaxed)
            if returned { ejectionEnd.store(ServerStatus.notEjected, ordering: .relaxed) }
            return returned
        }
    }
}
