/// How one site speaks TLS.
public struct ServerSettings: Sendable, Hashable {
    /// The files of a certificate.
    public struct Certificate: Sendable, Hashable {
        /// The path of the certificate and its chain, PEM.
        public let chain: String
        /// The path of the private key, PEM.
        public let key: String
        /// The path of an OCSP response, DER; nil: none is stapled.
        public let ocsp: String?

        /// Names the files.
        public init(chain: String, key: String, ocsp: String?) {
            self.chain = chain
            self.key = key
            self.ocsp = ocsp
        }
    }

    /// How clients are asked for certificates.
    public struct ClientCertificates: Sendable, Hashable {
        /// Whether a handshake without one fails.
        public let isRequired: Bool
        /// Paths of PEM files with the authorities that are believed.
        public let authorities: [String]

        /// Asks for certificates of some authorities.
        public init(isRequired: Bool, authorities: [String]) {
            self.isRequired = isRequired
            self.authorities = authorities
        }
    }

    /// At least one.
    public var certificates: [Certificate]
    /// The oldest version that is spoken.
    public let minimumVersion: TLSVersion
    /// Cipher suites of TLS 1.2; nil: Mozilla's intermediate ones.
    public var ciphers: String?
    /// Groups of the key exchange.
    public var groups: String
    /// Tickets for each full handshake; 0: no resumption.
    public let tickets: Int
    /// Whether early data (0-RTT) is taken.
    public let earlyData: Bool
    /// nil: clients are not asked for certificates.
    public var clientCertificates: ClientCertificates?
    /// Whether secrets are written to the listener's key log.
    public let logsSecrets: Bool

    /// Collects how a site speaks TLS.
    public init(
        certificates: [Certificate],
        minimumVersion: TLSVersion,
        ciphers: String?,
        groups: String,
        tickets: Int,
        earlyData: Bool = false,
        clientCertificates: ClientCertificates?,
        logsSecrets: Bool = false
    ) {
        self.certificates = certificates
        self.minimumVersion = minimumVersion
        self.ciphers = ciphers
        self.groups = groups
        self.tickets = tickets
        self.earlyData = earlyData
        self.clientCertificates = clientCertificates
        self.logsSecrets = logsSecrets
    }

    /// Bytes of early data that are taken.
    var earlyDataBytes: UInt32 { earlyData ? TLSLimits.earlyDataBytes : 0 }

    /// The suites of TLS 1.3.
    static let suites =
        "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

    /// Mozilla's intermediate recommendation, version 5.7, in its order.
    static let intermediateCiphers = [
        "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
    ].joined(separator: ":")
}

/// Reads whole files: handed in, so that a test needs none.
public typealias FileReader = @Sendable (_ path: String) throws(TLSSetupError) -> [UInt8]
