import Bytes
package import HTTP

/// Why a response is not stored; the raw value is what metrics and `gateway explain` say.
package enum NotStored: String, Sendable, CaseIterable {
    case method
    case status
    case requestNoStore = "request_no_store"
    case noStore = "no_store"
    case isPrivate = "private"
    case authorization
    case cookie
    case setCookie = "set_cookie"
    case varyStar = "vary_star"
    /// Nothing says that it may be reused, or it could never be.
    case noFreshness = "no_freshness"
    case tooLarge = "too_large"
    case incomplete
    case usedTooSeldom = "min_uses"
}

private let setCookieName = Array("set-cookie".utf8)

/// Whether a response may be stored.
package enum Storability: Sendable, Equatable {
    case store(Lifetime)
    case refuse(NotStored)

    /// Decides by the head of a final response.
    ///
    /// Source: RFC 9111 §3 and §3.5.
    ///
    /// `head`: The response's.
    ///
    /// `directives`: Its cache directives.
    ///
    /// `request`: What was asked, and by whom.
    ///
    /// `policy`: What the operator says.
    ///
    /// `now`: Unix seconds.
    package static func decide(
        _ head: borrowing ResponseHead,
        directives: ResponseDirectives,
        request: RequestTraits,
        policy: CachePolicy,
        now: Int64
    ) -> Storability {
        let status = head.status
        guard status >= 200, status != 304 else { return .refuse(.status) }
        if request.directives.noStore, !policy.ignoresRequest { return .refuse(.requestNoStore) }
        let understood = Cacheability.isUnderstood(status)
        if directives.mustUnderstand, !understood { return .refuse(.status) }
        if !policy.ignoresResponse {
            // Source: RFC 9111 §5.2.2.3, who understands the status passes over `no-store`.
            if directives.noStore, !directives.mustUnderstand { return .refuse(.noStore) }
            if directives.isPrivate { return .refuse(.isPrivate) }
        }
        if head.fields.contains(.setCookie), !policy.storesCookies,
            !directives.unstoredFields.contains(setCookieName)
        {
            return .refuse(.setCookie)
        }
        if head.fields.variesByEverything { return .refuse(.varyStar) }
        if request.hasAuthorization {
            let isAllowed =
                directives.isPublic || directives.mustRevalidate || directives.sharedMaxAge != nil
            guard isAllowed, !policy.ignoresResponse else { return .refuse(.authorization) }
        }
        let lifetime = Lifetime(head, directives: directives, policy: policy, now: now)
        if request.hasCookie, lifetime.basis == .configured, !policy.ignoresCookies {
            // The response itself does not say that it is for everybody.
            return .refuse(.cookie)
        }
        let isReusable =
            lifetime.basis.isExplicit || lifetime.basis == .configured || directives.isPublic
            || Cacheability.isHeuristic(status)
        guard isReusable else { return .refuse(.noFreshness) }
        let hasValidator = head.fields.contains(.etag) || head.fields.contains(.lastModified)
        let isFreshOnce = lifetime.seconds > 0 && !lifetime.noCache
        if !isFreshOnce, !hasValidator { return .refuse(.noFreshness) }
        return .store(lifetime)
    }
}

extension FieldSection {
    /// Whether a Vary field has the member `*`.
    ///
    /// Source: RFC 9111 §4.1.
    var variesByEverything: Bool {
        var index = first(.vary)
        while let number = index {
            let value = value(at: number)
            var list = CommaList()
            while let member = list.next(in: value) {
                if value.extracting(member).equals("*") { return true }
            }
            index = next(.vary, from: number + 1)
        }
        return false
    }
}
