import COpenSSL

/// A certificate and its private key, as PEM text.
public struct IssuedCertificate: Sendable {
    /// The certificate.
    public let certificate: [UInt8]
    /// The private key, PKCS #8.
    public let key: [UInt8]
}

/// A certificate authority for development: one that only who is told to trust it trusts.
///
/// Pure but for the random numbers of OpenSSL: files are the caller's.
public enum LocalAuthority {
    /// What bounds and times the certificates.
    enum Limits {
        /// Seconds that the authority lasts: 10 years, as trusting it is a person's work.
        static let authorityLifetime: Int64 = 3650 * 86_400
        /// Seconds that a certificate lasts; browsers accept at most 825 days of a local authority.
        static let lifetime: Int64 = 30 * 86_400
        /// Seconds before its end at which another one is made.
        static let renewal: Int64 = 10 * 86_400
        /// The same for the authority: a certificate must not outlast it.
        static let authorityRenewal: Int64 = 60 * 86_400
        /// Seconds that clocks of clients may be behind.
        static let backdating: Int64 = 3600
        /// Names of one certificate; a server certificate of more is no development any more.
        static let names = 1000
    }

    /// Makes an authority.
    /// - Parameters:
    ///   - name: What people see in the list of authorities that they trust.
    ///   - now: Unix seconds.
    /// - Returns: The authority, signed by itself.
    /// - Throws: What OpenSSL says.
    public static func make(name: String, now: Int64) throws(TLSSetupError) -> IssuedCertificate {
        let key = try unsafe makeKey()
        defer { unsafe EVP_PKEY_free(key) }
        let certificate = try unsafe draft(
            name: name,
            key: key,
            from: now - Limits.backdating,
            to: now + Limits.authorityLifetime
        )
        defer { unsafe X509_free(certificate) }
        let subject = unsafe X509_get_subject_name(certificate)
        guard unsafe X509_set_issuer_name(certificate, subject) == 1 else {
            throw failure("name its issuer")
        }
        let extensions: [(Int32, String)] = [
            (NID_basic_constraints, "critical,CA:TRUE,pathlen:0"),
            (NID_key_usage, "critical,keyCertSign,cRLSign"),
            (NID_subject_key_identifier, "hash"),
        ]
        for (kind, value) in extensions {
            try unsafe add(kind, value, to: certificate, issuer: certificate)
        }
        try unsafe sign(certificate, by: key)
        return try unsafe IssuedCertificate(
            certificate: pem(certificate),
            key: pem(key: key)
        )
    }

    /// Makes a server certificate.
    /// - Parameters:
    ///   - names: Host names, `*.` names and IP addresses; at least one.
    ///   - authority: Who signs it.
    ///   - now: Unix seconds.
    /// - Returns: The certificate, without a chain.
    /// - Throws: What OpenSSL says, also when the authority cannot be read.
    public static func issue(
        for names: [String],
        by authority: IssuedCertificate,
        now: Int64
    ) throws(TLSSetupError) -> IssuedCertificate {
        guard let first = names.first, names.count <= Limits.names else {
            throw TLSSetupError("a local certificate has 1 to \(Limits.names) names")
        }
        let issuer = try KeyPair(
            chain: "the local authority",
            chainPEM: authority.certificate,
            key: "the local authority",
            keyPEM: authority.key
        )
        let key = try unsafe makeKey()
        defer { unsafe EVP_PKEY_free(key) }
        let certificate = try unsafe draft(
            // Source: RFC 5280, upper bound ub-common-name.
            name: first.utf8.count <= 64 ? first : "gateway",
            key: key,
            from: now - Limits.backdating,
            to: min(now + Limits.lifetime, issuer.notAfter)
        )
        defer { unsafe X509_free(certificate) }
        let subject = unsafe X509_get_subject_name(issuer.certificate)
        guard unsafe X509_set_issuer_name(certificate, subject) == 1 else {
            throw failure("name its issuer")
        }
        let extensions: [(Int32, String)] = [
            (NID_basic_constraints, "critical,CA:FALSE"),
            (NID_key_usage, "critical,digitalSignature"),
            (NID_ext_key_usage, "serverAuth"),
            (NID_subject_key_identifier, "hash"),
            (NID_authority_key_identifier, "keyid"),
            (NID_subject_alt_name, try alternativeNames(names)),
        ]
        for (kind, value) in extensions {
            try unsafe add(kind, value, to: certificate, issuer: issuer.certificate)
        }
        try unsafe sign(certificate, by: issuer.key)
        return try unsafe IssuedCertificate(
            certificate: pem(certificate),
            key: pem(key: key)
        )
    }

