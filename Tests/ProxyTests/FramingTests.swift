import EventLoop
import Testing

@testable import Proxy

@Suite("RFC 9112 §6 and §7 framing through the proxy")
struct FramingTests {
    /// An origin's response and what a client must see of it.
    struct Case: CustomTestStringConvertible {
        var testDescription: String
        var request = ["GET / HTTP/1.1", "Host: a"]
        var response: String
        var originCloses = false
        var head: [String]
        var body = ""
        var clientIsClosed = false
    }

    static let cases = [
        Case(
            testDescription: "HEAD keeps Content-Length and has no body",
            request: ["HEAD / HTTP/1.1", "Host: a"],
            response: "HTTP/1.1 200 OK\nContent-Length: 1234\n\n",
            head: ["HTTP/1.1 200 OK", "Content-Length: 1234"]
        ),
        Case(
            testDescription: "HEAD of a chunked resource has no body",
            request: ["HEAD / HTTP/1.1", "Host: a"],
            response: "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n",
            head: ["HTTP/1.1 200 OK", "!Content-Length"]
        ),
        Case(
            testDescription: "204 has no body",
            response: "HTTP/1.1 204 No Content\n\n",
            head: ["HTTP/1.1 204 No Content", "!Content-Length", "!Transfer-Encoding"]
        ),
        Case(
            testDescription: "304 keeps its fields and has no body",
            response: "HTTP/1.1 304 Not Modified\nETag: \"x\"\nContent-Length: 77\n\n",
            head: ["HTTP/1.1 304 Not Modified", "ETag: \"x\"", "Content-Length: 77"]
        ),
        Case(
            testDescription: "an empty body",
            response: "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
            head: ["HTTP/1.1 200 OK", "Content-Length: 0"]
        ),
        Case(
            testDescription: "chunks, extensions and trailers",
            response: """
                HTTP/1.1 200 OK
                Transfer-Encoding: chunked
                Trailer: Checksum

                5;name=value
                hello
                1
                !
                0
                Checksum: abc


                """,
            head: ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "!Content-Length"],
            body: "5\nhello\n1\n!\n0\nChecksum: abc\n\n"
        ),
        Case(
            testDescription: "a body that ends with the connection becomes chunked",
            response: "HTTP/1.1 200 OK\n\nhello",
            originCloses: true,
            head: ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"],
            body: "5\nhello\n0\n\n"
        ),
        Case(
            testDescription: "for HTTP/1.0, chunked becomes a body that ends with the connection",
            request: ["GET / HTTP/1.0", "Connection: keep-alive"],
            response: "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n0\n\n",
            head: ["HTTP/1.1 200 OK", "Connection: close", "!Transfer-Encoding"],
            body: "hello",
            clientIsClosed: true
        ),
        Case(
            testDescription: "for HTTP/1.0, a body until close stays one",
            request: ["GET / HTTP/1.0"],
            response: "HTTP/1.1 200 OK\n\nhello",
            originCloses: true,
            head: ["HTTP/1.1 200 OK", "Connection: close", "!Transfer-Encoding"],
            body: "hello",
            clientIsClosed: true
        ),
        Case(
            testDescription: "103 comes before the response",
            response: """
                HTTP/1.1 103 Early Hints
                Link: </a.css>; rel=preload

                HTTP/1.1 200 OK
                Content-Length: 0


                """,
            head: ["HTTP/1.1 103 Early Hints", "Link: </a.css>; rel=preload"],
            body: "HTTP/1.1 200 OK\n"
        ),
        Case(
            testDescription: "103 is not for HTTP/1.0",
            request: ["GET / HTTP/1.0"],
            response: "HTTP/1.1 103 Early Hints\n\nHTTP/1.1 204 No Content\n\n",
            head: ["HTTP/1.1 204 No Content", "Connection: close"],
            clientIsClosed: true
        ),
        Case(
            testDescription: "100 that nobody asked for is dropped",
            response: "HTTP/1.1 100 Continue\n\nHTTP/1.1 204 No Content\n\n",
            head: ["HTTP/1.1 204 No Content"]
        ),
    ]

    @Test("Responses reach the client in the form that it understands", arguments: cases)
    func responses(_ example: Case) throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send(raw: example.request.joined(separator: "\n") + "\n\n")
            let origin = try await server.accept()
            try await origin.gets(String(example.request[0].dropLast()) + "1")
            try await origin.send(raw: example.response)
            if example.originCloses { origin.close() }
            try await client.gets(lines: example.head, body: example.body)
            if example.clientIsClosed { try await client.ends() }
        }
    }

    @Test("The same when every byte comes alone", arguments: cases)
    func responsesByteByByte(_ example: Case) throws {
        var faults = Simulation.Faults()
        faults.longestReceive = 1
        faults.longestSend = 1
        try simulate(plain, faults: faults) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send(raw: example.request.joined(separator: "\n") + "\n\n")
            let origin = try await server.accept()
            try await origin.gets(String(example.request[0].dropLast()) + "1")
            try await origin.send(raw: example.response)
            if example.originCloses { origin.close() }
            // The chunks may be cut otherwise: only the head is compared.
            try await client.gets(lines: example.head, body: "")
        }
    }

    @Test("An error status of an origin is its own affair")
    func errorStatus() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send("HTTP/1.1 503 My Own Words", "Content-Length: 1", body: "x")
            try await client.gets("HTTP/1.1 503 My Own Words", "!Proxy-Status", body: "x")
        }
    }

    @Test("A chunked request is chunked anew, its trailers kept and its extensions dropped")
    func chunkedRequest() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send(
                "POST / HTTP/1.1",
                "Host: a",
                "Transfer-Encoding: chunked",
                "Trailer: X-Sum",
                body: "00005;a=b\nhello\n0\nX-Sum: 1\n\n"
            )
            let origin = try await server.accept()
            try await origin.gets(
                "POST / HTTP/1.1",
                "Transfer-Encoding: chunked",
                "!Content-Length",
                body: "5\nhello\n0\nX-Sum: 1\n\n"
            )
            try await origin.send("HTTP/1.1 204 No Content")
            try await client.gets("HTTP/1.1 204 No Content")
        }
    }

    @Test("A request without content has no framing, and one with length 0 keeps it")
    func noContent() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1", "!Content-Length", "!Transfer-Encoding")
            try await origin.send("HTTP/1.1 204 No Content")
            try await client.gets("HTTP/1.1 204 No Content")
            try await client.send("POST / HTTP/1.1", "Host: a", "Content-Length: 0")
            try await origin.gets("POST / HTTP/1.1", "Content-Length: 0")
            try await origin.send("HTTP/1.1 204 No Content")
            try await client.gets("HTTP/1.1 204 No Content")
        }
    }

    @Test("Large bodies pass both ways, byte for byte", arguments: [70_000, 300_000, 1_000_000])
    func largeBodies(_ size: Int) throws {
        try simulate("limit body=10m\n" + plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            let content = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
            world.spawn { _ in
                try await client.send("POST / HTTP/1.1", "Host: a", "Content-Length: \(size)")
                try await client.send(bytes: content)
            }
            let origin = try await server.accept()
            try await origin.gets("POST / HTTP/1.1", "Content-Length: \(size)")
            #expect(try await origin.take(size) == content)
            world.spawn { _ in
                try await origin.send("HTTP/1.1 200 OK", "Content-Length: \(size)")
                try await origin.send(bytes: content)
            }
            try await client.gets("HTTP/1.1 200 OK", "Content-Length: \(size)")
            #expect(try await client.take(size) == content)
        }
    }
}
