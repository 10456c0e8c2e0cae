import COpenSSL

/// X25519 as libssl offers it: a provider has to name the groups that its own keys are for.
///
/// Source: provider-base(7), RFC 8446 §4.2.7.
extension LibraryProvider {
    private typealias Callback =
        @convention(c) (UnsafePointer<OSSL_PARAM>?, UnsafeMutableRawPointer?) -> CInt

    static let capabilities:
        @convention(c) (
            UnsafeMutableRawPointer?, UnsafePointer<CChar>?, UnsafeMutableRawPointer?,
            UnsafeMutableRawPointer?
        ) -> CInt = { _, name, callback, argument in
            guard let name = unsafe name, let callback = unsafe callback else { return 0 }
            guard unsafe String(cString: name) == "TLS-GROUP" else { return 1 }
            // What OpenSSL hands over as such is one of its callbacks.
            let tell = unsafe unsafeBitCast(callback, to: Callback.self)
            return unsafe tell(group.start, argument)
        }

    private static let group = unsafe LibraryList([
        named("tls-group-name", "x25519"), named("tls-group-name-internal", "X25519"),
        named("tls-group-alg", "X25519"),
        // From TLS 1.2 on without an end; never with DTLS.
        numbered("tls-group-id", 29), numbered("tls-group-sec-bits", 128),
        numbered("tls-min-tls", TLS1_2_VERSION), numbered("tls-max-tls", 0),
        numbered("tls-min-dtls", -1), numbered("tls-max-dtls", -1),
    ])

    private static func named(_ key: StaticString, _ value: StaticString) -> OSSL_PARAM {
        // OpenSSL only reads it.
        let bytes = unsafe UnsafeMutablePointer(mutating: text(value))
        return unsafe OSSL_PARAM_construct_utf8_string(text(key), bytes, value.utf8CodeUnitCount)
    }

    private static func numbered(_ key: StaticString, _ value: CInt) -> OSSL_PARAM {
        // Lasts as long as the list does.
        let place = UnsafeMutablePointer<CInt>.allocate(capacity: 1)
        unsafe place.initialize(to: value)
        return unsafe OSSL_PARAM_construct_int(text(key), place)
    }
}
