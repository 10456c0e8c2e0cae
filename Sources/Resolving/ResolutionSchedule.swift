import Addressing

/// When one name is to be asked for again, and what is kept meanwhile; time comes in.
struct ResolutionSchedule {
    let limits: ResolverLimits
    /// What is known; nil until the first attempt has ended.
    private(set) var resolution: Resolution?
    /// When the next attempt is due, in nanoseconds of the monotonic clock; nil while one runs.
    private(set) var nextAttempt: Int64?
    /// Failures since the last success.
    private(set) var failureCount = 0
    /// Whether a refresh was asked for while an attempt was running.
    private var wantsRefresh = false

    /// A name that is to be asked for at once.
    init(limits: ResolverLimits, now: Int64) {
        self.limits = limits
        nextAttempt = now
    }

    /// Whether an attempt is to begin.
    func isDue(now: Int64) -> Bool {
        nextAttempt.map { $0 <= now } ?? false
    }

    /// Notes that an attempt begins.
    mutating func begin() {
        nextAttempt = nil
    }

    /// Makes the next attempt due at once, or right after the one that runs.
    mutating func refresh(now: Int64) {
        if nextAttempt == nil { wantsRefresh = true } else { nextAttempt = now }
    }

    /// Notes how an attempt ended and plans the next one.
    /// - Parameters:
    ///   - outcome: The answer, or why there is none.
    ///   - now: Nanoseconds of the monotonic clock.
    /// - Returns: What to report; nil if neither the addresses nor the kind of state changed.
    mutating func end(
        _ outcome: Result<ResolvedAnswer, ResolutionError>,
        now: Int64
    ) -> Resolution? {
        let before = resolution
        let after: Resolution
        let pause: Int64
        switch outcome {
        case .success(let answer) where !answer.addresses.isEmpty:
            failureCount = 0
            pause = timeToLive(of: answer.origin)
            after = resolved(answer.addresses, timeToLive: pause, now: now)
        case .success: (after, pause) = failed(.noAddress)
        case .failure(let error): (after, pause) = failed(error)
        }
        resolution = after
        nextAttempt = wantsRefresh ? now : now.addingReportingOverflow(pause).partialValue
        wantsRefresh = false
        return isNews(after, since: before) ? after : nil
    }

    private func resolved(
        _ addresses: [IPAddress],
        timeToLive: Int64,
        now: Int64
    ) -> Resolution {
        let kept = Array(Set(addresses).sorted().prefix(limits.maximumAddressCount))
        switch resolution {
        case .resolved(kept, let since, _), .stale(kept, let since, _):
            return .resolved(kept, since: since, timeToLive: timeToLive)
        default:
            return .resolved(kept, since: now, timeToLive: timeToLive)
        }
    }

    private mutating func failed(_ error: ResolutionError) -> (Resolution, pause: Int64) {
        // 2^20 first pauses are past every longest one; more would overflow in the end.
        let doublings = min(failureCount, 20)
        failureCount = min(failureCount + 1, 1_000_000)
        let pause = limits.firstRetryDelay.multipliedReportingOverflow(by: 1 << Int64(doublings))
        let bounded = pause.overflow ? limits.maximumRetryDelay : pause.partialValue
        let after: Resolution =
            switch resolution {
            case nil, .neverResolved: .neverResolved(error)
            case .resolved(let addresses, let since, _), .stale(let addresses, let since, _):
                .stale(addresses, since: since, because: error)
            }
        return (after, min(bounded, limits.maximumRetryDelay))
    }

    private func timeToLive(of origin: ResolvedAnswer.Origin) -> Int64 {
        switch origin {
        case .hosts: return limits.hostsTTL
        case .dns(let seconds):
            let nanoseconds = seconds.multipliedReportingOverflow(by: 1_000_000_000)
            let ttl = nanoseconds.overflow ? limits.maximumTTL : nanoseconds.partialValue
            return min(max(ttl, limits.minimumTTL), limits.maximumTTL)
        }
    }
}

/// Whether a state differs from the one before in its kind or its addresses.
private func isNews(_ after: Resolution, since before: Resolution?) -> Bool {
    switch (before, after) {
    case (.neverResolved, .neverResolved): false
    case (.resolved(let old, _, _), .resolved(let new, _, _)): old != new
    case (.stale, .stale): false
    default: true
    }
}
