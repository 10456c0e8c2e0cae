import COpenSSL

/// A provider of OpenSSL's with what a handshake spends its time on, and nothing else: how keys are
/// derived, and X25519.
///
/// The default provider looks the hash up by its name for each of the twenty secrets and keys of a
/// handshake, and what traffic secrets there are it tells nobody: they come as lines of a key log,
/// each byte printed by a call of its own. Both together took a sixth of a handshake. This one
/// keeps its hashes, which are the default provider's, and the secrets on their way
/// (`TrafficSecrets`). And a key pair of X25519 takes the default provider 44 µs, a twelfth of
/// a resumed connection; swift-crypto takes 14 (`ExchangeKey`).
///
/// Source: provider(7), provider-kdf(7), provider-keymgmt(7), provider-keyexch(7).
enum LibraryProvider {
    /// What contexts ask OpenSSL for: this provider's algorithms where it has them, else others.
    static let query = "?provider=gateway"

    /// Adds it to OpenSSL, and the default provider, which else would not be there any more.
    /// - Returns: Whether both are there.
    static func load() -> Bool {
        unsafe OSSL_PROVIDER_add_builtin(nil, "gateway", initialize) == 1
            && OSSL_PROVIDER_load(nil, "default") != nil
            && OSSL_PROVIDER_load(nil, "gateway") != nil
    }

    // MARK: Tables

    /// What OpenSSL is told once: how it gets at everything else.
    private static let provider = unsafe LibraryList([
        function(OSSL_FUNC_PROVIDER_QUERY_OPERATION, operation),
        function(OSSL_FUNC_PROVIDER_GET_CAPABILITIES, capabilities),
    ])
    private static let derivations = unsafe LibraryList([
        algorithm("TLS13-KDF", functions13), algorithm("TLS1-PRF", functions12),
    ])
    private static let keys = unsafe LibraryList([algorithm("X25519", keyFunctions)])
    private static let exchanges = unsafe LibraryList([algorithm("X25519", exchangeFunctions)])

    private static func algorithm(
        _ name: StaticString,
        _ functions: LibraryList<OSSL_DISPATCH>
    ) -> OSSL_ALGORITHM {
        unsafe OSSL_ALGORITHM(
            algorithm_names: text(name),
            property_definition: text("provider=gateway"),
            implementation: functions.start,
            algorithm_description: nil
        )
    }

    /// A C function with its number: OpenSSL calls each by the type that the number stands for.
    static func function<Call>(_ number: CInt, _ call: Call) -> OSSL_DISPATCH {
        unsafe OSSL_DISPATCH(
            function_id: number,
            function: unsafeBitCast(call, to: (@convention(c) () -> Void).self)
        )
    }

    /// A literal as C reads it: it lasts as long as the process does, and ends with NUL.
    static func text(_ literal: StaticString) -> UnsafePointer<CChar> {
        unsafe UnsafeRawPointer(literal.utf8Start).assumingMemoryBound(to: CChar.self)
    }

    // MARK: What OpenSSL calls

    private static let initialize:
        @convention(c) (
            OpaquePointer?, UnsafePointer<OSSL_DISPATCH>?,
            UnsafeMutablePointer<UnsafePointer<OSSL_DISPATCH>?>?,
            UnsafeMutablePointer<UnsafeMutableRawPointer?>?
        ) -> CInt = { _, _, functions, context in
            // OpenSSL lends both places. Nobody reads the context, but nil would stand for none.
            unsafe functions?.pointee = provider.start
            unsafe context?.pointee = UnsafeMutableRawPointer(mutating: provider.start)
            return 1
        }

    private static let operation:
        @convention(c) (UnsafeMutableRawPointer?, CInt, UnsafeMutablePointer<CInt>?)
            -> UnsafePointer<OSSL_ALGORITHM>? = { _, kind, _ in
                switch kind {
                case OSSL_OP_KDF: unsafe derivations.start
                case OSSL_OP_KEYMGMT: unsafe keys.start
                case OSSL_OP_KEYEXCH: unsafe exchanges.start
                default: nil
                }
            }
}
