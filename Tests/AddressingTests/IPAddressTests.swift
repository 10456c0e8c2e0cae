import Testing

@testable import Addressing

@Suite("RFC 4291 §2.2, RFC 5952 §4 address texts")
struct IPAddressTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let text: String
        let canonical: String
        var testDescription: String { text }
        init(_ text: String, _ canonical: String) {
            (self.text, self.canonical) = (text, canonical)
        }
    }

    static let good: [Case] = [
        // RFC 4291 §2.2
        Case("ABCD:EF01:2345:6789:ABCD:EF01:2345:6789", "abcd:ef01:2345:6789:abcd:ef01:2345:6789"),
        Case("2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"),
        Case("FF01:0:0:0:0:0:0:101", "ff01::101"),
        Case("0:0:0:0:0:0:0:1", "::1"),
        Case("0:0:0:0:0:0:0:0", "::"),
        Case("2001:DB8::8:800:200C:417A", "2001:db8::8:800:200c:417a"),
        Case("FF01::101", "ff01::101"),
        Case("::1", "::1"),
        Case("::", "::"),
        Case("0:0:0:0:0:0:13.1.68.3", "::d01:4403"),
        Case("0:0:0:0:0:FFFF:129.144.52.38", "::ffff:129.144.52.38"),
        Case("::13.1.68.3", "::d01:4403"),
        Case("::FFFF:129.144.52.38", "::ffff:129.144.52.38"),
        // RFC 5952 §1, §2, §4, §5
        Case("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        Case("2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        Case("2001:db8::1:0:0:1", "2001:db8::1:0:0:1"),
        Case("2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1"),
        Case("2001:0db8::1:0:0:1", "2001:db8::1:0:0:1"),
        Case("2001:db8:0:0:1::1", "2001:db8::1:0:0:1"),
        Case("2001:DB8:0:0:1::1", "2001:db8::1:0:0:1"),
        Case("2001:db8:aaaa:bbbb:cccc:dddd:eeee:0001", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:1"),
        Case("2001:db8:aaaa:bbbb:cccc:dddd::1", "2001:db8:aaaa:bbbb:cccc:dddd:0:1"),
        Case("2001:db8:0:0:0::1", "2001:db8::1"),
        Case("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        Case("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        Case("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
        Case("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        Case("1::", "1::"),
        Case("0:1::", "0:1::"),
        Case("64:ff9b::188.0.2.128", "64:ff9b::bc00:280"),
        Case("fe80:0:0:0:1:0:0:0", "fe80::1:0:0:0"),
        Case("1:2:3:4:5:6:77.77.88.88", "1:2:3:4:5:6:4d4d:5858"),
        Case(
            "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
        ),
        Case("0.0.0.0", "0.0.0.0"),
        Case("255.255.255.255", "255.255.255.255"),
        Case("192.0.2.1", "192.0.2.1"),
        Case("10.20.100.9", "10.20.100.9"),
    ]

    @Test("reads every valid form and writes the canonical one", arguments: good)
    func readsAndWrites(_ row: Case) throws {
        let address = try #require(IPAddress(row.text))
        #expect(address.description == row.canonical)
        #expect(IPAddress(row.canonical) == address)
        #expect(written { address.write(to: $0) }.utf8.count <= IPAddress.maximumTextCount)
    }

    @Test(
        "refuses what another reader could take for another address",
        arguments: [
            "", ".", ":", ":::", "1", "1.2.3", "1.2.3.4.5", "1.2.3.4.", ".1.2.3.4", "1..2.3",
            "01.2.3.4", "1.2.3.00", "00.0.0.0", "256.1.1.1", "1.2.3.999", "1.2.3.4 ", " 1.2.3.4",
            "0x7f.0.0.1", "2130706433", "127.1", "1.2.3.-4", "+1.2.3.4", "1.2.3.4:80", "[::1]",
            "::1]", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8",
            "1::2::3", "12345::", "g::", ":1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:", "1::2:",
            "::1.2.3", "::1.2.3.4.5", "::01.2.3.4", "::1.2.3.4:5", "1.2.3.4::",
            "1:2:3:4:5:6:7:1.2.3.4",
            "::ffff:1.2.3.256", "fe80::1%eth0", "fe80::1%", "1.2.3.4%eth0", "1.1.1.1%", "::1/128",
            "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555", "::\u{0}", "１.2.3.4",
        ]
    )
    func refuses(_ text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test("drops a zone when told to, of IPv6 only")
    func zones() {
        #expect(IPAddress("fe80::1%eth0", zone: .dropped) == ip("fe80::1"))
        #expect(IPAddress("fe80::abcd%25a-b_c~.9", zone: .dropped) == ip("fe80::abcd"))
        #expect(IPAddress("fe80::1%", zone: .dropped) == nil)
        #expect(IPAddress("fe80::1%a b", zone: .dropped) == nil)
        #expect(IPAddress("1.2.3.4%eth0", zone: .dropped) == nil)
        #expect(IPAddress("nope%zone", zone: .dropped) == nil)
        #expect(IPAddress("fe80::1%" + String(repeating: "z", count: 33), zone: .dropped) == nil)
        #expect(IPAddress("fe80::1%" + String(repeating: "z", count: 32), zone: .dropped) != nil)
    }

    @Test("every prefix of a long text is read or refused without a trap")
    func prefixes() {
        let texts = Self.good.map(\.text) + ["1:2:3:4:5:6:7:8:9", "::1.2.3.4.5", "1::2::3"]
        for text in texts {
            var accepted = 0
            for count in 0...text.utf8.count {
                let prefix = String(decoding: Array(text.utf8).prefix(count), as: UTF8.self)
                guard let address = IPAddress(prefix) else { continue }
                accepted += 1
                #expect(IPAddress(address.description) == address)
            }
            #expect(accepted <= text.utf8.count)
        }
    }

    @Test("maps and unmaps IPv4")
    func mapping() {
        #expect(ip("::ffff:192.0.2.1").unmapped == ip("192.0.2.1"))
        #expect(ip("192.0.2.1").mapped == ip("::ffff:c000:201"))
        #expect(ip("2001:db8::1").unmapped == ip("2001:db8::1"))
        #expect(ip("2001:db8::1").mapped == ip("2001:db8::1"))
        #expect(ip("::192.0.2.1").unmapped == ip("::192.0.2.1"))
        #expect(ip("::ffff:192.0.2.1") != ip("192.0.2.1"))
        #expect(ip("192.0.2.1").v4 == 0xc000_0201)
        #expect(ip("::1").v4 == nil)
    }

    @Test("orders IPv4 before IPv6")
    func order() {
        let sorted = ["::", "9.9.9.9", "2001:db8::1", "10.0.0.1", "2001:db8::"].map(ip).sorted()
        #expect(
            sorted.map(\.description) == ["9.9.9.9", "10.0.0.1", "::", "2001:db8::", "2001:db8::1"]
        )
    }
}

@Suite("RFC 6890 special addresses")
struct IPAddressKindTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let text: String
        let kinds: String
        var testDescription: String { text }
        init(_ text: String, _ kinds: String) { (self.text, self.kinds) = (text, kinds) }
    }

    static let cases: [Case] = [
        Case("0.0.0.0", "unspecified"), Case("::", "unspecified"),
        Case("::ffff:0.0.0.0", "unspecified"), Case("0.0.0.1", ""),
        Case("127.0.0.0", "loopback"), Case("127.255.255.255", "loopback"), Case("128.0.0.0", ""),
        Case("::1", "loopback"), Case("::2", ""), Case("::ffff:127.0.0.1", "loopback"),
        Case("9.255.255.255", ""), Case("10.0.0.0", "private"), Case("10.255.255.255", "private"),
        Case("11.0.0.0", ""), Case("172.15.255.255", ""), Case("172.16.0.0", "private"),
        Case("172.31.255.255", "private"), Case("172.32.0.0", ""), Case("192.167.255.255", ""),
        Case("192.168.0.0", "private"), Case("192.168.255.255", "private"), Case("192.169.0.0", ""),
        Case("fbff::", ""), Case("fc00::", "private"), Case("fdff:ffff::1", "private"),
        Case("fe00::", ""), Case("::ffff:10.1.2.3", "private"),
        Case("100.63.255.255", ""), Case("100.64.0.0", "shared"), Case("100.127.255.255", "shared"),
        Case("100.128.0.0", ""), Case("169.253.255.255", ""), Case("169.254.0.0", "linkLocal"),
        Case("169.254.255.255", "linkLocal"), Case("169.255.0.0", ""), Case("fe7f::", ""),
        Case("fe80::", "linkLocal"), Case("febf::1", "linkLocal"), Case("fec0::", ""),
        Case("198.17.255.255", ""), Case("198.18.0.0", "benchmarking"),
        Case("198.19.255.255", "benchmarking"), Case("198.20.0.0", ""),
        Case("2001:2::1", "benchmarking"), Case("2001:2:1::", ""),
        Case("223.255.255.255", ""), Case("224.0.0.1", "multicast"),
        Case("239.255.255.255", "multicast"), Case("240.0.0.0", ""), Case("ff02::1", "multicast"),
    ]

    @Test(
        "each address is of the kind that its registry says, on both sides of each edge",
        arguments: cases
    )
    func kinds(_ row: Case) throws {
        let address = try #require(IPAddress(row.text))
        var kinds: [String] = []
        if address.isUnspecified { kinds.append("unspecified") }
        if address.isLoopback { kinds.append("loopback") }
        if address.isPrivate { kinds.append("private") }
        if address.isShared { kinds.append("shared") }
        if address.isLinkLocal { kinds.append("linkLocal") }
        if address.isBenchmarking { kinds.append("benchmarking") }
        if address.isMulticast { kinds.append("multicast") }
        #expect(kinds.joined(separator: " ") == row.kinds)
        let isNear = !["", "unspecified", "multicast"].contains(row.kinds)
        #expect(address.isPrivateOrLocal == isNear)
    }
}