    /// Names as OpenSSL's extension text wants them.
    static func alternativeNames(_ names: [String]) throws(TLSSetupError) -> String {
        var parts: [String] = []
        for name in names {
            // The text has a grammar of its own, in which a comma begins the next name.
            let isPlain = name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
                    UInt8(ascii: "_"), UInt8(ascii: "*"), UInt8(ascii: ":"):
                    true
                default: false
                }
            }
            guard isPlain, !name.isEmpty else {
                throw TLSSetupError("'\(name)' cannot stand in a certificate")
            }
            parts.append(isAddress(name) ? "IP:\(name)" : "DNS:\(name)")
        }
        return parts.joined(separator: ",")
    }

    private static func isAddress(_ name: String) -> Bool {
        guard let octets = unsafe a2i_IPADDRESS(name) else {
            _ = LibraryErrors.takeFirst()
            return false
        }
        unsafe ASN1_OCTET_STRING_free(octets)
        return true
    }

    // MARK: OpenSSL

    private static func failure(_ what: String) -> TLSSetupError {
        let reason = LibraryErrors.words(LibraryErrors.takeFirst())
        return TLSSetupError(
            "a local certificate cannot be made: OpenSSL cannot \(what): \(reason)"
        )
    }

    /// A key on P-256; the caller frees it.
    private static func makeKey() throws(TLSSetupError) -> OpaquePointer {
        guard Library.isReady, let context = unsafe EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nil) else {
            throw failure("make a key")
        }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard unsafe EVP_PKEY_keygen_init(context) == 1,
            unsafe EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) == 1,
            unsafe EVP_PKEY_keygen(context, &key) == 1, let key = unsafe key
        else { throw failure("make a key") }
        return unsafe key
    }

    /// A certificate without issuer, extensions and signature; the caller frees it.
    private static func draft(name: String, key: OpaquePointer, from: Int64, to: Int64)
        throws(TLSSetupError) -> OpaquePointer
    {
        guard let certificate = unsafe X509_new() else { throw failure("make a certificate") }
        var serial = [UInt8](repeating: 0, count: 16)
        let subject = unsafe X509_get_subject_name(certificate)
        let text = Array(name.utf8)
        // A serial number is positive. Source: RFC 5280 §4.1.2.2.
        guard unsafe RAND_bytes(&serial, 16) == 1,
            unsafe setSerial([serial[0] & 0x7F | 0x40] + serial.dropFirst(), of: certificate),
            unsafe X509_set_version(certificate, 2) == 1,
            unsafe ASN1_TIME_set(X509_getm_notBefore(certificate), Int(from)) != nil,
            unsafe ASN1_TIME_set(X509_getm_notAfter(certificate), Int(to)) != nil,
            unsafe X509_set_pubkey(certificate, key) == 1,
            unsafe X509_NAME_add_entry_by_NID(
                subject,
                NID_commonName,
                gateway_text_utf8,
                text,
                Int32(clamping: text.count),
                -1,
                0
            ) == 1
        else {
            unsafe X509_free(certificate)
            throw failure("fill a certificate")
        }
        return unsafe certificate
    }

    private static func setSerial(_ bytes: [UInt8], of certificate: OpaquePointer) -> Bool {
        guard let number = unsafe BN_bin2bn(bytes, Int32(clamping: bytes.count), nil) else {
            return false
        }
        defer { unsafe BN_free(number) }
        let target = unsafe X509_get_serialNumber(certificate)
        return unsafe BN_to_ASN1_INTEGER(number, target) != nil
    }

    private static func add(
        _ kind: Int32,
        _ value: String,
        to certificate: OpaquePointer,
        issuer: OpaquePointer
    ) throws(TLSSetupError) {
        guard unsafe gateway_add_extension(certificate, issuer, kind, value) == 1 else {
            throw failure("add '\(value)'")
        }
    }

    private static func sign(_ certificate: OpaquePointer, by key: OpaquePointer)
        throws(TLSSetupError)
    {
        guard unsafe X509_sign(certificate, key, EVP_sha256()) > 0 else { throw failure("sign") }
    }

    private static func pem(_ certificate: OpaquePointer) throws(TLSSetupError) -> [UInt8] {
        guard let memory = unsafe BIO_new(BIO_s_mem()) else { throw failure("write") }
        defer { unsafe BIO_free(memory) }
        guard unsafe PEM_write_bio_X509(memory, certificate) == 1 else { throw failure("write") }
        return Array(unsafe Certificates.text(in: memory).utf8)
    }

    private static func pem(key: OpaquePointer) throws(TLSSetupError) -> [UInt8] {
        guard let memory = unsafe BIO_new(BIO_s_mem()) else { throw failure("write") }
        defer { unsafe BIO_free(memory) }
        guard unsafe PEM_write_bio_PKCS8PrivateKey(memory, key, nil, nil, 0, nil, nil) == 1 else {
            throw failure("write")
        }
        return Array(unsafe Certificates.text(in: memory).utf8)
    }
}
