import Bytes

/// The request methods that metrics tell apart; anything else a client sends counts as `other`, so
/// that no client can make up a label.
public enum MethodLabel: UInt8, Sendable, CaseIterable {
    case get, head, post, put, delete, options, patch, trace, other

    /// How many there are.
    ///
    /// Written out, as `allCases` would build an array on the path of a request; a test compares
    /// the two.
    static var count: Int { 9 }

    /// The label of a method as it stands in the request line, case kept (RFC 9110 §9.1).
    public init(_ method: Span<UInt8>) {
        switch method.count {
        case 3: self = method.equals("GET") ? .get : method.equals("PUT") ? .put : .other
        case 4: self = method.equals("POST") ? .post : method.equals("HEAD") ? .head : .other
        case 5: self = method.equals("PATCH") ? .patch : method.equals("TRACE") ? .trace : .other
        case 6: self = method.equals("DELETE") ? .delete : .other
        case 7: self = method.equals("OPTIONS") ? .options : .other
        default: self = .other
        }
    }

    /// The label's value.
    var text: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .patch: "PATCH"
        case .trace: "TRACE"
        case .other: "other"
        }
    }
}

/// The first digit of a status code.
///
/// Source: RFC 9110 §15.
public enum StatusClass: UInt8, Sendable, CaseIterable {
    /// No final response went out: the client left, or the exchange ended before one was made.
    case none
    case informational, successful, redirection, clientError, serverError

    /// How many there are.
    ///
    /// Written out, as `allCases` would build an array on the path of a request; a test compares
    /// the two.
    static var count: Int { 6 }

    /// The class of a status code; one outside 100…599 counts as `none`.
    public init(status: Int) {
        switch status {
        case 100..<200: self = .informational
        case 200..<300: self = .successful
        case 300..<400: self = .redirection
        case 400..<500: self = .clientError
        case 500..<600: self = .serverError
        default: self = .none
        }
    }

    /// The label's value.
    var text: StaticString {
        switch self {
        case .none: "none"
        case .informational: "1xx"
        case .successful: "2xx"
        case .redirection: "3xx"
        case .clientError: "4xx"
        case .serverError: "5xx"
        }
    }
}

/// Whether a loop thinks that a server can take requests.
public enum ServerHealth: UInt64, Sendable {
    /// The loop does not know the server, or no longer: it has no say in the gauges.
    case unknown = 0
    /// Requests go to it.
    case healthy = 1
    /// Set aside for a while because requests to it failed.
    case ejected = 2
    /// Its active health check fails.
    case unhealthy = 3
}
