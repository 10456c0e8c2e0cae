import COpenSSL

/// TLS13-KDF and TLS1-PRF, as OpenSSL calls them.
///
/// Source: provider-kdf(7), EVP_KDF-TLS13_KDF(7), EVP_KDF-TLS1_PRF(7).
extension LibraryProvider {
    typealias Derive =
        @convention(c) (
            UnsafeMutableRawPointer?, UnsafeMutablePointer<UInt8>?, Int, UnsafePointer<OSSL_PARAM>?
        ) -> CInt

    static func derivationFunctions(_ derive: Derive) -> [(CInt, Function)] {
        // OpenSSL calls each by the type that its number stands for.
        unsafe [
            (OSSL_FUNC_KDF_NEWCTX, unsafeBitCast(newContext, to: Function.self)),
            (OSSL_FUNC_KDF_FREECTX, unsafeBitCast(freeContext, to: Function.self)),
            (OSSL_FUNC_KDF_DERIVE, unsafeBitCast(derive, to: Function.self)),
            (OSSL_FUNC_KDF_SET_CTX_PARAMS, unsafeBitCast(setParameters, to: Function.self)),
        ]
    }

    /// A derivation has no state: libssl hands everything to the one call that derives.
    private static let newContext:
        @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { unsafe $0 }

    private static let freeContext: @convention(c) (UnsafeMutableRawPointer?) -> Void = { _ in }

    /// What is set ahead would be forgotten, so it fails here and not later.
    private static let setParameters:
        @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<OSSL_PARAM>?) -> CInt = { _, _ in 0
        }

    static let derive13: Derive = { _, target, count, list in
        guard let target = unsafe target, let list = unsafe list else { return 0 }
        // OpenSSL lends as many bytes as it wants.
        var bytes = unsafe UnsafeMutableBufferPointer(start: target, count: count).mutableSpan
        return unsafe DerivationRequest(list).derive13(into: &bytes) ? 1 : 0
    }

    static let derive12: Derive = { _, target, count, list in
        guard let target = unsafe target, let list = unsafe list else { return 0 }
        // OpenSSL lends as many bytes as it wants.
        var bytes = unsafe UnsafeMutableBufferPointer(start: target, count: count).mutableSpan
        return unsafe DerivationRequest(list).derive12(into: &bytes) ? 1 : 0
    }
}
