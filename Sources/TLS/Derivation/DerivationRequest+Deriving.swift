import COpenSSL

/// What OpenSSL gets for its requests.
extension DerivationRequest {
    /// Takes one step of TLS 1.3's key schedule.
    /// - Returns: False when something is missing, or OpenSSL has failed.
    ///
    /// Source: RFC 8446 §7.1.
    func derive13(into target: inout MutableSpan<UInt8>) -> Bool {
        guard let hash, let thread = KeyDerivation.ofThread else { return false }
        let keyed = thread.keyed(hash)
        defer { keyed.wipe() }
        switch mode {
        case EVP_KDF_HKDF_MODE_EXTRACT_ONLY:
            return extract(keyed, into: &target)
        case EVP_KDF_HKDF_MODE_EXPAND_ONLY:
            guard secret.areGiven, label.areGiven,
                expand(keyed, secret.span, context.span, into: &target)
            else { return false }
            thread.secrets?.note(target.span, label: label.span)
            return true
        default: return false
        }
    }

    /// Computes the pseudorandom function of TLS 1.2.
    /// - Returns: False when something is missing, or OpenSSL has failed.
    ///
    /// Source: RFC 5246 §5.
    func derive12(into target: inout MutableSpan<UInt8>) -> Bool {
        guard let hash, secret.areGiven, let keyed = KeyDerivation.ofThread?.keyed(hash) else {
            return false
        }
        defer { keyed.wipe() }
        return keyed.expand12(secret.span, into: &target) { addSeed(to: $0) }
    }

    /// The next of the three secrets, from the one before and what has been agreed on.
    private func extract(_ keyed: KeyedHash, into target: inout MutableSpan<UInt8>) -> Bool {
        let count = keyed.hash.byteCount
        guard target.count == count else { return false }
        var before = InlineArray<48, UInt8>(repeating: 0)
        defer { KeyedHash.wipe(&before) }
        if salt.areGiven {
            var all = before.mutableSpan
            var place = all._mutatingExtracting(first: count)
            let nothing = keyed.nothing.span.extracting(first: count)
            guard expand(keyed, salt.span, nothing, into: &place) else { return false }
        }
        // HMAC takes a key of zeros, as many as the hash has bytes, for no key.
        let zeros = InlineArray<48, UInt8>(repeating: 0)
        let material = secret.areGiven ? secret.span : zeros.span.extracting(first: count)
        guard keyed.extract(salt: before.span.extracting(first: count), material) else {
            return false
        }
        for index in 0..<count { target[index] = keyed.result[index] }
        return true
    }

    private func expand(
        _ keyed: KeyedHash,
        _ secret: Span<UInt8>,
        _ context: Span<UInt8>,
        into target: inout MutableSpan<UInt8>
    ) -> Bool {
        keyed.expand(
            secret,
            prefix: prefix.span,
            label: label.span,
            context: context,
            into: &target
        )
    }
}
