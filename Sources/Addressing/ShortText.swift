import Bytes

/// A text that is put together on the stack and then appended to a buffer in one go.
///
/// Appending to a `Buffer` byte by byte costs more than making the text: each append is an access
/// to a class that is checked for exclusivity (measured: 260 ns for an IPv4 address, against 20).
struct ShortText {
    /// Bytes that fit: a comma, `for="[`, an address, `]:65535"`.
    static let capacity = 64

    private var bytes = InlineArray<64, UInt8>(repeating: 0)
    private var count = 0

    /// Appends a byte; one that does not fit is left out.
    ///
    /// Nothing that is put together here can be longer than `capacity`.
    mutating func append(_ byte: UInt8) {
        guard count < ShortText.capacity else { return }
        bytes[count] = byte
        count &+= 1
    }

    /// Appends the bytes of a literal.
    mutating func append(_ literal: StaticString) {
        let length = literal.utf8CodeUnitCount
        literal.withUTF8Buffer { text in
            // In bounds: the buffer has `length` bytes.
            for index in 0..<length { unsafe append(text[index]) }
        }
    }

    /// Appends an address in canonical form.
    /// Source: RFC 5952 §4, §5
    mutating func append(_ address: IPAddress) {
        if address.isIPv4 {
            appendDotted(UInt32(truncatingIfNeeded: address.low))
        } else if address.isIPv4Mapped {
            append("::ffff:")
            appendDotted(UInt32(truncatingIfNeeded: address.low))
        } else {
            appendGroups(address)
        }
    }

    /// Appends a number in decimal.
    mutating func append(decimal: UInt16) {
        var divisor: UInt16 = 10_000
        while divisor > 1 && decimal < divisor { divisor /= 10 }
        while divisor > 0 {
            append(UInt8(truncatingIfNeeded: decimal / divisor % 10) &+ 48)
            divisor /= 10
        }
    }

    /// Appends all of the text to a buffer.
    func write(to buffer: Buffer) {
        buffer.append(bytes.span.extracting(..<count))
    }

    private mutating func appendDotted(_ v4: UInt32) {
        var shift: UInt32 = 24
        while true {
            append(octet: UInt8(truncatingIfNeeded: v4 >> shift))
            if shift == 0 { return }
            append(UInt8(ascii: "."))
            shift &-= 8
        }
    }

    private mutating func append(octet: UInt8) {
        if octet >= 100 { append(octet / 100 &+ 48) }
        if octet >= 10 { append(octet / 10 % 10 &+ 48) }
        append(octet % 10 &+ 48)
    }

    private mutating func appendGroups(_ address: IPAddress) {
        // The longest run of zero groups, the first one if two are equally long; one zero group
        // alone is written as 0.
        var runStart = 8
        var runCount = 1
        var index = 0
        while index < 8 {
            var end = index
            while end < 8 && address.group(end) == 0 { end &+= 1 }
            if end - index > runCount { (runStart, runCount) = (index, end - index) }
            index = end &+ 1
        }
        index = 0
        while index < 8 {
            if index == runStart {
                append("::")
                index &+= runCount
                continue
            }
            if index > 0 && index != runStart &+ runCount { append(UInt8(ascii: ":")) }
            append(hexadecimal: address.group(index))
            index &+= 1
        }
    }

    private mutating func append(hexadecimal group: UInt16) {
        var shift: UInt16 = group > 0xfff ? 12 : group > 0xff ? 8 : group > 0xf ? 4 : 0
        while true {
            let digit = UInt8(truncatingIfNeeded: group >> shift & 15)
            append(digit < 10 ? digit &+ 48 : digit &+ 87)
            if shift == 0 { return }
            shift &-= 4
        }
    }
}

extension IPAddress {
    /// One of the eight 16-bit groups of an IPv6 address, first one first.
    fileprivate func group(_ index: Int) -> UInt16 {
        let half = index < 4 ? high : low
        return UInt16(truncatingIfNeeded: half >> UInt64((3 - index & 3) * 16))
    }
}
