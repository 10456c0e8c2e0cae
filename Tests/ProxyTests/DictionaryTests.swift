import Bytes
import Compression
import EventLoop
import Foundation
import HTTP
import TLS
import Testing

@testable import Proxy

/// A site behind a proxy that ends TLS, so that the scripts need none.
private let site = """
    trusted_proxies 0.0.0.0/0
    compress_limits dictionaries=2m
    site * {
        listen $site
        compress zstd br gzip min=100
        route /app/* {
            compress_dictionary /app/*.js dest=script max=300k
            proxy $server
        }
        route /own/* {
            compress_dictionary
            proxy $server
        }
        route * {
            proxy $server
        }
    }
    """

private func script(_ version: Int, _ count: Int = 20_000) -> [UInt8] {
    var text = "// version \(version)\n"
    var number = 0
    while text.utf8.count < count {
        number += 1
        text += "function f\(number &* 7919 % 10_007)(a) { return a + \(number &* 31 % 977); }\n"
    }
    return Array(text.utf8.prefix(count))
}

private func hash(_ content: [UInt8]) -> [UInt8] {
    let buffer = Buffer()
    buffer.append(content)
    return ContentDigest.sha256(buffer)
}

private func base64(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }

/// What a browser says that has a dictionary.
private func names(_ content: [UInt8]) -> [String] {
    [
        "Accept-Encoding: gzip, deflate, br, zstd, dcb, dcz",
        "Available-Dictionary: :\(base64(hash(content))):",
    ]
}

private let secure = ["Host: a.example", "X-Forwarded-Proto: https"]
private let lasting = "Cache-Control: public, max-age=3600"

extension World {
    /// One request of a client of its own and its answer.
    fileprivate func exchange(
        _ origin: Origin,
        _ request: [String],
        answers response: [String],
        _ content: [UInt8],
        sees lines: [String],
        origin seen: [String] = []
    ) async throws -> [UInt8] {
        let client = try await client()
        try await client.send(raw: request.joined(separator: "\n") + "\n\n")
        let server = try await origin.accept()
        try await server.gets(lines: [request[0]] + seen)
        let isHead = request[0].hasPrefix("HEAD")
        let length = response[0].contains(" 304 ") ? [] : ["Content-Length: \(content.count)"]
        let answer = (response + length + ["Connection: close"]).joined(separator: "\n") + "\n\n"
        let bytes = wire(answer) + (isHead || length.isEmpty ? [] : content)
        spawn { _ in
            try await server.send(bytes: bytes)
            server.close()
        }
        let head = try await client.gets(lines: lines)
        defer { client.close() }
        if isHead || length.isEmpty { return [] }
        let field = head.first { $0.hasPrefix("Content-Length: ") }
        if let count = field.flatMap({ Int($0.dropFirst(16)) }) {
            return try await client.take(count)
        }
        return try await client.chunks()
    }

    /// Lets a client fetch a content, which becomes a dictionary.
    fileprivate func store(_ origin: Origin, _ content: [UInt8], _ path: String = "/app/1.js")
        async throws
    {
        let got = try await exchange(
            origin,
            ["GET \(path) HTTP/1.1"] + secure,
            answers: ["HTTP/1.1 200 OK", "Content-Type: text/javascript", lasting],
            content,
            sees: [
                "HTTP/1.1 200 OK",
                "Use-As-Dictionary: match=\"/app/*.js\", match-dest=(\"script\")",
                "!Content-Encoding", "Content-Length: \(content.count)", "Vary: Accept-Encoding",
                "Vary: Available-Dictionary",
            ]
        )
        #expect(got == content)
    }
}

private let ok = ["HTTP/1.1 200 OK", "Content-Type: text/javascript", lasting]

@Suite("RFC 9842: responses coded with a dictionary")
struct DictionaryTests {
    private func expectCoded(_ got: [UInt8], by old: [UInt8], atMost count: Int = 200) {
        #expect(Array(got.prefix(8)) == [0x5E, 0x2A, 0x4D, 0x18, 0x20, 0, 0, 0])
        #expect(Array(got.dropFirst(8).prefix(32)) == hash(old))
        #expect(got.count > 40 && got.count < count)
    }

