import Bytes
import Configuration
import HTTP

/// What a client reads when the gateway itself says no: enough to act on, nothing about the inside.
///
/// Written in bytes, from prepared parts: in a flood of refused requests it is what each of them
/// costs.
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
    ///
    /// `scratch`: Is written over.
    static func make(
        _ failure: Failure,
        policy: Policy,
        prefersHTML: Bool,
        requestID id: RequestID,
        scratch: Buffer
    ) -> (contentType: [UInt8], body: [UInt8]) {
        if let page = policy.errorPage(for: failure.status) {
            return (Array(page.contentType.utf8), page.body)
        }
        scratch.removeAll()
        if prefersHTML {
            writePage(failure, id, to: scratch)
        } else {
            writeProblem(failure, id, to: scratch)
        }
        return (prefersHTML ? htmlType : problemType, scratch.readable.bytes())
    }

    private static let htmlType = Array("text/html; charset=utf-8".utf8)
    private static let problemType = Array("application/problem+json".utf8)

    private static func writePage(_ failure: Failure, _ id: RequestID, to page: Buffer) {
        let title = Status.reason(failure.status)
        page.append("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<title>")
        page.append(decimal: failure.status)
        page.append(" ")
        page.append(title)
        page.append("</title></head>\n<body><h1>")
        page.append(decimal: failure.status)
        page.append(" ")
        page.append(title)
        page.append("</h1><p>")
        page.append(detail(failure))
        page.append("</p>")
        if id.isSome {
            page.append("<p><small>Request ")
            id.write(to: page)
            page.append("</small></p>")
        }
        page.append("</body></html>\n")
    }

    /// Everything inside is this program's own text, or has no quote and no backslash: a request's
    /// id is a token, and the declaration of a limit sees to its name.
    ///
    /// Source: RFC 9457; draft-ietf-httpapi-ratelimit-headers-10 §5.1.
    private static func writeProblem(_ failure: Failure, _ id: RequestID, to problem: Buffer) {
        problem.append("{\"type\":\"")
        if failure.policy == nil {
            problem.append("about:blank")
        } else {
            problem.append("https://iana.org/assignments/http-problem-types#quota-exceeded")
        }
        problem.append("\",\"title\":\"")
        problem.append(Status.reason(failure.status))
        problem.append("\",\"status\":")
        problem.append(decimal: failure.status)
        problem.append(",\"detail\":\"")
        problem.append(detail(failure))
        problem.append("\"")
        if let policy = failure.policy {
            problem.append(",\"violated-policies\":[")
            problem.append(policy.quotedName)
            problem.append("]")
        }
        if id.isSome {
            problem.append(",\"request_id\":\"")
            id.write(to: problem)
            problem.append("\"")
        }
        problem.append("}\n")
    }

    private static func detail(_ failure: Failure) -> StaticString {
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
            case .methodNotAllowed: "What is at this address does not take this method."
            case .invalidPath: "The path of the request is not valid."
            case .misdirected: "This connection was not made for the site of the request."
            case .httpsRequired: "This site is served by https only."
            case .accessDenied: "Access from your address is not allowed."
            case .bodyTooLarge: "The content of the request is larger than is accepted here."
            case .headerTimeout, .bodyTimeout: "The request took too long to arrive."
            case .notCached: "Nothing is stored that answers the request."
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
