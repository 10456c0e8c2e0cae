import EventLoop
import Testing

@testable import Proxy

@Suite("Sites, routes and what they do, seen from outside")
struct RoutingTests {
    /// A request, and what the client or the origin gets for it.
    struct Case: CustomTestStringConvertible {
        var testDescription: String
        var site = "proxy $server"
        var request: [String]
        var client: [String] = []
        var body = ""
        var origin: [String] = []
    }

    static let cases = [
        Case(
            testDescription: "respond",
            site: "respond 200 \"fine\\n\" type=text/plain",
            request: ["GET / HTTP/1.1", "Host: a"],
            client: ["HTTP/1.1 200 OK", "Content-Type: text/plain", "Content-Length: 5"],
            body: "fine\u{A}"
        ),
        Case(
            testDescription: "respond to HEAD has no content",
            site: "respond 200 \"fine\"",
            request: ["HEAD / HTTP/1.1", "Host: a"],
            client: ["HTTP/1.1 200 OK", "Content-Length: 4"]
        ),
        Case(
            testDescription: "respond 204",
            site: "respond 204",
            request: ["GET / HTTP/1.1", "Host: a"],
            client: ["HTTP/1.1 204 No Content", "!Content-Length"]
        ),
        Case(
            testDescription: "redirect keeps path and query",
            site: "redirect https://www.example.com$uri status=301",
            request: ["GET /a%20b?c=d HTTP/1.1", "Host: a"],
            client: [
                "HTTP/1.1 301 Moved Permanently", "Location: https://www.example.com/a%20b?c=d",
            ]
        ),
        Case(
            testDescription: "rewrite",
            site: "rewrite /old/* /new/*; proxy $server",
            request: ["GET /old/x?y HTTP/1.1", "Host: a"],
            origin: ["GET /new/x?y HTTP/1.1"]
        ),
        Case(
            testDescription: "strip_prefix tells the app what it took away",
            site: "strip_prefix /app; proxy $server",
            request: ["GET /app/x HTTP/1.1", "Host: a"],
            origin: ["GET /x HTTP/1.1", "X-Forwarded-Prefix: /app"]
        ),
        Case(
            testDescription: "header rules on the request",
            site: """
                header request set X-A "$method $host"
                header request remove Cookie
                header request add X-B 2
                proxy $server
                """,
            request: ["GET / HTTP/1.1", "Host: a", "X-A: 1", "X-B: 1", "Cookie: c=d"],
            origin: ["GET / HTTP/1.1", "X-A: GET a", "X-B: 1", "X-B: 2", "!Cookie"]
        ),
        Case(
            testDescription: "an absolute target names the host",
            request: ["GET http://shop/x?y HTTP/1.1", "Host: other"],
            origin: ["GET /x?y HTTP/1.1", "Host: shop"]
        ),
        Case(
            testDescription: "OPTIONS of the whole server",
            request: ["OPTIONS * HTTP/1.1", "Host: a"],
            origin: ["OPTIONS * HTTP/1.1", "Host: a"]
        ),
        Case(
            testDescription: "an unknown site",
            site: "route /only { proxy $server }",
            request: ["GET /other HTTP/1.1", "Host: a"],
            client: ["HTTP/1.1 404 Not Found", "Content-Type: application/problem+json"]
        ),
        Case(
            testDescription: "a path that only other methods find",
            site: """
                route /form method=POST { proxy $server }
                route /form method=GET { proxy $server }
                """,
            request: ["DELETE /x/../form?q HTTP/1.1", "Host: a"],
            client: ["HTTP/1.1 405 Method Not Allowed", "Allow: GET, HEAD, POST"]
        ),
        Case(
            testDescription: "a path that climbs out of the site",
            request: ["GET /../etc/passwd HTTP/1.1", "Host: a"],
            client: ["HTTP/1.1 400 Bad Request"]
        ),
        Case(
            testDescription: "deny",
            site: "deny 127.0.0.0/8; proxy $server",
            request: ["GET / HTTP/1.1", "Host: a"],
            client: ["HTTP/1.1 403 Forbidden"]
        ),
        Case(
            testDescription: "allow of somebody else",
            site: "allow 10.0.0.0/8; proxy $server",
            request: ["GET / HTTP/1.1", "Host: a"],
            client: ["HTTP/1.1 403 Forbidden"]
        ),
        Case(
            testDescription: "allow",
            site: "allow 127.0.0.0/8; proxy $server",
            request: ["GET / HTTP/1.1", "Host: a"],
            origin: ["GET / HTTP/1.1"]
        ),
    ]

