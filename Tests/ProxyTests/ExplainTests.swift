import Configuration
import Foundation
import Testing

@testable import Proxy

/// A configuration that stands in a test.
func load(_ text: String) throws -> Configuration {
    let access = SourceAccess(
        read: { path, _ throws(SourceAccess.Failure) in
            guard path == "gateway.conf" else { throw .unreadable("No such file") }
            return Array(text.utf8)
        },
        matches: { _ in [] },
        environment: { _ in nil }
    )
    return try Configuration.load("gateway.conf", access: access)
}

private let shop = """
    trusted_proxies 10.0.0.0/8
    access_log off

    upstream app {
        server 10.0.0.5:8000
        server 10.0.0.6:8000 weight=3
        server 10.0.0.7:8000 backup
        balance hash key=client_address
    }
    upstream slow {
        server app.internal:80
        profile gunicorn
    }

    site shop.example *.shop.example {
        listen 127.0.0.1:8080
        header response set X-Frame-Options DENY
        route /static/* {
            proxy app
        }
        route /login method=POST {
            deny 192.0.2.0/24
            limit body=1k
            proxy slow
        }
        route /api/* {
            strip_prefix /api
            header request set X-Client $client_address
            proxy slow
        }
        route /old {
            redirect https://$host/new
        }
    }
    """

private let compressed = """
    access_log off
    site * {
        listen :80
        compress br gzip min=2k breach=skip_cookies
        decompress request
        route /fixed {
            respond 200 "hello"
        }
        route * {
            proxy 10.0.0.5:8000
        }
    }
    """

private let remembering = """
    access_log off
    certificate internal
    site a {
        listen :80
        listen :443 tls
        compress
        compress_dictionary
        route /app/* {
            compress_dictionary /app/*.js dest=script
            proxy 10.0.0.5:8000
        }
        route * {
            proxy 10.0.0.5:8000
        }
    }
    """

private func explain(
    _ method: String,
    _ url: String,
    from peer: String = "203.0.113.9",
    proxied: String? = nil,
    listener: String? = nil,
    _ fields: String...,
    by text: String = shop
) throws -> Explanation {
    let request = try ExplainedRequest(
        method: method,
        url: url,
        from: peer,
        proxied: proxied,
        listener: listener,
        fields: fields
    )
    return try Explanation.explain(request, by: load(text))
}

/// Compares a text with the file that holds it; `GOLDEN_UPDATE=1` writes the file anew.
private func expectGolden(_ name: String, _ text: String) throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Golden/\(name).txt")
    if ProcessInfo.processInfo.environment["GOLDEN_UPDATE"] == "1" {
        try Data(text.utf8).write(to: file)
    }
    let golden = try String(contentsOf: file, encoding: .utf8)
    #expect(text == golden)
}

extension Explanation {
    /// The lines of a step.
    fileprivate subscript(name: String) -> [String]? { steps.first { $0.name == name }?.lines }
}

@Suite("gateway explain")
struct ExplainTests {
    // MARK: Whole explanations

    @Test("A forwarded request is explained from the listener to the log")
    func forwarded() throws {
        let explanation = try explain(
            "GET",
            "http://shop.example/static/a.css?v=1",
            from: "10.1.2.3",
            "X-Forwarded-For: 1.1.1.1, 198.51.100.7, 10.9.9.9",
            "X-Forwarded-Proto: https",
            "X-Request-ID: abc-1"
        )
        #expect(explanation.status == nil)
        try expectGolden("explain-forwarded", explanation.description)
    }

    @Test("A refused request is explained up to the refusal")
    func refused() throws {
        let explanation = try explain("POST", "http://shop.example/login", from: "192.0.2.9")
        #expect(explanation.status == 403)
        try expectGolden("explain-refused", explanation.description)
    }

    @Test("Content on the way to a gunicorn is read whole and sent with its length")
    func content() throws {
        let explanation = try explain(
            "POST",
            "http://a.shop.example:8080/api/x%20y",
            "Transfer-Encoding: chunked"
        )
        #expect(explanation.status == nil)
        try expectGolden("explain-content", explanation.description)
    }

