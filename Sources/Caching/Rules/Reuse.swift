/// When a stored response came and how long it lasts; what decides whether it is used again.
package struct Timing: Sendable, Equatable {
    /// Unix milliseconds at which it came, or was validated.
    package var received: Int64
    /// Its age then, in seconds.
    package var initialAge: Int64
    package var lifetime: Lifetime
    /// Unix milliseconds until which it answers although it is stale: the upstream has just failed.
    package var heldUntil: Int64 = 0

    package init(received: Int64, initialAge: Int64, lifetime: Lifetime) {
        self.received = received
        self.initialAge = initialAge
        self.lifetime = lifetime
    }

    /// Its age in milliseconds; a clock that was set back makes nothing younger than it came.
    package func age(now: Int64) -> Int64 {
        initialAge &* 1000 &+ max(0, now &- received)
    }

    /// Milliseconds for which it stays fresh; negative once it is stale.
    package func remaining(now: Int64) -> Int64 { lifetime.seconds &* 1000 &- age(now: now) }

    /// It is stale from now on, and for as long as it has been stored it may not be used without a
    /// validation unless its stale times allow it.
    package func expired(now: Int64) -> Timing {
        var timing = self
        timing.lifetime.seconds = min(lifetime.seconds, age(now: now) / 1000)
        return timing
    }
}

/// What may be done with a stored response that fits the request.
package enum Reuse: Sendable, Equatable {
    /// It answers the request.
    case fresh
    /// It answers the request, and is to be fetched anew meanwhile.
    case staleWhileRevalidate
    /// It answers the request as the client takes stale responses.
    case staleByRequest
    /// It needs a validation first; if that fails with an error it may be used or not.
    case validate(Why, staleIfError: Bool)

    /// Why a stored response does not do as it is.
    package enum Why: Sendable, Equatable {
        /// Its time is over.
        case stale
        /// The request asks for a validation, or something younger.
        case request
    }

    /// Whether it does not answer as it is.
    package var needsValidation: Bool { if case .validate = self { true } else { false } }

    /// Decides.
    ///
    /// Source: RFC 9111 §4, §5.2.1; RFC 5861 §3 and §4.
    ///
    /// `now`: Unix milliseconds.
    package static func decide(_ timing: Timing, request: RequestDirectives, now: Int64) -> Reuse {
        let lifetime = timing.lifetime
        let age = timing.age(now: now)
        let remaining = lifetime.seconds &* 1000 &- age
        let onError = mayServe(
            lifetime,
            staleness: -remaining,
            window: max(lifetime.staleIfError, request.staleIfError ?? 0)
        )
        if lifetime.noCache { return .validate(.stale, staleIfError: false) }
        if request.noCache { return .validate(.request, staleIfError: false) }
        if let limit = request.maxAge, limit == 0 || age > limit &* 1000 {
            return .validate(.request, staleIfError: onError)
        }
        if remaining > 0 {
            if let needed = request.minFresh, remaining < needed &* 1000 {
                return .validate(.request, staleIfError: true)
            }
            return .fresh
        }
        if request.minFresh == nil {
            if now < timing.heldUntil, onError { return .staleByRequest }
            if let limit = request.maxStale, !lifetime.mustRevalidate,
                limit == .max || -remaining <= limit &* 1000
            {
                return .staleByRequest
            }
            if mayServe(lifetime, staleness: -remaining, window: lifetime.staleWhileRevalidate) {
                return .staleWhileRevalidate
            }
        }
        return .validate(.stale, staleIfError: onError)
    }

    /// Seconds past its lifetime that a response answers while the upstream cannot be reached at
    /// all, if nothing forbids it.
    package static let disconnectedWindow: Int64 = 3600

    /// Whether a stale response may answer because the upstream cannot be reached.
    ///
    /// Source: RFC 9111 §4.2.4, a cache that is disconnected may.
    package static func mayServeDisconnected(
        _ timing: Timing,
        request: RequestDirectives,
        now: Int64
    ) -> Bool {
        guard !request.noCache, request.maxAge == nil, request.minFresh == nil else { return false }
        return mayServe(
            timing.lifetime,
            staleness: -timing.remaining(now: now),
            window: max(disconnectedWindow, timing.lifetime.staleIfError)
        )
    }

    private static func mayServe(_ lifetime: Lifetime, staleness: Int64, window: Int64) -> Bool {
        !lifetime.mustRevalidate && !lifetime.noCache && window > 0 && staleness <= window &* 1000
    }
}
