import Bytes

extension IPAddress {
    /// What to do with a zone identifier behind an IPv6 address (`fe80::1%eth0`).
    public enum ZonePolicy: Sendable {
        /// The text is no address.
        case rejected
        /// The zone is checked and left out: it means nothing on another machine.
        case dropped
    }

    /// The longest address text: six groups and a dotted IPv4 address.
    public static let maximumTextCount = 45
    /// The longest zone identifier that is accepted, in bytes; an interface name has at most 15.
    static let maximumZoneCount = 32

    /// Reads an address strictly: four decimal octets without leading zeros, or an RFC 4291 text.
    /// - Parameters:
    ///   - text: The address and nothing else: no brackets, no port, no spaces.
    ///   - zone: What to do with a zone identifier.
    /// Source: RFC 4291 §2.2, RFC 6943 §3.1.1, RFC 4007 §11
    public init?(_ text: Span<UInt8>, zone: ZonePolicy = .rejected) {
        // An IPv6 text has its first colon, an IPv4 text its first dot within five bytes.
        var index = 0
        while index < 5, index < text.count, text[index] != UInt8(ascii: ":") { index &+= 1 }
        guard index < text.count, index < 5 else {
            guard let v4 = parseIPv4(text, from: 0) else { return nil }
            self.init(v4: v4)
            return
        }
        var end = text.count
        if case .dropped = zone, let percent = text.firstIndex(of: UInt8(ascii: "%")) {
            guard isZone(text.extracting((percent + 1)...)) else { return nil }
            end = percent
        }
        guard end <= IPAddress.maximumTextCount,
            let v6 = parseIPv6(text.extracting(..<end))
        else { return nil }
        self.init(v6: v6)
    }

    /// Reads an address strictly; for configuration and tests.
    /// - Parameters:
    ///   - text: The address and nothing else.
    ///   - zone: What to do with a zone identifier.
    public init?(_ text: String, zone: ZonePolicy = .rejected) {
        self.init(Array(text.utf8).span, zone: zone)
    }
}

/// Reads `d.d.d.d` from an index to the end of the text.
private func parseIPv4(_ text: Span<UInt8>, from start: Int) -> UInt32? {
    let end = text.count
    guard end - start >= 7, end - start <= 15 else { return nil }
    var value: UInt32 = 0
    var octet: UInt32 = 0
    var digits = 0
    var dots = 0
    for index in start..<end {
        let byte = text[index]
        let digit = byte &- UInt8(ascii: "0")
        if digit < 10 {
            // A leading zero means octal to some readers and decimal to others.
            if digits > 0 && octet == 0 { return nil }
            octet = octet &* 10 &+ UInt32(digit)
            digits &+= 1
            if octet > 255 { return nil }
        } else if byte == UInt8(ascii: ".") && digits > 0 && dots < 3 {
            value = value << 8 | octet
            octet = 0
            digits = 0
            dots &+= 1
        } else {
            return nil
        }
    }
    guard dots == 3, digits > 0 else { return nil }
    return value << 8 | octet
}

/// Reads an IPv6 text of at most `IPAddress.maximumTextCount` bytes.
private func parseIPv6(_ text: Span<UInt8>) -> UInt128? {
    let end = text.count
    var head: UInt128 = 0
    var headCount = 0
    var tail: UInt128 = 0
    var tailCount = 0
    var isCompressed = false
    var index = 0
    if end >= 2 && text[0] == UInt8(ascii: ":") && text[1] == UInt8(ascii: ":") {
        isCompressed = true
        index = 2
    }
    while index < end {
        let start = index
        var group: UInt32 = 0
        while index < end, case let digit = hexadecimalDigit(text[index]), digit < 16 {
            if index - start == 4 { return nil }
            group = group << 4 | UInt32(digit)
            index &+= 1
        }
        if index == start { return nil }
        if index < end && text[index] == UInt8(ascii: ".") {
            guard let v4 = parseIPv4(text, from: start) else { return nil }
            tail = tail << 32 | UInt128(v4)
            tailCount &+= 2
            break
        }
        tail = tail << 16 | UInt128(group)
        tailCount &+= 1
        if index == end { break }
        guard text[index] == UInt8(ascii: ":"), index + 1 < end else { return nil }
        index &+= 1
        if text[index] == UInt8(ascii: ":") {
            if isCompressed { return nil }
            isCompressed = true
            (head, headCount) = (tail, tailCount)
            (tail, tailCount) = (0, 0)
            index &+= 1
        }
    }
    // "::" stands for at least one group.
    guard isCompressed ? headCount + tailCount <= 7 : tailCount == 8 else { return nil }
    return head << UInt128(128 - 16 * headCount) | tail
}

/// The value of a hexadecimal digit, or 255.
private func hexadecimalDigit(_ byte: UInt8) -> UInt8 {
    let decimal = byte &- UInt8(ascii: "0")
    if decimal < 10 { return decimal }
    let letter = asciiLowercase(byte) &- UInt8(ascii: "a")
    return letter < 6 ? letter &+ 10 : 255
}

/// Whether the bytes can be a zone identifier: letters, digits and `. _ - ~`.
private func isZone(_ text: Span<UInt8>) -> Bool {
    guard !text.isEmpty, text.count <= IPAddress.maximumZoneCount else { return false }
    for index in text.indices {
        switch text[index] {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "-"), UInt8(ascii: "~"):
            continue
        default:
            return false
        }
    }
    return true
}
