import Bytes
import Testing

@testable import Addressing

@Suite("haproxy proxy-protocol.txt")
struct ProxyHeaderTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        let bytes: [UInt8]
        let expected: ProxyHeader.Reading
        var testDescription: String { name }
        init(_ name: String, _ bytes: [UInt8], _ expected: ProxyHeader.Reading) {
            (self.name, self.bytes, self.expected) = (name, bytes, expected)
        }
        init(_ line: String, _ header: ProxyHeader) {
            self.init(
                line.debugDescription,
                Array(line.utf8),
                .complete(byteCount: line.utf8.count, header)
            )
        }
        init(_ line: String, _ fault: ProxyHeader.Invalidity) {
            self.init(line.debugDescription, Array(line.utf8), .invalid(fault))
        }
    }

    static func proxied(_ source: String, _ from: UInt16, _ target: String, _ to: UInt16)
        -> ProxyHeader
    {
        .proxied(source: .ip(ip(source), port: from), destination: .ip(ip(target), port: to))
    }

    static let ones = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"

    static let lines: [Case] = [
        // The specification's own worst cases and example.
        Case(
            "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
            proxied("255.255.255.255", 65535, "255.255.255.255", 65535)
        ),
        Case(
            "PROXY TCP6 \(ones) \(ones) 65535 65535\r\n",
            proxied(ones, 65535, ones, 65535)
        ),
        Case("PROXY UNKNOWN\r\n", .local),
        Case("PROXY UNKNOWN \(ones) \(ones) 65535 65535\r\n", .local),
        Case(
            "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n",
            proxied("192.168.0.1", 56324, "192.168.0.11", 443)
        ),
        Case("PROXY TCP6 ::1 2001:DB8::2 0 1\r\n", proxied("::1", 0, "2001:db8::2", 1)),
        Case("PROXY UNKNOWN anything at all\r\n", .local),
        Case("PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n", .port),
        Case("PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n", .port),
        Case("PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n", .port),
        Case("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n", .line),
        Case("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n", .line),
        Case("PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n", .line),
        Case("PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n", .line),
        Case("PROXY TCP4 1.1.1.1\r\n", .line),
        Case("PROXY TCP4\r\n", .line),
        Case("PROXY \r\n", .line),
        Case("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n", .line),
        Case("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\rX", .line),
        Case("PROXY\tTCP4 1.1.1.1 2.2.2.2 1 2\r\n", .signature),
        Case("PROXY TCP4\t1.1.1.1 2.2.2.2 1 2\r\n", .line),
        Case("PROXY TCP4 ::1 ::1 1 2\r\n", .address),
        Case("PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n", .address),
        Case("PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n", .address),
        Case("PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", .address),
        Case("PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n", .family),
        Case("PROXY tcp4 1.1.1.1 2.2.2.2 1 2\r\n", .family),
        Case("proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n", .signature),
        Case("PROXX TCP4", .signature),
        Case("POST / HTTP/1.1\r\n", .signature),
        Case("GET / HTTP/1.1\r\n", .signature),
        Case("PROXY UNKNOWN " + String(repeating: "x", count: 93), .lineTooLong),
        Case("PROXY UNKNOWN " + String(repeating: "x", count: 92) + "\r\n", .lineTooLong),
        Case("PROXY UNKNOWN " + String(repeating: "x", count: 91) + "\r\n", .local),
    ]

    static func v2(
        _ commandByte: UInt8,
        _ family: UInt8,
        _ rest: [UInt8],
        length: Int? = nil
    ) -> [UInt8] {
        let count = length ?? rest.count
        return [0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]
            + [commandByte, family, UInt8(count >> 8), UInt8(count & 255)] + rest
    }
    static let v4Addresses: [UInt8] = [192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 0x04, 0x01, 0xbb]
    static let v6Addresses: [UInt8] =
        [0x20, 1, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [1]
        + [0x20, 1, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [2, 0xff, 0xff, 0, 80]
    static let unixAddresses = [UInt8](repeating: 0x61, count: 216)
    static let v4Header = proxied("192.0.2.1", 56324, "198.51.100.2", 443)
    /// PP2_TYPE_AUTHORITY, PP2_TYPE_SSL with a sub-TLV, PP2_TYPE_NOOP, a custom type.
    static let tlvs: [UInt8] =
        [0x02, 0, 3, 0x61, 0x2e, 0x62] + [0x20, 0, 8, 1, 0, 0, 0, 0, 0x21, 0, 0] + [0x04, 0, 0]
        + [0xe0, 0, 1, 7]

    /// A header whose checksum is right, made with the CRC32c that RFC 3720's vectors fix below.
    static func checksummed(breaking index: Int? = nil) -> [UInt8] {
        var header = v2(0x21, 0x11, v4Addresses + tlvs + [3, 0, 4, 0, 0, 0, 0])
        let sum = crc32c(header.span, zeroed: 0..<0)
        for offset in 0..<4 {
            header[header.count - 4 + offset] = UInt8(
                truncatingIfNeeded: sum >> UInt32(24 - 8 * offset)
            )
        }
        if let index { header[index] ^= 1 }
        return header
    }

    static let headers: [Case] = [
        Case("TCP over IPv4", v2(0x21, 0x11, v4Addresses), .complete(byteCount: 28, v4Header)),
        Case(
            "TCP over IPv6",
            v2(0x21, 0x21, v6Addresses),
            .complete(byteCount: 52, proxied("2001:db8::1", 65535, "2001:db8::2", 80))
        ),
        Case(
            "unix stream",
            v2(0x21, 0x31, unixAddresses),
            .complete(byteCount: 232, .proxied(source: .unix, destination: .unix))
        ),
        Case(
            "TLVs are skipped",
            v2(0x21, 0x11, v4Addresses + tlvs),
            .complete(byteCount: 28 + tlvs.count, v4Header)
        ),
        Case("a right checksum", checksummed(), .complete(byteCount: 35 + tlvs.count, v4Header)),
        Case("a wrong address under a checksum", checksummed(breaking: 16), .invalid(.checksum)),
        Case("a wrong checksum", checksummed(breaking: 34 + tlvs.count), .invalid(.checksum)),
        Case(
            "a checksum of three bytes",
            v2(0x21, 0x11, v4Addresses + [3, 0, 3, 0, 0, 0]),
            .invalid(.malformedTLV)
        ),
        Case("LOCAL", v2(0x20, 0, []), .complete(byteCount: 16, .local)),
        Case(
            "LOCAL with addresses and an odd family",
            v2(0x20, 0x77, v4Addresses),
            .complete(byteCount: 28, .local)
        ),
        Case("UNSPEC", v2(0x21, 0, [1, 2, 3]), .complete(byteCount: 19, .local)),
        Case(
            "a family without transport",
            v2(0x21, 0x10, v4Addresses),
            .complete(byteCount: 28, .local)
        ),
        Case("UDP over IPv4", v2(0x21, 0x12, v4Addresses), .invalid(.datagram)),
        Case("UDP over IPv6", v2(0x21, 0x22, v6Addresses), .invalid(.datagram)),
        Case("unix datagram", v2(0x21, 0x32, unixAddresses), .invalid(.datagram)),
        Case("unknown family", v2(0x21, 0x41, v4Addresses), .invalid(.family)),
        Case("unknown transport", v2(0x21, 0x13, v4Addresses), .invalid(.family)),
        Case("version 1 in a version 2 header", v2(0x11, 0x11, v4Addresses), .invalid(.version)),
        Case("version 3", v2(0x31, 0x11, v4Addresses), .invalid(.version)),
        Case("unknown command", v2(0x22, 0x11, v4Addresses), .invalid(.command)),
        Case(
            "addresses cut short",
            v2(0x21, 0x11, Array(v4Addresses.dropLast())),
            .invalid(.addressesCutShort)
        ),
        Case(
            "IPv6 with IPv4's addresses",
            v2(0x21, 0x21, v4Addresses),
            .invalid(.addressesCutShort)
        ),
        Case("a TLV cut short", v2(0x21, 0x11, v4Addresses + [2, 0]), .invalid(.malformedTLV)),
        Case(
            "a TLV that is too long",
            v2(0x21, 0x11, v4Addresses + [2, 0, 2, 0x61]),
            .invalid(.malformedTLV)
        ),
        Case(
            "the longest header",
            v2(0x21, 0x11, v4Addresses + [4, 0x0f, 0xe1] + [UInt8](repeating: 0, count: 4065)),
            .complete(byteCount: 4096, v4Header)
        ),
        Case(
            "longer than the limit",
            v2(0x21, 0x11, v4Addresses, length: 4081),
            .invalid(.headerTooLong)
        ),
        Case(
            "a wrong signature",
            [0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0d],
            .invalid(.signature)
        ),
        Case("an empty line of HTTP", Array("\r\nGET / HTTP/1.1".utf8), .invalid(.signature)),
    ]

    @Test("is read whole", arguments: lines + headers)
    func whole(_ row: Case) {
        #expect(ProxyHeader.read(row.bytes.span) == row.expected)
        if case .complete(let byteCount, _) = row.expected {
            #expect(byteCount == row.bytes.count)
            #expect(ProxyHeader.read((row.bytes + Array("GET /".utf8)).span) == row.expected)
        }
    }

    @Test(
        "every prefix is incomplete until the outcome is certain, which then stays",
        arguments: lines + headers
    )
    func prefixes(_ row: Case) {
        var outcome: ProxyHeader.Reading?
        for count in 0...row.bytes.count {
            let reading = ProxyHeader.read(row.bytes.span.extracting(first: count))
            if let outcome {
                #expect(reading == outcome, "\(count) bytes")
            } else if reading != .incomplete {
                outcome = reading
                if case .complete = row.expected { #expect(count == row.bytes.count) }
            }
        }
        #expect(outcome == row.expected)
    }

    @Test(
        "flipping any bit of a header never traps and never leaves more to wait for than the limit"
    )
    func flips() {
        for row in Self.lines + Self.headers where row.bytes.count <= 300 {
            for index in row.bytes.indices {
                for bit in 0..<8 {
                    var bytes = row.bytes
                    bytes[index] ^= 1 << UInt8(bit)
                    let padded = bytes + [UInt8](repeating: 0, count: ProxyHeader.maximumV2Count)
                    #expect(ProxyHeader.read(padded.span) != .incomplete)
                }
            }
        }
    }

    @Test("no TLV can hide a broken checksum: every flipped bit under it is noticed")
    func checksumCovers() {
        let header = Self.checksummed()
        for index in 16..<header.count {
            for bit in 0..<8 {
                var bytes = header
                bytes[index] ^= 1 << UInt8(bit)
                let reading = ProxyHeader.read(bytes.span)
                // A flip in a TLV's type or length may hide the checksum's TLV itself.
                if index < 28 || index >= header.count - 4 {
                    #expect(reading == .invalid(.checksum))
                } else {
                    #expect(reading != .incomplete)
                }
            }
        }
    }

    @Test("RFC 3720 §B.4 CRC32c")
    func crc() {
        let zeros = [UInt8](repeating: 0, count: 32)
        let ones = [UInt8](repeating: 0xff, count: 32)
        #expect(crc32c(zeros.span, zeroed: 0..<0) == 0x8a91_36aa)
        #expect(crc32c(ones.span, zeroed: 0..<0) == 0x62a8_ab43)
        #expect(crc32c(ones.span, zeroed: 0..<32) == 0x8a91_36aa)
        #expect(crc32c(Array(UInt8(0)..<32).span, zeroed: 0..<0) == 0x46dd_794e)
        #expect(crc32c(Array("123456789".utf8).span, zeroed: 0..<0) == 0xe306_9283)
    }

    @Test("what is written is read again", arguments: [ProxyHeader.Version.v1, .v2])
    func writing(_ version: ProxyHeader.Version) {
        let rows: [(ProxyHeader, ProxyHeader)] = [
            (Self.v4Header, Self.v4Header),
            (Self.proxied(Self.ones, 65535, "::", 0), Self.proxied(Self.ones, 65535, "::", 0)),
            (
                Self.proxied("::ffff:192.0.2.1", 1, "192.0.2.2", 2),
                Self.proxied("192.0.2.1", 1, "192.0.2.2", 2)
            ),
            (
                Self.proxied("192.0.2.1", 1, "2001:db8::1", 2),
                Self.proxied("::ffff:192.0.2.1", 1, "2001:db8::1", 2)
            ),
            (.local, .local), (.proxied(source: .unix, destination: .unix), .local),
        ]
        for (header, expected) in rows {
            let buffer = Buffer()
            header.write(version, to: buffer)
            #expect(
                ProxyHeader.read(buffer.readable)
                    == .complete(byteCount: buffer.count, expected)
            )
        }
        let text = written { Self.v4Header.write(.v1, to: $0) }
        #expect(text == "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n")
    }
}