    // MARK: What leads to a refusal

    struct RefusalCase: CustomTestStringConvertible {
        let method: String
        let url: String
        var fields: [String] = []
        let status: Int
        let reason: String
        let last: String
        var testDescription: String { "\(method) \(url) \(fields)" }
    }

    @Test("What becomes of a content is said for the type and size that is supposed")
    func compression() throws {
        var text = ""
        for (type, size, accept, cookie) in [
            ("text/css", 20_000, "gzip, br", false), ("text/css", 100, "gzip", false),
            ("image/png", 20_000, "gzip", false), ("text/css", 20_000, "zstd", false),
            ("text/css", nil, "gzip, identity;q=0", true),
        ] as [(String, Int?, String, Bool)] {
            let request = try ExplainedRequest(
                method: "GET",
                url: "http://a/x",
                from: "203.0.113.9",
                fields: ["Accept-Encoding: \(accept)"] + (cookie ? ["Cookie: a=b"] : []),
                responseType: type,
                responseSize: size
            )
            let explanation = try Explanation.explain(request, by: load(compressed))
            text += "\(accept)\n"
            for step in explanation.steps where step.name == "compress" {
                text += step.lines.map { "    \($0)\n" }.joined()
            }
        }
        let plain = try explain("GET", "http://a/", "Accept-Encoding: br", by: compressed)
        text += plain.description
        text += try explain("GET", "http://a/fixed", by: compressed).description
        text += try explain(
            "POST",
            "http://a/",
            "Content-Encoding: gzip",
            "Content-Length: 100",
            by: compressed
        ).description
        try expectGolden("explain-compress", text)
    }

    @Test("What a dictionary would do is said, and why it would do nothing")
    func dictionaries() throws {
        let hash = "Available-Dictionary: :pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4=:"
        let takes = "Accept-Encoding: zstd, dcz"
        let crossSite = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"]
        var text = ""
        for (url, fields) in [
            ("https://a/app/1.js", []), ("http://a/app/1.js", [hash, takes]),
            ("https://a/app/1.js", [hash, takes]), ("https://a/app/1.js", [hash]),
            ("https://a/app/1.js", ["Available-Dictionary: x", takes]),
            ("https://a/app/1.js", [hash, takes] + crossSite), ("https://a/own", []),
        ] as [(String, [String])] {
            let request = try ExplainedRequest(
                method: "GET",
                url: url,
                from: "203.0.113.9",
                fields: fields
            )
            text += ([url] + fields).joined(separator: " | ") + "\n"
            for step in try Explanation.explain(request, by: load(remembering)).steps
            where step.name == "compress_dictionary" {
                text += step.lines.map { "    \($0)\n" }.joined()
            }
        }
        try expectGolden("explain-dictionary", text)
    }

