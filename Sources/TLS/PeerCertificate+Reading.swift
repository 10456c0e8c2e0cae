import COpenSSL

extension PeerCertificate {
    /// The certificate that the peer of a session has shown, if it was verified.
    init?(of ssl: OpaquePointer) {
        guard unsafe SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER != 0,
            let certificate = unsafe SSL_get0_peer_certificate(ssl),
            unsafe SSL_get_verify_result(ssl) == Int(X509_V_OK),
            let der = unsafe Certificates.der(certificate)
        else { return nil }
        // What was verified, and not what was sent, which may be anything. A session that was taken
        // up again has none.
        var chain: [[UInt8]] = []
        if let verified = unsafe SSL_get0_verified_chain(ssl) {
            for index in 1..<max(1, unsafe gateway_certificate_count(verified)) {
                guard let pointer = unsafe gateway_certificate_at(verified, index) else { continue }
                let other = unsafe BorrowedCertificate(pointer: pointer)
                // The root is known to who believes it. Source: RFC 9440 §2.3.
                if other.isIssued(by: other) { continue }
                if let bytes = unsafe Certificates.der(pointer) { chain.append(bytes) }
            }
        }
        self.init(
            der: der,
            subject: unsafe Certificates.subject(certificate),
            fingerprint: Certificates.sha256(der),
            chain: chain
        )
    }
}

/// Reads what is in certificates.
enum Certificates {
    /// The bytes of a certificate.
    static func der(_ certificate: OpaquePointer) -> [UInt8]? {
        let count = unsafe i2d_X509(certificate, nil)
        guard count > 0 else { return nil }
        return unsafe [UInt8](unsafeUninitializedCapacity: Int(count)) { space, written in
            // The first call said how many bytes this one writes.
            var position: UnsafeMutablePointer<UInt8>? = space.baseAddress
            written = Int(max(0, unsafe i2d_X509(certificate, &position)))
        }
    }

    /// The subject as RFC 2253 text.
    static func subject(_ certificate: OpaquePointer) -> String {
        guard let memory = unsafe BIO_new(BIO_s_mem()) else { return "" }
        defer { unsafe BIO_free(memory) }
        let name = unsafe X509_get_subject_name(certificate)
        guard unsafe X509_NAME_print_ex(memory, name, 0, gateway_name_flags) >= 0 else { return "" }
        return unsafe text(in: memory)
    }

    /// What was written to a BIO in memory.
    static func text(in memory: OpaquePointer) -> String {
        var bytes = [UInt8](repeating: 0, count: 256)
        var text: [UInt8] = []
        while true {
            let count = unsafe BIO_read(memory, &bytes, Int32(bytes.count))
            guard count > 0 else { break }
            text += bytes[..<Int(count)]
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The SHA-256 of some bytes.
    static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        var count: UInt32 = 0
        // The digest has the 32 bytes that SHA-256 writes.
        let result = unsafe EVP_Digest(bytes, bytes.count, &digest, &count, EVP_sha256(), nil)
        return result == 1 ? digest : []
    }
}
