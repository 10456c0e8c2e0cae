import Bytes
package import HTTP

/// How long a response stays fresh, and what may be done with it afterwards; all in seconds.
package struct Lifetime: Sendable, Equatable {
    /// Where the freshness lifetime comes from.
    package enum Basis: Sendable, Equatable {
        case sharedMaxAge, maxAge, expires, configured, heuristic, none

        /// Whether the response itself says so.
        var isExplicit: Bool {
            switch self {
            case .sharedMaxAge, .maxAge, .expires: true
            case .configured, .heuristic, .none: false
            }
        }
    }

    package var seconds: Int64 = 0
    package var basis = Basis.none
    package var staleWhileRevalidate: Int64 = 0
    package var staleIfError: Int64 = 0
    /// Reuse always needs a successful validation.
    package var noCache = false
    /// Once stale, it must not be used without one.
    package var mustRevalidate = false

    /// The longest heuristic lifetime: a day, as others have it.
    package static let longestHeuristic: Int64 = 86_400

    package init() {}

    /// Reads it off a response.
    ///
    /// Source: RFC 9111 §4.2.1 and §4.2.2, RFC 5861.
    ///
    /// `head`: A final response.
    ///
    /// `directives`: Its cache directives.
    ///
    /// `policy`: What holds where the response says nothing.
    ///
    /// `now`: Unix seconds at which the response came.
    package init(
        _ head: borrowing ResponseHead,
        directives: ResponseDirectives,
        policy: CachePolicy,
        now: Int64
    ) {
        let listed = policy.statusLifetimes.first { $0.statuses.contains(head.status) }
        if policy.ignoresResponse, let forced = listed?.seconds ?? policy.lifetime {
            seconds = forced
            basis = .configured
            staleWhileRevalidate = policy.staleWhileRevalidate ?? 0
            staleIfError = policy.staleIfError ?? 0
            return
        }
        noCache = directives.noCache
        // Source: RFC 9111 §5.2.2.10, s-maxage means what proxy-revalidate means.
        mustRevalidate =
            directives.mustRevalidate || directives.proxyRevalidate
            || directives.sharedMaxAge != nil
        staleWhileRevalidate = directives.staleWhileRevalidate ?? policy.staleWhileRevalidate ?? 0
        staleIfError = directives.staleIfError ?? policy.staleIfError ?? 0
        let date = head.fields.date(.date, now: now) ?? now
        if let shared = directives.sharedMaxAge {
            (seconds, basis) = (shared, .sharedMaxAge)
        } else if let age = directives.maxAge {
            (seconds, basis) = (age, .maxAge)
        } else if head.fields.contains(.expires), !directives.isTargeted {
            // What is no date has passed, and so has what is said twice.
            // Source: RFC 9111 §4.2.1 and §5.3.
            let isOne = head.fields.count(of: .expires) == 1
            let expires = isOne ? head.fields.date(.expires, now: now) ?? date : date
            (seconds, basis) = (max(0, expires - date), .expires)
        } else if let listed {
            (seconds, basis) = (listed.seconds, .configured)
        } else if let lifetime = policy.lifetime, Cacheability.takesConfigured(head.status) {
            (seconds, basis) = (lifetime, .configured)
        } else if let modified = head.fields.date(.lastModified, now: now),
            Cacheability.isHeuristic(head.status) || directives.isPublic
        {
            seconds = min(max(0, date - modified) / 10, Self.longestHeuristic)
            basis = .heuristic
        }
    }
}

extension FieldSection {
    /// The date of the first field of a name, in Unix seconds; nil when it is none.
    func date(_ name: FieldName, now: Int64) -> Int64? {
        guard let index = first(name) else { return nil }
        return HTTPDate.parse(value(at: index), now: now)
    }
}

/// What statuses mean to a cache.
package enum Cacheability {
    /// Whether a response of this status may be given a lifetime by guess.
    ///
    /// Source: RFC 9110 §15.1.
    package static func isHeuristic(_ status: Int) -> Bool {
        switch status {
        case 200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501: true
        default: false
        }
    }

    /// Whether the route's own lifetime holds: not for errors, which only `status=` makes last.
    package static func takesConfigured(_ status: Int) -> Bool {
        switch status {
        case 200, 203, 204, 300, 301, 308: true
        default: false
        }
    }

    /// Whether this cache knows what the status asks of it.
    ///
    /// Source: RFC 9111 §5.2.2.3.
    package static func isUnderstood(_ status: Int) -> Bool {
        status == 206 || !Status.reason(status).isEmpty
    }
}

extension StaticString {
    var isEmpty: Bool { utf8CodeUnitCount == 0 }
}
