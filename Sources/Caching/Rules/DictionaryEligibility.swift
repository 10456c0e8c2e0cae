package import HTTP

/// Whether a response is everybody's: only then may its content become a dictionary, and only then
/// is it coded with one.
///
/// A dictionary mixes what two responses say into one size. So neither may hold what is meant for
/// somebody: the rule is that of a shared cache, and where the request had a cookie or credentials
/// the response has to say `public` or `s-maxage` besides.
/// Source: RFC 9842 §9.2, RFC 9111 §3 and §3.5.
package enum DictionaryEligibility {
    /// Whether a response is everybody's.
    ///
    /// `belongsToSomebody`: The request had a cookie or credentials.
    package static func isShared(
        _ head: borrowing ResponseHead,
        belongsToSomebody: Bool
    ) -> Bool {
        let directives = ResponseDirectives(head.fields)
        guard !directives.noStore, !directives.isPrivate, directives.unstoredFields.isEmpty,
            !head.fields.contains(.setCookie), !head.fields.variesByEverything,
            !head.fields.list(.vary, contains: "cookie"),
            !head.fields.list(.vary, contains: "authorization")
        else { return false }
        return !belongsToSomebody || directives.isPublic || directives.sharedMaxAge != nil
    }

    /// Whether clients may use the content of a response as a dictionary for some time: it is all
    /// of a 200, and stays fresh.
    ///
    /// Source: RFC 9842 §2.2.1.
    ///
    /// `now`: Unix seconds.
    package static func lasts(_ head: borrowing ResponseHead, now: Int64) -> Bool {
        guard head.status == 200, !head.fields.contains(.contentRange) else { return false }
        let directives = ResponseDirectives(head.fields)
        guard !directives.noCache else { return false }
        let lifetime = Lifetime(head, directives: directives, policy: CachePolicy(), now: now)
        // A client has no use for s-maxage, nor for a guess.
        switch lifetime.basis {
        case .maxAge, .expires: return lifetime.seconds > 0
        case .sharedMaxAge: return (directives.maxAge ?? 0) > 0
        case .configured, .heuristic, .none: return false
        }
    }
}
