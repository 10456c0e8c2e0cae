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

    /// What happened, for the operator: said by one side of the other.
    public var words: String {
        switch self {
        case .plainHTTP: "it speaks HTTP without TLS"
        case .notTLS: "what it sends is no TLS"
        case .unsupportedVersion: "no version of TLS is known to both sides"
        case .noSharedCipher: "no cipher suite, group or signature is known to both sides"
        case .unknownName: "no site has the name that it asks for"
        case .noApplicationProtocol: "no application protocol is spoken by both sides"
        case .noClientCertificate: "it shows no certificate, and has to"
        case .invalidCertificate: "its certificate cannot be verified"
        case .refusedByPeer: "it has broken the handshake off"
        case .closed: "the connection ended before the handshake did"
        case .timedOut: "the handshake took too long"
        case .limit: "too many handshakes were under way"
        case .protocolError: "it broke the protocol"
        }
    }
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
    /// The setting that it is about, where that is no file.
    public let part: Part?

    /// A setting of a site.
    public enum Part: Sendable, Hashable {
        case ciphers
        case groups
        /// By its place among the certificates.
        case certificate(Int)
    }

    /// Says what is wrong.
    public init(_ description: String, part: Part? = nil) {
        self.init(description, .other, part: part)
    }

    init(_ description: String, _ cause: Cause, part: Part? = nil) {
        self.description = description
        self.cause = cause
        self.part = part
    }

    /// Whether it comes to pass with every renewal, until somebody fetches the next response.
    public var isExpected: Bool { cause == .anotherCertificate }
}
