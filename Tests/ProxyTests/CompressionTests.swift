import Bytes
import Compression
import EventLoop
import HTTP
import Testing

@testable import Proxy

/// A site whose responses are compressed, level and codings as the file says nothing.
private let compressing = """
    site * {
        listen $site
        compress zstd br gzip deflate min=20
        proxy $server
    }
    """

private func text(_ count: Int) -> String {
    var text = ""
    var number = 0
    while text.utf8.count < count {
        number += 1
        text += "{\"id\": \(number &* 7919 % 10_007), \"name\": \"item \(number)\"}\n"
    }
    return String(text.prefix(count))
}

extension World {
    /// Decodes a content by the codecs that the gateway has.
    func decode(_ bytes: [UInt8], _ name: String, isWhole: Bool = true) throws -> String {
        let known = ContentCoding.match(Array(name.utf8).span)
        let coding = try #require(known)
        let pool = CodecPool(limit: 1 << 30)
        let decoder = try #require(pool.takeDecoder(coding))
        let source = Buffer()
        source.append(bytes)
        let target = Buffer()
        let isAll = try decoder.decode(
            source,
            to: target,
            limit: 1 << 24,
            sourceHasEnded: isWhole
        )
        #expect(isAll)
        let all = target.readable
        return all.string()
    }
}

extension Peer {
    /// Takes one chunk; nil for the last.
    func chunk() async throws -> [UInt8]? {
        var digits = ""
        while true {
            let byte = try await take(1)[0]
            if byte == 0x0D { break }
            digits.append(Character(Unicode.Scalar(byte)))
        }
        _ = try await take(1)
        let count = try #require(Int(digits, radix: 16))
        if count == 0 {
            try await gets(raw: "\n")
            return nil
        }
        let bytes = try await take(count)
        try await gets(raw: "\n")
        return bytes
    }

    /// Takes a content in chunks.
    func chunks() async throws -> [UInt8] {
        var all: [UInt8] = []
        while let bytes = try await chunk() { all += bytes }
        return all
    }

    /// Takes the content that a head announces, decoded.
    func content(_ head: [String], _ world: World) async throws -> String {
        func value(_ name: String) -> String? {
            head.first { $0.hasPrefix(name + ": ") }.map { String($0.dropFirst(name.count + 2)) }
        }
        let bytes: [UInt8]
        if let length = value("Content-Length").flatMap(Int.init) {
            bytes = try await take(length)
        } else {
            bytes = try await chunks()
        }
        guard let coding = value("Content-Encoding") else {
            return String(decoding: bytes, as: UTF8.self)
        }
        return try world.decode(bytes, coding)
    }
}

@Suite("RFC 9110 §8.4 and §12.5.3: compressed responses")
struct CompressionTests {
    /// What a client asks, what the origin answers, and what the client sees of it.
    struct Case: CustomTestStringConvertible {
        var testDescription: String
        var request = ["GET / HTTP/1.1", "Host: a", "Accept-Encoding: gzip"]
        var response: [String]
        var body = ""
        var head: [String]
        /// What the content is once decoded.
        var content: String?
    }

    static let body = text(300)
    static let ok = ["HTTP/1.1 200 OK", "Content-Type: application/json", "Content-Length: 300"]

