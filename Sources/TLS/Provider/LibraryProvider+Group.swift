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
            return unsafe tell(group.list, argument)
        }

    /// A list that OpenSSL reads as long as the process runs: never changed, never freed.
    @safe private struct Group: @unchecked Sendable {
        let list: UnsafePointer<OSSL_PARAM>
    }

    private static let group: Group = {
        let names: [(StaticString, StaticString)] = [
            ("tls-group-name", "x25519"), ("tls-group-name-internal", "X25519"),
            ("tls-group-alg", "X25519"),
        ]
        // From TLS 1.2 on without an end; never with DTLS.
        let numbers: [(StaticString, CInt)] = [
            ("tls-group-id", 29), ("tls-group-sec-bits", 128), ("tls-min-tls", TLS1_2_VERSION),
            ("tls-max-tls", 0), ("tls-min-dtls", -1), ("tls-max-dtls", -1),
        ]
        let count = names.count + numbers.count
        // An entry of nothing ends a list.
        let place = UnsafeMutablePointer<OSSL_PARAM>.allocate(capacity: count + 1)
        unsafe place.initialize(repeating: OSSL_PARAM(), count: count + 1)
        for (index, (key, value)) in names.enumerated() {
            let bytes = unsafe UnsafeMutablePointer(mutating: text(value))
            unsafe place[index] = OSSL_PARAM_construct_utf8_string(
                text(key),
                bytes,
                value.utf8CodeUnitCount
            )
        }
        let values = UnsafeMutablePointer<CInt>.allocate(capacity: numbers.count)
        for (index, (key, value)) in numbers.enumerated() {
            unsafe (values + index).initialize(to: value)
            unsafe place[names.count + index] = OSSL_PARAM_construct_int(text(key), values + index)
        }
        return unsafe Group(list: UnsafePointer(place))
    }()
}
