import Bytes
import EventLoop
import Testing

@testable import Proxy

/// A Redis of the simulation: it says what the gateway's scripts say, or nothing.
private final class PlayedRedis: @unchecked Sendable {
    // One thread touches it, as everything in a `World`.
    private let origin: Origin
    private let world: World
    /// What the last script `store` was given.
    private(set) var stored: [[UInt8]] = []
    private(set) var reads = 0
    /// Whether questions for stored responses are answered.
    var isSilent = false
    /// Whether it has what was stored last.
    var hasStored = false
    /// Nanoseconds that an answer takes.
    var delay = 0.0

    init(_ world: World) throws {
        self.world = world
        origin = try world.origin(at: "10.0.0.9:6379")
        world.attend { world in
            while let peer = await self.origin.next() {
                world.attend { _ in try? await self.serve(peer) }
            }
        }
    }

    private func serve(_ peer: Peer) async throws {
        while true {
            let words = try await command(peer)
            if let answer = await answer(words) { try await peer.send(bytes: answer) }
        }
    }

    /// Takes one command.
    private func command(_ peer: Peer) async throws -> [[UInt8]] {
        var words: [[UInt8]] = []
        for _ in 0..<(try await number(peer, after: "*")) {
            let length = try await number(peer, after: "$")
            words.append(Array(try await peer.take(length + 2).dropLast(2)))
        }
        return words
    }

    private func number(_ peer: Peer, after mark: String) async throws -> Int {
        var text = ""
        while !text.hasSuffix("\r\n") {
            text += String(decoding: try await bytes(1, of: peer), as: UTF8.self)
        }
        #expect(text.hasPrefix(mark))
        return Int(text.dropFirst().dropLast(1)) ?? 0
    }

    /// As `take`, but an end is no failure of the test.
    private func bytes(_ count: Int, of peer: Peer) async throws -> [UInt8] {
        while peer.input.count < count {
            peer.input.reserve(4096)
            let forever = world.now + 3_600_000_000_000
            if try await peer.stream.read(into: peer.input, deadline: forever) == 0 {
                throw ScriptEnded()
            }
        }
        let input = peer.input
        let bytes = input.readable.extracting(0..<count).bytes()
        input.consume(count)
        return bytes
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private func bulk(_ bytes: [UInt8]) -> [UInt8] {
        Array("$\(bytes.count)\r\n".utf8) + bytes + Array("\r\n".utf8)
    }

    /// The answer; nil for none.
    private func answer(_ words: [[UInt8]]) async -> [UInt8]? {
        switch text(words[0]) {
        case "ROLE": return Array("*1\r\n$6\r\nmaster\r\n".utf8)
        case "SCRIPT": return bulk(Array(text(words[2]).contains("unpack") ? "r".utf8 : "s".utf8))
        case "HMGET": return Array("*2\r\n$1\r\ne\r\n$-1\r\n".utf8)
        case "TIME": return Array("*2\r\n$10\r\n1803124800\r\n$1\r\n0\r\n".utf8)
        case "XRANGE", "XREVRANGE": return Array("*0\r\n".utf8)
        case "XREAD": return nil
        case "EVALSHA":
            if isSilent { return nil }
            if delay > 0 { await world.pass(seconds: delay) }
            if text(words[1]) == "s" {
                stored = words
                return Array(":1\r\n".utf8)
            }
            reads += 1
            return reading()
        default: return Array(":0\r\n".utf8)
        }
    }

    /// What the script `read` says.
    private func reading() -> [UInt8] {
        let head = Array("*6\r\n:1803124800000\r\n$1\r\ne\r\n$-1\r\n$-1\r\n".utf8)
        let none = Array("$-1\r\n".utf8)
        guard hasStored, stored.count > 6 else { return head + none + none }
        return head + bulk(Array("1803124800000;1803124800000;e;".utf8) + stored[6]) + none
    }
}

@Suite("What is stored, shared through Redis, of which a script plays the part")
struct SharedCacheTests {
    private static let configuration = """
        redis redis://10.0.0.9:6379
        cache_shared redis timeout=20ms
        site * { listen $site; cache; proxy $server }
        """

    private static let answer = [
        "HTTP/1.1 200 OK", "Cache-Control: max-age=1, stale-if-error=60", "Content-Length: 2",
    ]