    @Test("A version that the client has codes the next one", arguments: [20_000, 290_000])
    func delta(_ size: Int) throws {
        try simulate(site) { world in
            let origin = try world.origin()
            let old = script(1, size)
            try await world.store(origin, old)
            #expect(world.metric("gateway_dictionaries_stored_total") == 1)
            // The same content again is no other dictionary.
            try await world.store(origin, old, "/app/other.js")
            #expect(world.metric("gateway_dictionaries_stored_total") == 1)
            let prefix = hash(old).prefix(4).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
            let got = try await world.exchange(
                origin,
                ["GET /app/2.js HTTP/1.1"] + secure + names(old),
                answers: ok + ["ETag: \"v2\"", "Accept-Ranges: bytes"],
                script(2, size),
                sees: [
                    "HTTP/1.1 200 OK", "Content-Encoding: dcz",
                    "ETag: W/\"v2--dcz-\(prefix.joined())\"",
                    "Use-As-Dictionary: match=\"/app/*.js\", match-dest=(\"script\")",
                    "Vary: Accept-Encoding", "Vary: Available-Dictionary", "!Accept-Ranges",
                ],
                origin: ["Available-Dictionary: :\(base64(hash(old))):"]
            )
            expectCoded(got, by: old, atMost: 600)
            #expect(world.metric("gateway_dictionary_requests_total", "outcome=\"used\"") == 1)
            #expect(world.metric("gateway_compression_responses_total", "coding=\"dcz\"") == 1)
            // What was sent as a difference is a dictionary as well.
            #expect(world.metric("gateway_dictionaries_stored_total") == 2)
            let next = try await world.exchange(
                origin,
                ["GET /app/3.js HTTP/1.1"] + secure + names(script(2, size)),
                answers: ok,
                script(3, size),
                sees: ["HTTP/1.1 200 OK", "Content-Encoding: dcz"]
            )
            expectCoded(next, by: script(2, size), atMost: 600)
        }
    }

    /// A request that names the dictionary, and why it is not coded with it.
    struct Refusal: CustomTestStringConvertible {
        var testDescription: String
        var path = "/app/2.js"
        var request: [String] = []
        var response = ok
        /// Replaces what the client says it takes.
        var accept: String?
        var coding = "zstd"
        var varies = true
        var outcome: String?
    }

    static let refusals = [
        Refusal(testDescription: "not secure", request: ["!X-Forwarded-Proto"], varies: false),
        Refusal(testDescription: "another site", request: ["Host: b.example"], outcome: "unknown"),
        Refusal(testDescription: "no such route", path: "/else.js", varies: false),
        Refusal(testDescription: "dcz refused", accept: "gzip, zstd, dcz;q=0"),
        Refusal(testDescription: "dcz not named", accept: "gzip, zstd, *"),
        Refusal(
            testDescription: "only dcb, which is not to be had",
            accept: "gzip, zstd, dcb"
        ),
        Refusal(
            testDescription: "another page's script",
            request: ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"],
            outcome: "cross_origin"
        ),
        Refusal(
            testDescription: "another origin that may not read it",
            request: [
                "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Origin: https://c.example",
            ],
            response: ok + ["Access-Control-Allow-Origin: https://d.example"],
            outcome: "cross_origin"
        ),
        Refusal(
            testDescription: "private",
            response: [
                "HTTP/1.1 200 OK", "Content-Type: text/javascript", "Cache-Control: private",
            ],
            outcome: "personal"
        ),
        Refusal(
            testDescription: "sets a cookie",
            response: ok + ["Set-Cookie: a=b"],
            outcome: "personal"
        ),
        Refusal(
            testDescription: "a cookie, and not public",
            request: ["Cookie: a=b"],
            response: [
                "HTTP/1.1 200 OK", "Content-Type: text/javascript", "Cache-Control: max-age=9",
            ],
            outcome: "personal"
        ),
        Refusal(
            testDescription: "an unknown hash",
            request: ["Available-Dictionary: :\(base64(hash([1, 2, 3]))):"],
            outcome: "unknown"
        ),
        Refusal(
            testDescription: "no hash",
            request: ["Available-Dictionary: abc"],
            outcome: "malformed"
        ),
        Refusal(
            testDescription: "two hashes",
            request: [
                "Available-Dictionary: :\(base64(hash([1]))):",
                "Available-Dictionary: :\(base64(hash([1]))):",
            ],
            outcome: "malformed"
        ),
    ]