    static let cases = [
        Case(
            testDescription: "a short content is coded in one go and has a length",
            response: ok,
            body: body,
            head: [
                "HTTP/1.1 200 OK", "Content-Encoding: gzip", "Vary: Accept-Encoding",
                "Content-Length: *", "!Transfer-Encoding",
            ],
            content: body
        ),
        Case(
            testDescription: "the server's order decides among equals",
            request: ["GET / HTTP/1.1", "Host: a", "Accept-Encoding: gzip, deflate, br, zstd"],
            response: ok,
            body: body,
            head: ["HTTP/1.1 200 OK", "Content-Encoding: zstd"],
            content: body
        ),
        Case(
            testDescription: "the client's weights decide before it",
            request: ["GET / HTTP/1.1", "Host: a", "Accept-Encoding: zstd;q=0.1, br;q=0.5, *;q=0"],
            response: ok,
            body: body,
            head: ["HTTP/1.1 200 OK", "Content-Encoding: br"],
            content: body
        ),
        Case(
            testDescription: "without Accept-Encoding it stays, and varies all the same",
            request: ["GET / HTTP/1.1", "Host: a"],
            response: ok + ["ETag: \"a\""],
            body: body,
            head: [
                "HTTP/1.1 200 OK", "!Content-Encoding", "Vary: Accept-Encoding",
                "Content-Length: 300", "ETag: \"a\"",
            ],
            content: body
        ),
        Case(
            testDescription: "less than the minimum stays",
            response: ["HTTP/1.1 200 OK", "Content-Type: text/plain", "Content-Length: 5"],
            body: "hello",
            head: ["HTTP/1.1 200 OK", "!Content-Encoding", "!Vary", "Content-Length: 5"],
            content: "hello"
        ),
        Case(
            testDescription: "but not for a client that refuses identity",
            request: ["GET / HTTP/1.1", "Host: a", "Accept-Encoding: gzip, identity;q=0"],
            response: ["HTTP/1.1 200 OK", "Content-Type: image/png", "Content-Length: 5"],
            body: "hello",
            head: ["HTTP/1.1 200 OK", "Content-Encoding: gzip"],
            content: "hello"
        ),
        Case(
            testDescription: "a type that is not listed stays",
            response: ["HTTP/1.1 200 OK", "Content-Type: image/png", "Content-Length: 300"],
            body: body,
            head: ["HTTP/1.1 200 OK", "!Content-Encoding", "!Vary"],
            content: body
        ),
        Case(
            testDescription: "no-transform is obeyed",
            response: ok + ["Cache-Control: public, no-transform"],
            body: body,
            head: ["HTTP/1.1 200 OK", "!Content-Encoding", "!Vary"],
            content: body
        ),
        Case(
            testDescription: "a part stays a part",
            response: [
                "HTTP/1.1 206 Partial Content", "Content-Type: text/plain",
                "Content-Range: bytes 0-299/1000", "Content-Length: 300",
            ],
            body: body,
            head: ["HTTP/1.1 206 Partial Content", "!Content-Encoding", "!Vary"],
            content: body
        ),
        Case(
            testDescription: "204 stays",
            response: ["HTTP/1.1 204 No Content", "ETag: \"a\""],
            head: ["HTTP/1.1 204 No Content", "!Content-Encoding", "ETag: \"a\""]
        ),
        Case(
            testDescription: "what speaks of the bytes is taken out, and the tag is another",
            response: ok + [
                "ETag: \"abc\"", "Accept-Ranges: bytes", "Digest: sha-256=x", "Content-MD5: y",
                "Repr-Digest: sha-256=:x:", "Content-Digest: sha-256=:x:", "Vary: Cookie",
            ],
            body: body,
            head: [
                "HTTP/1.1 200 OK", "ETag: W/\"abc--gzip\"", "!Accept-Ranges", "!Digest",
                "!Content-MD5", "!Repr-Digest", "!Content-Digest", "Vary: Cookie",
                "Vary: Accept-Encoding",
            ],
            content: body
        ),
        Case(
            testDescription: "a weak tag stays, and Vary is not said twice",
            response: ok + ["ETag: W/\"abc\"", "Vary: Cookie, accept-encoding"],
            body: body,
            head: ["HTTP/1.1 200 OK", "ETag: W/\"abc\"", "Vary: Cookie, accept-encoding"],
            content: body
        ),
        Case(
            testDescription: "content that is coded already passes",
            response: ok + ["Content-Encoding: gzip", "ETag: \"abc\""],
            body: body,
            head: [
                "HTTP/1.1 200 OK", "Content-Encoding: gzip", "ETag: \"abc\"",
                "Content-Length: 300",
            ]
        ),
        Case(
            testDescription: "HEAD says what GET would",
            request: ["HEAD / HTTP/1.1", "Host: a", "Accept-Encoding: gzip"],
            response: ok + ["ETag: \"abc\"", "Accept-Ranges: bytes"],
            head: [
                "HTTP/1.1 200 OK", "Content-Encoding: gzip", "ETag: W/\"abc--gzip\"",
                "Vary: Accept-Encoding", "!Content-Length", "!Accept-Ranges",
                "!Transfer-Encoding",
            ]
        ),
        Case(
            testDescription: "HEAD of what stays keeps its length",
            request: ["HEAD / HTTP/1.1", "Host: a", "Accept-Encoding: gzip"],
            response: ["HTTP/1.1 200 OK", "Content-Type: text/html", "Content-Length: 5"],
            head: ["HTTP/1.1 200 OK", "!Content-Encoding", "Content-Length: 5"]
        ),
        Case(
            testDescription: "an empty content stays",
            request: ["GET / HTTP/1.1", "Host: a", "Accept-Encoding: gzip, identity;q=0"],
            response: ["HTTP/1.1 200 OK", "Content-Type: text/html", "Content-Length: 0"],
            head: ["HTTP/1.1 200 OK", "!Content-Encoding", "Content-Length: 0"]
        ),
        Case(
            testDescription: "for HTTP/1.0 a short content is coded too",
            request: ["GET / HTTP/1.0", "Accept-Encoding: gzip"],
            response: ok,
            body: body,
            head: ["HTTP/1.1 200 OK", "Content-Encoding: gzip", "Content-Length: *"],
            content: body
        ),
    ]