    @Test(
        "What the data path refuses is explained as refused, by the step that refuses it",
        arguments: [
            RefusalCase(
                method: "GET",
                url: "http://other.example/",
                status: 404,
                reason: "unknown_site",
                last: "site"
            ),
            RefusalCase(
                method: "GET",
                url: "http://shop.example/login",
                status: 405,
                reason: "method_not_allowed",
                last: "route"
            ),
            RefusalCase(
                method: "GET",
                url: "http://shop.example/%zz",
                status: 400,
                reason: "invalid_path",
                last: "path"
            ),
            RefusalCase(
                method: "POST",
                url: "http://shop.example/login",
                fields: ["Content-Length: 1025"],
                status: 413,
                reason: "body_too_large",
                last: "content"
            ),
            RefusalCase(
                method: "CONNECT",
                url: "http://shop.example/",
                status: 501,
                reason: "connect_method",
                last: "receive"
            ),
            RefusalCase(
                method: "GET",
                url: "http://sh^op.example/",
                status: 400,
                reason: "invalid_host",
                last: "receive"
            ),
            RefusalCase(
                method: "GET",
                url: "http://shop.example/a b",
                status: 400,
                reason: "invalid_version",
                last: "receive"
            ),
            RefusalCase(
                method: "GET",
                url: "http://shop.example/",
                fields: ["Host: a", "Host: b"],
                status: 400,
                reason: "repeated_host",
                last: "receive"
            ),
            RefusalCase(
                method: "POST",
                url: "http://shop.example/login",
                fields: ["Content-Length: 5", "Transfer-Encoding: chunked"],
                status: 400,
                reason: "content_length_with_transfer_encoding",
                last: "receive"
            ),
            RefusalCase(
                method: "GET",
                url: "http://shop.example/",
                fields: ["X Y: 1"],
                status: 400,
                reason: "whitespace_before_colon",
                last: "receive"
            ),
            RefusalCase(
                method: "GET",
                url: "http://shop.example/" + String(repeating: "a", count: 9000),
                status: 414,
                reason: "target_too_long",
                last: "receive"
            ),
            RefusalCase(
                method: "GET",
                url: "http://shop.example/",
                fields: ["X: " + String(repeating: "a", count: 40_000)],
                status: 431,
                reason: "head_too_large",
                last: "receive"
            ),
        ]
    )
    func refusals(_ refusal: RefusalCase) throws {
        let request = try ExplainedRequest(
            method: refusal.method,
            url: refusal.url,
            from: "203.0.113.9",
            fields: refusal.fields
        )
        let explanation = try Explanation.explain(request, by: load(shop))
        #expect(explanation.status == refusal.status)
        let answer = try #require(explanation["answer"]?.first)
        #expect(answer.hasPrefix("\(refusal.status) "))
        #expect(answer.hasSuffix("counted and logged as \(refusal.reason)"))
        #expect(explanation[refusal.last] != nil)
        #expect(explanation["sent"] == nil)
        #expect(explanation["upstream"] == nil)
    }

    @Test("A route that is not for the method is named")
    func wrongMethod() throws {
        let explanation = try explain("GET", "http://shop.example/login")
        #expect(explanation["route"] == ["none fits", "not /login: it is for POST only"])
    }

    @Test("An upstream whose servers are all down answers 503")
    func allDown() throws {
        let text = """
            upstream app {
                server 10.0.0.5:80 down
            }
            site * {
                listen :80
                proxy app
            }
            """
        let explanation = try explain("GET", "http://a/", by: text)
        #expect(explanation.status == 503)
        #expect(explanation["answer"]?.first?.hasSuffix("no_server") == true)
    }

    // MARK: Single steps

