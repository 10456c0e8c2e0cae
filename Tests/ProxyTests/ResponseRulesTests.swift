import Testing

@testable import Proxy

@Suite("Rules on fields that the gateway writes itself")
struct ResponseRulesTests {
    /// Rules that meet the gateway's own fields, and leave others alone.
    private static let rules = """
        header response set X-Request-ID mine
        header response set Cache-Control "max-age=5"
        header response set Retry-After 99
        header response remove Date
        header response remove RateLimit-Policy
        header response add Vary X-Thing
        header response set Content-Type "text/x; a=b"
        """

    /// What is wrong with a head in which each of these names has to stand once, with that value.
    private static func problems(_ head: [String], _ expected: [(String, String?)]) -> [String] {
        expected.compactMap { name, value in
            let found = head.filter { $0.lowercased().hasPrefix(name.lowercased() + ":") }
            let wanted = value.map { ["\(name): \($0)"] } ?? []
            return found == wanted ? nil : "\(name): \(found), not \(wanted)"
        }
    }

    @Test("A refusal, a fixed response and a proxied one have each of them once")
    func once() throws {
        let text = """
            site * {
                listen $site
                \(Self.rules)
                rate_limit 3/h name=n
                route /fixed { respond 200 ok }
                proxy $server
            }
            """
        try simulate(text) { world in
            let server = try world.origin()
            let client = try await world.client()
            let always: [(String, String?)] = [
                ("X-Request-ID", "mine"), ("Cache-Control", "max-age=5"), ("Retry-After", "99"),
                ("Date", nil), ("RateLimit-Policy", nil), ("Content-Type", "text/x; a=b"),
            ]
            try await client.send("GET / HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Content-Type: text/plain",
                "X-Other: 1",
                "Content-Length: 2",
                body: "ok"
            )
            let proxied = try await client.gets("HTTP/1.1 200 OK", "X-Other: 1", body: "ok")
            #expect(Self.problems(proxied, always).isEmpty, "\(Self.problems(proxied, always))")
            for _ in 0..<2 {
                try await client.send("GET /fixed HTTP/1.1", "Host: a")
                let fixed = try await client.gets("HTTP/1.1 200 OK", body: "ok")
                #expect(Self.problems(fixed, always).isEmpty, "\(Self.problems(fixed, always))")
                #expect(fixed.contains { $0.hasPrefix("RateLimit: ") })
            }
            try await client.send("GET /fixed HTTP/1.1", "Host: a")
            let refused = try await client.gets("HTTP/1.1 429 Too Many Requests")
            #expect(Self.problems(refused, always).isEmpty, "\(Self.problems(refused, always))")
            #expect(refused.contains { $0.hasPrefix("RateLimit: ") })
            try await client.skipBody(refused)
        }
    }
}
