import EventLoop
import Foundation
import Testing

@testable import Proxy

@Suite("https and cookies, seen from outside")
struct HTTPSTests {
    /// A proxy in front of the gateway says by which scheme a request came.
    private static let fronted = "trusted_proxies 127.0.0.0/8\n"

    struct Redirect: CustomTestStringConvertible {
        var testDescription: String { request.joined(separator: ", ") }
        var options = "redirect"
        let request: [String]
        let location: String
    }

    static let redirects = [
        Redirect(request: ["GET / HTTP/1.1", "Host: a.example"], location: "https://a.example/"),
        Redirect(
            request: ["POST /a%20b?c=%0d&d HTTP/1.1", "Host: A.example:80", "Content-Length: 0"],
            location: "https://a.example/a%20b?c=%0d&d"
        ),
        Redirect(
            options: "redirect port=8443",
            request: ["GET /x HTTP/1.1", "Host: a.example:8080"],
            location: "https://a.example:8443/x"
        ),
        Redirect(
            request: ["GET http://b.example/x HTTP/1.1", "Host: a.example"],
            location: "https://b.example/x"
        ),
        Redirect(request: ["GET /x HTTP/1.1", "Host: [::1]:80"], location: "https://[::1]/x"),
        Redirect(
            request: ["GET /x HTTP/1.1", "Host: a.example", "X-Forwarded-Proto: http"],
            location: "https://a.example/x"
        ),
        Redirect(
            request: ["OPTIONS * HTTP/1.1", "Host: a.example"],
            location: "https://a.example"
        ),
        // Nobody says which host is meant: the site's own name.
        Redirect(request: ["GET /x HTTP/1.0", "Connection: keep-alive"], location: "https://a/x"),
        // No way around the challenges' path leads past the redirect.
        Redirect(
            request: ["GET /.well-known/acme-challenge/../../x HTTP/1.1", "Host: a.example"],
            location: "https://a.example/.well-known/acme-challenge/../../x"
        ),
        Redirect(
            request: ["GET /.well-known/acme-challenge/ HTTP/1.1", "Host: a.example"],
            location: "https://a.example/.well-known/acme-challenge/"
        ),
    ]

