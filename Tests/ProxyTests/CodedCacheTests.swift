import HTTP
import Testing

@testable import Proxy

/// A cache on a route that compresses.
private let coding = """
    site * {
        listen $site
        compress gzip br min=20
        cache
        proxy $server
    }
    """

private func json(_ count: Int) -> String {
    var text = ""
    var number = 0
    while text.utf8.count < count {
        number += 1
        text += "{\"id\": \(number &* 7919 % 10_007), \"name\": \"item \(number)\"}, "
    }
    return String(text.prefix(count))
}

@Suite("RFC 9110 §8.8.3 and §12.5.3: stored responses in content codings")
struct CodedCacheTests {
    /// Sends a request and takes its response, decoded.
    private func get(
        _ client: Peer,
        _ world: World,
        _ fields: String...
    ) async throws -> (head: [String], body: String) {
        let lines = ["GET /a HTTP/1.1", "Host: a"] + fields
        try await client.send(raw: lines.joined(separator: "\n") + "\n\n")
        let head = try await client.anyHead()
        return (head, try await client.content(head, world))
    }

    private func store(_ world: World, _ body: String, _ fields: String...) async throws -> Peer {
        let server = try world.origin()
        let client = try await world.client()
        try await client.send("GET /a HTTP/1.1", "Host: a")
        let origin = try await server.accept()
        try await origin.gets("GET /a HTTP/1.1")
        let lines =
            [
                "HTTP/1.1 200 OK", "Cache-Control: max-age=5", "Content-Type: application/json",
                "ETag: \"v1\"", "Accept-Ranges: bytes", "Content-Length: \(body.utf8.count)",
            ] + fields
        try await origin.send(raw: lines.joined(separator: "\n") + "\n\n" + body)
        try await client.gets(
            "HTTP/1.1 200 OK",
            "ETag: \"v1\"",
            "Vary: Accept-Encoding",
            "!Content-Encoding",
            body: body
        )
        return client
    }

