import Testing

@testable import Proxy

private let cached = "site * { listen $site; cache; proxy $server }"

@Suite("RFC 9111 §3.3 and §3.4: ranges and the cache")
struct PartialCacheTests {
    /// Runs a world in which the first five of ten bytes are stored.
    private func begun(
        _ script:
            @escaping @Sendable (
                _ world: World, _ server: Origin, _ client: Peer, _ origin: Peer
            ) async throws -> Void
    ) throws {
        try simulate(cached) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET /a HTTP/1.1", "Host: a", "Range: bytes=0-4")
            let origin = try await server.accept()
            try await origin.gets("GET /a HTTP/1.1", "Range: bytes=0-4")
            try await origin.send(part: "0-4/10", "01234", "Content-Type: text/plain")
            try await client.gets("HTTP/1.1 206 Partial Content", body: "01234")
            try await script(world, server, client, origin)
        }
    }

    @Test("Ranges within what is stored are answered, and parts grow together to the whole")
    func growing() throws {
        try begun { _, _, client, origin in
            try await client.send("GET /a HTTP/1.1", "Host: a", "Range: bytes=1-2")
            try await client.gets(
                "HTTP/1.1 206 Partial Content",
                "Content-Range: bytes 1-2/10",
                "Cache-Status: gateway; hit; ttl=*",
                body: "12"
            )
            try await client.send("GET /a HTTP/1.1", "Host: a", "Range: bytes=4-7")
            try await origin.gets("GET /a HTTP/1.1", "Range: bytes=4-7")
            try await origin.send(part: "4-7/10", "4567")
            try await client.gets("HTTP/1.1 206 Partial Content", body: "4567")
            try await client.send("GET /a HTTP/1.1", "Host: a", "Range: bytes=2-6")
            try await client.gets("HTTP/1.1 206 Partial Content", body: "23456")
            try await client.send("GET /a HTTP/1.1", "Host: a", "Range: bytes=8-")
            try await origin.gets("GET /a HTTP/1.1", "Range: bytes=8-")
            try await origin.send(part: "8-9/10", "89")
            try await client.gets("HTTP/1.1 206 Partial Content", body: "89")
            try await client.send("GET /a HTTP/1.1", "Host: a")
            try await client.gets(
                "HTTP/1.1 200 OK",
                "Content-Type: text/plain",
                "Content-Length: 10",
                "!Content-Range",
                "Cache-Status: gateway; hit; ttl=*",
                body: "0123456789"
            )
        }
    }

    @Test("The rest alone is asked for, and the whole sent and stored")
    func completing() throws {
        try begun { _, _, client, origin in
            try await client.send("GET /a HTTP/1.1", "Host: a")
            try await origin.gets(
                "GET /a HTTP/1.1",
                "Range: bytes=5-",
                "If-Range: \"v1\""
            )
            try await origin.send(part: "5-9/10", "56789")
            try await client.gets(
                "HTTP/1.1 200 OK",
                "Content-Type: text/plain",
                "Content-Length: 10",
                "!Content-Range",
                "Cache-Status: gateway; fwd=partial; stored",
                body: "0123456789"
            )
            try await client.send("GET /a HTTP/1.1", "Host: a", "Range: bytes=3-6")
            try await client.gets("HTTP/1.1 206 Partial Content", body: "3456")
        }
    }

    @Test("Another content comes whole in the place of the rest, and replaces the part")
    func changed() throws {
        try begun { _, _, client, origin in
            try await client.send("GET /a HTTP/1.1", "Host: a")
            try await origin.gets("GET /a HTTP/1.1", "If-Range: \"v1\"")
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Cache-Control: max-age=60",
                "ETag: \"v2\"",
                "Content-Length: 3",
                body: "new"
            )
            try await client.gets("HTTP/1.1 200 OK", "ETag: \"v2\"", body: "new")
            try await client.send("GET /a HTTP/1.1", "Host: a", "Range: bytes=0-1")
            try await client.gets(
                "HTTP/1.1 206 Partial Content",
                "Content-Range: bytes 0-1/3",
                body: "ne"
            )
        }
    }

    @Test(
        "What is not the rest is never joined to it: the whole is asked for",
        arguments: [
            ["HTTP/1.1 206 Partial Content", "ETag: \"v2\"", "Content-Range: bytes 5-9/10"],
            ["HTTP/1.1 206 Partial Content", "ETag: \"v1\"", "Content-Range: bytes 4-8/10"],
            ["HTTP/1.1 206 Partial Content", "ETag: \"v1\"", "Content-Range: bytes 5-9/11"],
            ["HTTP/1.1 206 Partial Content", "ETag: W/\"v1\"", "Content-Range: bytes 5-9/10"],
            ["HTTP/1.1 206 Partial Content", "Content-Range: bytes 5-9/10"],
            ["HTTP/1.1 416 Range Not Satisfiable", "Content-Range: bytes */5"],
        ]
    )
    func wrongRest(head: [String]) throws {
        try begun { _, server, client, origin in
            try await client.send("GET /a HTTP/1.1", "Host: a")
            try await origin.gets("GET /a HTTP/1.1", "Range: bytes=5-")
            let lines = head + ["Cache-Control: max-age=60", "Content-Length: 5"]
            try await origin.send(raw: lines.joined(separator: "\n") + "\n\nWRONG")
            let again = try await server.accept()
            try await again.gets("GET /a HTTP/1.1", "!Range", "!If-Range")
            try await again.send(
                "HTTP/1.1 200 OK",
                "Cache-Control: max-age=60",
                "ETag: \"v3\"",
                "Content-Length: 4",
                body: "good"
            )
            try await client.gets("HTTP/1.1 200 OK", body: "good")
        }
    }

    @Test("An upstream that breaks off in the rest leaves a response that is seen to be cut short")
    func broken() throws {
        try begun { world, _, client, origin in
            try await client.send("GET /a HTTP/1.1", "Host: a")
            try await origin.gets("GET /a HTTP/1.1", "Range: bytes=5-")
            try await origin.send(
                "HTTP/1.1 206 Partial Content",
                "Cache-Control: max-age=60",
                "ETag: \"v1\"",
                "Content-Range: bytes 5-9/10",
                "Content-Length: 5",
                body: "56"
            )
            await world.pass(seconds: 1)
            origin.close()
            try await client.gets("HTTP/1.1 200 OK", "Content-Length: 10")
            _ = try await client.take(7)
            try await client.isGone()
            // What was stored before is there, and nothing else.
            let next = try await world.client()
            try await next.send("GET /a HTTP/1.1", "Host: a", "Range: bytes=0-4")
            try await next.gets("HTTP/1.1 206 Partial Content", body: "01234")
        }
    }

    @Test("Several ranges of the upstream's are passed on and not stored")
    func multipart() throws {
        try simulate(cached) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET /a HTTP/1.1", "Host: a", "Range: bytes=0-0,2-2")
            let origin = try await server.accept()
            try await origin.gets("GET /a HTTP/1.1", "Range: bytes=0-0,2-2")
            let body =
                "--x\nContent-Range: bytes 0-0/9\n\na\n--x\n"
                + "Content-Range: bytes 2-2/9\n\nc\n--x--\n"
            try await origin.send(
                "HTTP/1.1 206 Partial Content",
                "Cache-Control: max-age=60",
                "ETag: \"v1\"",
                "Content-Type: multipart/byteranges; boundary=x",
                "Content-Length: \(wire(body).count)",
                body: body
            )
            try await client.gets("HTTP/1.1 206 Partial Content", body: body)
            try await client.send("GET /a HTTP/1.1", "Host: a")
            try await origin.gets("GET /a HTTP/1.1", "!Range")
            try await origin.send("HTTP/1.1 200 OK", "Content-Length: 1", body: "w")
            try await client.gets("HTTP/1.1 200 OK", body: "w")
        }
    }
}

