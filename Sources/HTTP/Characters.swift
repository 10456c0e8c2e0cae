/// Classes of bytes, each as two words of bits: a table would be copied by every look-up.
public enum Characters {
    /// Whether a byte may stand in a token, such as a method or a field name.
    ///
    /// Source: RFC 9110 §5.6.2.
    @inlinable @inline(__always)
    public static func isToken(_ byte: UInt8) -> Bool {
        // ! # $ % & ' * + - . 0-9 | A-Z ^ _ ` a-z | ~
        contains(byte, 0x03FF_6CFA_0000_0000, 0x57FF_FFFF_C7FF_FFFE)
    }

    /// Whether a byte may stand in a registered name: unreserved, sub-delims, or the `%` of an
    /// encoded byte, whose two digits must be checked apart.
    ///
    /// Source: RFC 3986 §3.2.2.
    @inlinable @inline(__always)
    public static func isRegisteredName(_ byte: UInt8) -> Bool {
        // ! $ % & ' ( ) * + , - . 0-9 ; = | A-Z _ a-z ~
        contains(byte, 0x2BFF_7FF2_0000_0000, 0x47FF_FFFE_87FF_FFFE)
    }

    /// Whether a byte may stand in a quoted string outside of a quoted pair.
    ///
    /// Source: RFC 9110 §5.6.4.
    @inlinable @inline(__always)
    public static func isQuotedText(_ byte: UInt8) -> Bool {
        byte == 0x09 || (byte >= 0x20 && byte != 0x22 && byte != 0x5C && byte != 0x7F)
    }

    /// The value of a hexadecimal digit, or nil.
    @inlinable @inline(__always)
    public static func hexadecimalValue(_ byte: UInt8) -> UInt8? {
        if byte &- 0x30 < 10 { return byte &- 0x30 }
        let letter = (byte | 0x20) &- 0x61
        return letter < 6 ? letter &+ 10 : nil
    }

    /// Whether the bytes are a token.
    ///
    /// Source: RFC 9110 §5.6.2.
    public static func isToken(_ bytes: Span<UInt8>) -> Bool {
        firstNonToken(bytes) == bytes.count && !bytes.isEmpty
    }

    /// Where the first byte stands that is not a token character, or the count.
    public static func firstNonToken(_ bytes: Span<UInt8>) -> Int {
        for index in bytes.indices where !isToken(bytes[index]) { return index }
        return bytes.count
    }

    /// Whether the bytes may be sent as a field value.
    ///
    /// No control characters but HTAB inside, and no whitespace around. Bytes above 0x7F are
    /// allowed, as obs-text.
    ///
    /// Source: RFC 9110 §5.5.
    public static func isFieldValue(_ bytes: Span<UInt8>) -> Bool {
        let count = bytes.count
        guard count > 0 else { return true }
        guard !isBlank(bytes[0]), !isBlank(bytes[count - 1]) else { return false }
        return bytes.firstControl(from: 0, to: count) == count
    }

    /// Whether a byte is SP or HTAB.
    @inlinable @inline(__always)
    public static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    @inlinable @inline(__always)
    static func contains(_ byte: UInt8, _ low: UInt64, _ high: UInt64) -> Bool {
        guard byte < 128 else { return false }
        return ((byte < 64 ? low : high) >> UInt64(byte & 63)) & 1 != 0
    }
}
