import COpenSSL

/// The hash functions by which TLS derives keys.
enum KeyHash: Sendable, CaseIterable {
    /// SHA-256.
    case sha256
    /// SHA-384.
    case sha384

    /// Bytes of its result.
    var byteCount: Int { self == .sha256 ? 32 : 48 }

    /// Bytes that it takes at a time.
    fileprivate var blockCount: Int { self == .sha256 ? 64 : 128 }

    /// EVP_MD*, looked up once; nil when memory has run out.
    fileprivate var digest: SharedPointer? { self == .sha256 ? Self.first : Self.second }

    private static let first = digest("SHA256")
    private static let second = digest("SHA384")

    private static func digest(_ name: String) -> SharedPointer? {
        guard Library.isReady, let found = unsafe EVP_MD_fetch(nil, name, nil) else { return nil }
        return unsafe SharedPointer(pointer: found)
    }
}

/// HMAC by OpenSSL's digests, used again and again: to make one takes longer than to compute.
///
/// `begin`, `add` and `finish` follow one another, and `wipe` the last of them.
///
/// Source: RFC 2104 §2.
@safe final class KeyedHash {
    /// What it computes with.
    let hash: KeyHash
    /// What `finish` has computed: the first `hash.byteCount` bytes.
    private(set) var result = InlineArray<48, UInt8>(repeating: 0)
    /// The hash, without a key, of no content.
    private(set) var nothing = InlineArray<48, UInt8>(repeating: 0)
    /// EVP_MD_CTX*.
    private let context: OpaquePointer
    /// The key and what it is mixed with, a block.
    private var pad = InlineArray<128, UInt8>(repeating: 0)
    /// The hash of a key that is longer than a block, and then that of the content.
    private var inner = InlineArray<48, UInt8>(repeating: 0)
    /// Whether OpenSSL has done all that was asked of it since `begin`.
    private var isSound = true

    /// nil when memory has run out.
    init?(_ hash: KeyHash) {
        guard let digest = hash.digest, let context = unsafe EVP_MD_CTX_new() else { return nil }
        guard unsafe EVP_DigestInit_ex2(context, digest.pointer, nil) == 1 else {
            unsafe EVP_MD_CTX_free(context)
            return nil
        }
        self.hash = hash
        unsafe self.context = context
        read(into: &nothing)
        guard isSound else { return nil }
    }

    deinit { unsafe EVP_MD_CTX_free(context) }

    /// Begins with a key of any length.
    func begin(_ key: Span<UInt8>) {
        isSound = true
        restart()
        if key.count > hash.blockCount {
            add(key)
            read(into: &inner)
            restart()
            Self.mix(inner.span.extracting(first: hash.byteCount), into: &pad)
        } else {
            Self.mix(key, into: &pad)
        }
        add(pad.span.extracting(first: hash.blockCount))
    }

    /// Takes more of the content.
    func add(_ bytes: Span<UInt8>) {
        // OpenSSL reads the bytes that the span lends.
        let isDone = unsafe bytes.withUnsafeBufferPointer {
            unsafe EVP_DigestUpdate(context, $0.baseAddress, $0.count)
        }
        if isDone != 1 { isSound = false }
    }

    /// Computes `result`.
    /// - Returns: False when OpenSSL has failed.
    func finish() -> Bool {
        read(into: &inner)
        restart()
        for index in pad.indices { pad[index] ^= 0x36 ^ 0x5C }
        add(pad.span.extracting(first: hash.blockCount))
        add(inner.span.extracting(first: hash.byteCount))
        read(into: &result)
        return isSound
    }

    /// Leaves nothing of keys, content and results in memory.
    func wipe() {
        Self.wipe(&pad)
        restart()
        if hash == .sha384 {
            // Other than the smaller one it does not clear its block when it begins anew.
            add(pad.span.extracting(first: hash.blockCount - 1))
            restart()
        }
        Self.wipe(&inner)
        Self.wipe(&result)
    }

    /// Overwrites bytes in a way that no compiler leaves out.
    static func wipe<let count: Int>(_ bytes: inout InlineArray<count, UInt8>) {
        unsafe withUnsafeMutableBytes(of: &bytes) { place in
            unsafe OPENSSL_cleanse(place.baseAddress, place.count)
        }
    }

    private func restart() {
        // The digest stays the one that it was made with.
        if unsafe EVP_DigestInit_ex2(context, nil, nil) != 1 { isSound = false }
    }

    private static func mix(_ key: Span<UInt8>, into block: inout InlineArray<128, UInt8>) {
        for index in block.indices { block[index] = 0x36 }
        for index in key.indices { block[index] ^= key[index] }
    }

    private func read(into target: inout InlineArray<48, UInt8>) {
        // Both digests write no more than the 48 bytes that there are.
        let isDone = unsafe withUnsafeMutableBytes(of: &target) { place in
            let bytes = unsafe place.baseAddress?.assumingMemoryBound(to: UInt8.self)
            return unsafe EVP_DigestFinal_ex(context, bytes, nil)
        }
        if isDone != 1 { isSound = false }
    }
}
