import COpenSSL

/// A certificate with its chain and its private key, which fit each other.
///
/// OpenSSL counts references to all three and never changes them, so any thread may use them.
@safe final class KeyPair: @unchecked Sendable {
    let certificate: OpaquePointer
    let key: OpaquePointer
    /// What leads from the certificate to its authority.
    let chain: [SharedPointer]
    /// Unix seconds.
    let notAfter: Int64

    /// Reads a certificate from what is in its two files.
    /// - Throws: What is wrong with them, in words.
    init(chain chainFile: String, chainPEM: [UInt8], key keyFile: String, keyPEM: [UInt8])
        throws(TLSSetupError)
    {
        guard Library.isReady else { throw TLSSetupError("OpenSSL cannot be used") }
        let certificates = try PEM.certificates(chainPEM, file: chainFile)
        var isTaken = false
        defer { if !isTaken { for each in certificates { unsafe X509_free(each.pointer) } } }
        guard let first = certificates.first else {
            throw TLSSetupError("'\(chainFile)' holds no certificate in PEM form")
        }
        guard let key = try unsafe PEM.key(keyPEM, file: keyFile) else {
            throw TLSSetupError("'\(keyFile)' holds no private key in PEM form")
        }
        guard unsafe X509_check_private_key(first.pointer, key) == 1 else {
            _ = LibraryErrors.takeFirst()
            let owner = certificates.firstIndex {
                unsafe X509_check_private_key($0.pointer, key) == 1
            }
            _ = LibraryErrors.takeFirst()
            unsafe EVP_PKEY_free(key)
            throw TLSSetupError(
                owner.map {
                    "'\(chainFile)' is out of order: the key in '\(keyFile)' fits certificate "
                        + "\($0 + 1), which must come first"
                }
                    ?? "the key in '\(keyFile)' does not fit the certificate in '\(chainFile)'"
            )
        }
        isTaken = true
        unsafe certificate = first.pointer
        unsafe self.key = key
        chain = Array(certificates.dropFirst())
        notAfter = unsafe Certificates.unixSeconds(X509_get0_notAfter(first.pointer)) ?? 0
    }

    deinit {
        unsafe X509_free(certificate)
        unsafe EVP_PKEY_free(key)
        for each in chain { unsafe X509_free(each.pointer) }
    }

    /// Gives it to a context, beside pairs of other kinds that it has.
    func install(in context: OpaquePointer) -> Bool {
        guard unsafe SSL_CTX_use_certificate(context, certificate) == 1,
            unsafe SSL_CTX_use_PrivateKey(context, key) == 1,
            unsafe gateway_ctx_clear_chain(context) == 1
        else { return false }
        for each in chain {
            guard unsafe gateway_ctx_add_chain(context, each.pointer) == 1 else { return false }
        }
        return true
    }
}

/// Reads PEM text.
enum PEM {
    /// All certificates in a text, in its order; the caller frees them.
    static func certificates(_ bytes: [UInt8], file: String) throws(TLSSetupError)
        -> [SharedPointer]
    {
        var found: [SharedPointer] = []
        guard let memory = unsafe Certificates.memory(holding: bytes) else {
            throw TLSSetupError("'\(file)' cannot be read: no memory")
        }
        defer { unsafe BIO_free(memory) }
        while let certificate = unsafe PEM_read_bio_X509(memory, nil, nil, nil) {
            found.append(unsafe SharedPointer(pointer: certificate))
        }
        let code = LibraryErrors.takeFirst()
        // The end of the text is an error to OpenSSL.
        guard gateway_error_reason(code) == PEM_R_NO_START_LINE else {
            for each in found { unsafe X509_free(each.pointer) }
            throw TLSSetupError("'\(file)' holds a damaged certificate")
        }
        return found
    }

    /// The private key in a text; the caller frees it.
    static func key(_ bytes: [UInt8], file: String) throws(TLSSetupError) -> OpaquePointer? {
        guard let memory = unsafe Certificates.memory(holding: bytes) else {
            throw TLSSetupError("'\(file)' cannot be read: no memory")
        }
        defer { unsafe BIO_free(memory) }
        var wasAsked = false
        let key = unsafe withUnsafeMutablePointer(to: &wasAsked) { asked in
            // Without a callback OpenSSL would ask at the terminal; the flag outlives the call.
            unsafe PEM_read_bio_PrivateKey(
                memory,
                nil,
                { _, _, _, argument in
                    unsafe argument?.assumingMemoryBound(to: Bool.self).pointee = true
                    return -1
                },
                asked
            )
        }
        if unsafe key == nil { _ = LibraryErrors.takeFirst() }
        if wasAsked { throw TLSSetupError("the key in '\(file)' is encrypted: decrypt it first") }
        return unsafe key
    }
}

extension Certificates {
    /// A time of a certificate in Unix seconds.
    static func unixSeconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64? {
        var days: Int32 = 0
        var seconds: Int32 = 0
        guard let epoch = unsafe ASN1_TIME_set(nil, 0) else { return nil }
        defer { unsafe ASN1_TIME_free(epoch) }
        guard unsafe ASN1_TIME_diff(&days, &seconds, epoch, time) == 1 else { return nil }
        return Int64(days) * 86_400 + Int64(seconds)
    }
}
