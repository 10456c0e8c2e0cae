import COpenSSL

/// Keys of X25519, as OpenSSL makes and asks them.
///
/// Those of a handshake only: they come from nowhere else, and cannot be stored. Keys in files are
/// the default provider's, which OpenSSL finds first where no property is asked for. A certificate
/// with such a key has none here, but nobody could sign with it either.
///
/// Source: provider-keymgmt(7), EVP_PKEY-X25519(7).
extension LibraryProvider {
    static let keyFunctions = unsafe LibraryList([
        function(OSSL_FUNC_KEYMGMT_NEW, newKey),
        function(OSSL_FUNC_KEYMGMT_FREE, release),
        function(OSSL_FUNC_KEYMGMT_DUP, copyKey),
        function(OSSL_FUNC_KEYMGMT_HAS, hasParts),
        function(OSSL_FUNC_KEYMGMT_GEN_INIT, newOrder),
        function(OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS, setGroup),
        function(OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS, groupParts),
        function(OSSL_FUNC_KEYMGMT_GEN, generate),
        function(OSSL_FUNC_KEYMGMT_GEN_CLEANUP, release),
        function(OSSL_FUNC_KEYMGMT_GET_PARAMS, getParts),
        function(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, readable),
        function(OSSL_FUNC_KEYMGMT_SET_PARAMS, setParts),
        function(OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS, writable),
    ])

    // MARK: Objects that OpenSSL holds

    /// Hands one reference to OpenSSL, which gives it back to `release`.
    static func lend(_ object: some AnyObject) -> UnsafeMutableRawPointer {
        unsafe Unmanaged.passRetained(object).toOpaque()
    }

    /// What stands behind a pointer of `lend`, which its type tells: OpenSSL mixes up neither the
    /// objects of one algorithm with another's, nor its keys with what generates them.
    static func borrow<Object: AnyObject>(_ pointer: UnsafeRawPointer) -> Object {
        unsafe Unmanaged<Object>.fromOpaque(pointer).takeUnretainedValue()
    }

    static let release: @convention(c) (UnsafeMutableRawPointer?) -> Void = { object in
        guard let object = unsafe object else { return }
        // The reference that `lend` took.
        unsafe Unmanaged<AnyObject>.fromOpaque(object).release()
    }

    // MARK: Life

    /// What is to be generated.
    private final class Order {
        let isPair: Bool

        init(isPair: Bool) { self.isPair = isPair }
    }

    private static let newKey: @convention(c) (UnsafeRawPointer?) -> UnsafeMutableRawPointer? = {
        _ in unsafe lend(ExchangeKey(isPair: false))
    }

    private static let copyKey:
        @convention(c) (UnsafeRawPointer?, CInt) -> UnsafeMutableRawPointer? = { key, parts in
            guard let key = unsafe key else { return nil }
            let copy = ExchangeKey(
                unsafe borrow(key),
                withPair: parts & OSSL_KEYMGMT_SELECT_PRIVATE_KEY != 0,
                withPublic: parts & OSSL_KEYMGMT_SELECT_PUBLIC_KEY != 0
            )
            return unsafe lend(copy)
        }

    private static let newOrder:
        @convention(c) (UnsafeRawPointer?, CInt, UnsafePointer<OSSL_PARAM>?)
            -> UnsafeMutableRawPointer? = { _, parts, list in
                guard unsafe namesGroup(list) else { return nil }
                return unsafe lend(Order(isPair: parts & OSSL_KEYMGMT_SELECT_KEYPAIR != 0))
            }

    private static let generate:
        @convention(c) (UnsafeMutableRawPointer?, UnsafeRawPointer?, UnsafeRawPointer?)
            -> UnsafeMutableRawPointer? = { order, _, _ in
                guard let order = unsafe order else { return nil }
                let wanted: Order = unsafe borrow(order)
                return unsafe lend(ExchangeKey(isPair: wanted.isPair))
            }

