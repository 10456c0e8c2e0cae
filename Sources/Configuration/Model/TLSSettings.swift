/// How a site speaks TLS: present where one of its listeners does.
public struct SiteTLS: Sendable, Hashable {
    /// At least one; of several, the client's abilities choose.
    public let certificates: [CertificateSource]
    /// Versions, ciphers, tickets.
    public let policy: TLSPolicy
    /// Whether clients are asked for certificates; nil: they are not.
    public let clientCertificates: ClientCertificatePolicy?
}

/// Where a certificate comes from.
public enum CertificateSource: Sendable, Hashable {
    /// PEM files, read again when they change.
    case files(CertificateFiles)
    /// The gateway's own authority, for development.
    case local(LocalCertificate)

    /// Where the certificate is read from.
    public var files: CertificateFiles {
        switch self {
        case .files(let files): files
        case .local(let local): local.files
        }
    }
}

/// A certificate that the gateway makes itself.
public struct LocalCertificate: Sendable, Hashable {
    /// The names and addresses that it is for.
    public let names: [String]
    /// The folder of the authority.
    public let directory: String
    /// Where it is put, in that folder.
    public let files: CertificateFiles

    /// As a directive says it, before it is known for which site.
    static let unresolved = LocalCertificate(names: [], state: "")

    /// Puts a certificate in its place.
    /// - Parameters:
    ///   - names: Its names and addresses.
    ///   - state: The folder of `state`.
    init(names: [String], state: String) {
        self.names = names
        directory = state + "/internal"
        let stem = directory + "/" + fileStem(names)
        files = CertificateFiles(chain: stem + ".pem", key: stem + ".key", ocsp: nil)
    }
}

/// A name for a file that stands for some texts: the first of them, for people, and a number that
/// tells it from others that begin alike.
///
/// Choice: FNV-1a, 64 bits: short, and a collision takes an operator who looks for one.
func fileStem(_ texts: [String]) -> String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in texts.joined(separator: " ").utf8 {
        hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
    }
    let last = texts.first?.split(separator: "/").last ?? ""
    let plain = last.prefix(64).map { character in
        character.isASCII && (character.isLetter || character.isNumber || character == ".")
            ? character : "_"
    }
    return String(plain) + "-" + String(hash, radix: 16)
}

/// The files of a certificate.
public struct CertificateFiles: Sendable, Hashable {
    /// The path of the certificate and those that lead to its authority, PEM.
    public let chain: String
    /// The path of its private key, PEM.
    public let key: String
    /// The path of an OCSP response to staple, DER; nil: none.
    public let ocsp: String?
    /// Whether the gateway puts that response there itself.
    public let fetchesOCSP: Bool

    /// Names the files of a certificate.
    public init(chain: String, key: String, ocsp: String?, fetchesOCSP: Bool = false) {
        self.chain = chain
        self.key = key
        self.ocsp = ocsp
        self.fetchesOCSP = fetchesOCSP
    }
}

/// Versions, ciphers and tickets of TLS.
public struct TLSPolicy: Sendable, Hashable {
    /// The versions there are.
    public enum Version: String, Sendable, CaseIterable {
        case tls12 = "1.2"
        case tls13 = "1.3"
    }
    /// The oldest version that is spoken.
    public let minimumVersion: Version
    /// OpenSSL's names of the cipher suites for TLS 1.2 with colons between; nil: Mozilla's
    /// intermediate ones.
    public let ciphers: String?
    /// OpenSSL's names of the groups with colons between.
    public let groups: String
    /// Session tickets for each full handshake; 0 turns resumption off.
    public let tickets: Int
    /// Whether early data (0-RTT) is taken.
    public let earlyData: Bool
}

/// Whether and how clients show certificates.
public struct ClientCertificatePolicy: Sendable, Hashable {
    /// Whether a handshake without one fails.
    public let isRequired: Bool
    /// Paths of PEM files with the authorities that are believed; at least one.
    public let authorities: [String]
    /// Whether apps are sent the certificates between the client's and its authority's.
    public let sendsChain: Bool
}

/// What holds for TLS in the whole process.
public struct TLSProcessSettings: Sendable, Hashable {
    /// The path of a file with ticket keys that several machines share; nil: each process makes its
    /// own and renews them.
    public let ticketKeys: String?
    /// Where the secrets of all sessions are written for debugging; nil: nowhere.
    public let keyLog: String?
    /// For a whole handshake, in nanoseconds.
    public let handshakeTimeout: Int64
    /// Handshakes under way in one event loop at most.
    public let handshakes: Int
}

/// How an upstream's servers are spoken to where TLS is used.
public struct UpstreamTLS: Sendable, Hashable {
    /// Paths of PEM files with the authorities that are believed; empty: the system's.
    public let authorities: [String]
    /// The name in the server's certificate; nil: the name or address that it is configured by.
    public let name: String?
    /// What the gateway shows when it is asked for a certificate; nil: nothing.
    public let certificate: CertificateFiles?
    /// Whether the server's certificate is verified at all.
    public let isVerified: Bool
}

extension UpstreamTLS {
    /// How servers are believed, and what they are shown, as a sentence.
    public var summary: String {
        let name = name.map { "'\($0)'" } ?? "the name or address they are configured by"
        let authorities =
            authorities.isEmpty
            ? "the system's authorities" : authorities.joined(separator: " ")
        let belief = isVerified ? "verified as \(name), by \(authorities)" : "not verified"
        return "tls: \(belief)" + (certificate.map { "; shown \($0.chain) if they ask" } ?? "")
    }
}
