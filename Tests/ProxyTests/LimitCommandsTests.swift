import Bytes
import Foundation
import Limiting
import Testing

@testable import Proxy

@Suite("gateway limits: what the metrics listener answers")
struct LimitCommandsTests {
    /// What a command says, as JSON or as text.
    private static func ask(
        _ world: World,
        _ path: String,
        _ query: String = "",
        isPost: Bool = false
    ) -> (status: Int, text: String) {
        let outcome = LimitCommands(
            store: world.context.snapshot.limitStore,
            isShared: false,
            now: world.now
        ).answer(path: path, query: Array(query.utf8), isPost: isPost)
        return (outcome.answer.status, String(decoding: outcome.answer.body, as: UTF8.self))
    }

    private static func rows(_ world: World, _ path: String, _ query: String = "") throws
        -> [[String: Any]]
    {
        let text = ask(world, path, query).text
        let value = try JSONSerialization.jsonObject(with: Data(text.utf8))
        return try #require(value as? [[String: Any]], "\(text)")
    }

    private static func get(_ client: Peer, _ fields: String..., status: Int) async throws {
        let lines = ["GET /a%0Ab?k=v HTTP/1.1", "Host: shop"] + fields
        try await client.send(raw: lines.joined(separator: "\n") + "\n\n")
        try await client.skipBody(try await client.gets("HTTP/1.1 \(status) *"))
    }

    @Test("top names who is refused, by policy, with what is left and when it is back")
    func top() throws {
        let text = """
            trusted_proxies 0.0.0.0/0
            site * {
                listen $site
                rate_limit 1/m name=few
                rate_limit 100/h name=paths key=host+path
                respond 200
            }
            """
        try simulate(text) { world in
            let client = try await world.client()
            for (address, status) in [
                ("203.0.113.7", 200), ("203.0.113.7", 429), ("2001:db8::1:2", 200),
                ("2001:db8::9", 429), ("2001:db8::9", 429),
            ] {
                try await Self.get(client, "X-Forwarded-For: \(address)", status: status)
            }
            // The first limited request is a sample.
            let rows = try Self.rows(world, "top")
            #expect(
                rows.map { $0["key"] as? String } == [
                    "2001:db8::/64", "203.0.113.7", "shop + /a\\x0ab",
                ]
            )
            #expect(rows.map { $0["refused"] as? Int } == [2, 1, 0])
            #expect(rows.map { $0["allowed"] as? Int } == [0, 64, 64])
            #expect(rows.map { $0["policy"] as? String } == ["few", "few", "paths"])
            #expect(rows.map { $0["remaining"] as? Int } == [0, 0, 98])
            #expect(rows.map { $0["reset_seconds"] as? Int } == [60, 60, 72])
            let allowed = try Self.rows(world, "top", "by=allowed&limit=few")
            #expect(allowed.map { $0["key"] as? String } == ["203.0.113.7", "2001:db8::/64"])
            #expect(try Self.rows(world, "top", "count=1").count == 1)
            let table = Self.ask(world, "top", "format=text").text
            #expect(table.hasPrefix("POLICY  WHERE"))
            #expect(table.contains("\\x0ab"))
            #expect(table.split(separator: "\n").count == 4)
        }
    }

    @Test("Values that may be secrets are not shown")
    func secrets() throws {
        let text = """
            site * {
                listen $site
                rate_limit 1/m key=header:x-api-key
                rate_limit 1/m key=cookie:session+query:k
                respond 200
            }
            """
        try simulate(text) { world in
            let client = try await world.client()
            let secret = "sk-live-0123456789abcdef"
            let fields = ["X-Api-Key: \(secret)", "Cookie: a=b; session=short"]
            try await Self.get(client, fields[0], fields[1], status: 200)
            try await Self.get(client, fields[0], fields[1], status: 429)
            try await Self.get(client, "Cookie: session=other", status: 200)
            try await Self.get(client, "Cookie: session=other", status: 429)
            let keys = try Self.rows(world, "top").compactMap { $0["key"] as? String }
            #expect(
                Set(keys) == [
                    "x-api-key=sk-l***", "127.0.0.1 without header:x-api-key",
                    "session=*** + k=***",
                ]
            )
            #expect(!Self.ask(world, "top").text.contains("0123456789"))
            // Who knows the secret finds its counter, and lets it go.
            let shown = try Self.rows(world, "show", "key=\(secret)")
            #expect(shown.map { $0["remaining"] as? Int } == [0])
            #expect(Self.ask(world, "reset", "key=\(secret)", isPost: true).text.contains("1"))
            #expect(try Self.rows(world, "show", "key=\(secret)").isEmpty)
        }
    }

    @Test("reset lets a key go on at once, by its values or by its digits")
    func reset() throws {
        let text = """
            trusted_proxies 0.0.0.0/0
            site * {
                listen $site
                rate_limit 1/h name=hour
                rate_limit 1/d name=day key=header:x-key
                respond 200
            }
            """
        try simulate(text) { world in
            let client = try await world.client()
            let one = "X-Forwarded-For: 2001:db8::1"
            let other = "X-Forwarded-For: 203.0.113.9"
            try await Self.get(client, one, status: 200)
            try await Self.get(client, one, status: 429)
            try await Self.get(client, other, status: 200)
            #expect(Self.ask(world, "reset", "key=2001:db8::/64").status == 405)
            let answer = Self.ask(world, "reset", "key=2001:db8::/64", isPost: true)
            #expect(answer.text == "{\"reset\":2,\"policies\":[\"day\",\"hour\"]}\n")
            try await Self.get(client, one, status: 200)
            try await Self.get(client, one, status: 429)
            try await Self.get(client, other, status: 429)
            // Only one of the two: the other one still refuses.
            let text = Self.ask(world, "reset", "key=203.0.113.9&limit=day", isPost: true).text
            #expect(text == "{\"reset\":1,\"policies\":[\"day\"]}\n")
            try await Self.get(client, other, status: 429)
            for row in try Self.rows(world, "top") where row["key"] as? String == "203.0.113.9" {
                let id = try #require(row["id"] as? String)
                #expect(Self.ask(world, "reset", "id=\(id)", isPost: true).text.contains("hour"))
            }
            try await Self.get(client, other, status: 200)
        }
    }

    @Test(
        "What makes no sense is said",
        arguments: [
            ("top", "count=0", 400, "count:"), ("top", "by=x", 400, "by:"),
            ("top", "limit=no", 404, "there are: few"), ("top", "x=1", 400, "'x'"),
            ("show", "", 400, "key= or id="), ("show", "id=12", 400, "id:"),
            ("else", "", 404, "try top"), ("top", "format=xml", 400, "format:"),
        ]
    )
    func errors(_ path: String, _ query: String, _ status: Int, _ text: String) throws {
        let site = "site * { listen $site; rate_limit 1/m name=few; respond 200 }"
        try simulate(site) { world in
            let answer = Self.ask(world, path, query)
            #expect(answer.status == status)
            #expect(answer.text.contains(text), "\(answer.text)")
        }
    }
}
