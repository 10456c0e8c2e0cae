import Addressing
import Configuration
import Foundation
import HTTP
import Testing

/// What the model answers when it is asked.
@Suite("Configuration model")
struct ModelTests {
    struct Access: CustomTestStringConvertible, Sendable {
        let rules: String
        let address: String?
        let allowed: Bool
        var testDescription: String { "\(rules) for \(address ?? "unix")" }
    }

    static let accessCases: [Access] = [
        Access(rules: "allow 10.0.0.0/8", address: "10.1.2.3", allowed: true),
        Access(rules: "allow 10.0.0.0/8", address: "11.1.2.3", allowed: false),
        Access(rules: "allow 10.0.0.0/8", address: "::ffff:10.1.2.3", allowed: true),
        Access(rules: "allow 10.0.0.0/8", address: nil, allowed: false),
        Access(rules: "deny 10.0.0.0/8", address: "10.1.2.3", allowed: false),
        Access(rules: "deny 10.0.0.0/8", address: "11.1.2.3", allowed: true),
        Access(rules: "deny 10.0.0.0/8", address: nil, allowed: true),
        Access(rules: "allow 10.1.0.0/16; deny 10.0.0.0/8", address: "10.1.2.3", allowed: true),
        Access(rules: "deny 10.1.0.0/16; allow 10.0.0.0/8", address: "10.1.2.3", allowed: false),
        Access(rules: "deny 10.1.0.0/16; allow 10.0.0.0/8", address: "10.2.2.3", allowed: true),
        Access(rules: "deny 10.1.0.0/16; allow all", address: "192.0.2.1", allowed: true),
        Access(rules: "deny all; allow 10.1.0.1", address: "10.1.0.1", allowed: true),
        Access(rules: "deny all; allow 10.1.0.1", address: "10.1.0.2", allowed: false),
        Access(rules: "deny all; allow 2001:db8::/32", address: "2001:db8::7", allowed: true),
        Access(rules: "allow unix", address: nil, allowed: true),
        Access(rules: "allow unix", address: "10.0.0.1", allowed: false),
        Access(rules: "deny unix", address: nil, allowed: false),
        Access(rules: "deny unix", address: "10.0.0.1", allowed: true),
    ]

    @Test("The most specific network decides, whatever the order", arguments: accessCases)
    func access(_ row: Access) throws {
        let loaded = try configuration("site * { listen :80; respond 200; \(row.rules) }")
        let rules = try #require(loaded.sites[0].routes[0].policy.access)
        #expect(rules.allows(row.address.flatMap { IPAddress($0) }) == row.allowed)
    }

    struct Rewrite: CustomTestStringConvertible, Sendable {
        let rules: String
        let path: String
        let expected: String
        var testDescription: String { "\(rules): \(path)" }
    }

    static let rewriteCases: [Rewrite] = [
        Rewrite(rules: "strip_prefix /app", path: "/app/x", expected: "/x"),
        Rewrite(rules: "strip_prefix /app", path: "/app", expected: "/"),
        Rewrite(rules: "strip_prefix /app", path: "/app/", expected: "/"),
        Rewrite(rules: "strip_prefix /app", path: "/apple", expected: "/apple"),
        Rewrite(rules: "rewrite /old/* /new/*", path: "/old/a/b", expected: "/new/a/b"),
        Rewrite(rules: "rewrite /old/* /new/*", path: "/old", expected: "/new/"),
        Rewrite(rules: "rewrite /a /b", path: "/a", expected: "/b"),
        Rewrite(rules: "rewrite /a /b", path: "/a/x", expected: "/a/x"),
        Rewrite(rules: "rewrite * /under/*", path: "/x", expected: "/under/x"),
        Rewrite(
            rules: "rewrite /a/* /1/*; rewrite /a/b/* /2/*; rewrite /a/b /3",
            path: "/a/b",
            expected: "/3"
        ),
        Rewrite(rules: "rewrite /a/* /1/*; rewrite /a/b/* /2/*", path: "/a/b/c", expected: "/2/c"),
        Rewrite(rules: "rewrite /a%20b/* /c%20d/*", path: "/a b/x", expected: "/c%20d/x"),
    ]

    @Test("A path is changed by the most specific rule", arguments: rewriteCases)
    func rewrite(_ row: Rewrite) throws {
        let loaded = try configuration("site * { listen :80; proxy 10.0.0.1:1; \(row.rules) }")
        let path = Array(row.path.utf8)
        var result = path
        if let change = loaded.sites[0].routes[0].rewriting.change(for: path.span) {
            result = change.replacement + path.dropFirst(change.dropped)
        }
        #expect(String(decoding: result, as: UTF8.self) == row.expected)
    }

    @Test("Patterns are compared in decoded form")
    func decoded() throws {
        let loaded = try configuration(
            "site * { listen :80; route /a%20b { respond 200 }; route /%C3%BC/* { respond 201 } }"
        )
        let table = loaded.sites[0].table
        #expect(table.find(path: Array("/a b".utf8).span, method: .get) == 0)
        #expect(table.find(path: Array("/ü/x".utf8).span, method: .get) == 1)
    }

    @Test("Sites on one address are told apart by host, and each address has its own")
    func listeners() throws {
        let loaded = try configuration(
            """
            site a.example { listen :80; respond 200 }
            site b.example { listen :80 :81; respond 200 }
            site a.example { listen :81; respond 201 }
            """
        )
        #expect(loaded.listeners.map(\.sites) == [[0, 1], [1, 2]])
        let host = Array("a.example".utf8)
        #expect(loaded.listeners.map { $0.table.find(host: host.span) } == [0, 2])
        #expect(loaded.sites.map(\.listeners) == [[0], [0, 1], [1]])
    }

    @Test("A health check knows its good statuses")
    func expectation() throws {
        let loaded = try configuration(
            """
            upstream a { server 10.0.0.1:1; health_check / expect=200-204,301 }
            site * { listen :80; proxy a }
            """
        )
        let check = try #require(loaded.upstreams[0].healthCheck)
        #expect([199, 200, 204, 205, 301, 302].filter(check.accepts) == [200, 204, 301])
    }

    @Test("The repository's gateway.conf loads without a warning")
    func repositoryFile() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: "gateway.conf"), encoding: .utf8)
        let loaded = try configuration(
            text,
            environment: ["GATEWAY_APP_SOCKET": "/tmp/here/app.sock"]
        )
        #expect(loaded.warnings.isEmpty)
        #expect(
            loaded.upstreams[0].servers[0].endpoint == .address(.unix(path: "/tmp/here/app.sock"))
        )
        #expect(loaded.sites[0].routes.map(\.name) == ["/static/*", "/events", "*"])
        #expect(loaded.sites[0].routes[2].policy.buffering.isOn)
        _ = try configuration(text)
    }
}