    @Test("A redirection is expanded")
    func redirect() throws {
        let explanation = try explain("GET", "http://shop.example/old")
        #expect(explanation.status == 308)
        #expect(
            explanation["answer"] == ["308 Permanent Redirect to https://shop.example/new"]
        )
        #expect(explanation["response"] == ["set X-Frame-Options: DENY"])
    }

    @Test("The same address is sent to the same server, and servers share the addresses")
    func hash() throws {
        var servers: Set<String> = []
        for last in 1...64 {
            let url = "http://shop.example/static/"
            let first = try explain("GET", url, from: "198.51.100.\(last)")["server"]
            #expect(try explain("GET", url, from: "198.51.100.\(last)")["server"] == first)
            servers.formUnion(first ?? [])
        }
        #expect(
            servers == ["10.0.0.5:8000, while it is well", "10.0.0.6:8000, while it is well"]
        )
    }

    @Test("A Host field takes the place of the URL's host")
    func ownHost() throws {
        let explanation = try explain("GET", "http://127.0.0.1:8080/old", "Host: a.SHOP.example")
        #expect(
            explanation["site"] == [
                "shop.example, by '*.shop.example'",
                "the Host field says 'a.shop.example', whatever the URL says",
            ]
        )
    }

    @Test("Fields of a peer that is not trusted are ignored, and said to be")
    func untrusted() throws {
        let explanation = try explain(
            "GET",
            "http://shop.example/static/",
            "X-Forwarded-For: 1.1.1.1",
            "X-Forwarded-Proto: https"
        )
        #expect(
            explanation["client"] == [
                "203.0.113.9", "203.0.113.9 is not in trusted_proxies",
                "so its X-Forwarded-For is ignored, and replaced upstream",
            ]
        )
        #expect(
            explanation["scheme"] == [
                "http", "the peer is not trusted, so its X-Forwarded-Proto is ignored",
            ]
        )
        #expect(explanation["sent"]?.contains("X-Forwarded-For: 203.0.113.9") == true)
        #expect(explanation["sent"]?.contains("X-Forwarded-Proto: http") == true)
    }

    struct HopCase: CustomTestStringConvertible {
        let fields: [String]
        let lines: [String]
        var testDescription: String { "\(fields)" }
    }

    @Test(
        "Each hop is named with what is decided about it",
        arguments: [
            HopCase(fields: [], lines: ["10.0.0.1", "it sent no X-Forwarded-For"]),
            HopCase(
                fields: ["10.0.0.2"],
                lines: [
                    "10.0.0.2", "10.0.0.2: trusted",
                    "all are trusted, so the first of them is the client",
                ]
            ),
            HopCase(
                fields: ["192.0.2.1", "10.0.0.2"],
                lines: [
                    "192.0.2.1", "10.0.0.2: trusted",
                    "192.0.2.1: not trusted, so it is the client",
                ]
            ),
            HopCase(
                fields: ["192.0.2.1, unknown, 10.0.0.2"],
                lines: [
                    "10.0.0.2", "10.0.0.2: trusted", "unknown: no address, so reading ends",
                ]
            ),
            HopCase(
                fields: ["192.0.2.1,,10.0.0.2"],
                lines: [
                    "10.0.0.2", "10.0.0.2: trusted", "(empty): no address, so reading ends",
                ]
            ),
        ]
    )
    func hops(_ hops: HopCase) throws {
        let request = try ExplainedRequest(
            method: "GET",
            url: "http://shop.example/old",
            from: "10.0.0.1:4711",
            fields: hops.fields.map { "X-Forwarded-For: \($0)" }
        )
        let explanation = try Explanation.explain(request, by: load(shop))
        var lines = hops.lines
        lines.insert("10.0.0.1 is trusted, as 10.0.0.0/8", at: 1)
        #expect(explanation["client"] == lines)
    }

    @Test("Forwarded is cut at commas outside of quotes")
    func forwardedField() throws {
        let text = """
            trusted_proxies 10.0.0.0/8
            client_address forwarded
            site * {
                listen :80
                respond 200 ok
            }
            """
        let explanation = try explain(
            "GET",
            "http://a/",
            from: "10.0.0.1",
            "Forwarded: for=1.1.1.1, for=192.0.2.1;host=\"a,b\";proto=https, for=10.0.0.2",
            by: text
        )
        #expect(
            explanation["client"] == [
                "192.0.2.1", "10.0.0.1 is trusted, as 10.0.0.0/8", "for=10.0.0.2: trusted",
                "for=192.0.2.1;host=\"a,b\";proto=https: not trusted, so it is the client",
                "what stands to its left is not looked at",
            ]
        )
        #expect(explanation["scheme"] == ["https, as the trusted peer says"])
    }

    @Test("A PROXY protocol header of a trusted peer names the client")
    func proxyProtocol() throws {
        let text = """
            trusted_proxies 10.0.0.0/8
            client_address proxy_protocol
            site * {
                listen :80 proxy_protocol
                respond 200 ok
            }
            """
        let trusted = try explain(
            "GET",
            "http://a/",
            from: "10.0.0.1",
            proxied: "192.0.2.1",
            by: text
        )
        #expect(trusted["client"]?.first == "192.0.2.1")
        let untrusted = try explain(
            "GET",
            "http://a/",
            from: "192.0.2.7",
            proxied: "192.0.2.1",
            by: text
        )
        #expect(untrusted["client"]?.first == "192.0.2.7")
        #expect(
            untrusted["client"]?.contains("so its PROXY protocol header is not believed") == true
        )
    }

    @Test("The listener is the one on the URL's port, or the one that is named")
    func listeners() throws {
        let text = """
            site a {
                listen 127.0.0.1:81 127.0.0.1:82
                respond 200 a
            }
            site b {
                listen 127.0.0.1:83
                respond 200 b
            }
            """
        #expect(try explain("GET", "http://a:82/", by: text)["listener"] == ["127.0.0.1:82"])
        let elsewhere = try explain("GET", "http://b/", by: text)["listener"]
        #expect(elsewhere?.first == "127.0.0.1:83")
        #expect(elsewhere?.last?.hasPrefix("no listener has port 80") == true)
        let named = try explain("GET", "http://a/", listener: "127.0.0.1:82", by: text)
        #expect(named["listener"] == ["127.0.0.1:82"])
        #expect(named.status == 200)
        #expect(throws: ExplainedRequestError.self) {
            try explain("GET", "http://a/", listener: "127.0.0.1:99", by: text)
        }
    }
}