    @Test("A hit is compressed once for each coding", arguments: [300, 3000, 60_000, 400_000])
    func once(size: Int) throws {
        try simulate(coding) { world in
            let body = json(size)
            let client = try await store(world, body)
            for round in 0..<3 {
                for name in ["gzip", "br"] {
                    let found = try await get(client, world, "Accept-Encoding: \(name)")
                    #expect(found.body == body)
                    #expect(found.head.contains("Content-Encoding: \(name)"))
                    #expect(found.head.contains("ETag: W/\"v1--\(name)\""))
                    #expect(found.head.contains("Vary: Accept-Encoding"))
                    #expect(!found.head.contains("Accept-Ranges: bytes"))
                    let status = found.head.first { $0.hasPrefix("Cache-Status: ") } ?? ""
                    #expect(status.hasSuffix("; detail=coded-\(name)"))
                    let hasLength = found.head.contains { $0.hasPrefix("Content-Length: ") }
                    #expect(hasLength == (round > 0 || size <= ProxyLimits.codedPerTurn))
                    await world.pass(seconds: 0.1)
                }
            }
            let plain = try await get(client, world)
            #expect(plain.body == body)
            #expect(plain.head.contains("ETag: \"v1\""))
            #expect(plain.head.contains("Vary: Accept-Encoding"))
            // Three rounds, but one making for each coding.
            #expect(
                world.metric("gateway_compression_responses_total", "coding=\"gzip\"") == 1
            )
            #expect(world.metric("gateway_compression_responses_total", "coding=\"br\"") == 1)
            #expect(world.metric("gateway_cache_coded_responses_total", "route=\"*\"") == 6)
        }
    }

    @Test("Conditions name the coded tag, ranges are of the content, HEAD says what GET would")
    func conditions() throws {
        try simulate(coding) { world in
            let body = json(3000)
            let client = try await store(world, body)
            let coded = try await get(client, world, "Accept-Encoding: br")
            let length = coded.head.first { $0.hasPrefix("Content-Length: ") } ?? "none"
            try await client.send(
                "GET /a HTTP/1.1",
                "Host: a",
                "Accept-Encoding: br",
                "If-None-Match: W/\"v1--br\""
            )
            try await client.gets(
                "HTTP/1.1 304 Not Modified",
                "ETag: W/\"v1--br\"",
                "Vary: Accept-Encoding",
                "!Content-Encoding",
                "!Content-Length"
            )
            try await client.send(
                "GET /a HTTP/1.1",
                "Host: a",
                "Accept-Encoding: br",
                "Range: bytes=1-3"
            )
            try await client.gets(
                "HTTP/1.1 206 Partial Content",
                "ETag: \"v1\"",
                "Content-Range: bytes 1-3/3000",
                "!Content-Encoding",
                body: String(body.dropFirst().prefix(3))
            )
            // A weak tag names no bytes.
            try await client.send(
                "GET /a HTTP/1.1",
                "Host: a",
                "Accept-Encoding: br",
                "Range: bytes=1-3",
                "If-Range: W/\"v1--br\""
            )
            let whole = try await client.anyHead()
            #expect(whole.first == "HTTP/1.1 200 OK")
            #expect(try await client.content(whole, world) == body)
            try await client.send("HEAD /a HTTP/1.1", "Host: a", "Accept-Encoding: br")
            try await client.gets("HTTP/1.1 200 OK", "Content-Encoding: br", length)
        }
    }

    @Test("A validation keeps the form, another content drops it")
    func update() throws {
        try simulate(coding) { world in
            let server = try world.origin()
            let client = try await world.client()
            let origin = try await self.first(client, server, json(3000))
            let one = try await get(client, world, "Accept-Encoding: gzip")
            #expect(one.body == json(3000))
            await world.pass(seconds: 6)
            try await client.send("GET /a HTTP/1.1", "Host: a", "Accept-Encoding: gzip")
            try await origin.gets("GET /a HTTP/1.1", "If-None-Match: \"v1\"")
            try await origin.send("HTTP/1.1 304 Not Modified", "ETag: \"v1\"", "New: 1")
            let head = try await client.anyHead()
            #expect(head.contains("New: 1"))
            #expect(head.count { $0 == "Vary: Accept-Encoding" } == 1)
            #expect(try await client.content(head, world) == json(3000))
            #expect(
                world.metric("gateway_compression_responses_total", "coding=\"gzip\"") == 1
            )
            await world.pass(seconds: 6)
            try await client.send("GET /a HTTP/1.1", "Host: a", "Accept-Encoding: gzip")
            try await origin.gets("GET /a HTTP/1.1", "If-None-Match: \"v1\"")
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Cache-Control: max-age=5",
                "Content-Type: application/json",
                "ETag: \"v2\"",
                "Content-Length: 2000",
                body: json(2000)
            )
            let fresh = try await client.anyHead()
            #expect(fresh.contains("ETag: W/\"v2--gzip\""))
            #expect(try await client.content(fresh, world) == json(2000))
            let two = try await get(client, world, "Accept-Encoding: gzip")
            #expect(two.head.contains("ETag: W/\"v2--gzip\""))
            #expect(two.body == json(2000))
        }
    }

    private func first(_ client: Peer, _ server: Origin, _ body: String) async throws -> Peer {
        try await client.send("GET /a HTTP/1.1", "Host: a")
        let origin = try await server.accept()
        try await origin.gets("GET /a HTTP/1.1")
        try await origin.send(
            "HTTP/1.1 200 OK",
            "Cache-Control: max-age=5",
            "Content-Type: application/json",
            "ETag: \"v1\"",
            "Content-Length: \(body.utf8.count)",
            body: body
        )
        try await client.gets("HTTP/1.1 200 OK", body: body)
        return origin
    }

    @Test("Who asks while a form is made reads along, and a slow client holds nobody up")
    func together() throws {
        try simulate(coding) { world in
            let body = json(900_000)
            _ = try await store(world, body)
            world.spawn { world in
                let slow = try await world.client()
                try await slow.send("GET /a HTTP/1.1", "Host: a", "Accept-Encoding: gzip")
                await world.pass(seconds: 3)
                slow.reset()
            }
            for _ in 0..<20 {
                world.spawn { world in
                    await world.pass(seconds: 0.001)
                    let client = try await world.client()
                    let found = try await self.get(client, world, "Accept-Encoding: gzip")
                    #expect(found.body == body)
                }
            }
            await world.pass(seconds: 2)
            #expect(
                world.metric("gateway_compression_responses_total", "coding=\"gzip\"") == 1
            )
        }
    }

    @Test("What does not get smaller is tried once and sent as it is")
    func incompressible() throws {
        try simulate(coding) { world in
            var state: UInt32 = 7
            let noise = (0..<3000).map { _ -> Character in
                state = state &* 1_664_525 &+ 1_013_904_223
                return Character(Unicode.Scalar(33 + UInt8(truncatingIfNeeded: state >> 24) % 94))
            }
            // Short, so that the format's own bytes outweigh what is saved.
            let body = String(noise.prefix(24))
            let client = try await store(world, body)
            for _ in 0..<3 {
                let found = try await get(client, world, "Accept-Encoding: gzip")
                #expect(found.body == body)
                #expect(!found.head.contains("Content-Encoding: gzip"))
            }
            #expect(
                world.metric("gateway_compression_responses_total", "coding=\"gzip\"") == 1
            )
        }
    }
}