    @Test("Who gets no difference", arguments: refusals)
    func refused(_ example: Refusal) throws {
        try simulate(site) { world in
            let origin = try world.origin()
            let old = script(1)
            try await world.store(origin, old)
            var request = ["GET \(example.path) HTTP/1.1"] + secure + names(old)
            for line in example.request {
                let name = line.split(separator: ":")[0]
                if line.hasPrefix("!") {
                    request.removeAll { $0.hasPrefix(name.dropFirst()) }
                } else if example.request.count(where: { $0.hasPrefix(name) }) == 1 {
                    request.removeAll { $0.hasPrefix(name + ":") }
                } else {
                    request.removeAll { $0.hasPrefix(name + ":") && !example.request.contains($0) }
                }
            }
            request += example.request.filter { !$0.hasPrefix("!") }
            if let accept = example.accept {
                request.removeAll { $0.hasPrefix("Accept-Encoding") }
                request.append("Accept-Encoding: \(accept)")
            }
            let new = script(2)
            let got = try await world.exchange(
                origin,
                request,
                answers: example.response,
                new,
                sees: [
                    "HTTP/1.1 200 OK", "Content-Encoding: \(example.coding)",
                    "Vary: Accept-Encoding",
                ] + (example.varies ? ["Vary: Available-Dictionary"] : [])
            )
            #expect(try world.decode(got, example.coding) == String(decoding: new, as: UTF8.self))
            let all = world.metric("gateway_dictionary_requests_total")
            #expect(all == (example.outcome == nil ? 0 : 1))
            if let outcome = example.outcome {
                #expect(
                    world.metric("gateway_dictionary_requests_total", "outcome=\"\(outcome)\"") == 1
                )
            }
        }
    }

    struct Candidate: CustomTestStringConvertible {
        var testDescription: String
        var path = "/app/1.js"
        var request: [String] = []
        var response = ok
        var size = 20_000
        /// What the client is told.
        var advice: String? = "match=\"/app/*.js\", match-dest=(\"script\")"
        var isStored = true
    }

    static let candidates = [
        Candidate(testDescription: "what the file says"),
        Candidate(
            testDescription: "what the application says goes first",
            response: ok + ["Use-As-Dictionary: match=\"/app/x*\", id=\"v1\""],
            advice: "match=\"/app/x*\", id=\"v1\""
        ),
        Candidate(
            testDescription: "what the application says alone",
            path: "/own/a.js",
            response: ok + ["Use-As-Dictionary: match=\"/own/*\""],
            advice: "match=\"/own/*\""
        ),
        Candidate(
            testDescription: "the application says nothing",
            path: "/own/a.js",
            advice: nil,
            isStored: false
        ),
        Candidate(
            testDescription: "what no client may use",
            response: ok + ["Use-As-Dictionary: match=\"/app/(.*)\""],
            advice: "match=\"/app/(.*)\"",
            isStored: false
        ),
        Candidate(testDescription: "a public one to a cookie", request: ["Cookie: a=b"]),
        Candidate(
            testDescription: "a cookie, and not public",
            request: ["Cookie: a=b"],
            response: [ok[0], ok[1], "Cache-Control: max-age=60"],
            advice: nil,
            isStored: false
        ),
        Candidate(
            testDescription: "it does not stay fresh",
            response: [ok[0], ok[1], "Cache-Control: public, no-cache"],
            advice: nil,
            isStored: false
        ),
        Candidate(
            testDescription: "private",
            response: [ok[0], ok[1], "Cache-Control: private, max-age=60"],
            advice: nil,
            isStored: false
        ),
        Candidate(
            testDescription: "another type",
            response: [ok[0], "Content-Type: image/png", lasting],
            advice: nil,
            isStored: false
        ),
        Candidate(
            testDescription: "coded by the application",
            response: ok + ["Content-Encoding: gzip"],
            advice: nil,
            isStored: false
        ),
        Candidate(
            testDescription: "an error",
            response: ["HTTP/1.1 404 Not Found", ok[1], lasting],
            advice: nil,
            isStored: false
        ),
        Candidate(testDescription: "too large", size: 310_000, advice: nil, isStored: false),
        Candidate(testDescription: "too small", size: 90, advice: nil, isStored: false),
        Candidate(
            testDescription: "not secure",
            request: ["X-Forwarded-Proto: http"],
            advice: nil,
            isStored: false
        ),
    ]

    @Test("What becomes a dictionary", arguments: candidates)
    func candidate(_ example: Candidate) throws {
        try simulate(site) { world in
            let origin = try world.origin()
            var request = ["GET \(example.path) HTTP/1.1"] + secure
            if example.testDescription == "not secure" { request.removeLast() }
            let content = script(1, example.size)
            let got = try await world.exchange(
                origin,
                request + example.request,
                answers: example.response,
                content,
                sees: [
                    example.response[0],
                    example.advice.map { "Use-As-Dictionary: " + $0 } ?? "!Use-As-Dictionary",
                ]
            )
            #expect(got == content)
            #expect(world.metric("gateway_dictionaries_stored_total") == (example.isStored ? 1 : 0))
        }
    }

    @Test("A content that breaks off becomes none")
    func broken() throws {
        try simulate(site) { world in
            let origin = try world.origin()
            let client = try await world.client()
            let request = ["GET /app/1.js HTTP/1.1"] + secure
            try await client.send(raw: request.joined(separator: "\n") + "\n\n")
            let server = try await origin.accept()
            try await server.gets("GET /app/1.js HTTP/1.1")
            let head = ok + ["Content-Length: 9000"]
            try await server.send(raw: head.joined(separator: "\n") + "\n\n")
            try await server.send(bytes: script(1, 8999))
            server.close()
            try await client.isGone()
            #expect(world.metric("gateway_dictionaries_stored_total") == 0)
        }
    }

    @Test("HEAD says what GET would")
    func head() throws {
        try simulate(site) { world in
            let origin = try world.origin()
            let old = script(1)
            try await world.store(origin, old)
            _ = try await world.exchange(
                origin,
                ["HEAD /app/2.js HTTP/1.1"] + secure + names(old),
                answers: ok,
                script(2),
                sees: [
                    "HTTP/1.1 200 OK", "Content-Encoding: dcz", "!Content-Length",
                    "Use-As-Dictionary: match=\"/app/*.js\", match-dest=(\"script\")",
                    "Vary: Available-Dictionary",
                ]
            )
            #expect(world.metric("gateway_dictionaries_stored_total") == 1)
        }
    }

    @Test("Conditions reach the application in its own words, and the tag comes back as it was")
    func conditions() throws {
        try simulate(site) { world in
            let origin = try world.origin()
            _ = try await world.exchange(
                origin,
                ["GET /app/2.js HTTP/1.1"] + secure
                    + ["If-None-Match: W/\"v2--dcz-00ff00ff\"", "Accept-Encoding: zstd, dcz"],
                answers: ["HTTP/1.1 304 Not Modified", "ETag: \"v2\""],
                [],
                sees: [
                    "HTTP/1.1 304 Not Modified", "ETag: W/\"v2--dcz-00ff00ff\"",
                    "Vary: Accept-Encoding", "Vary: Available-Dictionary",
                ],
                origin: ["If-None-Match: \"v2\""]
            )
        }
    }

    @Test("A part is a part of the application's own bytes")
    func ranges() throws {
        try simulate(site) { world in
            let origin = try world.origin()
            let old = script(1)
            try await world.store(origin, old)
            let got = try await world.exchange(
                origin,
                ["GET /app/2.js HTTP/1.1"] + secure + names(old) + ["Range: bytes=0-499"],
                answers: [
                    "HTTP/1.1 206 Partial Content", "Content-Type: text/javascript", lasting,
                    "Content-Range: bytes 0-499/20000",
                ],
                Array(script(2).prefix(500)),
                sees: [
                    "HTTP/1.1 206 Partial Content", "!Content-Encoding", "!Use-As-Dictionary",
                    "Content-Range: bytes 0-499/20000",
                ]
            )
            #expect(got == Array(script(2).prefix(500)))
        }
    }

    @Test("What had to make room is unknown, and the content goes out as for anybody")
    func evicted() throws {
        try simulate(site) { world in
            let origin = try world.origin()
            let old = script(1)
            try await world.store(origin, old)
            for number in 2...8 { try await world.store(origin, script(number, 200_000)) }
            let new = script(9)
            let got = try await world.exchange(
                origin,
                ["GET /app/2.js HTTP/1.1"] + secure + names(old),
                answers: ok,
                new,
                sees: ["HTTP/1.1 200 OK", "Content-Encoding: zstd"]
            )
            #expect(try world.decode(got, "zstd") == String(decoding: new, as: UTF8.self))
            #expect(world.metric("gateway_dictionary_requests_total", "outcome=\"unknown\"") == 1)
            let figures = try #require(world.context.snapshot.dictionaryStore?.figures)
            #expect(figures.dropped > 0 && figures.bytes <= 2 << 20)
        }
    }

    @Test("Padding stands between the header and the content")
    func padded() throws {
        let padding = site.replacing("min=100", with: "min=100 breach=pad")
        try simulate(padding) { world in
            let origin = try world.origin()
            let old = script(1)
            try await world.store(origin, old)
            let got = try await world.exchange(
                origin,
                ["GET /app/2.js HTTP/1.1"] + secure + names(old),
                answers: ok,
                script(2),
                sees: ["HTTP/1.1 200 OK", "Content-Encoding: dcz"]
            )
            expectCoded(got, by: old, atMost: 600)
            #expect(Array(got[40..<44]) == [0x50, 0x2A, 0x4D, 0x18])
        }
    }
}
