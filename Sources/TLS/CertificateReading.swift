import COpenSSL

/// What can be read in a certificate with its chain, whether it is in use or not.
public struct CertificateReading: Sendable {
    let pair: KeyPair

    init(_ pair: KeyPair) { self.pair = pair }

    /// Reads a certificate from what is in its two files.
    /// - Throws: What is wrong with them, in words.
    public init(chain: String, chainPEM: [UInt8], key: String, keyPEM: [UInt8])
        throws(TLSSetupError)
    {
        pair = try KeyPair(chain: chain, chainPEM: chainPEM, key: key, keyPEM: keyPEM)
    }

    /// Unix seconds from which it is good.
    public var notBefore: Int64 {
        unsafe Certificates.unixSeconds(X509_get0_notBefore(pair.certificate)) ?? 0
    }

    /// Unix seconds until which it is good.
    public var notAfter: Int64 { pair.notAfter }

    /// The subject, RFC 2253 text.
    public var subject: String { unsafe Certificates.subject(pair.certificate) }

    /// Whether it stands for a host.
    /// - Parameter name: A name, an IP address, or `*.` and a name for all names one level below.
    /// - Returns: Whether a client would take it for that host.
    public func covers(_ name: String) -> Bool {
        if name.hasPrefix("*.") {
            // No certificate names this one, so only a wildcard can fit it.
            return covers("gateway-asks-for-any" + name.dropFirst())
        }
        let bare = name.hasPrefix("[") ? String(name.dropFirst().dropLast()) : name
        if unsafe X509_check_ip_asc(pair.certificate, bare, 0) == 1 { return true }
        _ = LibraryErrors.takeFirst()
        return unsafe X509_check_host(pair.certificate, bare, bare.utf8.count, 0, nil) == 1
    }

    /// How many alternative names it has.
    var nameCount: Int {
        guard let names = unsafe gateway_alternative_names(pair.certificate) else { return 0 }
        defer { unsafe gateway_free_names(names) }
        return Int(unsafe gateway_name_count(names))
    }

    /// Whether a certificate, PEM, has signed it.
    func isIssued(by authority: [UInt8]) -> Bool {
        guard let certificates = try? PEM.certificates(authority, file: "") else { return false }
        defer { for each in certificates { unsafe X509_free(each.pointer) } }
        guard let issuer = certificates.first else { return false }
        let key = unsafe X509_get0_pubkey(issuer.pointer)
        let isSigned = unsafe X509_verify(pair.certificate, key) == 1
        if !isSigned { _ = LibraryErrors.takeFirst() }
        return isSigned
    }
}
