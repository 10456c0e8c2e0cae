import Testing

@testable import Addressing

@Suite("RFC 4632 §3.1 networks")
struct NetworkTests {
    @Test(
        "reads CIDR notation and writes it back",
        arguments: [
            ("10.0.0.0/8", "10.0.0.0/8"), ("0.0.0.0/0", "0.0.0.0/0"), ("::/0", "::/0"),
            ("192.0.2.1", "192.0.2.1/32"), ("192.0.2.1/32", "192.0.2.1/32"),
            ("172.16.0.0/12", "172.16.0.0/12"), ("2001:DB8::/32", "2001:db8::/32"),
            ("::1", "::1/128"), ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:10.0.0.1", "10.0.0.1/32"), ("::ffff:0:0/96", "0.0.0.0/0"),
        ]
    )
    func reads(_ row: (String, String)) throws {
        #expect(try Network(row.0).description == row.1)
    }

    @Test(
        "says what is wrong, and what was meant",
        arguments: [
            (
                "10.0.0.1/8",
                "'10.0.0.1/8' has bits set behind its prefix; write 10.0.0.0/8 for the whole "
                    + "network or 10.0.0.1/32 for the one address"
            ),
            (
                "2001:db8::1/64",
                "'2001:db8::1/64' has bits set behind its prefix; write 2001:db8::/64 for the "
                    + "whole network or 2001:db8::1/128 for the one address"
            ),
            (
                "10.0.0.0/33",
                "'10.0.0.0/33' has no valid prefix length; a number from 0 to 32 belongs behind '/'"
            ),
            (
                "::/129",
                "'::/129' has no valid prefix length; a number from 0 to 128 belongs behind '/'"
            ),
            (
                "10.0.0.0/",
                "'10.0.0.0/' has no valid prefix length; a number from 0 to 32 belongs behind '/'"
            ),
            (
                "10.0.0.0/08",
                "'10.0.0.0/08' has no valid prefix length; a number from 0 to 32 belongs behind '/'"
            ),
            (
                "10.0.0.0/-1",
                "'10.0.0.0/-1' has no valid prefix length; a number from 0 to 32 belongs behind '/'"
            ),
            (
                "10.0.0.0/255.0.0.0",
                "'10.0.0.0/255.0.0.0' has no valid prefix length; a number from 0 to 32 belongs "
                    + "behind '/'"
            ),
            ("10/8", "'10/8' is not a network; write it like 10.0.0.0/8 or fd00::/8"),
            ("", "'' is not a network; write it like 10.0.0.0/8 or fd00::/8"),
            (
                "10.0.0.0/8/8",
                "'10.0.0.0/8/8' has no valid prefix length; a number from 0 to 32 belongs "
                    + "behind '/'"
            ),
            ("example.com", "'example.com' is not a network; write it like 10.0.0.0/8 or fd00::/8"),
        ]
    )
    func refuses(_ row: (String, String)) {
        let error = #expect(throws: AddressError.self) { try Network(row.0) }
        #expect(error?.description == row.1)
    }

    @Test("holds its first and last address and neither neighbour")
    func edges() {
        for (text, first, last, before, after) in [
            ("10.0.0.0/8", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"),
            ("192.0.2.4/30", "192.0.2.4", "192.0.2.7", "192.0.2.3", "192.0.2.8"),
            (
                "2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
                "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"
            ),
            ("::1/128", "::1", "::1", "::", "::2"),
        ] {
            let block = network(text)
            #expect(block.contains(ip(first)) && block.contains(ip(last)))
            #expect(!block.contains(ip(before)) && !block.contains(ip(after)))
            #expect(block.last == ip(last))
            #expect(networks([text]).contains(ip(first)) && networks([text]).contains(ip(last)))
            #expect(!networks([text]).contains(ip(before)))
            #expect(!networks([text]).contains(ip(after)))
        }
    }

    @Test("the families are apart, but an IPv4-mapped address is IPv4")
    func families() {
        #expect(!network("::/0").contains(ip("10.0.0.1")))
        #expect(!network("0.0.0.0/0").contains(ip("::1")))
        #expect(network("10.0.0.0/8").contains(ip("::ffff:10.0.0.1")))
        #expect(!networks(["::/0"]).contains(ip("::ffff:10.0.0.1")))
        #expect(networks(["0.0.0.0/0"]).contains(ip("255.255.255.255")))
        #expect(networks(["::/0"]).contains(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")))
        #expect(Network(containing: ip("10.1.2.3"), prefixLength: 33) == nil)
        #expect(Network(containing: ip("10.1.2.3"), prefixLength: -1) == nil)
    }
}
