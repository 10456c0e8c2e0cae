import COpenSSL

/// A cipher suite of TLS 1.3: what protects records, and the hash that keys are derived by.
///
/// Source: RFC 8446 §B.4.
public enum CipherSuite: UInt16, Sendable, CaseIterable {
    /// `TLS_AES_128_GCM_SHA256`.
    case aes128GCM = 0x1301
    /// `TLS_AES_256_GCM_SHA384`.
    case aes256GCM = 0x1302
    /// `TLS_CHACHA20_POLY1305_SHA256`.
    case chaCha20Poly1305 = 0x1303

    /// Its registered name: a literal, which costs a connection no memory.
    public var name: String {
        switch self {
        case .aes128GCM: "TLS_AES_128_GCM_SHA256"
        case .aes256GCM: "TLS_AES_256_GCM_SHA384"
        case .chaCha20Poly1305: "TLS_CHACHA20_POLY1305_SHA256"
        }
    }

    /// Bytes of a traffic secret: what the hash gives.
    public var secretBytes: Int { hash.byteCount }

    /// The hash that keys are derived by.
    var hash: KeyHash { self == .aes256GCM ? .sha384 : .sha256 }

    /// Bytes of the cipher's key.
    var keyBytes: Int { self == .aes128GCM ? 16 : 32 }

    /// Bytes of the nonce, with each of them.
    static let nonceBytes = 12
    /// Bytes that authenticate a record, with each of them.
    static let tagBytes = 16

    /// EVP_CIPHER*, looked up once: OpenSSL would search for it for every connection.
    var cipher: SharedPointer? {
        switch self {
        case .aes128GCM: Library.aes128GCM
        case .aes256GCM: Library.aes256GCM
        case .chaCha20Poly1305: Library.chaCha20Poly1305
        }
    }
}

extension Library {
    fileprivate static let aes128GCM = cipher("AES-128-GCM")
    fileprivate static let aes256GCM = cipher("AES-256-GCM")
    fileprivate static let chaCha20Poly1305 = cipher("ChaCha20-Poly1305")

    private static func cipher(_ name: String) -> SharedPointer? {
        guard isReady, let found = unsafe EVP_CIPHER_fetch(nil, name, nil) else { return nil }
        return unsafe SharedPointer(pointer: found)
    }
}