    @Test("Responses", arguments: cases)
    func responses(_ example: Case) throws {
        try simulate(compressing) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send(raw: example.request.joined(separator: "\n") + "\n\n")
            let origin = try await server.accept()
            try await origin.gets(String(example.request[0].dropLast()) + "1")
            let head = example.response.joined(separator: "\n") + "\n\n"
            try await origin.send(bytes: wire(head) + Array(example.body.utf8))
            let got = try await client.gets(lines: example.head)
            if let content = example.content {
                #expect(try await client.content(got, world) == content)
            } else if !example.body.isEmpty {
                #expect(try await client.take(300) == Array(example.body.utf8))
            }
        }
    }

    @Test("The same in single bytes", arguments: cases)
    func responsesByteByByte(_ example: Case) throws {
        if example.content == nil { return }
        var faults = Simulation.Faults()
        faults.longestReceive = 1
        faults.longestSend = 1
        try simulate(compressing, faults: faults) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send(raw: example.request.joined(separator: "\n") + "\n\n")
            let origin = try await server.accept()
            try await origin.gets(String(example.request[0].dropLast()) + "1")
            let head = example.response.joined(separator: "\n") + "\n\n"
            try await origin.send(bytes: wire(head) + Array(example.body.utf8))
            let fields = example.head.filter {
                !$0.hasPrefix("Content-Length: *") && $0 != "!Transfer-Encoding"
            }
            let got = try await client.gets(lines: fields)
            if got.contains("Connection: close") { return }
            #expect(try await client.content(got, world) == example.content)
        }
    }

    @Test("Every event of a stream arrives at once", arguments: ["gzip", "deflate", "br", "zstd"])
    func events(_ coding: String) throws {
        try simulate(compressing) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a", "Accept-Encoding: \(coding)")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Content-Type: text/event-stream",
                "Transfer-Encoding: chunked"
            )
            try await client.gets("HTTP/1.1 200 OK", "Content-Encoding: \(coding)")
            var coded: [UInt8] = []
            var expected = ""
            for number in 0..<20 {
                let event = "data: event \(number)\n\n"
                expected += event
                let start = world.now
                try await origin.send(
                    bytes: wire(String(event.utf8.count, radix: 16) + "\n") + Array(event.utf8)
                        + wire("\n")
                )
                while try world.decode(coded, coding, isWhole: false) != expected {
                    coded += try #require(try await client.chunk())
                }
                #expect(world.now - start < 5_000_000, "event \(number) waited")
                await world.pass(seconds: 1)
            }
            try await origin.send(raw: "0\n\n")
            coded += try await client.chunks()
            #expect(try world.decode(coded, coding) == expected)
            #expect(
                world.metric("gateway_compression_responses_total", "coding=\"\(coding)\"") == 1
            )
        }
    }

    @Test(
        "Long contents stream",
        arguments: ["gzip", "deflate", "br", "zstd"],
        [200_000, 1_000_000]
    )
    func long(_ coding: String, _ size: Int) throws {
        let content = text(size)
        for announces in [true, false] {
            try simulate(compressing) { world in
                let server = try world.origin()
                let client = try await world.client()
                try await client.send("GET / HTTP/1.1", "Host: a", "Accept-Encoding: \(coding)")
                let origin = try await server.accept()
                try await origin.gets("GET / HTTP/1.1")
                world.spawn { _ in
                    let length = announces ? "Content-Length: \(size)" : "Connection: close"
                    try await origin.send("HTTP/1.1 200 OK", "Content-Type: text/plain", length)
                    try await origin.send(bytes: Array(content.utf8))
                    if !announces { origin.close() }
                }
                let head = try await client.gets(
                    "HTTP/1.1 200 OK",
                    "Content-Encoding: \(coding)",
                    "Transfer-Encoding: chunked",
                    "!Content-Length"
                )
                #expect(try await client.content(head, world) == content)
            }
        }
    }

    @Test("A short content that hesitates is streamed, and none of it is lost")
    func hesitation() throws {
        try simulate(compressing) { world in
            let start = world.now
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a", "Accept-Encoding: gzip")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Content-Type: text/plain",
                "Content-Length: 300"
            )
            let body = Array(CompressionTests.body.utf8)
            try await origin.send(bytes: Array(body[..<100]))
            try await client.gets("HTTP/1.1 200 OK", "Transfer-Encoding: chunked")
            var coded: [UInt8] = []
            while try world.decode(coded, "gzip", isWhole: false).utf8.count < 100 {
                coded += try #require(try await client.chunk())
            }
            #expect(world.now - start < 100_000_000)
            try await origin.send(bytes: Array(body[100...]))
            coded += try await client.chunks()
            #expect(try world.decode(coded, "gzip") == CompressionTests.body)
        }
    }

    @Test("An upstream that breaks off never leaves a content that looks whole")
    func brokenOff() throws {
        for announces in [true, false] {
            try simulate(compressing) { world in
                let server = try world.origin()
                let client = try await world.client()
                try await client.send("GET / HTTP/1.1", "Host: a", "Accept-Encoding: gzip")
                let origin = try await server.accept()
                try await origin.gets("GET / HTTP/1.1")
                try await origin.send(
                    "HTTP/1.1 200 OK",
                    "Content-Type: text/plain",
                    announces ? "Content-Length: 300" : "Transfer-Encoding: chunked"
                )
                let piece = text(100)
                try await origin.send(
                    bytes: (announces ? [] : wire("64\n")) + Array(piece.utf8)
                        + (announces ? [] : wire("\n"))
                )
                await world.pass(seconds: 1)
                origin.close()
                try await client.gets("HTTP/1.1 200 OK", "Transfer-Encoding: chunked")
                var coded: [UInt8] = []
                while coded.count < 10
                    || (try? world.decode(coded, "gzip", isWhole: false)) != piece
                {
                    coded += try #require(try await client.chunk())
                }
                #expect(throws: CodecError.malformed) { try world.decode(coded, "gzip") }
                // No last chunk comes.
                try await client.ends()
            }
        }
    }

    @Test("Short of all content, the client is told so in plain words")
    func brokenOffEarly() throws {
        try simulate(compressing) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a", "Accept-Encoding: gzip")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Content-Type: text/css",
                "Content-Length: 300"
            )
            origin.close()
            try await client.gets("HTTP/1.1 502 Bad Gateway", "Cache-Control: no-store")
        }
    }

    @Test("A client that reads nothing holds neither much content nor the loop")
    func slowClient() throws {
        let content = text(4_000_000)
        try simulate(compressing) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a", "Accept-Encoding: gzip")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Content-Type: text/plain",
                "Content-Length: 4000000"
            )
            var sent = 0
            let bytes = Array(content.utf8)
            for _ in 0..<100 {
                sent += try origin.offer(bytes: Array(bytes[sent...]))
                await world.pass(seconds: 0.1)
            }
            // Compressed ten times or so: what waits here, in the pipes, and inside.
            #expect(sent < 3_000_000)
            #expect(world.context.codecs.lent == 1)
            try await client.gets("HTTP/1.1 200 OK")
            client.reset()
            await world.pass(seconds: 1)
            #expect(world.context.codecs.lent == 0)
        }
    }

    @Test("Without memory for codecs content goes out as it came, and is counted")
    func noMemory() throws {
        try simulate(compressing) { world in
            world.context.codecs.limit = 0
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a", "Accept-Encoding: gzip")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Content-Type: text/event-stream",
                "Transfer-Encoding: chunked",
                "ETag: \"a\"",
                body: "5\nhello\n0\n\n"
            )
            // All of it was there: coding it whole takes no stream's memory.
            let head = try await client.gets("HTTP/1.1 200 OK", "Content-Encoding: gzip")
            #expect(try await client.content(head, world) == "hello")
            try await client.send("GET / HTTP/1.1", "Host: a", "Accept-Encoding: gzip")
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Content-Type: text/event-stream",
                "Transfer-Encoding: chunked",
                "ETag: \"a\""
            )
            try await client.gets(
                "HTTP/1.1 200 OK",
                "!Content-Encoding",
                "ETag: \"a\"",
                "Vary: Accept-Encoding"
            )
            try await origin.send(raw: "5\nhello\n0\n\n")
            #expect(String(decoding: try await client.chunks(), as: UTF8.self) == "hello")
            #expect(world.metric("gateway_compression_skipped_total", "reason=\"memory\"") == 1)
        }
    }

    @Test("A busy loop compresses less, then not at all")
    func load() throws {
        try simulate(compressing) { world in
            let server = try world.origin()
            let client = try await world.client()
            var sizes: [Int] = []
            for (number, busy) in [Int64(0), 40_000_000, 1_000_000_000].enumerated() {
                try await client.send("GET / HTTP/1.1", "Host: a", "Accept-Encoding: gzip")
                let peer = try await server.accept()
                try await peer.gets("GET / HTTP/1.1")
                for _ in 0..<100 {
                    world.context.load.turned(busy: busy, limit: 25_000_000)
                }
                let body = text(20_000)
                try await peer.send(
                    bytes: wire(
                        "HTTP/1.1 200 OK\nConnection: close\nContent-Type: text/css\n"
                            + "Content-Length: 20000\n\n"
                    ) + Array(body.utf8)
                )
                let head = try await client.gets("HTTP/1.1 200 OK", "Vary: Accept-Encoding")
                #expect(head.contains("Content-Encoding: gzip") == (number < 2))
                let length = try #require(head.first { $0.hasPrefix("Content-Length: ") })
                sizes.append(try #require(Int(length.dropFirst(16))))
                #expect(try await client.content(head, world) == body)
            }
            #expect(sizes[0] < sizes[1] && sizes[1] < sizes[2])
            #expect(world.metric("gateway_compression_skipped_total", "reason=\"busy\"") == 1)
        }
    }
}

