import COpenSSL

@testable import TLS

/// A request for keys, as libssl makes them.
struct Asking {
    /// `TLS13-KDF` or `TLS1-PRF`.
    var name = "TLS13-KDF"
    var digest = "SHA2-256"
    var mode: Int32? = EVP_KDF_HKDF_MODE_EXPAND_ONLY
    var octets: [(name: StaticString, bytes: [UInt8]?)] = []

    /// What a provider answers; nil when it cannot.
    func answer(_ count: Int, by provider: String) -> [UInt8]? {
        guard Library.isReady, let found = unsafe EVP_KDF_fetch(nil, name, "provider=\(provider)")
        else { return nil }
        defer { unsafe EVP_KDF_free(found) }
        let context = unsafe EVP_KDF_CTX_new(found)
        defer { unsafe EVP_KDF_CTX_free(context) }
        // Names are literals, and values are freed once the call has returned.
        func text(_ literal: StaticString) -> UnsafePointer<CChar> {
            unsafe UnsafeRawPointer(literal.utf8Start).assumingMemoryBound(to: CChar.self)
        }
        var copies = unsafe [UnsafeMutableRawPointer]()
        defer { unsafe copies.forEach { unsafe $0.deallocate() } }
        func copy(_ bytes: [UInt8]) -> UnsafeMutableRawPointer {
            let place = UnsafeMutableRawPointer.allocate(byteCount: bytes.count + 1, alignment: 8)
            unsafe place.copyMemory(from: bytes, byteCount: bytes.count)
            unsafe copies.append(place)
            return unsafe place
        }
        var list = unsafe [OSSL_PARAM]()
        let named = unsafe copy(Array(digest.utf8) + [0]).assumingMemoryBound(to: CChar.self)
        unsafe list.append(OSSL_PARAM_construct_utf8_string(text("digest"), named, 0))
        if let mode {
            let place = unsafe copy([0, 0, 0, 0]).bindMemory(to: Int32.self, capacity: 1)
            unsafe place.pointee = mode
            unsafe list.append(OSSL_PARAM_construct_int(text("mode"), place))
        }
        for octet in octets {
            let place = unsafe octet.bytes.map { unsafe copy($0) }
            let count = octet.bytes?.count ?? 0
            unsafe list.append(
                OSSL_PARAM_construct_octet_string(text(octet.name), place, count)
            )
        }
        unsafe list.append(OSSL_PARAM_construct_end())
        var target = [UInt8](repeating: 0, count: count)
        let result = unsafe EVP_KDF_derive(context, &target, count, list)
        ERR_clear_error()
        return result > 0 ? target : nil
    }
}