    @Test("A request goes where its route says", arguments: cases)
    func routes(_ example: Case) throws {
        let text = "site * {\n listen $site\n\(example.site)\n}"
        try simulate(text) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send(raw: example.request.joined(separator: "\n") + "\n\n")
            if example.origin.isEmpty {
                let head = try await client.gets(lines: example.client)
                if example.body.isEmpty {
                    if !example.request[0].hasPrefix("HEAD") { try await client.skipBody(head) }
                } else {
                    #expect(
                        try await client.take(example.body.utf8.count) == Array(example.body.utf8)
                    )
                }
                #expect(!server.hasConnection())
            } else {
                let origin = try await server.accept()
                try await origin.gets(lines: example.origin)
                try await origin.send("HTTP/1.1 204 No Content")
                try await client.gets("HTTP/1.1 204 No Content")
            }
            // The connection goes on after each of these.
            try await client.isQuiet(seconds: 1)
        }
    }

    @Test("Header rules on the response, on the gateway's own as well")
    func responseRules() throws {
        let text = """
            site * {
                listen $site
                header set X-Frame-Options DENY
                header remove Server
                route /own { respond 200 "x" }
                route * { proxy $server }
            }
            """
        try simulate(text) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Server: app",
                "X-Frame-Options: ALLOW",
                "Content-Length: 0"
            )
            let head = try await client.gets("HTTP/1.1 200 OK", "X-Frame-Options: DENY", "!Server")
            #expect(head.count { $0.hasPrefix("X-Frame-Options") } == 1)
            try await client.send("GET /own HTTP/1.1", "Host: a")
            try await client.gets("HTTP/1.1 200 OK", "X-Frame-Options: DENY", body: "x")
        }
    }

    @Test("error_page takes the place of the gateway's own")
    func errorPage() throws {
        let files = ["/pages/down.html": "<h1>Back soon</h1>"]
        try simulate("error_page 502 503 /pages/down.html\n" + plain, files: files) { world in
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a")
            try await client.gets(
                "HTTP/1.1 502 Bad Gateway",
                "Content-Type: text/html*",
                "X-Request-ID: *",
                body: "<h1>Back soon</h1>"
            )
        }
    }

    // MARK: Who the client is

    @Test(
        "X-Forwarded-For of an untrusted peer is dropped; a trusted one's is believed, as far as it is trusted"
    )
    func forwardedFor() throws {
        for (trust, chain, real) in [
            ("", "127.0.0.1", "127.0.0.1"),
            ("trusted_proxies 127.0.0.1\n", "203.0.113.9, 127.0.0.1", "203.0.113.9"),
            (
                "trusted_proxies 127.0.0.1 203.0.113.0/24\n",
                "198.51.100.7, 203.0.113.9, 127.0.0.1",
                "198.51.100.7"
            ),
        ] {
            try simulate(trust + plain) { world in
                let server = try world.origin()
                let client = try await world.client()
                try await client.send(
                    "GET / HTTP/1.1",
                    "Host: a",
                    "X-Forwarded-For: 198.51.100.7",
                    "X-Forwarded-For: 203.0.113.9",
                    "X-Forwarded-Proto: https",
                    "X-Real-IP: 1.2.3.4",
                    "Forwarded: for=1.2.3.4"
                )
                let origin = try await server.accept()
                try await origin.gets(
                    "GET / HTTP/1.1",
                    "X-Forwarded-For: \(chain)",
                    "X-Real-IP: \(real)",
                    "X-Forwarded-Proto: \(trust.isEmpty ? "http" : "https")",
                    "!Forwarded"
                )
                try await origin.send("HTTP/1.1 204 No Content")
                try await client.gets("HTTP/1.1 204 No Content")
            }
        }
    }

    static let proxied = """
        trusted_proxies 127.0.0.1
        client_address proxy_protocol
        site * { listen $site proxy_protocol; proxy $server }
        """

    @Test("A PROXY protocol header says who the client is, however it is cut")
    func proxyProtocol() throws {
        var faults = Simulation.Faults()
        for longest in [1, Int.max] {
            faults.longestReceive = longest
            try simulate(Self.proxied, faults: faults) { world in
                let server = try world.origin()
                let client = try await world.client()
                try await client.send(raw: "PROXY TCP4 203.0.113.9 192.0.2.1 5555 80\n")
                try await client.send("GET / HTTP/1.1", "Host: a")
                let origin = try await server.accept()
                try await origin.gets("GET / HTTP/1.1", "X-Real-IP: 203.0.113.9")
                try await origin.send("HTTP/1.1 204 No Content")
                try await client.gets("HTTP/1.1 204 No Content")
                // It stands at the front of the connection, not of each request.
                try await client.send("GET / HTTP/1.1", "Host: a")
                try await origin.gets("GET / HTTP/1.1", "X-Real-IP: 203.0.113.9")
                try await origin.send("HTTP/1.1 204 No Content")
                try await client.gets("HTTP/1.1 204 No Content")
            }
        }
    }

    @Test("Where a PROXY protocol header is due, a connection without one is closed")
    func missingProxyHeader() throws {
        try simulate(Self.proxied) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a")
            await world.pass(seconds: 1)
            #expect(
                world.metric("gateway_connections_closed_total", "invalid_proxy_header") == 1
            )
            #expect(!server.hasConnection())
        }
    }
}
