import EventLoop
import Testing

@testable import Proxy

@Suite("Failures of upstreams: retries, statuses, ejection, health")
struct UpstreamFailureTests {
    static let pair = """
        upstream app { server 10.0.0.1:8000; server 10.0.0.2:8000 }
        site * { listen $site; proxy app }
        """

    @Test("A GET that meets a stale connection is sent again over a new one")
    func staleGet() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET /1 HTTP/1.1", "Host: a")
            let stale = try await server.accept()
            try await stale.gets("GET /1 HTTP/1.1")
            try await stale.send("HTTP/1.1 204 No Content")
            try await client.gets("HTTP/1.1 204 No Content")
            try await client.send("GET /2 HTTP/1.1", "Host: a")
            try await stale.gets("GET /2 HTTP/1.1")
            stale.close()
            let fresh = try await server.accept()
            try await fresh.gets("GET /2 HTTP/1.1")
            try await fresh.send("HTTP/1.1 204 No Content")
            try await client.gets("HTTP/1.1 204 No Content")
        }
    }

    @Test("A POST that meets a stale connection is not sent again")
    func stalePost() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET /1 HTTP/1.1", "Host: a")
            let stale = try await server.accept()
            try await stale.gets("GET /1 HTTP/1.1")
            try await stale.send("HTTP/1.1 204 No Content")
            try await client.gets("HTTP/1.1 204 No Content")
            try await client.send("POST /2 HTTP/1.1", "Host: a", "Content-Length: 1", body: "x")
            try await stale.gets("POST /2 HTTP/1.1", body: "x")
            stale.close()
            try await client.gets(
                "HTTP/1.1 502 Bad Gateway",
                "Proxy-Status: gateway; error=connection_terminated",
                "Retry-After: *",
                "X-Request-ID: *"
            )
            #expect(!server.hasConnection())
        }
    }

    @Test("A request with empty chunked content is sent again whole")
    func staleEmptyChunked() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET /1 HTTP/1.1", "Host: a")
            let stale = try await server.accept()
            try await stale.gets("GET /1 HTTP/1.1")
            try await stale.send("HTTP/1.1 204 No Content")
            try await client.gets("HTTP/1.1 204 No Content")
            try await client.send(
                "DELETE /2 HTTP/1.1",
                "Host: a",
                "Transfer-Encoding: chunked",
                body: "0\n\n"
            )
            try await stale.gets("DELETE /2 HTTP/1.1", "Content-Length: 0")
            stale.close()
            let fresh = try await server.accept()
            try await fresh.gets("DELETE /2 HTTP/1.1", "Content-Length: 0")
            try await fresh.send("HTTP/1.1 204 No Content")
            try await client.gets("HTTP/1.1 204 No Content")
        }
    }

    @Test("When a server refuses, the next one is asked, for any method")
    func nextServer() throws {
        try simulate(Self.pair) { world in
            let second = try world.origin(at: "10.0.0.2:8000")
            let client = try await world.client()
            try await client.send("POST / HTTP/1.1", "Host: a", "Content-Length: 1", body: "x")
            let origin = try await second.accept()
            try await origin.gets("POST / HTTP/1.1", body: "x")
            try await origin.send("HTTP/1.1 204 No Content")
            try await client.gets("HTTP/1.1 204 No Content", "!Connection")
            #expect(
                world.metric(
                    "gateway_upstream_failures_total",
                    "10.0.0.1:8000",
                    "reason=\"connect_refused\""
                ) == 1
            )
        }
    }

    @Test("When all servers refuse, 502 says so and the client's connection goes on")
    func allRefuse() throws {
        try simulate(Self.pair) { world in
            let client = try await world.client()
            for _ in 0..<2 {
                try await client.send("GET / HTTP/1.1", "Host: a")
                let head = try await client.gets(
                    "HTTP/1.1 502 Bad Gateway",
                    "Proxy-Status: gateway; error=connection_refused",
                    "Retry-After: *",
                    "Cache-Control: no-store",
                    "!Connection"
                )
                try await client.skipBody(head)
            }
        }
    }

    @Test("A sole server that refuses gives 502 as well")
    func soleRefuses() throws {
        try simulate(plain) { world in
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a")
            try await client.gets(
                "HTTP/1.1 502 Bad Gateway",
                "Proxy-Status: gateway; error=connection_refused"
            )
        }
    }

    /// What an origin does instead of answering, and what the client is told.
    struct Case: CustomTestStringConvertible {
        var testDescription: String
        var says: String
        var closes = true
        var head: [String]
    }

    static let cases = [
        Case(
            testDescription: "closes without a word",
            says: "",
            head: [
                "HTTP/1.1 502 Bad Gateway", "Proxy-Status: gateway; error=connection_terminated",
            ]
        ),
        Case(
            testDescription: "closes within the head",
            says: "HTTP/1.1 200 OK\nContent-",
            head: [
                "HTTP/1.1 502 Bad Gateway", "Proxy-Status: gateway; error=connection_terminated",
            ]
        ),
        Case(
            testDescription: "talks nonsense",
            says: "SSH-2.0-OpenSSH_9.2\n\n",
            closes: false,
            head: ["HTTP/1.1 502 Bad Gateway", "Proxy-Status: gateway; error=http_protocol_error"]
        ),
        Case(
            testDescription: "sends two lengths",
            says: "HTTP/1.1 200 OK\nContent-Length: 1\nContent-Length: 2\n\nab",
            closes: false,
            head: ["HTTP/1.1 502 Bad Gateway", "Proxy-Status: gateway; error=http_protocol_error"]
        ),
        Case(
            testDescription: "switches protocols unasked",
            says: "HTTP/1.1 101 Switching\n\n",
            closes: false,
            head: ["HTTP/1.1 502 Bad Gateway", "Proxy-Status: gateway; error=http_protocol_error"]
        ),
        Case(
            testDescription: "sends a head without end",
            says: "HTTP/1.1 200 OK\nX: " + String(repeating: "x", count: 40_000),
            closes: false,
            head: ["HTTP/1.1 502 Bad Gateway", "Proxy-Status: gateway; error=http_protocol_error"]
        ),
        Case(
            testDescription: "sends interim responses without end",
            says: String(repeating: "HTTP/1.1 102 Processing\n\n", count: 20),
            closes: false,
            head: ["HTTP/1.1 102 Processing"]
        ),
    ]

    @Test("An origin that fails before its response gets its failure reported", arguments: cases)
    func failures(_ example: Case) throws {
        let text = """
            upstream app { server $server; retry off }
            site * { listen $site; proxy app }
            """
        try simulate(text) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send(raw: example.says)
            if example.closes { origin.close() }
            try await client.gets(lines: example.head)
        }
    }

    @Test("A server that does not answer in time gives 504, and is not asked again")
    func responseTimeout() throws {
        try simulate("timeout response=7s\n" + Self.pair) { world in
            let first = try world.origin(at: "10.0.0.1:8000")
            let second = try world.origin(at: "10.0.0.2:8000")
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a")
            let origin = try await first.accept()
            try await origin.gets("GET / HTTP/1.1")
            let start = world.now
            try await client.gets(
                "HTTP/1.1 504 Gateway Timeout",
                "Proxy-Status: gateway; error=http_response_timeout",
                "!Connection"
            )
            #expect(world.now - start >= 7_000_000_000 && world.now - start < 7_100_000_000)
            try await origin.ends()
            #expect(!second.hasConnection())
        }
    }

    @Test("A response that stops in its middle is cut short for the client")
    func bodyTimeout() throws {
        try simulate("timeout response=7s\n" + plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send("HTTP/1.1 200 OK", "Content-Length: 10", body: "hello")
            try await client.gets("HTTP/1.1 200 OK", "Content-Length: 10", body: "hello")
            let start = world.now
            try await client.ends()
            #expect(world.now - start >= 7_000_000_000 && world.now - start < 7_200_000_000)
        }
    }

    @Test("A body cut short never looks complete: not with a length, not chunked, not until close")
    func truncation() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            // With a length: the end comes too early.
            let first = try await world.client()
            try await first.send("GET / HTTP/1.1", "Host: a")
            var origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send("HTTP/1.1 200 OK", "Content-Length: 9", body: "abc")
            origin.close()
            try await first.gets("HTTP/1.1 200 OK", "Content-Length: 9", body: "abc")
            try await first.ends()
            // Chunked: the last chunk is missing.
            let second = try await world.client()
            try await second.send("GET / HTTP/1.1", "Host: a")
            origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Transfer-Encoding: chunked",
                body: "3\nabc\n"
            )
            origin.close()
            try await second.gets("HTTP/1.1 200 OK", body: "3\nabc\n")
            try await second.ends()
            // Until close, for HTTP/1.0: only a reset can say it.
            let third = try await world.client()
            try await third.send("GET / HTTP/1.0")
            origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Transfer-Encoding: chunked",
                body: "3\nabc\n"
            )
            origin.close()
            try await third.breaks()
            // A reset of the origin's is no end of a body until close.
            let fourth = try await world.client()
            try await fourth.send("GET / HTTP/1.1", "Host: a")
            origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send("HTTP/1.1 200 OK", body: "abc")
            try await fourth.gets("HTTP/1.1 200 OK", body: "3\nabc\n")
            origin.reset()
            try await fourth.ends()
        }
    }

    @Test("A server that fails three times in a row is set aside, and tried again after a while")
    func ejection() throws {
        let text = """
            upstream app {
                server 10.0.0.1:8000
                server 10.0.0.2:8000
                eject fails=3 time=5s
                retry off
            }
            site * { listen $site; proxy app }
            """
        try simulate(text) { world in
            let second = try world.origin(at: "10.0.0.2:8000")
            world.spawn { _ in
                while let origin = await second.next() {
                    while (try? await origin.anyHead()) != nil {
                        try await origin.send("HTTP/1.1 204 No Content")
                    }
                }
            }
            let client = try await world.client()
            func statuses(_ count: Int) async throws -> [String] {
                var all: [String] = []
                for _ in 0..<count {
                    try await client.send("GET / HTTP/1.1", "Host: a")
                    let head = try await client.gets()
                    try await client.skipBody(head)
                    all.append(String(head[0].dropFirst(9).prefix(3)))
                }
                return all
            }
            // In turn: every other request fails, until the third failure.
            #expect(try await statuses(6).count { $0 == "502" } == 3)
            #expect(try await statuses(10).allSatisfy { $0 == "204" })
            #expect(world.metric("gateway_upstream_ejections_total", "10.0.0.1:8000") == 1)
            await world.pass(seconds: 6)
            // One trial, which fails, and it is out again.
            #expect(try await statuses(10).count { $0 == "502" } == 1)
            second.stop()
            client.close()
        }
    }

    @Test("A server that fails its health checks gets no requests until it is well again")
    func healthChecks() throws {
        let text = """
            upstream app { server $server; health_check /up every=1s timeout=500ms }
            site * { listen $site; proxy app }
            """
        try simulate(text) { world in
            let health = Health()
            let server = try world.origin()
            world.spawn { world in
                while let origin = await server.next() {
                    world.spawn { _ in
                        while let head = try? await origin.anyHead() {
                            let isCheck = head[0] == "GET /up HTTP/1.1"
                            if isCheck { health.checks += 1 }
                            let isWell = health.isWell || !isCheck
                            try await origin.send(
                                "HTTP/1.1 \(isWell ? 200 : 500) X",
                                "Content-Length: 0"
                            )
                        }
                        origin.close()
                    }
                }
            }
            await world.pass(seconds: 10)
            #expect(health.checks >= 8 && health.checks <= 13)
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a")
            try await client.gets("HTTP/1.1 200 X")
            health.isWell = false
            await world.pass(seconds: 5)
            try await client.send("GET / HTTP/1.1", "Host: a")
            let head = try await client.gets(
                "HTTP/1.1 503 Service Unavailable",
                "Proxy-Status: gateway; error=destination_unavailable",
                "Retry-After: *"
            )
            try await client.skipBody(head)
            health.isWell = true
            await world.pass(seconds: 5)
            try await client.send("GET / HTTP/1.1", "Host: a")
            try await client.gets("HTTP/1.1 200 X")
            server.stop()
        }
    }

    @Test("A server that keeps its checker waiting holds up the checks of no other")
    func checksSideBySide() throws {
        let text = """
            upstream app {
                server $server
                server 10.0.0.2:8000
                server 10.0.0.3:8000
                health_check /up every=1s timeout=900ms
            }
            site * { listen $site; proxy app }
            """
        try simulate(text) { world in
            let silent = [try world.origin(), try world.origin(at: "10.0.0.2:8000")]
            for server in silent {
                world.spawn { _ in while await server.next() != nil {} }
            }
            let health = Health()
            let quick = try world.origin(at: "10.0.0.3:8000")
            world.spawn { world in
                while let origin = await quick.next() {
                    world.spawn { _ in
                        if (try? await origin.anyHead()) != nil {
                            health.checks += 1
                            try await origin.send("HTTP/1.1 200 X", "Content-Length: 0")
                        }
                        origin.close()
                    }
                }
            }
            await world.pass(seconds: 10)
            #expect(health.checks >= 8)
            silent.forEach { $0.stop() }
            quick.stop()
            // The checks under way end; all that follow are refused at once.
            await world.pass(seconds: 2)
        }
    }

    @Test("A server that is busy is not given more; the client is told to come back")
    func busy() throws {
        let text = """
            upstream app { server $server max_connections=1 }
            site * { listen $site; proxy app }
            """
        try simulate(text) { world in
            let server = try world.origin()
            let first = try await world.client()
            try await first.send("GET / HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            let second = try await world.client()
            try await second.send("GET / HTTP/1.1", "Host: a")
            try await second.gets(
                "HTTP/1.1 503 Service Unavailable",
                "Proxy-Status: gateway; error=connection_limit_reached",
                "Retry-After: 1"
            )
            try await origin.send("HTTP/1.1 204 No Content")
            try await first.gets("HTTP/1.1 204 No Content")
        }
    }
}

/// What the origin of the health check test is like; one thread touches it, see `World`.
private final class Health: @unchecked Sendable {
    var isWell = true
    var checks = 0
}
