import Bytes

/// The binary header of version 2.
/// Source: haproxy, doc/proxy-protocol.txt §2.2
extension ProxyHeader {
    /// Bytes in front of the addresses.
    static let v2FixedCount = 16
    /// The type of the TLV that holds a CRC32c over the whole header.
    private static let typeCRC32C: UInt8 = 0x03

    /// `\r\n\r\n\0\r\nQUIT\n`.
    static let v2Signature: [12 of UInt8] = [
        0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
    ]

    static func readV2(_ bytes: Span<UInt8>) -> Reading {
        for index in 0..<min(bytes.count, 12) where bytes[index] != v2Signature[index] {
            return .invalid(.signature)
        }
        guard bytes.count > 12 else { return .incomplete }
        guard bytes[12] >> 4 == 2 else { return .invalid(.version) }
        let command = bytes[12] & 15
        guard command <= 1 else { return .invalid(.command) }
        guard bytes.count > 13 else { return .incomplete }
        let family = bytes[13] >> 4
        let transport = bytes[13] & 15
        // A LOCAL header's family is to be ignored, whatever it is.
        if command == 1 {
            guard family <= 3, transport <= 2 else { return .invalid(.family) }
            guard transport != 2 else { return .invalid(.datagram) }
        }
        guard bytes.count >= v2FixedCount else { return .incomplete }
        let byteCount = v2FixedCount + Int(bigEndian16(bytes, 14))
        guard byteCount <= maximumV2Count else { return .invalid(.headerTooLong) }
        guard bytes.count >= byteCount else { return .incomplete }
        if command == 0 || family == 0 || transport == 0 {
            return .complete(byteCount: byteCount, .local)
        }
        return readProxied(bytes.extracting(..<byteCount), family: family)
    }

    private static func readProxied(_ header: Span<UInt8>, family: UInt8) -> Reading {
        let addressCount =
            switch family {
            case 1: 12
            case 2: 36
            default: 216
            }
        let end = v2FixedCount + addressCount
        guard header.count >= end else { return .invalid(.addressesCutShort) }
        if let fault = checkTLVs(header, from: end) { return .invalid(fault) }
        let (source, destination): (Peer, Peer) =
            switch family {
            case 1:
                (
                    .ip(v4(header, 16), port: bigEndian16(header, 24)),
                    .ip(v4(header, 20), port: bigEndian16(header, 26))
                )
            case 2:
                (
                    .ip(v6(header, 16), port: bigEndian16(header, 48)),
                    .ip(v6(header, 32), port: bigEndian16(header, 50))
                )
            default: (.unix, .unix)
            }
        return .complete(
            byteCount: header.count,
            .proxied(source: source, destination: destination)
        )
    }

    /// Walks over the TLVs, which are all skipped but for the checksum.
    private static func checkTLVs(_ header: Span<UInt8>, from start: Int) -> Invalidity? {
        var index = start
        while index < header.count {
            guard index + 3 <= header.count else { return .malformedTLV }
            let valueStart = index + 3
            let next = valueStart + Int(bigEndian16(header, index + 1))
            guard next <= header.count else { return .malformedTLV }
            if header[index] == typeCRC32C {
                guard next - valueStart == 4 else { return .malformedTLV }
                let sum =
                    UInt32(bigEndian16(header, valueStart)) << 16
                    | UInt32(bigEndian16(header, valueStart + 2))
                guard crc32c(header, zeroed: valueStart..<next) == sum else { return .checksum }
            }
            index = next
        }
        return nil
    }

    private static func bigEndian16(_ bytes: Span<UInt8>, _ index: Int) -> UInt16 {
        UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1])
    }

    private static func v4(_ bytes: Span<UInt8>, _ index: Int) -> IPAddress {
        IPAddress(bytes[index], bytes[index + 1], bytes[index + 2], bytes[index + 3])
    }

    private static func v6(_ bytes: Span<UInt8>, _ index: Int) -> IPAddress {
        var value: UInt128 = 0
        for offset in 0..<16 { value = value << 8 | UInt128(bytes[index + offset]) }
        return IPAddress(v6: value)
    }
}

/// The CRC32c of bytes, some of them taken as 0.
///
/// Bit by bit: it runs at most once for a connection, over at most `maximumV2Count` bytes.
/// Source: RFC 4960 appendix B
func crc32c(_ bytes: Span<UInt8>, zeroed: Range<Int>) -> UInt32 {
    var sum: UInt32 = .max
    for index in bytes.indices {
        sum ^= zeroed.contains(index) ? 0 : UInt32(bytes[index])
        for _ in 0..<8 { sum = sum >> 1 ^ (sum & 1 == 1 ? 0x82f6_3b78 : 0) }
    }
    return ~sum
}