    private static let setGroup:
        @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<OSSL_PARAM>?) -> CInt = { _, list in
            unsafe namesGroup(list) ? 1 : 0
        }

    /// Whether no group is named but the only one, by libssl's name for it.
    private static func namesGroup(_ list: UnsafePointer<OSSL_PARAM>?) -> Bool {
        guard let list = unsafe list,
            let place = unsafe OSSL_PARAM_locate_const(list, text("group"))
        else { return true }
        return unsafe LentBytes(place.pointee).span.spell("X25519")
    }

    // MARK: Parts

    private static let hasParts: @convention(c) (UnsafeRawPointer?, CInt) -> CInt = { key, parts in
        // OpenSSL asks even where there is none.
        guard let key = unsafe key else { return 0 }
        let held: ExchangeKey = unsafe borrow(key)
        if parts & OSSL_KEYMGMT_SELECT_PRIVATE_KEY != 0 && !held.hasPair { return 0 }
        if parts & OSSL_KEYMGMT_SELECT_PUBLIC_KEY != 0 && !held.hasPublic { return 0 }
        return 1
    }

    private static let getParts:
        @convention(c) (UnsafeMutableRawPointer?, UnsafeMutablePointer<OSSL_PARAM>?) -> CInt = {
            key,
            list in
            guard let key = unsafe key, let list = unsafe list else { return 0 }
            func set(_ name: StaticString, _ value: CInt) -> Bool {
                guard let place = unsafe OSSL_PARAM_locate(list, text(name)) else { return true }
                return unsafe OSSL_PARAM_set_int(place, value) == 1
            }
            // OpenSSL's own figures for such a key: bits, bits of security, bytes of a secret.
            guard set("bits", 253), set("security-bits", 128),
                set("max-size", CInt(ExchangeKey.byteCount))
            else { return 0 }
            guard let place = unsafe OSSL_PARAM_locate(list, text("encoded-pub-key"))
            else { return 1 }
            let held: ExchangeKey = unsafe borrow(key)
            guard let bytes = held.publicBytes else { return 0 }
            return unsafe OSSL_PARAM_set_octet_string(place, bytes, bytes.count)
        }

    private static let setParts:
        @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<OSSL_PARAM>?) -> CInt = {
            key,
            list in
            guard let key = unsafe key else { return 0 }
            guard let list = unsafe list,
                let place = unsafe OSSL_PARAM_locate_const(list, text("encoded-pub-key"))
            else { return 1 }
            let bytes = unsafe LentBytes(place.pointee)
            let held: ExchangeKey = unsafe borrow(key)
            return held.take(publicBytes: bytes.span.indices.map { bytes.span[$0] }) ? 1 : 0
        }

    // MARK: What there is to set and to get

    private typealias Described =
        @convention(c) (UnsafeMutableRawPointer?) -> UnsafePointer<OSSL_PARAM>?

    private static let group = unsafe LibraryList([described("group", OSSL_PARAM_UTF8_STRING)])
    private static let publicKey = unsafe LibraryList([publicKeyEntry])
    private static let allParts = unsafe LibraryList([
        described("bits", OSSL_PARAM_INTEGER), described("security-bits", OSSL_PARAM_INTEGER),
        described("max-size", OSSL_PARAM_INTEGER), publicKeyEntry,
    ])
    private static var publicKeyEntry: OSSL_PARAM {
        unsafe described("encoded-pub-key", OSSL_PARAM_OCTET_STRING)
    }

    private static func described(_ name: StaticString, _ type: CInt) -> OSSL_PARAM {
        var entry = unsafe OSSL_PARAM()
        unsafe entry.key = text(name)
        unsafe entry.data_type = UInt32(type)
        return unsafe entry
    }

    private static let groupParts:
        @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?)
            -> UnsafePointer<OSSL_PARAM>? = { _, _ in unsafe group.start }
    private static let readable: Described = { _ in unsafe allParts.start }
    private static let writable: Described = { _ in unsafe publicKey.start }
}
