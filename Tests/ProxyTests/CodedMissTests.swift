import Bytes
import EventLoop
import HTTP
import Testing

@testable import Proxy

private func site(_ options: String = "", top: String = "") -> String {
    """
    \(top)
    site * {
        listen $site
        compress gzip br zstd min=20 \(options)
        cache
        proxy $server
    }
    """
}

/// Text that compresses to about a third, so that a piece of it is well more than a header.
private func text(_ count: Int, seed: Int = 1) -> String {
    var result = ""
    var number = seed
    while result.utf8.count < count {
        number = (number &* 1_103_515_245 &+ 12_345) & 0x7FFF_FFFF
        result += "item \(number), "
    }
    return String(result.prefix(count))
}

private let fields = [
    "HTTP/1.1 200 OK", "Cache-Control: max-age=60", "Content-Type: text/plain", "ETag: \"v1\"",
    "Accept-Ranges: bytes",
]

@Suite("Responses that are compressed for the one who asked while they are stored as they are")
struct CodedMissTests {
    private func ask(_ client: Peer, _ accept: String, _ more: String...) async throws {
        let lines = ["GET /a HTTP/1.1", "Host: a", "Accept-Encoding: \(accept)"] + more
        try await client.send(raw: lines.joined(separator: "\n") + "\n\n")
    }

    private func answer(_ origin: Peer, _ framing: String, _ body: String) async throws {
        let lines = fields + [framing]
        try await origin.send(raw: lines.joined(separator: "\n") + "\n\n" + body)
    }

    @Test(
        "A miss is what a hit is, once both are decoded",
        arguments: [300, 3000, 60_000, 400_000],
        ["gzip", "br", "zstd"]
    )
    func miss(size: Int, name: String) throws {
        try simulate(site()) { world in
            let body = text(size)
            let server = try world.origin()
            let client = try await world.client()
            try await ask(client, name)
            let origin = try await server.accept()
            try await origin.gets("GET /a HTTP/1.1")
            try await answer(origin, "Content-Length: \(size)", body)
            let miss = try await client.anyHead()
            #expect(miss.contains("Content-Encoding: \(name)"))
            #expect(miss.contains("ETag: W/\"v1--\(name)\""))
            #expect(miss.contains("Vary: Accept-Encoding"))
            #expect(miss.contains("Cache-Status: gateway; fwd=uri-miss; stored"))
            #expect(!miss.contains("Accept-Ranges: bytes"))
            #expect(try await client.content(miss, world) == body)
            // What is stored is what came.
            try await client.send("GET /a HTTP/1.1", "Host: a")
            try await client.gets(
                "HTTP/1.1 200 OK",
                "ETag: \"v1\"",
                "Accept-Ranges: bytes",
                "!Content-Encoding",
                "Content-Length: \(size)",
                body: body
            )
            try await ask(client, name)
            let hit = try await client.anyHead()
            #expect(hit.contains("Content-Encoding: \(name)"))
            #expect(hit.contains("ETag: W/\"v1--\(name)\""))
            #expect(try await client.content(hit, world) == body)
            try await ask(client, name, "If-None-Match: W/\"v1--\(name)\"")
            try await client.gets("HTTP/1.1 304 Not Modified", "ETag: W/\"v1--\(name)\"")
            try await ask(client, name, "Range: bytes=1-3")
            try await client.gets("HTTP/1.1 206 Partial Content", "!Content-Encoding")
            #expect(!server.hasConnection())
        }
    }

