import COpenSSL

/// OpenSSL as a whole.
enum Library {
    /// Whether OpenSSL is ready: without the system's configuration file, whose settings would
    /// contradict ours, and not before the first use, because it costs memory; with a provider of
    /// our own for what handshakes compute most.
    static let isReady: Bool = {
        let options = UInt64(OPENSSL_INIT_NO_LOAD_CONFIG)
        return OPENSSL_init_ssl(options, nil) == 1 && LibraryProvider.load()
    }()

    /// Makes a context that computes our way: SSL_CTX*, of which the caller owns one
    /// reference.
    static func makeContext(_ method: OpaquePointer?) throws(TLSSetupError) -> OpaquePointer {
        guard isReady,
            let context = unsafe SSL_CTX_new_ex(nil, LibraryProvider.query, method)
        else {
            let reason = LibraryErrors.words(LibraryErrors.takeFirst())
            throw TLSSetupError("OpenSSL cannot make a context: \(reason)")
        }
        // OpenSSL's own level may be lower, and certificates are held against it first of all.
        unsafe SSL_CTX_set_security_level(context, securityLevel)
        return unsafe context
    }

    /// No key shorter than 2048 bits of RSA, no SHA-1, nothing without encryption or
    /// authentication.
    static let securityLevel: Int32 = 2

    /// The kind of BIO that all sessions use; nil when memory has run out.
    ///
    /// Never changed once it is made, and never freed.
    static let sessionMethod: SharedPointer? = {
        guard isReady, let method = unsafe BIO_meth_new(BIO_TYPE_SOURCE_SINK, "gateway") else {
            return nil
        }
        unsafe BIO_meth_set_read_ex(method, sessionRead)
        unsafe BIO_meth_set_write_ex(method, sessionWrite)
        unsafe BIO_meth_set_ctrl(method, sessionControl)
        return unsafe SharedPointer(pointer: method)
    }()
}

/// A pointer to something of OpenSSL's that never changes, so that any thread may use it.
@safe struct SharedPointer: @unchecked Sendable {
    let pointer: OpaquePointer
}
