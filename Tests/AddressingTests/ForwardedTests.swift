import Testing

@testable import Addressing

@Suite("RFC 7239 Forwarded")
struct ForwardedTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let fields: [String]
        let client: String
        let ending: ClientAddress.Ending
        let scheme: ForwardedScheme?
        let host: String?
        var testDescription: String { fields.joined(separator: " | ") }
        init(
            _ fields: [String],
            _ client: String,
            _ ending: ClientAddress.Ending,
            _ scheme: ForwardedScheme? = nil,
            _ host: String? = nil
        ) {
            (self.fields, self.client, self.ending) = (fields, client, ending)
            (self.scheme, self.host) = (scheme, host)
        }
    }

    /// The peer is 10.0.0.1; 10.0.0.0/8 and 198.51.100.0/24 are believed.
    static let cases: [Case] = [
        // RFC 7239 §4, §6, §7.1
        Case(["for=\"_gazonk\""], "10.0.0.1", .unreadableEntry),
        Case(["For=\"[2001:db8:cafe::17]:4711\""], "2001:db8:cafe::17 4711", .clientFound),
        Case(["for=192.0.2.60;proto=http;by=203.0.113.43"], "192.0.2.60", .clientFound, .http),
        Case(["for=192.0.2.43, for=198.51.100.17"], "192.0.2.43", .clientFound),
        Case(["for=_hidden, for=_SEVKISEK"], "10.0.0.1", .unreadableEntry),
        Case(["for=unknown"], "10.0.0.1", .unreadableEntry),
        Case(
            ["for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown"],
            "10.0.0.1",
            .unreadableEntry
        ),
        Case(
            ["for=192.0.2.43", "for=\"[2001:db8:cafe::17]\""],
            "2001:db8:cafe::17",
            .clientFound
        ),
        Case(["for=192.0.2.43:47011"], "192.0.2.43 47011", .clientFound),
        Case(["for=\"192.0.2.43:_port\""], "192.0.2.43", .clientFound),
        Case(["for=\"192.0.2.43:_\""], "10.0.0.1", .unreadableEntry),
        // A quoted comma, semicolon and escape are part of the value.
        Case(
            ["for=192.0.2.1;host=\"a,b;c\", for=10.0.0.2"],
            "192.0.2.1",
            .clientFound,
            nil,
            "a,b;c"
        ),
        Case(
            ["for=192.0.2.1;host=\"a\\\"b\\\\\";proto=HTTPS"],
            "192.0.2.1",
            .clientFound,
            .https,
            "a\"b\\"
        ),
        Case(["for=\"192.0.2.\\9\""], "192.0.2.9", .clientFound),
        Case(["for=1.1.1.1, for=\"2.2.2.2, for=3.3.3.3\""], "10.0.0.1", .unreadableEntry),
        // What the client left open cannot swallow what a believed proxy appended.
        Case(["for=\"evil, for=192.0.2.9"], "192.0.2.9", .clientFound),
        Case(
            ["for=\"evil, for=192.0.2.9;host=\"a\", for=10.0.0.2"],
            "192.0.2.9",
            .clientFound,
            nil,
            "a"
        ),
        Case(["for=\"a\\\", for=192.0.2.9"], "192.0.2.9", .clientFound),
        Case(["evil\\\", for=\"[2001:db8::1]\""], "2001:db8::1", .clientFound),
        // The outermost believed proxy tells the scheme and the host, also without an address.
        Case(
            ["for=192.0.2.9;proto=https;host=a.example, for=10.0.0.2;proto=http;host=b.example"],
            "192.0.2.9",
            .clientFound,
            .https,
            "a.example"
        ),
        Case(
            ["for=192.0.2.9, for=10.0.0.2;proto=https;host=b.example"],
            "192.0.2.9",
            .clientFound,
            .https,
            "b.example"
        ),
        Case(
            ["for=_hidden;proto=https;host=a.example, for=10.0.0.2;proto=http"],
            "10.0.0.2",
            .unreadableEntry,
            .https,
            "a.example"
        ),
        Case(
            ["proto=http;host=forged, for=192.0.2.9;proto=https"],
            "192.0.2.9",
            .clientFound,
            .https
        ),
        Case(["proto=https"], "10.0.0.1", .unreadableEntry, .https),
        Case(["for=192.0.2.9;proto=gopher"], "192.0.2.9", .clientFound),
        Case(["for=192.0.2.9;proto=wss"], "192.0.2.9", .clientFound, .https),
        // Names in any case, blanks around ';', unquoted IPv6.
        Case(["FOR=192.0.2.9 ; PROTO=https;\tHost=x"], "192.0.2.9", .clientFound, .https, "x"),
        Case(["for=[2001:db8::1]:99"], "2001:db8::1 99", .clientFound),
        Case([";;for=192.0.2.9;;"], "192.0.2.9", .clientFound),
        Case(["for=192.0.2.9;secret=\"x,y\";ext=1"], "192.0.2.9", .clientFound),
        // Elements that do not follow the grammar end the chain, and nothing of them counts.
        Case(["for=192.0.2.9;for=192.0.2.8;proto=https"], "10.0.0.1", .unreadableEntry),
        Case(["for=192.0.2.9;proto=http;proto=https"], "10.0.0.1", .unreadableEntry),
        Case(["for=192.0.2.9;host=a;HOST=b"], "10.0.0.1", .unreadableEntry),
        Case(["for =192.0.2.9"], "10.0.0.1", .unreadableEntry),
        Case(["for=192.0.2.9 proto=https"], "10.0.0.1", .unreadableEntry),
        Case(["for=192.0.2.9;proto"], "10.0.0.1", .unreadableEntry),
        Case(["for=;proto=https"], "10.0.0.1", .unreadableEntry),
        Case(["=192.0.2.9"], "10.0.0.1", .unreadableEntry),
        Case(["for=\"192.0.2.9"], "10.0.0.1", .unreadableEntry),
        Case(["for=\"192.0.2.9\"x"], "10.0.0.1", .unreadableEntry),
        Case(["for=\"192.0.2.9\\"], "10.0.0.1", .unreadableEntry),
        Case(["for=\"192.0.2.9\\\""], "10.0.0.1", .unreadableEntry),
        Case(["for=192.0.2.9;host=\"a\u{1}b\""], "10.0.0.1", .unreadableEntry),
        Case([""], "10.0.0.1", .unreadableEntry),
    ]

    @Test("is read from the right over believed networks", arguments: cases)
    func reads(_ row: Case) {
        let client = resolve(
            row.fields,
            trusted: ["10.0.0.0/8", "198.51.100.0/24"],
            source: .forwarded
        )
        let port = client.hopCount == 0 ? "" : client.port.map { " \($0)" } ?? ""
        #expect(client.address.map { "\($0)\(port)" } == row.client)
        #expect(client.ending == row.ending)
        #expect(client.scheme == row.scheme)
        let host = client.host.map { host in
            written { buffer in
                let field = row.fields[row.fields.count - 1 - host.fieldIndexFromLast]
                host.write(from: Array(field.utf8).span, to: buffer)
            }
        }
        #expect(host == row.host)
    }

    @Test("is written with the client first and the peer last, quoted where it must be")
    func writes() {
        let fields = ["for=\"evil", "for=\"[2001:db8::1]:99\";proto=https, for=10.0.0.2:1"]
        let client = resolve(fields, source: .forwarded)
        #expect(
            forwarded(client, fields, as: .forwarded, host: "shop.example:8443")
                == "for=\"[2001:db8::1]\";proto=https;host=\"shop.example:8443\", "
                + "for=10.0.0.2, for=10.0.0.1"
        )
        #expect(
            forwarded(client, fields, as: .xForwardedFor) == "2001:db8::1, 10.0.0.2, 10.0.0.1"
        )
        let direct = resolve(fields, peer: .ip(ip("192.0.2.66"), port: 5), source: .forwarded)
        #expect(
            forwarded(direct, fields, as: .forwarded, host: "a.example")
                == "for=192.0.2.66;proto=https;host=a.example"
        )
    }

    @Test("what is written is read again as the same chain")
    func roundTrip() {
        for row in Self.cases {
            let trusted = ["10.0.0.0/8", "198.51.100.0/24"]
            let client = resolve(row.fields, trusted: trusted, source: .forwarded)
            let sent = forwarded(client, row.fields, as: .forwarded, host: "a\"b\\c:1")
            let again = resolve([sent], trusted: trusted, source: .forwarded)
            #expect(again.address == client.address && again.hopCount == client.hopCount + 1)
            #expect(again.scheme == .https)
            let host = again.host.map { host in
                written { host.write(from: Array(sent.utf8).span, to: $0) }
            }
            #expect(host == "a\"b\\c:1")
        }
    }

    @Test("a node is quoted for IPv6 and for a port")
    func nodes() {
        #expect(
            written { writeForwardedNode("for=", ip("192.0.2.1"), port: nil, to: $0) }
                == "for=192.0.2.1"
        )
        #expect(
            written { writeForwardedNode("by=", ip("192.0.2.1"), port: 80, to: $0) }
                == "by=\"192.0.2.1:80\""
        )
        #expect(
            written { writeForwardedNode("for=", ip("::1"), port: nil, to: $0) }
                == "for=\"[::1]\""
        )
        #expect(
            written { writeForwardedNode("for=", ip("::1"), port: 80, to: $0) }
                == "for=\"[::1]:80\""
        )
        #expect(written { writeForwardedNode("for=", nil, port: nil, to: $0) } == "for=unknown")
    }

    @Test("a host with odd bytes is quoted and escaped; an empty one is left out")
    func parameters() {
        func parameters(_ host: String, _ scheme: ForwardedScheme) -> String {
            written {
                writeForwardedParameters(scheme: scheme, host: Array(host.utf8).span, to: $0)
            }
        }
        #expect(parameters("", .http) == ";proto=http")
        #expect(parameters("[::1]:80", .https) == ";proto=https;host=\"[::1]:80\"")
        #expect(parameters("a\"b\\c", .http) == ";proto=http;host=\"a\\\"b\\\\c\"")
    }
}