    @Test("HEAD and conditions that miss say what GET would")
    func conditions() throws {
        try simulate(site()) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("HEAD /a HTTP/1.1", "Host: a", "Accept-Encoding: gzip")
            let origin = try await server.accept()
            try await origin.gets("HEAD /a HTTP/1.1")
            try await answer(origin, "Content-Length: 3000", "")
            try await client.gets(
                "HTTP/1.1 200 OK",
                "Content-Encoding: gzip",
                "ETag: W/\"v1--gzip\"",
                "Vary: Accept-Encoding"
            )
            try await ask(client, "gzip", "If-None-Match: W/\"v1--gzip\"")
            try await origin.gets("GET /a HTTP/1.1", "!If-None-Match")
            try await answer(origin, "Content-Length: 3000", text(3000))
            try await client.gets("HTTP/1.1 304 Not Modified", "ETag: W/\"v1--gzip\"")
            try await client.send("GET /a HTTP/1.1", "Host: a")
            try await client.gets("HTTP/1.1 200 OK", "Age: *", body: text(3000))
        }
    }

    @Test("What does not have to be compressed goes out as it came")
    func unchanged() throws {
        let cases: [(accept: String, options: String, version: String, length: Int)] = [
            ("identity", "", "1.1", 3000), ("gzip", "", "1.1", 10), ("gzip;q=0", "", "1.1", 3000),
            ("gzip", "types=text/html", "1.1", 3000), ("gzip", "breach=skip_cookies", "1.1", 3000),
        ]
        for row in cases {
            try simulate(site(row.options)) { world in
                let server = try world.origin()
                let client = try await world.client()
                try await ask(client, row.accept, "Cookie: a=b")
                let origin = try await server.accept()
                try await origin.gets("GET /a HTTP/1.1")
                try await answer(origin, "Content-Length: \(row.length)", text(row.length))
                try await client.gets(
                    "HTTP/1.1 200 OK",
                    "!Content-Encoding",
                    "ETag: \"v1\"",
                    body: text(row.length)
                )
            }
        }
    }

    @Test("Those who wait read along in codings that are made once, flushed at every pause")
    func together() throws {
        try simulate(site()) { world in
            let server = try world.origin()
            let parts = [text(1000, seed: 3), text(1000, seed: 5)]
            let accepts = ["gzip", "gzip", "br", "gzip", "identity", "br", "gzip", "zstd"]
            for (number, accept) in accepts.enumerated() {
                world.spawn { world in
                    await world.pass(seconds: Double(number) / 1000)
                    let client = try await world.client()
                    try await self.ask(client, accept)
                    let head = try await client.anyHead()
                    // The second part is not sent before three seconds have passed.
                    await world.pass(seconds: 2 - Double(world.now % 1_000_000_000) / 1e9)
                    let early = try client.waiting()
                    #expect(early > 200, "\(accept): \(early) bytes before the pause ended")
                    #expect(try await client.content(head, world) == parts.joined())
                }
            }
            let origin = try await server.accept()
            try await origin.gets("GET /a HTTP/1.1")
            await world.pass(seconds: 0.1)
            try await answer(origin, "Transfer-Encoding: chunked", "3e8\n\(parts[0])\n")
            await world.pass(seconds: 3)
            try await origin.send(raw: "3e8\n\(parts[1])\n0\n\n")
            await world.pass(seconds: 1)
            #expect(!server.hasConnection())
            // The one who asked has a coder of its own.
            func made(_ name: String) -> Int {
                world.metric("gateway_compression_responses_total", "coding=\"\(name)\"")
            }
            #expect(made("gzip") == 2)
            #expect(made("br") == 1)
            #expect(made("zstd") == 1)
        }
    }

    @Test(
        "An upstream that breaks off leaves no content that looks whole",
        arguments: ["gzip", "br"]
    )
    func broken(name: String) throws {
        try simulate(site()) { world in
            let server = try world.origin()
            for number in 0..<3 {
                world.spawn { world in
                    await world.pass(seconds: Double(number) / 1000)
                    let client = try await world.client()
                    try await self.ask(client, name)
                    let head = try await client.anyHead()
                    #expect(head.contains("Content-Encoding: \(name)"))
                    var content: [UInt8] = []
                    await #expect(throws: MessageEnd.self) {
                        try await client.readBody(.chunked, into: &content)
                    }
                }
            }
            let origin = try await server.accept()
            try await origin.gets("GET /a HTTP/1.1")
            await world.pass(seconds: 0.1)
            try await answer(origin, "Content-Length: 300000", text(100_000))
            await world.pass(seconds: 1)
            origin.close()
        }
    }

    @Test(
        "An object that never ends is not stored, and flows on",
        arguments: ["identity", "gzip", "br", "zstd"]
    )
    func endless(name: String) throws {
        try simulate(site(top: "cache_object_size 64k")) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await ask(client, name)
            let origin = try await server.accept()
            try await origin.gets("GET /a HTTP/1.1")
            try await answer(origin, "Transfer-Encoding: chunked\nConnection: close", "")
            let piece = text(1000)
            world.spawn { _ in
                for _ in 0..<500 { try await origin.send(raw: "3e8\n\(piece)\n") }
                try await origin.send(raw: "0\n\n")
            }
            let head = try await client.anyHead()
            let whole = String(repeating: piece, count: 500)
            #expect(try await client.content(head, world) == whole)
            #expect(world.metric("gateway_cache_objects") == 0)
            try await ask(client, name)
            let next = try await server.accept()
            try await next.gets("GET /a HTTP/1.1")
            try await answer(next, "Content-Length: 10", text(10))
            try await client.gets("HTTP/1.1 200 OK", body: text(10))
        }
    }

    @Test("breach=skip_cookies: who gets a cookie gets it as it came, the others coded")
    func cookieOfTheAsker() throws {
        try simulate(site("breach=skip_cookies")) { world in
            let body = text(3000)
            let server = try world.origin()
            let client = try await world.client()
            try await ask(client, "gzip")
            let origin = try await server.accept()
            try await origin.gets("GET /a HTTP/1.1")
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Cache-Control: max-age=60, private=\"Set-Cookie\"",
                "Content-Type: text/plain",
                "Set-Cookie: session=1",
                "Content-Length: 3000",
                body: body
            )
            try await client.gets(
                "HTTP/1.1 200 OK",
                "Set-Cookie: session=1",
                "!Content-Encoding",
                body: body
            )
            try await ask(client, "gzip")
            let hit = try await client.anyHead()
            #expect(hit.contains("Content-Encoding: gzip") && !hit.contains("Set-Cookie"))
            #expect(try await client.content(hit, world) == body)
            client.close()
        }
    }

    @Test("breach=pad: every response has padding of its own", arguments: ["gzip", "br", "zstd"])
    func padding(name: String) throws {
        for size in [3000, 60_000] {
            try simulate(site("breach=pad")) { world in
                let body = text(size)
                let server = try world.origin()
                let client = try await world.client()
                try await ask(client, name)
                let origin = try await server.accept()
                try await origin.gets("GET /a HTTP/1.1")
                try await answer(origin, "Content-Length: \(size)", body)
                var sizes: Set<Int> = []
                for round in 0..<12 {
                    if round > 0 { try await ask(client, name) }
                    let head = try await client.anyHead()
                    #expect(head.contains("Content-Encoding: \(name)"))
                    #expect(try await client.content(head, world) == body)
                    if let length = head.first(where: { $0.hasPrefix("Content-Length: ") }) {
                        sizes.insert(Int(length.dropFirst(16)) ?? 0)
                    }
                }
                #expect(sizes.count > 5, "\(sizes)")
                let spread = (sizes.max() ?? 0) - (sizes.min() ?? 0)
                #expect(spread < 300, "\(sizes)")
            }
        }
    }

    @Test(
        "breach=pad: those who wait have padding of their own as well",
        arguments: ["gzip", "br"]
    )
    func paddedTogether(name: String) throws {
        try simulate(site("breach=pad")) { world in
            let body = text(3000)
            let server = try world.origin()
            for number in 0..<4 {
                world.spawn { world in
                    await world.pass(seconds: Double(number) / 1000)
                    let client = try await world.client()
                    try await self.ask(client, name)
                    let head = try await client.anyHead()
                    #expect(head.contains("Content-Encoding: \(name)"))
                    #expect(try await client.content(head, world) == body)
                }
            }
            let origin = try await server.accept()
            try await origin.gets("GET /a HTTP/1.1")
            await world.pass(seconds: 0.1)
            let head = body.prefix(1000)
            try await answer(origin, "Transfer-Encoding: chunked", "3e8\n\(head)\n")
            await world.pass(seconds: 1)
            try await origin.send(raw: "7d0\n\(body.dropFirst(1000))\n0\n\n")
        }
    }
}

extension Peer {
    /// Bytes that have come, without waiting.
    fileprivate func waiting() throws -> Int {
        while true {
            input.reserve(65_536)
            guard let count = try stream.receive(into: input), count > 0 else { break }
        }
        return input.count
    }
}
