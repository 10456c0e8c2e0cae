import COpenSSL

/// TLS13-KDF and TLS1-PRF, as OpenSSL calls them.
///
/// Source: provider-kdf(7), EVP_KDF-TLS13_KDF(7), EVP_KDF-TLS1_PRF(7).
extension LibraryProvider {
    private typealias Derive =
        @convention(c) (
            UnsafeMutableRawPointer?, UnsafeMutablePointer<UInt8>?, Int, UnsafePointer<OSSL_PARAM>?
        ) -> CInt

    static let functions13 = unsafe derivationFunctions(derive13)
    static let functions12 = unsafe derivationFunctions(derive12)

    private static func derivationFunctions(_ derive: Derive) -> LibraryList<OSSL_DISPATCH> {
        unsafe LibraryList([
            function(OSSL_FUNC_KDF_NEWCTX, newContext),
            function(OSSL_FUNC_KDF_FREECTX, freeContext),
            function(OSSL_FUNC_KDF_DERIVE, derive),
            function(OSSL_FUNC_KDF_SET_CTX_PARAMS, setParameters),
        ])
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