@Suite("The arguments of gateway explain")
struct ExplainedRequestTests {
    struct BadCase: CustomTestStringConvertible {
        var method = "GET"
        var url = "http://a/"
        var peer = "192.0.2.1"
        var field = "X: y"
        let says: String
        var testDescription: String { says }
    }

    @Test(
        "What cannot be a request is refused in words",
        arguments: [
            BadCase(method: "get", says: "did you mean 'GET'?"),
            BadCase(method: "G T", says: "'G T' is no method"),
            BadCase(method: "", says: "is no method"),
            BadCase(url: "a/b", says: "write http://a/b"),
            BadCase(url: "http:///b", says: "names no host"),
            BadCase(url: "http://:80/b", says: "names no host"),
            BadCase(url: "ftp://a/", says: "no http or https URL"),
            BadCase(url: "http://user@a/", says: "names a user"),
            BadCase(url: "http://a:0/", says: "'0' in"),
            BadCase(url: "http://a:x/", says: "'x' in"),
            BadCase(url: "http://a:65536/", says: "'65536' in"),
            BadCase(url: "http://a/\r\nX: y", says: "control character"),
            BadCase(peer: "nobody", says: "'nobody' is not an IP address"),
            BadCase(peer: ":80", says: "nobody connects from ':80'"),
            BadCase(peer: "0.0.0.0", says: "nobody connects from '0.0.0.0'"),
            BadCase(field: "X", says: "write 'NAME: VALUE'"),
            BadCase(field: ": y", says: "write 'NAME: VALUE'"),
            BadCase(field: "X: y\r\nZ: 1", says: "control character"),
        ]
    )
    func bad(_ bad: BadCase) {
        let error = #expect(throws: ExplainedRequestError.self) {
            try ExplainedRequest(
                method: bad.method,
                url: bad.url,
                from: bad.peer,
                fields: [bad.field]
            )
        }
        #expect(error?.description.contains(bad.says) == true)
    }

    struct URLCase: CustomTestStringConvertible {
        let text: String
        let host: String
        let port: UInt16
        let target: String
        var testDescription: String { text }
    }

    @Test(
        "A URL is cut where its parts end",
        arguments: [
            URLCase(text: "http://a", host: "a", port: 80, target: "/"),
            URLCase(text: "https://a?q#f", host: "a", port: 443, target: "/?q"),
            URLCase(text: "http://a:/x?y/?z#f", host: "a", port: 80, target: "/x?y/?z"),
            URLCase(text: "HTTP://[::1]:8080/", host: "[::1]", port: 8080, target: "/"),
            URLCase(text: "http://[::1]/", host: "[::1]", port: 80, target: "/"),
            URLCase(text: "ws://a:1/#", host: "a", port: 1, target: "/"),
        ]
    )
    func cut(_ url: URLCase) throws {
        let parsed = try ExplainedURL(url.text)
        #expect(parsed.host == url.host)
        #expect(parsed.port == url.port)
        #expect(parsed.target == url.target)
    }
}
