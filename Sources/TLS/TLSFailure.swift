/// Why a handshake or a session came to nothing; the raw value is the metric's label.
public enum TLSFailure: String, Error, Sendable, CaseIterable {
    /// The client speaks HTTP without TLS.
    case plainHTTP = "plain_http"
    /// What came is no TLS.
    case notTLS = "not_tls"
    /// No version is spoken by both sides.
    case unsupportedVersion = "unsupported_version"
    /// No cipher suite, group or signature algorithm is known to both sides.
    case noSharedCipher = "no_shared_cipher"
    /// No site has the name that the client asked for.
    case unknownName = "unknown_name"
    /// No application protocol is spoken by both sides.
    case noApplicationProtocol = "no_application_protocol"
    /// A client certificate is required, and none came.
    case noClientCertificate = "no_client_certificate"
    /// The peer's certificate could not be verified.
    case invalidCertificate = "invalid_certificate"
    /// The peer broke the handshake off with an alert, as it does when it distrusts a certificate.
    case refusedByPeer = "refused_by_peer"
    /// The connection ended before the handshake did.
    case closed = "closed"
    /// The handshake took too long.
    case timedOut = "timeout"
    /// Too many handshakes were under way.
    case limit = "limit"
    /// Anything else that breaks the protocol.
    case protocolError = "protocol_error"

    /// Where it stands among the reasons of the metric.
    public var metricIndex: Int { TLSFailure.allCases.firstIndex(of: self) ?? 0 }
}

/// Why something of TLS could not be set up: a sentence for the operator.
public struct TLSSetupError: Error, Sendable, CustomStringConvertible {
    /// What there is to know besides the sentence.
    enum Cause: Sendable {
        /// A responder says that the certificate is revoked.
        case revoked
        /// An OCSP response is about another certificate.
        case anotherCertificate
        /// Nothing.
        case other
    }

    /// The sentence, with the file that it is about.
    public let description: String
    let cause: Cause

    /// Says what is wrong.
    public init(_ description: String) { self.init(description, .other) }

    init(_ description: String, _ cause: Cause) {
        self.description = description
        self.cause = cause
    }

    /// Whether it comes to pass with every renewal, until somebody fetches the next response.
    public var isExpected: Bool { cause == .anotherCertificate }
}
