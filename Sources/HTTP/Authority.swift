import Bytes

/// A host and an optional port, checked.
///
/// Source: RFC 3986 §3.2.2 and §3.2.3, RFC 9110 §7.2.
public struct Authority: Sendable, Equatable {
    /// Bytes of the host, from the first byte on; an IPv6 address includes its brackets.
    public let hostCount: Int
    /// The port, or nil if there is none or an empty one.
    public let port: UInt16?

    /// Checks the bytes of an authority or of a Host field.
    ///
    /// Choice: the host must not be empty, as an http URI's must not (RFC 9110 §4.2.1), userinfo is
    /// refused (§4.2.4), and so are zone identifiers and IPvFuture, which nobody can be
    /// routed by.
    ///
    /// - Parameter bytes: `host`, `host:port`, `[address]` or `[address]:port`.
    public init?(_ bytes: Span<UInt8>) {
        guard bytes.count > 0 else { return nil }
        let end: Int
        if bytes[0] == 0x5B {
            guard let close = bytes.firstIndex(of: 0x5D) else { return nil }
            guard Self.isIPv6(bytes.extracting(1..<close)) else { return nil }
            end = close + 1
        } else {
            guard let nameEnd = Self.endOfRegisteredName(bytes), nameEnd > 0 else { return nil }
            end = nameEnd
        }
        hostCount = end
        guard end < bytes.count else {
            port = nil
            return
        }
        guard bytes[end] == 0x3A else { return nil }
        guard end + 1 < bytes.count else {
            port = nil
            return
        }
        guard let number = Self.port(bytes.extracting((end + 1)...)) else { return nil }
        port = number
    }

    /// Where a registered name ends, or nil if it is not one.
    private static func endOfRegisteredName(_ bytes: Span<UInt8>) -> Int? {
        var index = 0
        while index < bytes.count, bytes[index] != 0x3A {
            let byte = bytes[index]
            guard Characters.isRegisteredName(byte) else { return nil }
            if byte == 0x25 {
                guard index &+ 2 < bytes.count,
                    Characters.hexadecimalValue(bytes[index &+ 1]) != nil,
                    Characters.hexadecimalValue(bytes[index &+ 2]) != nil
                else { return nil }
                index &+= 2
            }
            index &+= 1
        }
        return index
    }

    /// A port of 1 to 5 digits, 1 to 65535.
    private static func port(_ digits: Span<UInt8>) -> UInt16? {
        guard digits.count <= 5 else { return nil }
        var value = 0
        for index in digits.indices {
            let digit = digits[index] &- 0x30
            guard digit < 10 else { return nil }
            value = value * 10 + Int(digit)
        }
        return value >= 1 && value <= 65535 ? UInt16(value) : nil
    }

    /// Whether the bytes are an IPv6 address without zone.
    ///
    /// Source: RFC 3986 §3.2.2, IPv6address.
    private static func isIPv6(_ bytes: Span<UInt8>) -> Bool {
        var groups = 0
        var compressed = false
        var index = 0
        guard bytes.count >= 2, bytes.count <= 45 else { return false }
        if bytes[0] == 0x3A {
            guard bytes[1] == 0x3A else { return false }
            compressed = true
            index = 2
        }
        while index < bytes.count {
            let start = index
            while index < bytes.count, Characters.hexadecimalValue(bytes[index]) != nil {
                index += 1
            }
            if index < bytes.count, bytes[index] == 0x2E {
                guard isIPv4(bytes.extracting(start...)) else { return false }
                groups += 2
                return compressed ? groups <= 7 : groups == 8
            }
            guard index - start >= 1, index - start <= 4 else { return false }
            groups += 1
            guard index < bytes.count else { break }
            guard bytes[index] == 0x3A, index + 1 < bytes.count else { return false }
            index += 1
            if bytes[index] == 0x3A {
                guard !compressed else { return false }
                compressed = true
                index += 1
            }
        }
        return compressed ? groups <= 7 : groups == 8
    }

    /// Whether the bytes are four decimal octets without leading zeros.
    private static func isIPv4(_ bytes: Span<UInt8>) -> Bool {
        var octets = 0
        var value = 0
        var digits = 0
        for index in bytes.indices {
            let byte = bytes[index]
            if byte == 0x2E {
                guard digits > 0, octets < 3 else { return false }
                octets += 1
                value = 0
                digits = 0
                continue
            }
            let digit = byte &- 0x30
            guard digit < 10, digits < 3, digits == 0 || value != 0 else { return false }
            value = value * 10 + Int(digit)
            digits += 1
            guard value <= 255 else { return false }
        }
        return octets == 3 && digits > 0
    }
}
