import EventLoop
import HTTP1
import Testing

@testable import Proxy

@Suite("What is refused before any origin hears of it")
struct RejectionTests {
    struct Case: CustomTestStringConvertible {
        var reason: RejectReason
        var request: String
        var testDescription: String { reason.rawValue }
    }

    private static func fields(_ lines: String...) -> String {
        "GET / HTTP/1.1\nHost: a\n" + lines.joined(separator: "\n") + "\n\n"
    }

    private static func post(_ fields: String, _ content: String) -> String {
        "POST / HTTP/1.1\nHost: a\n\(fields)\n\n\(content)"
    }

    private static let long = String(repeating: "x", count: 3000)
    private static let chunked = "Transfer-Encoding: chunked"

    static let cases = [
        Case(reason: .emptyMethod, request: " / HTTP/1.1\nHost: a\n\n"),
        Case(reason: .invalidMethod, request: "G@T / HTTP/1.1\nHost: a\n\n"),
        Case(
            reason: .methodTooLong,
            request: String(repeating: "A", count: 100) + " / HTTP/1.1\n\n"
        ),
        Case(reason: .connectMethod, request: "CONNECT a:443 HTTP/1.1\nHost: a:443\n\n"),
        Case(reason: .http2Preface, request: "PRI * HTTP/2.0\n\nSM\n\n"),
        Case(reason: .invalidTarget, request: "GET a HTTP/1.1\nHost: a\n\n"),
        Case(reason: .targetTooLong, request: "GET /\(long) HTTP/1.1\nHost: a\n\n"),
        Case(reason: .invalidVersion, request: "GET / HTTP/1.x\nHost: a\n\n"),
        Case(reason: .unsupportedVersion, request: "GET / HTTP/3.0\nHost: a\n\n"),
        Case(reason: .bareCR, request: fields("A: b\rc")),
        Case(reason: .nul, request: fields("A: b\0c")),
        Case(reason: .obsoleteFolding, request: fields("A: b", " c")),
        Case(reason: .whitespaceBeforeColon, request: fields("A : b")),
        Case(reason: .emptyFieldName, request: fields(": b")),
        Case(reason: .invalidFieldName, request: fields("A@: b")),
        Case(reason: .missingColon, request: fields("A")),
        Case(reason: .headTooLarge, request: fields("A: \(long)", "B: \(long)")),
        Case(
            reason: .tooManyFields,
            request: fields(Array(repeating: "A: b", count: 40).joined(separator: "\n"))
        ),
        Case(reason: .missingHost, request: "GET / HTTP/1.1\nA: b\n\n"),
        Case(reason: .repeatedHost, request: fields("Host: b")),
        Case(reason: .invalidHost, request: "GET / HTTP/1.1\nHost: a b\n\n"),
        Case(reason: .invalidContentLength, request: post("Content-Length: +1", "x")),
        Case(
            reason: .repeatedContentLength,
            request: post("Content-Length: 1\nContent-Length: 2", "xx")
        ),
        Case(
            reason: .contentLengthWithTransferEncoding,
            request: post("Content-Length: 1\n\(chunked)", "0\n\n")
        ),
        Case(reason: .unknownTransferCoding, request: post("Transfer-Encoding: gzip, chunked", "")),
        Case(reason: .invalidTransferEncoding, request: post("Transfer-Encoding: gzip", "")),
        Case(
            reason: .transferEncodingInHTTP10,
            request: "POST / HTTP/1.0\nHost: a\n\(chunked)\n\n0\n\n"
        ),
        Case(reason: .invalidChunkSize, request: post(chunked, "x\n")),
        Case(reason: .chunkSizeTooLarge, request: post(chunked, "fffffffffffffffff\n")),
        Case(reason: .invalidChunkEnd, request: post(chunked, "1\nabc")),
    ]

    @Test("Each reason has its status, is counted by its name, and closes", arguments: cases)
    func reasons(_ example: Case) throws {
        let text = "limit header_size=4k header_count=20 target=2k\n" + plain
        try simulate(text) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send(raw: example.request)
            let head = try await client.gets()
            #expect(head[0].hasPrefix("HTTP/1.1 \(example.reason.status) "))
            #expect(head.contains("Connection: close"))
            try await client.skipBody(head)
            try await client.ends()
            #expect(!server.hasConnection())
            #expect(
                world.metric(
                    "gateway_requests_rejected_total",
                    "reason=\"\(example.reason.rawValue)\""
                ) == 1
            )
        }
    }

    @Test("What stands before a bad request is answered first")
    func pipelined() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send(raw: "GET /1 HTTP/1.1\nHost: a\n\nG@T / HTTP/1.1\nHost: a\n\n")
            let origin = try await server.accept()
            try await origin.gets("GET /1 HTTP/1.1")
            try await origin.send("HTTP/1.1 200 OK", "Content-Length: 1", body: "1")
            try await client.gets("HTTP/1.1 200 OK", body: "1")
            let head = try await client.gets("HTTP/1.1 400 Bad Request", "Connection: close")
            try await client.skipBody(head)
            try await client.ends()
        }
    }

    @Test("A page or a problem document, as the client prefers")
    func negotiation() throws {
        try simulate(plain) { world in
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a", "Accept: text/html,*/*;q=0.1")
            let page = try await client.gets(
                "HTTP/1.1 502 Bad Gateway",
                "Content-Type: text/html; charset=utf-8",
                "X-Request-ID: *",
                "Cache-Control: no-store"
            )
            try await client.skipBody(page)
            try await client.send("GET / HTTP/1.1", "Host: a", "Accept: */*")
            let problem = try await client.gets(
                "HTTP/1.1 502 Bad Gateway",
                "Content-Type: application/problem+json"
            )
            let length = problem.first { $0.hasPrefix("Content-Length: ") }?.dropFirst(16)
            let body = try await client.take(Int(length ?? "") ?? 0)
            let text = String(decoding: body, as: UTF8.self)
            #expect(text.contains("\"status\":502"))
            #expect(!text.contains("10.0.0.1"))
        }
    }
}
