/// ASCII rules on untrusted bytes, all bounds-checked.
extension Span where Element == UInt8 {
    /// Whether the bytes equal a lower-case literal, letters compared without regard to case.
    ///
    /// `lowercase`: Lower-case ASCII.
    public func equalsIgnoringCase(_ lowercase: StaticString) -> Bool {
        guard count == lowercase.utf8CodeUnitCount else { return false }
        return lowercase.withUTF8Buffer { other in
            // In bounds: both have the same count.
            for index in indices where unsafe asciiLowercase(self[index]) != other[index] {
                return false
            }
            return true
        }
    }

    /// Whether two runs of bytes are equal, ASCII letters compared without regard to case.
    public func equalsIgnoringCase(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in indices where asciiLowercase(self[index]) != asciiLowercase(other[index]) {
            return false
        }
        return true
    }

    /// Whether two runs of bytes are equal to the bit.
    public func equals(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in indices where self[index] != other[index] { return false }
        return true
    }

    /// Whether the bytes equal a literal to the bit.
    public func equals(_ literal: StaticString) -> Bool {
        guard count == literal.utf8CodeUnitCount else { return false }
        return literal.withUTF8Buffer { other in
            // In bounds: both have the same count.
            for index in indices where unsafe self[index] != other[index] { return false }
            return true
        }
    }

    /// Where a byte stands first, or nil.
    public func firstIndex(of byte: UInt8) -> Int? {
        for index in indices where self[index] == byte { return index }
        return nil
    }

    /// The bytes as an array.
    public func bytes() -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
            // In bounds: the array was made `count` long.
            for index in indices { unsafe target[index] = self[index] }
            initialized = count
        }
    }

    /// The bytes as a string, ill-formed UTF-8 replaced.
    public func string() -> String { String(decoding: bytes(), as: UTF8.self) }
}

/// The lower-case form of an ASCII letter; every other byte as it is.
@inlinable public func asciiLowercase(_ byte: UInt8) -> UInt8 {
    byte &- 65 < 26 ? byte | 0x20 : byte
}
