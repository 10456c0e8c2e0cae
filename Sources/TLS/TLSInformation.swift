/// What a TLS handshake has established: immutable, one for each connection.
///
/// A class, so that a connection and its exchanges hold it by one reference.
public final class TLSInformation: Sendable {
    /// The version, `TLSv1.2` or `TLSv1.3`.
    public let version: TLSVersion
    /// OpenSSL's name of the cipher suite, for example `TLS_AES_256_GCM_SHA384`.
    public let cipher: String
    /// The name that the client asked for (SNI), in lower case; nil when it named none.
    public let serverName: String?
    /// The application protocol that was agreed on, for example `http/1.1`; nil for none.
    public let applicationProtocol: String?
    /// Whether an earlier session was taken up again.
    public let isResumed: Bool
    /// The client's certificate, if it was asked for one, had one, and it was verified.
    public let peerCertificate: PeerCertificate?

    /// Collects what a handshake has established.
    public init(
        version: TLSVersion,
        cipher: String,
        serverName: String?,
        applicationProtocol: String?,
        isResumed: Bool,
        peerCertificate: PeerCertificate?
    ) {
        self.version = version
        self.cipher = cipher
        self.serverName = serverName
        self.applicationProtocol = applicationProtocol
        self.isResumed = isResumed
        self.peerCertificate = peerCertificate
    }
}

/// A version of TLS that this gateway speaks.
public enum TLSVersion: String, Sendable, Comparable, CaseIterable {
    /// TLS 1.2, RFC 5246.
    case tls12 = "TLSv1.2"
    /// TLS 1.3, RFC 8446.
    case tls13 = "TLSv1.3"

    /// Older before newer.
    public static func < (left: TLSVersion, right: TLSVersion) -> Bool {
        left == .tls12 && right == .tls13
    }
}

/// A certificate that a peer proved to own.
public struct PeerCertificate: Sendable {
    /// The certificate itself, DER.
    public let der: [UInt8]
    /// The subject's distinguished name, RFC 2253 text.
    public let subject: String
    /// SHA-256 of `der`, 32 bytes.
    public let fingerprint: [UInt8]
    /// The certificates that lead from it to its authority, DER, each issued by the next one.
    ///
    /// The root is not among them. Empty in a session that was taken up again.
    public let chain: [[UInt8]]

    /// Describes a certificate.
    public init(der: [UInt8], subject: String, fingerprint: [UInt8], chain: [[UInt8]]) {
        self.der = der
        self.subject = subject
        self.fingerprint = fingerprint
        self.chain = chain
    }
}
