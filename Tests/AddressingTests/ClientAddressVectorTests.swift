import Foundation
import Testing

@testable import Addressing

private let vectors = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "../shared/vectors").standardizedFileURL

private func isThere(_ name: String) -> Bool {
    FileManager.default.fileExists(atPath: vectors.appending(path: name).path)
}

private func json(_ name: String) throws -> [String: Any] {
    let data = try Data(contentsOf: vectors.appending(path: name))
    return try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
}

/// The text inside a Go expression such as `mustParseIPAddrPtr("1.1.1.1")`, without its zone.
private func address(_ value: Any?) -> IPAddress? {
    let text = (value as? [String: Any])?["$go"] as? String ?? ""
    let parts = text.split(separator: "\"")
    return parts.count == 3 ? IPAddress(String(parts[1]), zone: .dropped)?.unmapped : nil
}

@Suite("realclientip-go vectors")
struct ClientAddressVectorTests {
    /// Rows whose answer differs by choice, with ours.
    static let different: [String: String] = [
        // The last good entry instead of nothing: a rate limit needs some key.
        "Fail: no non-trusted IP": "2.2.2.2",
        "Fail: rightmost non-trusted IP invalid": "2.2.2.2",
        "Fail: rightmost non-trusted IP unspecified": "2.2.2.2",
        "Fail: no values in header": "192.0.2.254",
        // Zones mean nothing to an app on another machine.
        "Peer untrusted IPv6 with zone: returns peer with zone": "fe80::1",
    ]
    /// Rows about other things: the name of a header as an argument, which is an enum here.
    static let inapplicable: Set<String> = [
        "Error: empty header nanme", "Error: bad header nanme",
    ]

