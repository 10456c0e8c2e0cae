import Testing

@testable import Addressing

@Suite("The client behind a chain of proxies")
struct ClientAddressRuleTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        let fields: [String]
        let client: String
        let ending: ClientAddress.Ending
        /// What the app is told.
        let sent: String
        var testDescription: String { name }
        init(
            _ name: String,
            _ fields: [String],
            _ client: String,
            _ ending: ClientAddress.Ending,
            _ sent: String
        ) {
            (self.name, self.fields, self.client) = (name, fields, client)
            (self.ending, self.sent) = (ending, sent)
        }
    }

    /// The peer is 10.0.0.1, and 10.0.0.0/8 and fd00::/8 are believed.
    static let forwardedFor: [Case] = [
        Case("no field", [], "10.0.0.1", .exhausted, "10.0.0.1"),
        Case("one entry", ["192.0.2.9"], "192.0.2.9", .clientFound, "192.0.2.9, 10.0.0.1"),
        Case(
            "a forged entry at the left is not seen",
            ["1.1.1.1, 192.0.2.9"],
            "192.0.2.9",
            .clientFound,
            "192.0.2.9, 10.0.0.1"
        ),
        Case(
            "a forged believed entry at the left is not seen",
            ["10.0.0.7, 192.0.2.9, 10.0.0.2"],
            "192.0.2.9",
            .clientFound,
            "192.0.2.9, 10.0.0.2, 10.0.0.1"
        ),
        Case(
            "several fields are one list",
            ["1.1.1.1", "192.0.2.9,10.0.0.3", "10.0.0.2"],
            "192.0.2.9",
            .clientFound,
            "192.0.2.9, 10.0.0.3, 10.0.0.2, 10.0.0.1"
        ),
        Case(
            "the list ends with the first field",
            ["10.0.0.4,\t10.0.0.3", "10.0.0.2"],
            "10.0.0.4",
            .exhausted,
            "10.0.0.4, 10.0.0.3, 10.0.0.2, 10.0.0.1"
        ),
        Case(
            "blanks around entries",
            [" \t192.0.2.9 ,  10.0.0.2\t"],
            "192.0.2.9",
            .clientFound,
            "192.0.2.9, 10.0.0.2, 10.0.0.1"
        ),
        Case("a port", ["192.0.2.9:4711"], "192.0.2.9 4711", .clientFound, "192.0.2.9, 10.0.0.1"),
        Case(
            "brackets and a port",
            ["[2001:DB8::1]:80, [fd00::1]"],
            "2001:db8::1 80",
            .clientFound,
            "2001:db8::1, fd00::1, 10.0.0.1"
        ),
        Case(
            "IPv6 without brackets has no port",
            ["2001:db8::1:80"],
            "2001:db8::1:80",
            .clientFound,
            "2001:db8::1:80, 10.0.0.1"
        ),
        Case(
            "IPv4-mapped is IPv4, for the client and for trust",
            ["::ffff:192.0.2.9, [::ffff:10.0.0.2]:1"],
            "192.0.2.9",
            .clientFound,
            "192.0.2.9, 10.0.0.2, 10.0.0.1"
        ),
        Case(
            "a zone is dropped",
            ["fe80::1%eth0"],
            "fe80::1",
            .clientFound,
            "fe80::1, 10.0.0.1"
        ),
        Case(
            "garbage ends the chain at the last good entry",
            ["192.0.2.9, nope, 10.0.0.2"],
            "10.0.0.2",
            .unreadableEntry,
            "10.0.0.2, 10.0.0.1"
        ),
        Case(
            "garbage at the right leaves the peer",
            ["192.0.2.9, unknown"],
            "10.0.0.1",
            .unreadableEntry,
            "10.0.0.1"
        ),
        Case(
            "garbage in the field before",
            ["nope", "10.0.0.2"],
            "10.0.0.2",
            .unreadableEntry,
            "10.0.0.2, 10.0.0.1"
        ),
        Case(
            "an empty entry ends the chain",
            ["192.0.2.9,,10.0.0.2"],
            "10.0.0.2",
            .unreadableEntry,
            "10.0.0.2, 10.0.0.1"
        ),
        Case("an empty field ends the chain", [""], "10.0.0.1", .unreadableEntry, "10.0.0.1"),
        Case("a comma alone", [","], "10.0.0.1", .unreadableEntry, "10.0.0.1"),
        Case("0.0.0.0 is nobody", ["0.0.0.0"], "10.0.0.1", .unreadableEntry, "10.0.0.1"),
        Case(":: is nobody", ["::ffff:0:0"], "10.0.0.1", .unreadableEntry, "10.0.0.1"),
        Case("a bad port", ["192.0.2.9:65536"], "10.0.0.1", .unreadableEntry, "10.0.0.1"),
        Case("a port of letters", ["[fd00::1]:xyz"], "10.0.0.1", .unreadableEntry, "10.0.0.1"),
        Case("an empty port", ["192.0.2.9:"], "10.0.0.1", .unreadableEntry, "10.0.0.1"),
        Case("an open bracket", ["[2001:db8::1"], "10.0.0.1", .unreadableEntry, "10.0.0.1"),
        Case("a leading zero", ["192.0.2.09"], "10.0.0.1", .unreadableEntry, "10.0.0.1"),
        Case("two addresses", ["192.0.2.9 10.0.0.2"], "10.0.0.1", .unreadableEntry, "10.0.0.1"),
    ]

    @Test("X-Forwarded-For is read from the right over believed networks", arguments: forwardedFor)
    func xForwardedFor(_ row: Case) {
        let client = resolve(row.fields, trusted: ["10.0.0.0/8", "fd00::/8"])
        let port = client.port.map { " \($0)" } ?? ""
        let isPeer = client.hopCount == 0
        #expect(client.address.map { "\($0)" + (isPeer ? "" : port) } == row.client)
        #expect(client.ending == row.ending)
        #expect(client.peerIsTrusted && client.hasForwardedFor)
        #expect(forwarded(client, row.fields, as: .xForwardedFor) == row.sent)
        #expect(client.wantsField == (row.ending == .exhausted))
    }

    @Test("splitting a list over fields changes nothing")
    func splitOverFields() {
        for row in Self.forwardedFor {
            let entries = row.fields.flatMap { field in
                field.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            }
            let whole = resolve(row.fields, trusted: ["10.0.0.0/8", "fd00::/8"])
            let apart = resolve(entries, trusted: ["10.0.0.0/8", "fd00::/8"])
            #expect(whole.address == apart.address && whole.ending == apart.ending)
            #expect(whole.hopCount == apart.hopCount)
            #expect(
                forwarded(whole, row.fields, as: .xForwardedFor)
                    == forwarded(apart, entries, as: .xForwardedFor)
            )
        }
    }

    @Test("an unbelieved peer is the client, whatever it says")
    func untrustedPeer() {
        let peer = Peer.ip(ip("192.0.2.66"), port: 1234)
        let client = resolve(["1.1.1.1, 10.0.0.1"], peer: peer)
        #expect(client.address == ip("192.0.2.66") && client.port == 1234)
        #expect(client.ending == .peerUntrusted && !client.peerIsTrusted && !client.wantsField)
        #expect(forwarded(client, ["1.1.1.1, 10.0.0.1"], as: .xForwardedFor) == "192.0.2.66")
        let nobody = resolve(["1.1.1.1"], trusted: [])
        #expect(nobody.address == ip("10.0.0.1") && nobody.ending == .peerUntrusted)
    }

    @Test("an IPv4-mapped peer is believed as IPv4")
    func mappedPeer() {
        let client = resolve(["192.0.2.9"], peer: .ip(ip("::ffff:10.0.0.1"), port: 1))
        #expect(client.address == ip("192.0.2.9"))
        #expect(forwarded(client, ["192.0.2.9"], as: .xForwardedFor) == "192.0.2.9, 10.0.0.1")
    }

    @Test("a unix peer is believed only by name")
    func unixPeer() {
        let trusted = resolve(["192.0.2.9"], peer: .unix)
        #expect(trusted.address == ip("192.0.2.9") && trusted.peerIsTrusted)
        #expect(forwarded(trusted, ["192.0.2.9"], as: .xForwardedFor) == "192.0.2.9")
        #expect(forwarded(trusted, [], as: .forwarded) == "for=192.0.2.9, for=unknown")
        let untrusted = resolve(
            ["192.0.2.9"],
            peer: .unix,
            trusted: ["0.0.0.0/0", "::/0"],
            trustsUnixPeers: false
        )
        #expect(untrusted.address == nil && untrusted.ending == .peerUntrusted)
        #expect(!untrusted.hasForwardedFor)
        #expect(forwarded(untrusted, ["192.0.2.9"], as: .xForwardedFor) == "")
        #expect(forwarded(untrusted, ["192.0.2.9"], as: .forwarded) == "for=unknown")
    }

    @Test("a chain of more hops than the limit ends there")
    func tooManyHops() {
        let limit = ClientAddressRule.maximumHopCount
        let atLimit = resolve([Array(repeating: "10.0.0.2", count: limit).joined(separator: ",")])
        #expect(atLimit.ending == .exhausted && atLimit.hopCount == limit)
        let over = resolve(
            ["192.0.2.1," + Array(repeating: "10.0.0.2", count: limit).joined(separator: ",")])
        #expect(over.ending == .tooManyHops && over.hopCount == limit)
        #expect(over.address == ip("10.0.0.2"))
    }

    @Test("the source `peer` believes nobody's word, `proxy_protocol` only the header")
    func otherSources() {
        let header = ProxyHeader.proxied(
            source: .ip(ip("::ffff:192.0.2.9"), port: 4711),
            destination: .ip(ip("192.0.2.1"), port: 443)
        )
        let byPeer = resolve(["1.1.1.1"], source: .peer, header: header)
        #expect(byPeer.address == ip("10.0.0.1") && byPeer.ending == .fieldsUnused)
        let byHeader = resolve(["1.1.1.1"], source: .proxyProtocol, header: header)
        #expect(byHeader.address == ip("192.0.2.9") && byHeader.port == 4711)
        #expect(byHeader.ending == .fieldsUnused && !byHeader.peerIsTrusted)
        #expect(forwarded(byHeader, ["1.1.1.1"], as: .xForwardedFor) == "192.0.2.9")
        let local = resolve(["1.1.1.1"], source: .proxyProtocol, header: .local)
        #expect(local.address == ip("10.0.0.1"))
        let unbelieved = resolve(
            [],
            peer: .ip(ip("203.0.113.1"), port: 1),
            source: .proxyProtocol,
            header: header
        )
        #expect(unbelieved.address == ip("203.0.113.1"))
    }

    @Test("a PROXY header names who sent the fields; they count if that one is believed")
    func headerThenFields() {
        let fields = ["192.0.2.9, 10.9.9.9"]
        let believed = resolve(
            fields,
            header: .proxied(source: .ip(ip("10.0.0.5"), port: 1), destination: .unix)
        )
        #expect(believed.address == ip("192.0.2.9"))
        #expect(
            forwarded(believed, fields, as: .xForwardedFor) == "192.0.2.9, 10.9.9.9, 10.0.0.5"
        )
        let unbelieved = resolve(
            fields,
            header: .proxied(source: .ip(ip("192.0.2.7"), port: 1), destination: .unix)
        )
        #expect(unbelieved.address == ip("192.0.2.7") && unbelieved.ending == .peerUntrusted)
    }

    @Test(
        "random bytes never trap, and nothing is believed that is not an address",
        arguments: 0..<50
    )
    func randomBytes(_ seed: UInt64) {
        var random = SeededGenerator(state: seed)
        let alphabet = Array("0123456789abcf:.,;\"\\[]%= for=proto=host=_\t\u{0}".utf8)
        for source in [ClientAddressRule.Source.xForwardedFor, .forwarded] {
            for _ in 0..<200 {
                let fields = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                    String(
                        decoding: (0..<Int.random(in: 0...40, using: &random)).map { _ in
                            alphabet.randomElement(using: &random) ?? 0
                        },
                        as: UTF8.self
                    )
                }
                let client = resolve(fields, trusted: ["0.0.0.0/0", "::/0"], source: source)
                let address = client.address
                #expect(address != nil && address?.isUnspecified == false, "seed \(seed) \(fields)")
                let sent = forwarded(client, fields, as: .xForwardedFor)
                let hops = sent.split(separator: ",").count
                #expect(hops == client.hopCount + 1, "seed \(seed) \(fields) → \(sent)")
            }
        }
    }
}
