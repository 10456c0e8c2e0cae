import Bytes

/// Walks over the parts of a structured field value.
///
/// Source: RFC 9651 §4.2.
struct StructuredReader {
    private(set) var position = 0
    /// Digits of an integer, and before the point of a decimal.
    private static let integerDigits = 15
    private static let decimalDigits = 12

    mutating func take(_ byte: UInt8, _ bytes: Span<UInt8>) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    mutating func skipSpaces(_ bytes: Span<UInt8>) {
        while position < bytes.count, bytes[position] == 0x20 { position += 1 }
    }

    mutating func skipBlanks(_ bytes: Span<UInt8>) {
        while position < bytes.count, Characters.isBlank(bytes[position]) { position += 1 }
    }

    mutating func key(_ bytes: Span<UInt8>) -> [UInt8]? {
        let start = position
        guard position < bytes.count, isLower(bytes[position]) || bytes[position] == 0x2A else {
            return nil
        }
        while position < bytes.count, isKeyByte(bytes[position]) { position += 1 }
        return bytes.extracting(start..<position).bytes()
    }

    mutating func itemOrList(_ bytes: Span<UInt8>) -> StructuredValue? {
        guard take(UInt8(ascii: "("), bytes) else { return item(bytes) }
        var members: [StructuredValue] = []
        while position < bytes.count {
            skipSpaces(bytes)
            if take(UInt8(ascii: ")"), bytes) { return .list(members) }
            guard let member = item(bytes), parameters(bytes), position < bytes.count,
                bytes[position] == 0x20 || bytes[position] == UInt8(ascii: ")")
            else { return nil }
            members.append(member)
        }
        return nil
    }

    /// Passes over parameters, none or several.
    ///
    /// Returns whether they are well-formed.
    mutating func parameters(_ bytes: Span<UInt8>) -> Bool {
        while take(UInt8(ascii: ";"), bytes) {
            skipSpaces(bytes)
            guard key(bytes) != nil else { return false }
            if take(UInt8(ascii: "="), bytes), item(bytes) == nil { return false }
        }
        return true
    }

    mutating func item(_ bytes: Span<UInt8>) -> StructuredValue? {
        guard position < bytes.count else { return nil }
        let first = bytes[position]
        switch first {
        case UInt8(ascii: "\""): return string(bytes)
        case UInt8(ascii: "?"): return boolean(bytes)
        case UInt8(ascii: ":"): return binary(bytes)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return number(bytes)
        case UInt8(ascii: "@"):
            position += 1
            guard case .integer = number(bytes) else { return nil }
            return .other
        default:
            let isLetter = isLower(first | 0x20)
            guard isLetter || first == 0x2A else { return nil }
            let start = position
            while position < bytes.count,
                Characters.isToken(bytes[position]) || bytes[position] == 0x3A
                    || bytes[position] == 0x2F
            {
                position += 1
            }
            return .token(bytes.extracting(start..<position).bytes())
        }
    }

    private mutating func boolean(_ bytes: Span<UInt8>) -> StructuredValue? {
        position += 1
        if take(UInt8(ascii: "1"), bytes) { return .boolean(true) }
        return take(UInt8(ascii: "0"), bytes) ? .boolean(false) : nil
    }

    /// Reads a Byte Sequence.
    ///
    /// Missing padding and bits that are left over are passed over, as the RFC recommends.
    /// Source: RFC 9651 §4.2.7.
    private mutating func binary(_ bytes: Span<UInt8>) -> StructuredValue? {
        position += 1
        var result: [UInt8] = []
        var bits: UInt32 = 0
        var digits = 0
        var padding = 0
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == 0x3A {
                // One digit alone is less than a byte; padding fills up a group of four.
                guard digits % 4 != 1, padding == 0 || (digits + padding) % 4 == 0 else {
                    return nil
                }
                return .bytes(result)
            }
            if byte == 0x3D {
                padding += 1
                guard padding <= 2 else { return nil }
                continue
            }
            guard padding == 0, let digit = base64Digit(byte) else { return nil }
            bits = bits << 6 | UInt32(digit)
            digits += 1
            // Of four digits, all but the first complete a byte.
            switch digits % 4 {
            case 2: result.append(UInt8(truncatingIfNeeded: bits >> 4))
            case 3: result.append(UInt8(truncatingIfNeeded: bits >> 2))
            case 0: result.append(UInt8(truncatingIfNeeded: bits))
            default: break
            }
        }
        return nil
    }

    private func base64Digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }

    private mutating func string(_ bytes: Span<UInt8>) -> StructuredValue? {
        position += 1
        var text: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == 0x22 { return .string(text) }
            if byte == 0x5C {
                guard position < bytes.count, bytes[position] == 0x22 || bytes[position] == 0x5C
                else { return nil }
                text.append(bytes[position])
                position += 1
            } else {
                guard byte >= 0x20, byte < 0x7F else { return nil }
                text.append(byte)
            }
        }
        return nil
    }

    private mutating func number(_ bytes: Span<UInt8>) -> StructuredValue? {
        let isNegative = take(UInt8(ascii: "-"), bytes)
        var value: Int64 = 0
        var digits = 0
        while position < bytes.count, bytes[position] &- 0x30 < 10 {
            digits += 1
            guard digits <= Self.integerDigits else { return nil }
            // No overflow: at most 15 digits.
            value = value &* 10 &+ Int64(bytes[position] &- 0x30)
            position += 1
        }
        guard digits > 0 else { return nil }
        guard take(UInt8(ascii: "."), bytes) else { return .integer(isNegative ? -value : value) }
        var fraction = 0
        while position < bytes.count, bytes[position] &- 0x30 < 10 {
            fraction += 1
            position += 1
        }
        guard digits <= Self.decimalDigits, (1...3).contains(fraction) else { return nil }
        return .other
    }

    private func isLower(_ byte: UInt8) -> Bool { byte &- 0x61 < 26 }

    private func isKeyByte(_ byte: UInt8) -> Bool {
        isLower(byte) || byte &- 0x30 < 10 || byte == 0x5F || byte == 0x2D || byte == 0x2E
            || byte == 0x2A
    }
}