    @Test(
        "rightmost trusted range: 17 rows run, 2 are about an argument that is an enum here",
        .enabled(if: isThere("clientip-realclientip.json"))
    )
    func rightmostTrustedRange() throws {
        let rows = try #require(
            try json("clientip-realclientip.json")["vectors"] as? [[String: Any]]
        )
        var ran = 0
        for row in rows where row["strategy"] as? String == "RightmostTrustedRange" {
            let name = try #require(row["name"] as? String)
            if Self.inapplicable.contains(name) { continue }
            ran += 1
            let source: ClientAddressRule.Source =
                row["headerName"] as? String == "Forwarded" ? .forwarded : .xForwardedFor
            let headers = try #require(row["headers"] as? [String: [String]])
            let fields = headers[source == .forwarded ? "Forwarded" : "X-Forwarded-For"] ?? []
            // Where the row names no peer, the vectors begin with the header: a believed peer.
            let standIn = ip("192.0.2.254")
            let remote = row["remoteAddr"] as? String
            let peer: Peer =
                if remote == "@" {
                    .unix
                } else {
                    .ip(
                        remote.flatMap { ForwardedNode(Array($0.utf8).span)?.address } ?? standIn,
                        port: 1
                    )
                }
            // The one set that is named and not written: one network of it is in the row's fields.
            let ranges =
                row["trustedRanges"] as? [String]
                ?? (row["trustedRanges"] is NSNull ? [] : ["2400:cb00::/32"])
            let blocks = try ranges.map { text in
                let parts = text.split(separator: "/")
                let address = try #require(IPAddress(String(parts[0])))
                let length = parts.count == 2 ? try #require(Int(parts[1])) : address.bitWidth
                return try #require(Network(containing: address, prefixLength: length))
            }
            let rule = ClientAddressRule(
                source: source,
                trusted: TrustedPeers(
                    networks: NetworkSet(blocks + [Network(standIn)]),
                    trustsUnixPeers: true
                )
            )
            var client = rule.start(peer: peer)
            for field in fields.reversed() { rule.read(Array(field.utf8).span, into: &client) }
            let want = Self.different[name] ?? (row["want"] as? String ?? "")
            #expect(client.address == ip(want), "\(name): \(client)")
        }
        #expect(ran == 17)
    }

    @Test(
        "private and local ranges: 11 rows run, 1 is no address",
        .enabled(if: isThere("clientip-parse-tables.json"))
    )
    func privateOrLocal() throws {
        let tables = try #require(
            try json("clientip-parse-tables.json")["tables"] as? [String: [[String: Any]]]
        )
        var ran = 0
        for row in try #require(tables["Test_isPrivateOrLocal.tests"]) {
            let text = try #require(row["ip"] as? String)
            guard let address = IPAddress(text) else {
                #expect(text == "nope")
                continue
            }
            ran += 1
            #expect(address.isPrivateOrLocal == row["want"] as? Bool, "\(text)")
        }
        #expect(ran == 11)
    }

    /// Rows whose answer differs by choice: a bad port and a zone without a name are garbage.
    static let garbage: Set<String> = ["Empty zone", "Bad port (is discarded)"]

    @Test(
        "entries of a list: 20 rows run",
        .enabled(if: isThere("clientip-parse-tables.json"))
    )
    func entries() throws {
        let tables = try #require(
            try json("clientip-parse-tables.json")["tables"] as? [String: [[String: Any]]]
        )
        var ran = 0
        for (table, refusesUnspecified) in [
            ("TestParseIPAddr.tests", false), ("Test_goodIPAddr.tests", true),
        ] {
            for row in try #require(tables[table]) {
                let name = try #require(row["name"] as? String)
                let text = try #require(row["ipStr"] as? String)
                let node = ForwardedNode(Array(text.utf8).span)
                ran += 1
                let want = address((row["want"] as? [String: Any])?["IP"])
                if Self.garbage.contains(name) {
                    #expect(node == nil, "\(name)")
                } else if want?.isUnspecified == true {
                    // The first table reads 0.0.0.0 and ::, which only its caller refuses.
                    #expect(!refusesUnspecified && node == nil, "\(name)")
                } else {
                    #expect(node?.address == want, "\(name)")
                }
            }
        }
        #expect(ran == 20)
    }

    @Test(
        "elements of Forwarded: 30 rows run",
        .enabled(if: isThere("clientip-parse-tables.json"))
    )
    func elements() throws {
        let tables = try #require(
            try json("clientip-parse-tables.json")["tables"] as? [String: [[String: Any]]]
        )
        var ran = 0
        for row in try #require(tables["Test_parseForwardedListItem.tests"]) {
            let text = try #require(row["fwd"] as? String)
            ran += 1
            let node = ForwardedElement(Array(text.utf8).span)?.node
            #expect(node?.address == address(row["want"]), "\(text)")
        }
        #expect(ran == 30)
    }

    /// What the RFC says where that implementation knowingly departs from it: the entries of the
    /// list, read from the right until one cannot be read.
    static let asTheRFCSays: [String: [String]] = [
        "Comma in quotes": ["4.4.4.4"],
        "Invalid characters": ["2.2.2.2"],
        "Duplicate token": ["3.3.3.3"],
        "Escaped character": ["3.3.3.3"],
    ]

    @Test(
        "departures from RFC 7239: 9 rows run, 4 of them as the RFC says",
        .enabled(if: isThere("clientip-parse-tables.json"))
    )
    func departures() throws {
        let tables = try #require(
            try json("clientip-parse-tables.json")["tables"] as? [String: [[String: Any]]]
        )
        var ran = 0
        for row in try #require(tables["Test_forwardedHeaderRFCDeviations.tests"]) {
            let name = try #require(row["name"] as? String)
            let arguments = try #require(row["args"] as? [String: Any])
            let headers = try #require(arguments["headers"] as? [String: [String]])
            let fields = try #require(headers["Forwarded"])
            ran += 1
            let want = try #require(row["want"] as? [Any])
            let expected =
                Self.asTheRFCSays[name]?.map(ip)
                ?? Array(want.reversed().map(address).prefix { $0 != nil }.compactMap(\.self))
            let client = resolve(
                fields,
                peer: .unix,
                trusted: ["0.0.0.0/0", "::/0"],
                source: .forwarded
            )
            #expect(client.hopCount == expected.count, "\(name)")
            #expect(client.address == expected.last, "\(name)")
        }
        #expect(ran == 9)
    }
}
