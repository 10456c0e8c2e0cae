import Configuration
import HTTP

/// What a client reads when the gateway itself says no: enough to act on, nothing about the inside.
enum ErrorPage {
    /// Makes the content of an error response.
    ///
    /// `failure`: What happened.
    ///
    /// `policy`: May name a file to use instead.
    ///
    /// `prefersHTML`: Whether the client would rather have a page.
    ///
    /// `id`: What a user can quote to whoever reads the logs.
    static func make(_ failure: Failure, policy: Policy, prefersHTML: Bool, requestID id: String)
        -> (contentType: [UInt8], body: [UInt8])
    {
        if let page = policy.errorPage(for: failure.status) {
            return (Array(page.contentType.utf8), page.body)
        }
        let title = words(Status.reason(failure.status))
        let detail = detail(failure)
        if prefersHTML {
            let page = """
                <!doctype html>
                <html lang="en"><head><meta charset="utf-8">
                <title>\(failure.status) \(title)</title></head>
                <body><h1>\(failure.status) \(title)</h1><p>\(detail)</p>\
                \(id.isEmpty ? "" : "<p><small>Request \(id)</small></p>")</body></html>

                """
            return (Array("text/html; charset=utf-8".utf8), Array(page.utf8))
        }
        // Everything inside is this program's own text or hexadecimal digits and token characters.
        let identity = id.isEmpty ? "" : ",\"request_id\":\"\(escaped(id))\""
        // A limit's name has no quote and no backslash either; its declaration sees to that.
        let violated =
            failure.policy.map { ",\"violated-policies\":[\"\($0.limit.name)\"]" } ?? ""
        let type = failure.policy == nil ? "about:blank" : quotaExceeded
        let problem =
            "{\"type\":\"\(type)\",\"title\":\"\(title)\",\"status\":\(failure.status),"
            + "\"detail\":\"\(detail)\"\(violated)\(identity)}\n"
        return (Array("application/problem+json".utf8), Array(problem.utf8))
    }

    /// Source: draft-ietf-httpapi-ratelimit-headers-10 §5.1.
    private static let quotaExceeded =
        "https://iana.org/assignments/http-problem-types#quota-exceeded"

    private static func words(_ text: StaticString) -> String {
        text.withUTF8Buffer { unsafe String(decoding: $0, as: UTF8.self) }
    }

    /// A token may hold no quote and no backslash; this keeps it so if that ever changes.
    private static func escaped(_ text: String) -> String {
        String(text.filter { $0 != "\"" && $0 != "\\" })
    }

    private static func detail(_ failure: Failure) -> String {
        switch failure.reason {
        case .rejected: "The request is not valid HTTP, or larger than this server accepts."
        case .upstream(let reason):
            switch reason {
            case .connectTimeout, .responseTimeout, .bodyTimeout:
                "The application did not answer in time."
            case .noServer, .unresolved, .busy: "The application is not available at the moment."
            default: "The application could not be reached, or its answer was not valid."
            }
        case .clientGone: ""
        case .refused(let refusal):
            switch refusal {
            case .unknownSite: "No site of this name is served here."
            case .noRoute: "Nothing is served at this address."
            case .invalidPath: "The path of the request is not valid."
            case .misdirected: "This connection was not made for the site of the request."
            case .httpsRequired: "This site is served by https only."
            case .accessDenied: "Access from your address is not allowed."
            case .bodyTooLarge: "The content of the request is larger than is accepted here."
            case .headerTimeout, .bodyTimeout: "The request took too long to arrive."
            case .invalidContentCoding:
                "The content of the request is not what its Content-Encoding says."
            case .codecsBusy: "The content of the request cannot be decoded at the moment."
            case .plainHTTP:
                "This port speaks HTTPS, and the request came without TLS: use https:// instead."
            case .spillFailed: "The content of the request could not be stored."
            case .rateLimited: "You have sent more requests than are accepted in this time."
            case .concurrencyLimited: "Too many requests are being served at the moment."
            case .limitsUnavailable: "The limits of this server cannot be checked at the moment."
            case .limitKeyMissing: "The request lacks what its sender is known by."
            }
        }
    }
}
