import COpenSSL

/// Bytes that OpenSSL lends for the time of one call.
@safe struct LentBytes {
    private let bytes: UnsafeBufferPointer<UInt8>

    /// None at all.
    init() { unsafe bytes = UnsafeBufferPointer(start: nil, count: 0) }

    /// Those of a parameter.
    init(_ entry: OSSL_PARAM) {
        let start = unsafe entry.data?.assumingMemoryBound(to: UInt8.self)
        unsafe bytes = UnsafeBufferPointer(start: start, count: start == nil ? 0 : entry.data_size)
    }

    /// Whether a parameter gave them, be it an empty one.
    var areGiven: Bool { unsafe bytes.baseAddress != nil }

    /// The bytes.
    var span: Span<UInt8> {
        @_lifetime(borrow self)
        get { unsafe _overrideLifetime(bytes.span, borrowing: self) }
    }
}

extension Span<UInt8> {
    /// Whether they are a text.
    func spell(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        for index in indices {
            // Both have as many bytes.
            if unsafe self[index] != text.utf8Start[index] { return false }
        }
        return true
    }
}

/// What OpenSSL asks a derivation for: used during that call only.
@safe struct DerivationRequest {
    /// The hash; nil for one that TLS does not use from 1.2 on.
    private(set) var hash: KeyHash?
    /// One of OpenSSL's modes; nil when there is none.
    private(set) var mode: Int32?
    /// What is derived from.
    private(set) var secret = LentBytes()
    /// The secret before.
    private(set) var salt = LentBytes()
    /// `tls13 `.
    private(set) var prefix = LentBytes()
    /// What for.
    private(set) var label = LentBytes()
    /// A hash of messages.
    private(set) var context = LentBytes()
    private let list: UnsafePointer<OSSL_PARAM>

    /// Reads a list, which ends with an entry that has no name.
    init(_ list: UnsafePointer<OSSL_PARAM>) {
        unsafe self.list = list
        var place = unsafe list
        while let name = unsafe place.pointee.key {
            let bytes = unsafe LentBytes(place.pointee)
            if unsafe Self.equal(name, "digest") {
                hash = KeyHash(name: bytes)
            } else if unsafe Self.equal(name, "mode") {
                var value: Int32 = 0
                mode = unsafe OSSL_PARAM_get_int(place, &value) == 1 ? value : nil
            } else if unsafe Self.equal(name, "key") || Self.equal(name, "secret") {
                secret = bytes
            } else if unsafe Self.equal(name, "salt") {
                salt = bytes
            } else if unsafe Self.equal(name, "prefix") {
                prefix = bytes
            } else if unsafe Self.equal(name, "label") {
                label = bytes
            } else if unsafe Self.equal(name, "data") {
                context = bytes
            }
            unsafe place += 1
        }
    }

    /// Adds all parts of the seed to a hash, in their order.
    func addSeed(to keyed: KeyedHash) {
        var place = unsafe list
        while let name = unsafe place.pointee.key {
            if unsafe Self.equal(name, "seed") { unsafe keyed.add(LentBytes(place.pointee).span) }
            unsafe place += 1
        }
    }

    private static func equal(_ name: UnsafePointer<CChar>, _ literal: StaticString) -> Bool {
        // Both end with NUL, at which the comparison stops at the latest.
        for index in 0...literal.utf8CodeUnitCount {
            if unsafe UInt8(bitPattern: name[index]) != literal.utf8Start[index] { return false }
        }
        return true
    }
}

extension KeyHash {
    /// By the names that OpenSSL has for it.
    fileprivate init?(name: LentBytes) {
        // The second is what an engine's digest is called.
        if name.span.spell("SHA2-256") || name.span.spell("SHA256") {
            self = .sha256
        } else if name.span.spell("SHA2-384") || name.span.spell("SHA384") {
            self = .sha384
        } else {
            return nil
        }
    }
}
