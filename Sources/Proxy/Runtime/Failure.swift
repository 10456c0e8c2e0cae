import Configuration
import HTTP1

/// Why an exchange could not go its way, and what is to be done about it.
struct Failure: Error {
    /// The status that the client is told, if it can still be told anything.
    var status: Int
    /// What is counted and logged.
    var reason: Reason
    /// Seconds that the client is asked to wait before it tries again.
    var retryAfter: Int?
    /// The rate limit that refused the request.
    var policy: LimitRuntime?
    /// The methods that would find a route, where the request's own finds none.
    var allowed: MethodSet = []
    /// Whether the connection cannot go on: framing is lost, or the client is gone.
    var closesConnection = false

    /// Whose fault it was, and what.
    enum Reason {
        /// The client sent something that is no valid request.
        case rejected(RejectReason)
        /// The request was valid, and refused here.
        case refused(Refusal)
        /// The upstream failed.
        case upstream(UpstreamFailure)
        /// The client went away: nobody is left to be told.
        case clientGone

        /// The stable name, for the access log.
        var name: String {
            switch self {
            case .rejected(let reason): reason.name
            case .refused(let refusal): refusal.name
            case .upstream(let failure): failure.rawValue
            case .clientGone: "client_gone"
            }
        }
    }

    /// Whether a Retry-After field helps the client.
    var tellsWhenToRetry: Bool {
        if case .refused = reason { return true }
        return status == 503 || status == 502
    }

    static func rejected(_ reason: RejectReason) -> Failure {
        Failure(status: reason.status, reason: .rejected(reason), closesConnection: true)
    }

    static func refused(_ refusal: Refusal) -> Failure {
        Failure(
            status: refusal.status,
            reason: .refused(refusal),
            closesConnection: refusal.closesConnection
        )
    }

    static let clientGone = Failure(status: 0, reason: .clientGone, closesConnection: true)
}

/// Why the gateway itself refuses a request that is well-formed.
enum Refusal: Int, CaseIterable {
    case unknownSite
    case noRoute
    /// The path has a route, but not for the method.
    case methodNotAllowed
    case invalidPath
    case misdirected
    case httpsRequired
    case accessDenied
    case bodyTooLarge
    case headerTimeout
    case bodyTimeout
    case spillFailed
    /// The client wanted nothing but what is stored, and that is not.
    case notCached
    case invalidContentCoding
    case codecsBusy
    case rateLimited
    case concurrencyLimited
    case limitKeyMissing
    case limitsUnavailable
    /// HTTP without TLS on a listener with TLS.
    case plainHTTP

    /// The stable name, for metrics and the access log.
    var name: String {
        switch self {
        case .unknownSite: "unknown_site"
        case .noRoute: "no_route"
        case .methodNotAllowed: "method_not_allowed"
        case .invalidPath: "invalid_path"
        case .misdirected: "misdirected"
        case .httpsRequired: "https_required"
        case .accessDenied: "access_denied"
        case .bodyTooLarge: "body_too_large"
        case .headerTimeout: "header_timeout"
        case .bodyTimeout: "body_timeout"
        case .spillFailed: "spill_failed"
        case .notCached: "not_cached"
        case .invalidContentCoding: "invalid_content_coding"
        case .codecsBusy: "codecs_busy"
        case .rateLimited: "rate_limited"
        case .concurrencyLimited: "concurrency_limited"
        case .limitKeyMissing: "limit_key_missing"
        case .limitsUnavailable: "limits_unavailable"
        case .plainHTTP: "plain_http"
        }
    }

    var status: Int {
        switch self {
        case .unknownSite, .noRoute: 404
        case .methodNotAllowed: 405
        case .invalidPath, .invalidContentCoding, .plainHTTP: 400
        case .misdirected: 421
        case .httpsRequired, .accessDenied: 403
        case .bodyTooLarge: 413
        case .headerTimeout, .bodyTimeout: 408
        case .spillFailed: 507
        case .notCached: 504
        case .codecsBusy: 503
        case .rateLimited: 429
        case .concurrencyLimited, .limitsUnavailable: 503
        case .limitKeyMissing: 400
        }
    }

    /// Whether the rest of the request is not worth reading, or can no longer be found.
    var closesConnection: Bool {
        switch self {
        case .unknownSite, .noRoute, .methodNotAllowed, .invalidPath, .misdirected,
            .httpsRequired, .accessDenied, .notCached, .rateLimited, .concurrencyLimited,
            .limitKeyMissing, .limitsUnavailable:
            false
        default: true
        }
    }

    /// Where it stands among the reasons of the metric, behind those of the parser.
    var metricIndex: Int { Refusal.firstMetricIndex + rawValue }

    private static let firstMetricIndex = RejectReason.allCases.count
}

/// Why an attempt at an upstream failed; the raw value is the metric's label.
enum UpstreamFailure: String, Error, CaseIterable {
    case connectRefused = "connect_refused"
    case connectTimeout = "connect_timeout"
    case connectFailed = "connect_failed"
    case reset = "reset"
    case closed = "closed"
    case responseTimeout = "response_timeout"
    case invalidResponse = "invalid_response"
    case bodyIncomplete = "body_incomplete"
    case bodyTimeout = "body_timeout"
    case noServer = "no_server"
    case unresolved = "unresolved"
    case busy = "busy"
    /// This process has run out of descriptors, ports or memory: nothing against the server.
    case exhausted = "exhausted"
    /// The TLS handshake failed.
    case tlsFailed = "tls_failed"
    /// The server's certificate could not be verified.
    case certificateUntrusted = "certificate_untrusted"

    /// What the client is told.
    var status: Int {
        switch self {
        case .connectTimeout, .responseTimeout, .bodyTimeout: 504
        case .noServer, .unresolved, .busy, .exhausted: 503
        default: 502
        }
    }

    /// The error type of the Proxy-Status field.
    ///
    /// Source: RFC 9209 §2.3.
    var proxyStatusError: StaticString {
        switch self {
        case .connectRefused: "connection_refused"
        case .connectTimeout: "connection_timeout"
        case .connectFailed: "destination_ip_unroutable"
        case .reset, .closed: "connection_terminated"
        case .responseTimeout: "http_response_timeout"
        case .invalidResponse: "http_protocol_error"
        case .bodyIncomplete: "http_response_incomplete"
        case .bodyTimeout: "connection_read_timeout"
        case .noServer: "destination_unavailable"
        case .unresolved: "dns_error"
        case .busy: "connection_limit_reached"
        case .exhausted: "proxy_internal_error"
        case .tlsFailed: "tls_protocol_error"
        case .certificateUntrusted: "tls_certificate_error"
        }
    }

    var metricIndex: Int { UpstreamFailure.allCases.firstIndex(of: self) ?? 0 }
}

/// Why a client connection ended; the raw value is the metric's label.
enum ConnectionEnd: String, CaseIterable {
    case clientClosed = "client_closed"
    case idleTimeout = "idle_timeout"
    case notPersistent = "not_persistent"
    case failed = "failed"
    case reset = "reset"
    case draining = "draining"
    case connectionLimit = "connection_limit"
    case invalidProxyHeader = "invalid_proxy_header"
    case tunnelEnded = "tunnel_ended"
    case truncated = "truncated"
    case handshakeFailed = "handshake_failed"

    var metricIndex: Int { ConnectionEnd.allCases.firstIndex(of: self) ?? 0 }
}