/// A gateway for one exchange, and both of its ends.
private func exchange(
    _ directives: String,
    _ request: [String],
    body: [UInt8] = [],
    _ script: @escaping @Sendable (World, _ client: Peer, _ origin: Peer) async throws -> Void
) throws {
    try simulate("site * {\nlisten $site\n\(directives)\nproxy $server\n}") { world in
        let server = try world.origin()
        let client = try await world.client()
        try await client.send(bytes: wire(request.joined(separator: "\n") + "\n\n") + body)
        try await script(world, client, try await server.accept())
    }
}

private func compress(_ text: String, _ coding: ContentCoding) throws -> [UInt8] {
    let source = Buffer()
    source.append(Array(text.utf8))
    let target = Buffer()
    try CodecPool(limit: 1 << 30).encodeWhole(source, to: target, coding, .balanced)
    let all = target.readable
    return all.bytes()
}

@Suite("RFC 9110 §13: conditions across codings")
struct CodedConditionTests {
    @Test("The application sees its own tags, and the client its own in a 304")
    func notModified() throws {
        try exchange(
            "compress gzip",
            [
                "GET / HTTP/1.1", "Host: a", "Accept-Encoding: gzip",
                "If-None-Match: \"other\", W/\"abc--gzip\"", "If-Match: W/\"q--br\"",
            ]
        ) { _, client, origin in
            try await origin.gets(
                "GET / HTTP/1.1",
                "If-None-Match: \"other\", \"abc\"",
                "If-Match: \"q\""
            )
            try await origin.send("HTTP/1.1 304 Not Modified", "ETag: \"abc\"", "Vary: Cookie")
            try await client.gets(
                "HTTP/1.1 304 Not Modified",
                "ETag: W/\"abc--gzip\"",
                "Vary: Cookie",
                "Vary: Accept-Encoding"
            )
        }
    }

