/// How TLS derives keys from secrets, in both of its versions.
///
/// Whoever derives says `wipe` afterwards.
extension KeyedHash {
    /// HKDF-Extract: `result` is a secret made of material with enough entropy.
    /// - Returns: False when OpenSSL has failed.
    ///
    /// Source: RFC 5869 §2.2.
    func extract(salt: Span<UInt8>, _ material: Span<UInt8>) -> Bool {
        begin(salt)
        add(material)
        return finish()
    }

    /// HKDF-Expand-Label.
    /// - Parameters:
    ///   - secret: What keys are derived from.
    ///   - prefix: `tls13 `, with the space.
    ///   - label: What for.
    ///   - context: A hash of messages, or nothing.
    ///   - target: Gets the bytes, which depend on how many they are.
    /// - Returns: False for more than the RFC allows, and when OpenSSL has failed.
    ///
    /// Source: RFC 8446 §7.1, RFC 5869 §2.3.
    func expand(
        _ secret: Span<UInt8>,
        prefix: Span<UInt8>,
        label: Span<UInt8>,
        context: Span<UInt8>,
        into target: inout MutableSpan<UInt8>
    ) -> Bool {
        let count = target.count
        guard count <= 255 * hash.byteCount, count <= UInt16.max, context.count <= 255,
            prefix.count + label.count <= 255
        else { return false }
        let head: InlineArray<3, UInt8> = [
            UInt8(count >> 8), UInt8(count & 255), UInt8(prefix.count + label.count),
        ]
        let contextCount: InlineArray<1, UInt8> = [UInt8(context.count)]
        var number: InlineArray<1, UInt8> = [0]
        var done = 0
        while done < count {
            begin(secret)
            if done > 0 { add(result.span.extracting(first: hash.byteCount)) }
            number[0] += 1
            add(head.span)
            add(prefix)
            add(label)
            add(contextCount.span)
            add(context)
            add(number.span)
            guard finish() else { return false }
            copyResult(into: &target, at: &done)
        }
        return true
    }

    /// The pseudorandom function of TLS 1.2.
    /// - Parameters:
    ///   - secret: What keys are derived from.
    ///   - target: Gets the bytes.
    ///   - addSeed: Adds the label and the seed to a hash.
    /// - Returns: False when OpenSSL has failed.
    ///
    /// Source: RFC 5246 §5.
    func expand12(
        _ secret: Span<UInt8>,
        into target: inout MutableSpan<UInt8>,
        _ addSeed: (KeyedHash) -> Void
    ) -> Bool {
        // A(i) of the RFC, of which the first is made of the seed and each other of the one before.
        var chain = InlineArray<48, UInt8>(repeating: 0)
        defer { Self.wipe(&chain) }
        var done = 0
        while done < target.count {
            begin(secret)
            if done == 0 {
                addSeed(self)
            } else {
                add(chain.span.extracting(first: hash.byteCount))
            }
            guard finish() else { return false }
            chain = result
            begin(secret)
            add(chain.span.extracting(first: hash.byteCount))
            addSeed(self)
            guard finish() else { return false }
            copyResult(into: &target, at: &done)
        }
        return true
    }

    private func copyResult(into target: inout MutableSpan<UInt8>, at place: inout Int) {
        let count = min(hash.byteCount, target.count - place)
        for index in 0..<count { target[place + index] = result[index] }
        place += count
    }
}
