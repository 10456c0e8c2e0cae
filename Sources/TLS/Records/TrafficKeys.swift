import COpenSSL

/// The keys of one direction of a TLS 1.3 connection, and what they do: protect records or open
/// them.
///
/// The cipher is OpenSSL's. Its context takes most of the memory, so it is made when it is needed
/// and can be given back (`rest`); secrets are wiped before their memory is.
///
/// Source: RFC 8446 §5.2, §5.3, §7.3.
@safe public final class TrafficKeys {
    /// What they are for.
    public enum Purpose: Sendable {
        /// To protect what is sent.
        case sealing
        /// To open what is received.
        case opening
    }

    /// The suite that they belong to.
    public let suite: CipherSuite
    /// Records that they have protected or opened since they are in use.
    public private(set) var sequence: UInt64
    private let purpose: Purpose
    /// EVP_CIPHER_CTX*, which has the key; nil while it is not needed.
    private var context: OpaquePointer?
    /// The secret, the key, the initialisation vector and the last nonce, one after the other.
    private var material = InlineArray<104, UInt8>(repeating: 0)

    private static let keyOffset = 48
    private static let vectorOffset = 80
    private static let nonceOffset = 92
    /// `tls13 `, with the space.
    private static let prefix: InlineArray<6, UInt8> = [0x74, 0x6C, 0x73, 0x31, 0x33, 0x20]

    /// Derives keys from a traffic secret, by which so many records were protected already.
    ///
    /// nil when the secret has not `suite.secretBytes` bytes, or memory has run out.
    public init?(
        _ suite: CipherSuite,
        for purpose: Purpose,
        secret: Span<UInt8>,
        sequence: UInt64 = 0
    ) {
        self.suite = suite
        self.purpose = purpose
        self.sequence = sequence
        guard secret.count == suite.secretBytes else { return nil }
        for index in secret.indices { material[index] = secret[index] }
        guard derive() else { return nil }
    }

    deinit {
        unsafe EVP_CIPHER_CTX_free(context)
        KeyedHash.wipe(&material)
    }

    /// Gives the cipher's memory back until the next record.
    public func rest() {
        unsafe EVP_CIPHER_CTX_free(context)
        unsafe context = nil
    }

    /// Goes on with the next generation of keys.
    /// - Returns: False when memory has run out: the keys are of no use then.
    ///
    /// Source: RFC 8446 §7.2.
    public func renew() -> Bool {
        rest()
        sequence = 0
        return expand("traffic upd", suite.secretBytes, at: 0) && derive()
    }

    // MARK: Records

