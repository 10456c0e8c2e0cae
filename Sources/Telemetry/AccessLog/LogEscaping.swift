import Bytes

/// Makes bytes from the network harmless in a log: nothing that a client sends can end a line,
/// close a quote, or steer a terminal.
enum LogEscaping {
    /// The most bytes of one field that are logged; the rest is replaced by `...`.
    ///
    /// A target may be 32 KiB long and each of its bytes may become six.
    static var maximumFieldLength: Int { 4096 }

    /// Appends a field of the common and combined formats: printable ASCII as it is, the rest, `"`
    /// and `\` as `\xHH`, an empty field as `-`.
    ///
    /// The same as nginx and close to Apache.
    static func appendCommon(_ field: Span<UInt8>, to buffer: Buffer) {
        if field.isEmpty {
            buffer.append(UInt8(ascii: "-"))
        } else if field.count <= maximumFieldLength && isPlain(field) {
            buffer.append(field)
        } else {
            let kept = field.extracting(first: maximumFieldLength)
            for index in kept.indices {
                let byte = kept[index]
                if isPlain(byte) {
                    buffer.append(byte)
                } else {
                    buffer.append("\\x")
                    buffer.append(hexDigit(byte >> 4, letters: 55))
                    buffer.append(hexDigit(byte & 15, letters: 55))
                }
            }
            if field.count > kept.count { buffer.append("...") }
        }
    }

    /// Appends the inside of a JSON string: always well-formed UTF-8 without control characters.
    ///
    /// What is not UTF-8 becomes U+FFFD, as RFC 8259 §8.1 leaves no way to carry it.
    static func appendJSON(_ field: Span<UInt8>, to buffer: Buffer) {
        if field.count <= maximumFieldLength && isPlain(field) {
            buffer.append(field)
            return
        }
        let kept = field.extracting(first: maximumFieldLength)
        var index = 0
        while index < kept.count {
            let byte = kept[index]
            if byte < 0x80 {
                appendJSON(ascii: byte, to: buffer)
                index += 1
                continue
            }
            let length = scalarLength(in: kept, at: index)
            if length == 0 {
                // A scalar that the cut went through is the cut's doing, not the client's.
                buffer.append("\\ufffd")
                index += 1
            } else if length == 2 && byte == 0xC2 && kept[index + 1] < 0xA0 {
                // U+0080…U+009F: control characters too, some terminals obey them.
                appendEscape(kept[index + 1], to: buffer)
                index += 2
            } else {
                buffer.append(kept.extracting(index..<index + length))
                index += length
            }
        }
        if field.count > kept.count { buffer.append("...") }
    }

    /// Whether no byte needs escaping in any format.
    ///
    /// Looks at every byte even past the first that does: a loop without an early exit is
    /// vectorised, and nearly all fields are plain.
    static func isPlain(_ field: Span<UInt8>) -> Bool {
        var foreign: UInt8 = 0
        for index in field.indices {
            foreign |= isPlain(field[index]) ? 0 : 1
        }
        return foreign == 0
    }

    /// Whether a byte is printable ASCII other than `"` and `\`.
    private static func isPlain(_ byte: UInt8) -> Bool {
        (byte &- 0x20 < 0x5F) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    private static func appendJSON(ascii byte: UInt8, to buffer: Buffer) {
        switch byte {
        case UInt8(ascii: "\""): buffer.append("\\\"")
        case UInt8(ascii: "\\"): buffer.append("\\\\")
        case 0x00..<0x20, 0x7F: appendEscape(byte, to: buffer)
        default: buffer.append(byte)
        }
    }

    private static func appendEscape(_ scalar: UInt8, to buffer: Buffer) {
        buffer.append("\\u00")
        buffer.append(hexDigit(scalar >> 4, letters: 87))
        buffer.append(hexDigit(scalar & 15, letters: 87))
    }

    private static func hexDigit(_ value: UInt8, letters: UInt8) -> UInt8 {
        value < 10 ? value &+ 48 : value &+ letters
    }

    /// The length of the well-formed scalar that starts at a byte of 0x80 or above, or 0.
    ///
    /// Source: Unicode 15 table 3-7, RFC 3629 §4.
    private static func scalarLength(in field: Span<UInt8>, at index: Int) -> Int {
        let first = field[index]
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch first {
        case 0xC2...0xDF: length = 2
        case 0xE0:
            length = 3
            second = 0xA0...0xBF
        case 0xED:
            length = 3
            second = 0x80...0x9F
        case 0xE1...0xEF: length = 3
        case 0xF0:
            length = 4
            second = 0x90...0xBF
        case 0xF1...0xF3: length = 4
        case 0xF4:
            length = 4
            second = 0x80...0x8F
        default: return 0
        }
        guard index + length <= field.count, second.contains(field[index + 1]) else { return 0 }
        for offset in 2..<max(2, length) where field[index + offset] & 0xC0 != 0x80 { return 0 }
        return length
    }
}