    @Test("Without compress nothing is mapped, and tags of the application's own are not")
    func untouched() throws {
        try exchange(
            "compress off",
            ["GET / HTTP/1.1", "Host: a", "If-None-Match: W/\"abc--gzip\""]
        ) { _, client, origin in
            try await origin.gets("GET / HTTP/1.1", "If-None-Match: W/\"abc--gzip\"")
            try await origin.send("HTTP/1.1 304 Not Modified", "ETag: \"abc\"")
            try await client.gets("HTTP/1.1 304 Not Modified", "ETag: \"abc\"", "!Vary")
        }
        try exchange(
            "compress",
            ["GET / HTTP/1.1", "Host: a", "If-None-Match: \"abc\""]
        ) { _, client, origin in
            try await origin.gets("GET / HTTP/1.1", "If-None-Match: \"abc\"")
            try await origin.send("HTTP/1.1 304 Not Modified", "ETag: \"abc\"")
            try await client.gets("HTTP/1.1 304 Not Modified", "ETag: \"abc\"")
        }
    }

    @Test("A range is asked for by the application's tag only")
    func range() throws {
        try exchange(
            "compress",
            [
                "GET / HTTP/1.1", "Host: a", "Accept-Encoding: gzip", "Range: bytes=0-1",
                "If-Range: W/\"abc--gzip\"",
            ]
        ) { _, client, origin in
            // A weak tag matches nothing here, so that all of it is sent.
            try await origin.gets("GET / HTTP/1.1", "If-Range: W/\"abc--gzip\"")
            try await origin.send("HTTP/1.1 204 No Content")
            try await client.gets("HTTP/1.1 204 No Content")
        }
    }
}