extension Peer {
    /// Answers with a part of the first version.
    fileprivate func send(part place: String, _ content: String, _ fields: String...) async throws {
        let lines =
            [
                "HTTP/1.1 206 Partial Content", "Cache-Control: max-age=60", "ETag: \"v1\"",
                "Content-Range: bytes \(place)", "Content-Length: \(content.utf8.count)",
            ] + fields
        try await send(raw: lines.joined(separator: "\n") + "\n\n" + content)
    }
}

@Suite("RFC 9110 §6.5 and RFC 9111 §3.1: trailers of stored responses")
struct StoredTrailerTests {
    @Test("are dropped from the first time on, for everybody alike")
    func dropped() throws {
        try simulate(cached) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET /a HTTP/1.1", "Host: a", "TE: trailers")
            let origin = try await server.accept()
            try await origin.gets("GET /a HTTP/1.1")
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Cache-Control: max-age=60",
                "Trailer: Sum",
                "Transfer-Encoding: chunked",
                body: "2\nok\n0\nSum: 1\n\n"
            )
            try await client.gets("HTTP/1.1 200 OK", "!Trailer", body: "2\nok\n0\n\n")
            try await client.send("GET /a HTTP/1.1", "Host: a", "TE: trailers")
            try await client.gets("HTTP/1.1 200 OK", "!Trailer", "Content-Length: 2", body: "ok")
            // What is not stored keeps them.
            try await client.send("GET /b HTTP/1.1", "Host: a", "TE: trailers")
            try await origin.gets("GET /b HTTP/1.1")
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Cache-Control: no-store",
                "Trailer: Sum",
                "Transfer-Encoding: chunked",
                body: "2\nok\n0\nSum: 1\n\n"
            )
            try await client.gets("HTTP/1.1 200 OK", body: "2\nok\n0\nSum: 1\n\n")
        }
    }
}
