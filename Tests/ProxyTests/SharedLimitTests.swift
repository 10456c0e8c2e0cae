import EventLoop
import Testing

@testable import Proxy

@Suite("Limits shared through Redis, of which a script plays the part")
struct SharedLimitTests {
    private static func configuration(_ failing: String) -> String {
        """
        redis redis://10.0.0.9:6379 timeout=50ms on_failure=\(failing)
        site * { listen $site; rate_limit 4/h name=n; respond 200 ok }
        """
    }

    /// Plays Redis up to where commands are taken.
    private static func greet(_ server: Origin) async throws -> Peer {
        let redis = try await server.accept()
        try await redis.gets(raw: "*1\n$4\nROLE\n")
        try await redis.send(raw: "*1\n$6\nmaster\n")
        try await command(redis, beginning: "EXISTS")
        try await redis.send(raw: ":0\n")
        for letter in ["a", "b"] {
            try await command(redis, beginning: "SCRIPT")
            try await redis.send(raw: "$1\n\(letter)\n")
        }
        return redis
    }

    /// Takes one command, whatever its arguments.
    private static func command(_ redis: Peer, beginning name: String) async throws {
        let count = try await number(redis, after: "*")
        for index in 0..<count {
            let length = try await number(redis, after: "$")
            let text = String(decoding: try await redis.take(length + 2), as: UTF8.self)
            if index == 0 { #expect(text == name + "\r\n") }
        }
    }

    private static func number(_ redis: Peer, after mark: String) async throws -> Int {
        var text = ""
        while !text.hasSuffix("\r\n") {
            text += String(decoding: try await redis.take(1), as: UTF8.self)
        }
        #expect(text.hasPrefix(mark))
        return Int(text.dropFirst().dropLast(1)) ?? 0
    }

    @Test("What the script says is what happens, and what is told")
    func answers() throws {
        try simulate(Self.configuration("local gateways=2")) { world in
            let server = try world.origin(at: "10.0.0.9:6379")
            let redis = try await Self.greet(server)
            let client = try await world.client()
            await world.pass(seconds: 1)
            try await client.send("GET / HTTP/1.1", "Host: a")
            try await Self.command(redis, beginning: "EVALSHA")
            try await redis.send(raw: "*1\n*4\n:1\n:3\n:900000000\n:0\n")
            try await client.gets("HTTP/1.1 200 OK", "RateLimit: \"n\";r=3;t=900", body: "ok")
            try await client.send("GET / HTTP/1.1", "Host: a")
            try await Self.command(redis, beginning: "EVALSHA")
            try await redis.send(raw: "*1\n*4\n:-1\n:0\n:3600000000\n:600000000\n")
            let head = try await client.gets("HTTP/1.1 429 *", "Retry-After: 600")
            try await client.skipBody(head)
            #expect(world.metric("gateway_redis_answers_total") == 2)
        }
    }

    @Test(
        "A Redis that says nothing is waited for once, and found again",
        arguments: [
            ("local gateways=2", [200, 200, 429]), ("open", [200, 200, 200]),
            ("closed", [503, 503, 503]),
        ]
    )
    func silence(_ failing: String, _ statuses: [Int]) throws {
        try simulate(Self.configuration(failing)) { world in
            let server = try world.origin(at: "10.0.0.9:6379")
            _ = try await Self.greet(server)
            let client = try await world.client()
            await world.pass(seconds: 1)
            let start = world.now
            for status in statuses {
                try await client.send("GET / HTTP/1.1", "Host: a")
                try await client.skipBody(try await client.gets("HTTP/1.1 \(status) *"))
            }
            #expect(world.now - start < 150_000_000, "\(world.now - start)")
            #expect(world.metric("gateway_redis_timeouts_total") == 1)
            #expect(world.metric("gateway_redis_fallbacks_total") == statuses.count)
            let again = try await Self.greet(server)
            await world.pass(seconds: 1)
            try await client.send("GET / HTTP/1.1", "Host: a")
            try await Self.command(again, beginning: "EVALSHA")
            try await again.send(raw: "*1\n*4\n:1\n:3\n:900000000\n:0\n")
            try await client.gets("HTTP/1.1 200 OK", body: "ok")
        }
    }

    @Test("Errors that name another server, and nonsense, are decided without Redis")
    func errors() throws {
        for answer in ["-MOVED 3999 10.0.0.10:6379\n", "-READONLY no\n", "-NOSCRIPT no\n", "?\n"] {
            try simulate(Self.configuration("open")) { world in
                let server = try world.origin(at: "10.0.0.9:6379")
                let other = try world.origin(at: "10.0.0.10:6379")
                let redis = try await Self.greet(server)
                let client = try await world.client()
                await world.pass(seconds: 1)
                try await client.send("GET / HTTP/1.1", "Host: a")
                try await Self.command(redis, beginning: "EVALSHA")
                try await redis.send(raw: answer)
                try await client.gets("HTTP/1.1 200 OK", body: "ok")
                let isMoved = answer.hasPrefix("-MOVED")
                _ = try await Self.greet(isMoved ? other : server)
            }
        }
    }
}