@Suite("Content codings of the application's own")
struct RecodingTests {
    @Test("A coding that the client does not take is taken off", arguments: ["br", "zstd", "gzip"])
    func decoded(_ name: String) throws {
        let content = text(200_000)
        let coding: ContentCoding = name == "br" ? .brotli : name == "zstd" ? .zstd : .gzip
        let coded = try compress(content, coding)
        for accept in ["identity", "deflate"] {
            try exchange(
                "compress deflate",
                ["GET / HTTP/1.1", "Host: a", "Accept-Encoding: \(accept)"]
            ) { world, client, origin in
                try await origin.gets("GET / HTTP/1.1", "Accept-Encoding: \(accept)")
                world.spawn { _ in
                    try await origin.send(
                        "HTTP/1.1 200 OK",
                        "Content-Type: text/plain",
                        "Content-Encoding: \(name)",
                        "ETag: \"abc\"",
                        "Content-Length: \(coded.count)"
                    )
                    try await origin.send(bytes: coded)
                }
                let head = try await client.gets(
                    "HTTP/1.1 200 OK",
                    accept == "deflate" ? "Content-Encoding: deflate" : "!Content-Encoding",
                    "ETag: W/\"abc--\(accept)\"",
                    "Vary: Accept-Encoding",
                    "!Content-Length"
                )
                #expect(try await client.content(head, world) == content)
            }
        }
    }

    @Test(
        "Content that comes byte by byte, with pauses, is taken off its coding",
        arguments: [ContentCoding.deflate, .zstd, .brotli, .gzip]
    )
    func slow(_ coding: ContentCoding) throws {
        let content = text(120)
        let coded = try compress(content, coding)
        let name = String(describing: coding.name)
        // The client takes another one, so both codecs stand in the way.
        let other = coding == .gzip ? "deflate" : "gzip"
        try exchange(
            "compress gzip deflate",
            ["GET / HTTP/1.1", "Host: a", "Accept-Encoding: \(other)"]
        ) { world, client, origin in
            try await origin.gets("GET / HTTP/1.1")
            world.spawn { world in
                try await origin.send(
                    "HTTP/1.1 200 OK",
                    "Content-Type: text/plain",
                    "Content-Encoding: \(name)",
                    "Content-Length: \(coded.count)"
                )
                for byte in coded {
                    try await origin.send(bytes: [byte])
                    await world.pass(seconds: 0.1)
                }
            }
            let head = try await client.gets("HTTP/1.1 200 OK", "Content-Encoding: \(other)")
            #expect(try await client.content(head, world) == content)
        }
    }