    /// Protects a record.
    /// - Parameters:
    ///   - content: At most `TLSLimits.recordBytes`, though nothing here depends on that.
    ///   - type: The kind of its content.
    ///   - space: Gets header, ciphertext and tag: `content.count + TLSLimits.sealedOverhead`
    ///     bytes at least.
    /// - Returns: Bytes written, or -1.
    func seal(
        _ content: UnsafeRawBufferPointer,
        type: UInt8,
        into space: UnsafeMutableRawBufferPointer
    ) -> Int {
        let count = content.count
        let whole = count + TLSLimits.sealedOverhead
        guard whole - TLSLimits.headerBytes <= UInt16.max, whole <= space.count,
            let start = space.baseAddress, let context = unsafe begin()
        else { return -1 }
        let length = UInt16(truncatingIfNeeded: whole - TLSLimits.headerBytes)
        unsafe start.storeBytes(of: ContentType.applicationData, as: UInt8.self)
        // The version is that of TLS 1.2 for ever. Source: RFC 8446 §5.2.
        unsafe start.storeBytes(of: UInt16(0x0303), toByteOffset: 1, as: UInt16.self)
        unsafe start.storeBytes(of: length.bigEndian, toByteOffset: 3, as: UInt16.self)
        let header = unsafe start.assumingMemoryBound(to: UInt8.self)
        let body = unsafe header + TLSLimits.headerBytes
        let end = unsafe body + count + 1
        let tag = Int32(CipherSuite.tagBytes)
        var typeByte = type
        // All that is written lies within `whole` bytes, which the space has.
        guard unsafe update(context, nil, header, TLSLimits.headerBytes),
            unsafe count == 0 || updateContent(context, body, content.baseAddress, count),
            unsafe update(context, body + count, &typeByte, 1),
            unsafe finish(context, end),
            unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, tag, end) == 1
        else {
            ERR_clear_error()
            return -1
        }
        return whole
    }

    /// Opens a record.
    /// - Parameters:
    ///   - record: Header, ciphertext and tag, at least `headerBytes + tagBytes`.
    ///   - target: Gets all but header and tag; may be where the ciphertext is. It is wiped when
    ///     the record was changed.
    /// - Returns: Whether it is authentic.
    func open(_ record: UnsafeRawBufferPointer, into target: UnsafeMutableRawPointer) -> Bool {
        let count = record.count - TLSLimits.headerBytes - CipherSuite.tagBytes
        guard count >= 0, let start = record.baseAddress, let context = unsafe begin() else {
            return false
        }
        let header = unsafe start.assumingMemoryBound(to: UInt8.self)
        let body = unsafe header + TLSLimits.headerBytes
        // OpenSSL copies the tag, and takes it by a pointer that could be written to.
        let tag = unsafe UnsafeMutableRawPointer(mutating: body + count)
        let plain = unsafe target.assumingMemoryBound(to: UInt8.self)
        let tagBytes = Int32(CipherSuite.tagBytes)
        // `count` bytes are written, which the caller has made room for.
        guard unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, tagBytes, tag) == 1,
            unsafe update(context, nil, header, TLSLimits.headerBytes),
            unsafe count == 0 || update(context, plain, body, count),
            unsafe finish(context, plain + count)
        else {
            ERR_clear_error()
            unsafe OPENSSL_cleanse(target, count)
            return false
        }
        return true
    }

    /// Sets the cipher to the next record.
    /// - Returns: Its context, or nil when no more records are possible.
    private func begin() -> OpaquePointer? {
        guard sequence < .max, let context = unsafe readyContext() else { return nil }
        let number = sequence
        let isSet = unsafe withUnsafeMutableBytes(of: &material) { place in
            // Both ranges of twelve bytes are inside. Source: RFC 8446 §5.3.
            guard let base = place.baseAddress else { return false }
            let nonce = unsafe base + Self.nonceOffset
            unsafe nonce.copyMemory(
                from: base + Self.vectorOffset,
                byteCount: CipherSuite.nonceBytes
            )
            let low = unsafe nonce.loadUnaligned(fromByteOffset: 4, as: UInt64.self)
            let mixed = low ^ number.bigEndian
            unsafe nonce.storeBytes(of: mixed, toByteOffset: 4, as: UInt64.self)
            let bytes = unsafe nonce.assumingMemoryBound(to: UInt8.self)
            return unsafe EVP_CipherInit_ex2(context, nil, nil, bytes, -1, nil) == 1
        }
        guard isSet else { return nil }
        // Counted whatever becomes of it: no nonce is ever used twice.
        sequence = number + 1
        return unsafe context
    }

    private func readyContext() -> OpaquePointer? {
        if let context = unsafe context { return unsafe context }
        guard let cipher = suite.cipher, let fresh = unsafe EVP_CIPHER_CTX_new() else { return nil }
        let isSealing: Int32 = purpose == .sealing ? 1 : 0
        let isSet = unsafe withUnsafeMutableBytes(of: &material) { place in
            // The key has at most the 32 bytes that lie between its offset and the next one.
            guard let base = place.baseAddress else { return false }
            let key = unsafe (base + Self.keyOffset).assumingMemoryBound(to: UInt8.self)
            return unsafe EVP_CipherInit_ex2(fresh, cipher.pointer, key, nil, isSealing, nil) == 1
        }
        guard isSet else {
            unsafe EVP_CIPHER_CTX_free(fresh)
            return nil
        }
        unsafe context = fresh
        return unsafe fresh
    }

    private func update(
        _ context: OpaquePointer,
        _ target: UnsafeMutablePointer<UInt8>?,
        _ bytes: UnsafePointer<UInt8>,
        _ count: Int
    ) -> Bool {
        var written: Int32 = 0
        // These ciphers give as many bytes as they take.
        let length = Int32(truncatingIfNeeded: count)
        return unsafe EVP_CipherUpdate(context, target, &written, bytes, length) == 1
            && written == length
    }

    private func updateContent(
        _ context: OpaquePointer,
        _ target: UnsafeMutablePointer<UInt8>,
        _ bytes: UnsafeRawPointer?,
        _ count: Int
    ) -> Bool {
        guard let bytes = unsafe bytes?.assumingMemoryBound(to: UInt8.self) else { return false }
        return unsafe update(context, target, bytes, count)
    }

    private func finish(_ context: OpaquePointer, _ end: UnsafeMutablePointer<UInt8>) -> Bool {
        var written: Int32 = 0
        // They write nothing at the end.
        return unsafe EVP_CipherFinal_ex(context, end, &written) == 1 && written == 0
    }

    // MARK: Derivation

    /// Derives key and initialisation vector from the secret.
    private func derive() -> Bool {
        expand("key", suite.keyBytes, at: Self.keyOffset)
            && expand("iv", CipherSuite.nonceBytes, at: Self.vectorOffset)
    }

    /// HKDF-Expand-Label of the secret, with an empty context, to a place in `material`.
    private func expand(_ label: StaticString, _ count: Int, at offset: Int) -> Bool {
        guard let keyed = KeyDerivation.ofThread?.keyed(suite.hash) else { return false }
        var fresh = InlineArray<48, UInt8>(repeating: 0)
        defer {
            keyed.wipe()
            KeyedHash.wipe(&fresh)
        }
        var all = fresh.mutableSpan
        var target = all._mutatingExtracting(first: count)
        let secret = material.span.extracting(first: suite.secretBytes)
        // Literals last as long as the process does.
        let text = unsafe UnsafeBufferPointer(
            start: label.utf8Start,
            count: label.utf8CodeUnitCount
        )
        let isDone = unsafe keyed.expand(
            secret,
            prefix: Self.prefix.span,
            label: text.span,
            context: Span(),
            into: &target
        )
        guard isDone else {
            ERR_clear_error()
            return false
        }
        for index in 0..<count { material[offset + index] = fresh[index] }
        return true
    }
}
