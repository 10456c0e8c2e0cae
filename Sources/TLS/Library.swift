import COpenSSL

/// OpenSSL as a whole.
enum Library {
    /// Whether OpenSSL is ready: without the system's configuration file, whose settings would
    /// contradict ours, and not before the first use, because it costs memory; with a provider of
    /// our own, which derives keys.
    static let isReady: Bool = {
        let options = UInt64(OPENSSL_INIT_NO_LOAD_CONFIG)
        return OPENSSL_init_ssl(options, nil) == 1 && KeyDerivationProvider.load()
    }()

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
