import COpenSSL

/// A provider of OpenSSL's with what a handshake spends its time on, and nothing else: how keys are
/// derived, and X25519.
///
/// The default provider looks the hash up by its name for each of the twenty secrets and keys of a
/// handshake, and what traffic secrets there are it tells nobody: they come as lines of a key log,
/// each byte printed by a call of its own. Both together took a sixth of a handshake. This one
/// keeps its hashes, which are the default provider's, and the secrets on their way
/// (`TrafficSecrets`). And a key pair of X25519 takes the default provider 44 µs, a tenth of a
/// resumed connection; swift-crypto takes 14 (`ExchangeKey`).
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

    /// A function of any type: OpenSSL calls each by the type that its number stands for.
    typealias Function = @convention(c) () -> Void

    /// Lists that OpenSSL reads as long as the process runs: never changed, never freed.
    @safe private struct Tables: @unchecked Sendable {
        let provider: UnsafePointer<OSSL_DISPATCH>
        let derivations: UnsafePointer<OSSL_ALGORITHM>
        let keys: UnsafePointer<OSSL_ALGORITHM>
        let exchanges: UnsafePointer<OSSL_ALGORITHM>
    }

    private static let tables: Tables = {
        unsafe Tables(
            provider: list([
                (OSSL_FUNC_PROVIDER_QUERY_OPERATION, unsafeBitCast(operation, to: Function.self)),
                (
                    OSSL_FUNC_PROVIDER_GET_CAPABILITIES,
                    unsafeBitCast(capabilities, to: Function.self)
                ),
            ]),
            derivations: algorithms([
                ("TLS13-KDF", derivationFunctions(derive13)),
                ("TLS1-PRF", derivationFunctions(derive12)),
            ]),
            keys: algorithms([("X25519", keyFunctions)]),
            exchanges: algorithms([("X25519", exchangeFunctions)])
        )
    }()

    private static func algorithms(
        _ named: [(name: StaticString, functions: [(CInt, Function)])]
    ) -> UnsafePointer<OSSL_ALGORITHM> {
        // An entry of nothing ends a list.
        let place = UnsafeMutablePointer<OSSL_ALGORITHM>.allocate(capacity: named.count + 1)
        unsafe place.initialize(repeating: OSSL_ALGORITHM(), count: named.count + 1)
        for (index, (name, functions)) in named.enumerated() {
            unsafe place[index] = OSSL_ALGORITHM(
                algorithm_names: text(name),
                property_definition: text("provider=gateway"),
                implementation: list(functions),
                algorithm_description: nil
            )
        }
        return unsafe UnsafePointer(place)
    }

    private static func list(_ functions: [(CInt, Function)]) -> UnsafePointer<OSSL_DISPATCH> {
        // An entry of nothing ends a list.
        let place = UnsafeMutablePointer<OSSL_DISPATCH>.allocate(capacity: functions.count + 1)
        unsafe place.initialize(repeating: OSSL_DISPATCH(), count: functions.count + 1)
        for (index, (number, function)) in functions.enumerated() {
            unsafe place[index] = OSSL_DISPATCH(function_id: number, function: function)
        }
        return unsafe UnsafePointer(place)
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
            unsafe functions?.pointee = tables.provider
            unsafe context?.pointee = UnsafeMutableRawPointer(mutating: tables.provider)
            return 1
        }

    private static let operation:
        @convention(c) (UnsafeMutableRawPointer?, CInt, UnsafeMutablePointer<CInt>?)
            -> UnsafePointer<OSSL_ALGORITHM>? = { _, kind, _ in
                switch kind {
                case OSSL_OP_KDF: unsafe tables.derivations
                case OSSL_OP_KEYMGMT: unsafe tables.keys
                case OSSL_OP_KEYEXCH: unsafe tables.exchanges
                default: nil
                }
            }
}