    @Test("No content is not a broken one, whatever coding is said to be on it")
    func empty() throws {
        try exchange(
            "compress gzip",
            ["GET / HTTP/1.1", "Host: a", "Accept-Encoding: identity"]
        ) { world, client, origin in
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send(
                "HTTP/1.1 302 Found",
                "Location: /b",
                "Content-Encoding: gzip",
                "Content-Length: 0"
            )
            let head = try await client.gets("HTTP/1.1 302 Found", "!Content-Encoding")
            #expect(try await client.content(head, world) == "")
        }
    }

    @Test("Trailers arrive however short the content is")
    func trailers() throws {
        try exchange(
            "compress gzip min=20",
            ["GET / HTTP/1.1", "Host: a", "Accept-Encoding: gzip"]
        ) { world, client, origin in
            try await origin.gets("GET / HTTP/1.1")
            let content = text(300)
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Content-Type: text/plain",
                "Transfer-Encoding: chunked",
                body: "12c\n"
            )
            try await origin.send(bytes: Array(content.utf8))
            try await origin.send(raw: "\n0\nServer-Timing: a\n\n")
            _ = try await client.gets("HTTP/1.1 200 OK", "Transfer-Encoding: chunked")
            let coded = try #require(try await client.chunk())
            #expect(try world.decode(coded, "gzip") == content)
            try await client.gets(raw: "0\nServer-Timing: a\n\n")
        }
    }

    @Test("Content that is none of its coding never looks whole")
    func broken() throws {
        let coded = try compress(text(2000), .brotli)
        try exchange(
            "compress gzip",
            ["GET / HTTP/1.1", "Host: a", "Accept-Encoding: gzip"]
        ) { _, client, origin in
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Content-Type: image/png",
                "Content-Encoding: br",
                "Content-Length: \(coded.count - 9)"
            )
            try await origin.send(bytes: Array(coded.dropLast(9)))
            try await client.isGone()
        }
    }
}

@Suite("BREACH")
struct BreachTests {
    @Test("What belongs to somebody is left alone", arguments: ["Cookie: a=b", "Authorization: x"])
    func skipCookies(_ field: String) throws {
        try exchange(
            "compress breach=skip_cookies min=10",
            ["GET / HTTP/1.1", "Host: a", "Accept-Encoding: gzip", field]
        ) { world, client, origin in
            try await origin.gets("GET / HTTP/1.1", field)
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Content-Type: text/html",
                "Content-Length: 20",
                body: "aaaaaaaaaaaaaaaaaaaa"
            )
            try await client.gets("HTTP/1.1 200 OK", "!Content-Encoding", "Vary: Accept-Encoding")
            #expect(world.metric("gateway_compression_skipped_total", "reason=\"breach\"") == 1)
        }
    }

    @Test("Padding makes sizes differ", arguments: ["gzip", "br", "zstd"])
    func padding(_ coding: String) throws {
        try simulate(
            "site * {\nlisten $site\ncompress \(coding) breach=pad min=10\nproxy $server\n}"
        ) { world in
            let server = try world.origin()
            let client = try await world.client()
            var sizes: Set<Int> = []
            for _ in 0..<16 {
                try await client.send("GET / HTTP/1.1", "Host: a", "Accept-Encoding: \(coding)")
                let origin = try await server.accept()
                try await origin.gets("GET / HTTP/1.1")
                try await origin.send(
                    "HTTP/1.1 200 OK",
                    "Connection: close",
                    "Content-Type: text/html",
                    "Content-Length: 20",
                    body: "aaaaaaaaaaaaaaaaaaaa"
                )
                let head = try await client.gets("HTTP/1.1 200 OK", "Content-Encoding: \(coding)")
                let length = head.first { $0.hasPrefix("Content-Length: ") }?.dropFirst(16) ?? ""
                sizes.insert(try #require(Int(length)))
                #expect(try await client.content(head, world) == "aaaaaaaaaaaaaaaaaaaa")
            }
            #expect(sizes.count > 8)
        }
    }
}