    /// Lets one request go to the upstream; what Cache-Status says.
    private static func fetch(_ world: World, _ server: Origin, _ path: String) async throws
        -> String
    {
        let client = try await world.client()
        try await client.send("GET \(path) HTTP/1.1", "Host: a", "Connection: close")
        let origin = try await server.accept()
        try await origin.gets("GET \(path) HTTP/1.1")
        try await origin.send(answer[0], answer[1], answer[2], "Connection: close", body: "ok")
        let head = try await client.gets("HTTP/1.1 200 OK", body: "ok")
        return head.first { $0.hasPrefix("Cache-Status") } ?? ""
    }

    @Test("A hundred who ask for one key cost one question, and nobody asks the upstream")
    func collapse() throws {
        try simulate(Self.configuration) { world in
            let redis = try PlayedRedis(world)
            let server = try world.origin()
            await world.pass(seconds: 1)
            #expect(try await Self.fetch(world, server, "/a").hasSuffix("detail=shared-miss"))
            await world.pass(seconds: 2)
            #expect(!redis.stored.isEmpty)
            // Stale here by now; another gateway has validated it.
            redis.hasStored = true
            redis.delay = 0.005
            let before = redis.reads
            for _ in 0..<100 {
                world.spawn { world in
                    let client = try await world.client()
                    try await client.send("GET /a HTTP/1.1", "Host: a")
                    try await client.gets("HTTP/1.1 200 OK", "Cache-Status: *", body: "ok")
                }
            }
            await world.pass(seconds: 1)
            #expect(redis.reads == before + 1)
            #expect(!server.hasConnection())
            #expect(world.metric("gateway_cache_shared_hits_total") == 1)
        }
    }

    @Test("A Redis that says nothing costs its deadline three times, and then nothing")
    func silence() throws {
        try simulate(Self.configuration) { world in
            let redis = try PlayedRedis(world)
            let server = try world.origin()
            await world.pass(seconds: 1)
            // One answer in time: until then it would be on trial, as the first connection came
            // before there was a Redis.
            #expect(try await Self.fetch(world, server, "/first").hasSuffix("detail=shared-miss"))
            redis.isSilent = true
            var details: [String] = []
            for number in 0..<5 {
                let start = world.now
                details.append(try await Self.fetch(world, server, "/\(number)"))
                let waits: Int64 = number < 3 ? 20_000_000 : 0
                let took = world.now - start
                #expect(took >= waits && took < waits + 20_000_000, "\(number): \(took)")
            }
            #expect(details[..<3].allSatisfy { $0.hasSuffix("detail=shared-failed") })
            #expect(details[3...].allSatisfy { $0.hasSuffix("detail=shared-skipped") })
            #expect(world.metric("gateway_cache_shared_failures_total") == 3)
            // Recovers by itself: at most the longest pause, and the time of a connection.
            redis.isSilent = false
            await world.pass(seconds: 12)
            #expect(try await Self.fetch(world, server, "/new").hasSuffix("detail=shared-miss"))
        }
    }

    @Test("What stands in a file alone is not read from there for others")
    func onFile() throws {
        let tier = try DiskFolder().open()
        let text = "cache_path /cache 1g\ncache_object_size 1k\n" + Self.configuration
        let content = String(repeating: "x", count: 2000)
        try simulate(text, disk: tier) { world in
            let redis = try PlayedRedis(world)
            let server = try world.origin()
            await world.pass(seconds: 1)
            let client = try await world.client()
            try await client.send("GET /a HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.gets("GET /a HTTP/1.1")
            try await origin.send(
                Self.answer[0],
                Self.answer[1],
                "Content-Length: 2000",
                body: content
            )
            try await client.gets("HTTP/1.1 200 OK", body: content)
            await world.pass(seconds: 1)
            #expect(redis.stored.isEmpty && redis.reads == 1)
            #expect(world.metric("gateway_cache_shared_too_large_total") == 1)
            tier.work()
        }
    }

    @Test("An answer that comes too late is no answer, and harms nothing after it")
    func late() throws {
        try simulate(Self.configuration) { world in
            let redis = try PlayedRedis(world)
            let server = try world.origin()
            await world.pass(seconds: 1)
            redis.delay = 0.03
            #expect(try await Self.fetch(world, server, "/a").hasSuffix("detail=shared-failed"))
            redis.delay = 0
            await world.pass(seconds: 1)
            #expect(try await Self.fetch(world, server, "/b").hasSuffix("detail=shared-miss"))
            #expect(world.metric("gateway_cache_shared_failures_total") == 1)
        }
    }
}
