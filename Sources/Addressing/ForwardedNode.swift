import Bytes

/// An entry of a chain: an address, and a port where one is written.
struct ForwardedNode {
    /// Never IPv4-mapped, never unspecified.
    let address: IPAddress
    let port: UInt16?

    /// The longest text of a node: an address with a zone, brackets and a port.
    static let maximumTextCount = 96

    /// Reads `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
    ///
    /// Zones are dropped. An address that names no host (`0.0.0.0`, `::`) is no entry. Lenient only
    /// where one meaning is possible: IPv6 without brackets is an address without a port, and
    /// brackets around IPv4 mean nothing.
    /// Source: RFC 7239 §6
    init?(_ text: Span<UInt8>) {
        guard let first = text.isEmpty ? nil : text[0],
            text.count <= ForwardedNode.maximumTextCount
        else { return nil }
        var hostStart = 0
        var hostEnd = text.count
        var port: UInt16?
        if first == UInt8(ascii: "[") {
            guard let close = text.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            (hostStart, hostEnd) = (1, close)
            if close + 1 < text.count {
                guard text[close + 1] == UInt8(ascii: ":"),
                    readPort(text.extracting((close + 2)...), into: &port)
                else { return nil }
            }
        } else if let colon = text.firstIndex(of: UInt8(ascii: ":")) {
            let rest = text.extracting((colon + 1)...)
            if rest.firstIndex(of: UInt8(ascii: ":")) == nil {
                guard readPort(rest, into: &port) else { return nil }
                hostEnd = colon
            }
        }
        guard let address = IPAddress(text.extracting(hostStart..<hostEnd), zone: .dropped),
            !address.isUnspecified
        else { return nil }
        self.address = address.unmapped
        self.port = port
    }
}

/// Reads a port of one to five digits; one that is hidden (`_name`) is taken as not known.
/// Source: RFC 7239 §6.2
private func readPort(_ text: Span<UInt8>, into port: inout UInt16?) -> Bool {
    guard !text.isEmpty else { return false }
    if text[0] == UInt8(ascii: "_") { return isObfuscated(text) }
    guard text.count <= 5 else { return false }
    var value: UInt32 = 0
    for index in text.indices {
        let digit = text[index] &- UInt8(ascii: "0")
        guard digit < 10 else { return false }
        value = value &* 10 &+ UInt32(digit)  // At most 99,999: five digits.
    }
    guard value <= 65535 else { return false }
    port = UInt16(truncatingIfNeeded: value)
    return true
}

/// Whether the bytes are `_` and then letters, digits and `. _ -`.
private func isObfuscated(_ text: Span<UInt8>) -> Bool {
    guard text.count > 1 else { return false }
    for index in text.indices {
        switch text[index] {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "-"):
            continue
        default: return false
        }
    }
    return true
}