@Suite("Compressed requests")
struct RequestDecodingTests {
    @Test("Decoded and forwarded with their length", arguments: ["gzip", "br", "zstd", "deflate"])
    func decoded(_ name: String) throws {
        let bytes = Array(name.utf8)
        let known = ContentCoding.match(bytes.span)
        let coding = try #require(known)
        for size in [1, 300, 70_000, 300_000] {
            let content = text(size)
            let coded = try compress(content, coding)
            let chunked = wire(String(coded.count, radix: 16) + "\n") + coded + wire("\n0\n\n")
            for isChunked in [false, true] {
                try exchange(
                    "decompress request",
                    [
                        "POST / HTTP/1.1", "Host: a", "Content-Encoding: \(name)",
                        "Content-Digest: x",
                        isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(coded.count)",
                    ],
                    body: isChunked ? chunked : coded
                ) { world, client, origin in
                    try await origin.gets(
                        "POST / HTTP/1.1",
                        "Content-Length: \(size)",
                        "!Content-Encoding",
                        "!Content-Digest",
                        "!Transfer-Encoding"
                    )
                    #expect(try await origin.take(size) == Array(content.utf8))
                    try await origin.send("HTTP/1.1 204 No Content")
                    try await client.gets("HTTP/1.1 204 No Content")
                    #expect(
                        world.metric("gateway_decompression_output_bytes_total", name) == size
                    )
                }
            }
        }
    }

    @Test("A bomb gets 413 before the application hears of it", arguments: ["gzip", "br", "zstd"])
    func bomb(_ name: String) throws {
        let bytes = Array(name.utf8)
        let known = ContentCoding.match(bytes.span)
        let coding = try #require(known)
        let coded = try compress(String(repeating: "0", count: 8 << 20), coding)
        for options in ["ratio=50", "ratio=100000 size=1m", "ratio=100000\nlimit body=1m"] {
            try simulate(
                "site * {\nlisten $site\ndecompress request \(options)\nproxy $server\n}"
            ) { world in
                let server = try world.origin()
                let client = try await world.client()
                try await client.send(
                    "POST / HTTP/1.1",
                    "Host: a",
                    "Content-Encoding: \(name)",
                    "Content-Length: \(coded.count)"
                )
                try await client.send(bytes: coded)
                try await client.gets("HTTP/1.1 413 Content Too Large")
                #expect(!server.hasConnection())
                #expect(
                    world.metric("gateway_requests_rejected_total", "body_too_large") == 1
                )
            }
        }
    }

    @Test("What is no content of its coding gets 400, and other codings pass")
    func others() throws {
        let coded = try compress(text(1000), .gzip)
        for body in [Array(coded.dropLast(1)), Array(coded.dropFirst(1)), coded + [0]] {
            try simulate(
                "site * {\nlisten $site\ndecompress request\nproxy $server\n}"
            ) { world in
                let client = try await world.client()
                try await client.send(
                    "POST / HTTP/1.1",
                    "Host: a",
                    "Content-Encoding: gzip",
                    "Content-Length: \(body.count)"
                )
                try await client.send(bytes: body)
                try await client.gets("HTTP/1.1 400 Bad Request")
            }
        }
        for coding in ["br", "gzip, gzip", "exi"] {
            try exchange(
                "decompress request gzip",
                [
                    "POST / HTTP/1.1", "Host: a", "Content-Encoding: \(coding)",
                    "Content-Length: 3",
                ],
                body: [1, 2, 3]
            ) { _, client, origin in
                try await origin.gets("POST / HTTP/1.1", "Content-Encoding: \(coding)")
                #expect(try await origin.take(3) == [1, 2, 3])
                try await origin.send("HTTP/1.1 204 No Content")
                try await client.gets("HTTP/1.1 204 No Content")
            }
        }
    }
}

@Suite("Content that the gateway makes itself")
struct GeneratedCodingTests {
    @Test("A fixed response is compressed like any other")
    func fixed() throws {
        let body = String(repeating: "hello ", count: 300)
        try simulate("site * {\nlisten $site\ncompress\nrespond 200 \"\(body)\"\n}") { world in
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a", "Accept-Encoding: br")
            let head = try await client.gets(
                "HTTP/1.1 200 OK",
                "Content-Encoding: br",
                "Vary: Accept-Encoding"
            )
            #expect(try await client.content(head, world) == body)
            try await client.send("HEAD / HTTP/1.1", "Host: a", "Accept-Encoding: br")
            #expect(try await client.gets("HTTP/1.1 200 OK").contains("Content-Encoding: br"))
            try await client.send("GET / HTTP/1.1", "Host: a")
            let plain = try await client.gets("HTTP/1.1 200 OK", "Vary: Accept-Encoding")
            #expect(try await client.content(plain, world) == body)
        }
    }
}
