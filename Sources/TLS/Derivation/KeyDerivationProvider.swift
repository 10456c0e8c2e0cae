import COpenSSL

/// A provider of OpenSSL's that derives the keys of handshakes.
///
/// The default one looks the hash up by its name for each of the twenty secrets and keys of a
/// handshake, and what traffic secrets there are it tells nobody: they come as lines of a key log,
/// each byte printed by a call of its own. Both together took a sixth of a handshake. This one
/// keeps its hashes, and the secrets on their way (`TrafficSecrets`). It has no other algorithm,
/// and the hashes are the default provider's.
///
/// Source: provider(7), provider-kdf(7), EVP_KDF-TLS13_KDF(7), EVP_KDF-TLS1_PRF(7).
enum KeyDerivationProvider {
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

    private typealias Function = @convention(c) () -> Void
    private typealias Derive =
        @convention(c) (
            UnsafeMutableRawPointer?, UnsafeMutablePointer<UInt8>?, Int, UnsafePointer<OSSL_PARAM>?
        ) -> CInt

    /// Lists that OpenSSL reads as long as the process runs: never changed, never freed.
    @safe private struct Tables: @unchecked Sendable {
        let provider: UnsafePointer<OSSL_DISPATCH>
        let derivations: UnsafePointer<OSSL_ALGORITHM>
    }

    private static let tables: Tables = {
        let algorithms = UnsafeMutablePointer<OSSL_ALGORITHM>.allocate(capacity: 3)
        unsafe algorithms.initialize(repeating: OSSL_ALGORITHM(), count: 3)
        unsafe (algorithms + 0).pointee = algorithm("TLS13-KDF", derive13)
        unsafe (algorithms + 1).pointee = algorithm("TLS1-PRF", derive12)
        return unsafe Tables(
            provider: list([
                (OSSL_FUNC_PROVIDER_QUERY_OPERATION, unsafeBitCast(operation, to: Function.self))
            ]),
            derivations: UnsafePointer(algorithms)
        )
    }()

    private static func algorithm(_ name: StaticString, _ derive: Derive) -> OSSL_ALGORITHM {
        // Literals last as long as the process does, and end with NUL.
        func text(_ literal: StaticString) -> UnsafePointer<CChar> {
            unsafe UnsafeRawPointer(literal.utf8Start).assumingMemoryBound(to: CChar.self)
        }
        // OpenSSL calls each by the type that its number stands for.
        let functions = unsafe list([
            (OSSL_FUNC_KDF_NEWCTX, unsafeBitCast(newContext, to: Function.self)),
            (OSSL_FUNC_KDF_FREECTX, unsafeBitCast(freeContext, to: Function.self)),
            (OSSL_FUNC_KDF_DERIVE, unsafeBitCast(derive, to: Function.self)),
            (OSSL_FUNC_KDF_SET_CTX_PARAMS, unsafeBitCast(setParameters, to: Function.self)),
        ])
        return unsafe OSSL_ALGORITHM(
            algorithm_names: text(name),
            property_definition: text("provider=gateway"),
            implementation: functions,
            algorithm_description: nil
        )
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
                unsafe kind == OSSL_OP_KDF ? tables.derivations : nil
            }

    /// A derivation has no state: libssl hands everything to the one call that derives.
    private static let newContext:
        @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { unsafe $0 }

    private static let freeContext: @convention(c) (UnsafeMutableRawPointer?) -> Void = { _ in }

    /// What is set ahead would be forgotten, so it fails here and not later.
    private static let setParameters:
        @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<OSSL_PARAM>?) -> CInt = { _, _ in 0
        }

    private static let derive13: Derive = { _, target, count, list in
        guard let target = unsafe target, let list = unsafe list else { return 0 }
        // OpenSSL lends as many bytes as it wants.
        var bytes = unsafe UnsafeMutableBufferPointer(start: target, count: count).mutableSpan
        return unsafe DerivationRequest(list).derive13(into: &bytes) ? 1 : 0
    }

    private static let derive12: Derive = { _, target, count, list in
        guard let target = unsafe target, let list = unsafe list else { return 0 }
        // OpenSSL lends as many bytes as it wants.
        var bytes = unsafe UnsafeMutableBufferPointer(start: target, count: count).mutableSpan
        return unsafe DerivationRequest(list).derive12(into: &bytes) ? 1 : 0
    }
}