    @Test(
        "A request by http is sent to https, and nothing of it goes further",
        arguments: redirects
    )
    func isRedirected(_ example: Redirect) throws {
        let text =
            Self.fronted
            + "site a * {\n listen $site\n https \(example.options)\n proxy $server\n}"
        try simulate(text) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send(raw: example.request.joined(separator: "\n") + "\n\n")
            try await client.gets(
                "HTTP/1.1 308 Permanent Redirect",
                "Location: \(example.location)",
                "Content-Length: 0",
                "!Strict-Transport-Security"
            )
            #expect(!server.hasConnection())
            try await client.isQuiet(seconds: 1)
        }
    }

    @Test("Where nobody says which host is meant, a request by http is refused")
    func noHost() throws {
        let text = Self.fronted + "site * {\n listen $site\n https redirect\n proxy $server\n}"
        try simulate(text) { world in
            let client = try await world.client()
            try await client.send("GET / HTTP/1.0")
            let head = try await client.gets("HTTP/1.1 403 Forbidden")
            try await client.skipBody(head)
            #expect(world.metric("gateway_requests_rejected_total", "https_required") == 1)
        }
    }

    @Test("A secure request is served, with Strict-Transport-Security in place of the app's")
    func strictTransport() throws {
        let text =
            Self.fronted + """
                site * {
                    listen $site
                    https redirect hsts=1y subdomains preload
                    route /own { respond 200 "x" }
                    route /* { proxy $server }
                }
                """
        let field = "Strict-Transport-Security: max-age=31536000; includeSubDomains; preload"
        try simulate(text) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a", "X-Forwarded-Proto: https")
            let origin = try await server.accept()
            try await origin.gets(
                "GET / HTTP/1.1",
                "X-Forwarded-Proto: https",
                "X-Forwarded-Port: 443"
            )
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Strict-Transport-Security: max-age=0",
                "Content-Length: 0"
            )
            let head = try await client.gets("HTTP/1.1 200 OK", field)
            #expect(head.count { $0.hasPrefix("Strict-Transport-Security") } == 1)
            try await client.send("GET /own HTTP/1.1", "Host: a", "X-Forwarded-Proto: https")
            try await client.gets("HTTP/1.1 200 OK", field, body: "x")
        }
    }

    @Test("Over plain http no Strict-Transport-Security goes out, the gateway's own or the app's")
    func plainStrictTransport() throws {
        let text =
            Self.fronted + "site * {\n listen $site\n https hsts=1y\n proxy $server\n}"
        try simulate(text) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1", "X-Forwarded-Port: 80")
            try await origin.send("HTTP/1.1 204 No Content", "Strict-Transport-Security: max-age=1")
            try await client.gets("HTTP/1.1 204 No Content", "!Strict-Transport-Security")
        }
    }

    struct Cookie: CustomTestStringConvertible {
        var testDescription: String { "\(settings) \(sent)" }
        let settings: String
        var isSecure = true
        let sent: String
        let received: String
    }

    static let cookies = [
        Cookie(settings: "https redirect", sent: "a=b; Path=/", received: "a=b; Path=/; Secure"),
        Cookie(settings: "https hsts=1d", sent: "a=b", received: "a=b; Secure"),
        Cookie(settings: "https hsts=1d", sent: "a=b; secure", received: "a=b; secure"),
        Cookie(settings: "https hsts=1d", isSecure: false, sent: "a=b", received: "a=b"),
        Cookie(settings: "https hsts=1d; cookies off", sent: "a=b", received: "a=b"),
        Cookie(settings: "cookies secure", sent: "a=b", received: "a=b; Secure"),
        Cookie(settings: "cookies httponly", sent: "a=b", received: "a=b; HttpOnly"),
        Cookie(
            settings: "cookies httponly samesite=strict",
            isSecure: false,
            sent: "a=b",
            received: "a=b; HttpOnly; SameSite=Strict"
        ),
        Cookie(
            settings: "https hsts=1d; cookies httponly samesite=lax",
            sent: "a=b",
            received: "a=b; Secure; HttpOnly; SameSite=Lax"
        ),
        Cookie(
            settings: "cookies httponly samesite=lax",
            sent: "a=b; SameSite=None; HTTPONLY",
            received: "a=b; SameSite=None; HTTPONLY"
        ),
    ]

    @Test("A cookie gets the attributes that it lacks, and each cookie its own", arguments: cookies)
    func cookieAttributes(_ example: Cookie) throws {
        let text =
            Self.fronted + "site * {\n listen $site\n \(example.settings)\n proxy $server\n}"
        try simulate(text) { world in
            let server = try world.origin()
            let client = try await world.client()
            let scheme = example.isSecure ? "https" : "http"
            try await client.send("GET / HTTP/1.1", "Host: a", "X-Forwarded-Proto: \(scheme)")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send(
                "HTTP/1.1 204 No Content",
                "Set-Cookie: \(example.sent)",
                "Set-Cookie: z=1; Secure; HttpOnly; SameSite=Lax"
            )
            let head = try await client.gets("HTTP/1.1 204 No Content")
            #expect(
                head.filter { $0.hasPrefix("Set-Cookie") } == [
                    "Set-Cookie: \(example.received)",
                    "Set-Cookie: z=1; Secure; HttpOnly; SameSite=Lax",
                ]
            )
        }
    }

    // MARK: Challenges of a certificate authority

    @Test("Challenges are answered from the folder, by http and past every rule of access")
    func challenges() throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "acme-\(UUID().uuidString)")
        let nested = folder.appending(path: ".well-known/acme-challenge")
        try FileManager.default.createDirectory(at: nested, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data("flat".utf8).write(to: folder.appending(path: "T0-k_1"))
        try Data("nested".utf8).write(to: nested.appending(path: "T2"))
        try Data(count: ChallengeFile.maximumContent + 1).write(to: nested.appending(path: "long"))
        try FileManager.default.createSymbolicLink(
            at: folder.appending(path: "link"),
            withDestinationURL: folder.appending(path: "T0-k_1")
        )
        let text =
            Self.fronted + """
                site * {
                    listen $site
                    https redirect acme=\(folder.path())
                    deny 0.0.0.0/0
                    proxy $server
                }
                """
        try simulate(text) { world in
            let client = try await world.client()
            let base = "/.well-known/acme-challenge/"
            for (token, body) in [("T0-k_1", "flat"), ("T2", "nested")] {
                for scheme in ["http", "https"] {
                    try await client.send(
                        "GET \(base)\(token) HTTP/1.1",
                        "Host: a",
                        "X-Forwarded-Proto: \(scheme)"
                    )
                    try await client.gets(
                        "HTTP/1.1 200 OK",
                        "Content-Type: text/plain",
                        body: body
                    )
                }
            }
            let absent = ["none", "link", "long", ".well-known", "a/b", "%2e%2e%2fx", ".", "a.b"]
            for token in absent {
                try await client.send("GET \(base)\(token) HTTP/1.1", "Host: a")
                let head = try await client.gets(lines: [])
                // What leads out of the folder of challenges is redirected like any other path.
                #expect([" 404 ", " 308 "].contains { head[0].contains($0) })
                try await client.skipBody(head)
            }
            try await client.send("POST \(base)T2 HTTP/1.1", "Host: a", "Content-Length: 0")
            let head = try await client.gets("HTTP/1.1 404 Not Found")
            try await client.skipBody(head)
        }
    }

    @Test("Without a folder the routes answer challenges by http")
    func passedChallenges() throws {
        let text = Self.fronted + "site * {\n listen $site\n https redirect\n proxy $server\n}"
        try simulate(text) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET /.well-known/acme-challenge/x HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.gets("GET /.well-known/acme-challenge/x HTTP/1.1")
            try await origin.send("HTTP/1.1 204 No Content")
            try await client.gets("HTTP/1.1 204 No Content")
        }
    }
}
