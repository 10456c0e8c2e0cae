/// What an operator says about caching where responses do not say it themselves.
package struct CachePolicy: Sendable, Equatable {
    /// Seconds that a response stays fresh which says nothing of it; nil: as the RFC has it.
    package var lifetime: Int64?
    /// The same for some statuses, the first that fits.
    package var statusLifetimes: [StatusLifetime] = []
    /// Seconds past its lifetime that a response may be served while it is fetched anew.
    package var staleWhileRevalidate: Int64?
    /// Seconds past its lifetime that a response may be served when it cannot be fetched.
    package var staleIfError: Int64?
    /// What the response says about caching counts for nothing, but for `private` and `no-store`
    /// of the request.
    package var ignoresResponse = false
    /// What the request's Cache-Control asks for counts for nothing.
    package var ignoresRequest = false
    /// Responses that only the operator makes cacheable are shared by clients with cookies.
    package var ignoresCookies = false
    /// Set-Cookie fields are stored with the response, and sent to everybody.
    package var storesCookies = false
    /// POST and QUERY are cached by their content.
    package var keyIncludesContent = false

    package init() {}

    /// Some statuses and their seconds.
    package struct StatusLifetime: Sendable, Equatable {
        package var statuses: ClosedRange<Int>
        package var seconds: Int64

        package init(statuses: ClosedRange<Int>, seconds: Int64) {
            self.statuses = statuses
            self.seconds = seconds
        }
    }
}

/// What of a request matters to whether its response may be stored.
package struct RequestTraits: Sendable {
    package var hasAuthorization = false
    package var hasCookie = false
    package var directives = RequestDirectives()

    package init() {}
}
