import EventLoop
import TLS
import Testing

@testable import Proxy

private let secure = """
    site a.example {
        listen $site tls
        certificate a.pem a.key
        proxy $server
    }
    """

@Suite("TLS in simulation: the engine of the real thing over pipes in memory")
struct ProxyTLSTests {
    private func run(
        _ configuration: String = secure,
        seed: UInt64 = 1,
        faults: Simulation.Faults = Simulation.Faults(),
        _ script: @escaping @Sendable (World) async throws -> Void
    ) throws {
        try simulate(
            configuration,
            files: TestCertificate.files,
            seed: seed,
            faults: faults,
            script
        )
    }

    @Test(
        "Requests are answered one after the other, however the records are cut",
        arguments: 1...6
    )
    func exchange(seed: UInt64) throws {
        var faults = Simulation.Faults()
        faults.longestReceive = seed % 2 == 0 ? 7 : 900
        faults.longestSend = seed % 3 == 0 ? 5 : 700
        faults.longestDelay = 3_000_000
        try run(seed: seed, faults: faults) { world in
            let server = try world.origin()
            let client = try await world.secureClient()
            try await client.send("GET /1 HTTP/1.1", "Host: a.example")
            let origin = try await server.accept()
            try await origin.gets("GET /1 HTTP/1.1", "X-Forwarded-Proto: https")
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Content-Length: 5",
                "Connection: close",
                body: "first"
            )
            try await client.gets("HTTP/1.1 200 OK", body: "first")
            try await client.send("GET /2 HTTP/1.1", "Host: a.example")
            let second = try await server.accept()
            try await second.gets("GET /2 HTTP/1.1")
            let long = String(repeating: "0123456789", count: 30_000)
            try await second.send("HTTP/1.1 200 OK", "Content-Length: 300000", body: long)
            try await client.gets("HTTP/1.1 200 OK", body: long)
            client.close()
        }
    }

    @Test("An idle connection is parked, holds no buffer, and goes on when its client speaks")
    func parking() throws {
        try run { world in
            let server = try world.origin()
            let client = try await world.secureClient()
            try await client.send("GET /1 HTTP/1.1", "Host: a.example")
            let origin = try await server.accept()
            try await origin.gets("GET /1 HTTP/1.1")
            try await origin.send("HTTP/1.1 200 OK", "Content-Length: 2", body: "ok")
            try await client.gets("HTTP/1.1 200 OK", body: "ok")
            await world.pass(seconds: 10)
            #expect(world.parked == 1)
            #expect(world.reactor.buffers.lent == 0)
            try await client.send("GET /2 HTTP/1.1", "Host: a.example")
            try await origin.gets("GET /2 HTTP/1.1")
            try await origin.send("HTTP/1.1 200 OK", "Content-Length: 2", body: "ok")
            try await client.gets("HTTP/1.1 200 OK", body: "ok")
            client.close()
        }
    }

    @Test("HTTP without TLS gets a 400 that says so")
    func plainHTTP() throws {
        try run { world in
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a.example")
            try await client.gets("HTTP/1.1 400 Bad Request", "Connection: close")
            #expect(
                world.metric("gateway_tls_handshakes_failed_total", "reason=\"plain_http\"") == 1
            )
        }
    }

    @Test(
        "HTTP without TLS is logged with its own line and times, as far as it is here",
        arguments: [
            ("GET /abc?x=1 HTTP/1.1\nHost: a.example\n\n", "GET", "/abc?x=1"),
            ("POST /abc HTTP/1.1\nHost: a.example\nContent-Length: 5\n\n12", "POST", "/abc"),
            ("GET /half", "", ""), ("GET  / HTTP/1.1\n\n", "", ""),
        ]
    )
    func plainHTTPIsLogged(_ request: String, _ method: String, _ target: String) throws {
        let log = try LogCapture()
        try simulate(
            "access_log x format=json\n" + secure.replacing("proxy $server", with: "respond 204"),
            files: TestCertificate.files,
            log: log
        ) { world in
            // A clock that nobody has read shows in the duration.
            await world.pass(seconds: 100)
            let client = try await world.client()
            try await client.send(raw: request)
            try await client.gets("HTTP/1.1 400 Bad Request", "Connection: close")
        }
        let line = try #require(try log.objects().first)
        #expect(line["method"] ?? "" == method)
        #expect(line["target"] ?? "" == target)
        #expect(line["error"] == "plain_http")
        #expect(line["time"]?.hasPrefix("1970") == false)
        #expect(try #require(line["duration_ms"].flatMap(Double.init)) < 1000)
    }

    @Test("Who says nothing, or not all of a handshake, is let go after its time")
    func slowHandshake() throws {
        try run("timeout handshake=3s\n" + secure) { world in
            let silent = try await world.client()
            let half = try await world.client()
            try await half.send(bytes: [22, 3, 1, 2, 0, 1])
            let start = world.now
            try await silent.ends()
            #expect(world.now - start >= 3_000_000_000 && world.now - start < 3_200_000_000)
            await world.pass(seconds: 1)
            #expect(world.metric("gateway_tls_handshakes_failed_total", "reason=\"timeout\"") == 2)
        }
    }

    @Test("A session is taken up again, and counted")
    func resumption() throws {
        try run { world in
            let sessions = ClientSessions()
            let server = try world.origin()
            for _ in 0..<2 {
                let client = try await world.secureClient(sessions: sessions)
                try await client.send("GET / HTTP/1.1", "Host: a.example", "Connection: close")
                let origin = try await server.accept()
                try await origin.gets("GET / HTTP/1.1")
                try await origin.send(
                    "HTTP/1.1 200 OK",
                    "Content-Length: 2",
                    "Connection: close",
                    body: "ok"
                )
                try await client.gets("HTTP/1.1 200 OK", body: "ok")
                try await client.ends()
                client.close()
            }
            #expect(world.metric("gateway_tls_handshakes_total") == 2)
            #expect(world.metric("gateway_tls_resumptions_total") == 1)
        }
    }

    private static let upstream = """
        upstream app {
            server $server tls
            tls ca=a.pem name=a.example
        }
        site * { listen $site; proxy app }
        """

    @Test(
        "A ticket goes with a quick first response, but who only waits for it gets it at once",
        arguments: [true, false],
        [true, false]
    )
    func heldTicket(asksAtOnce: Bool, waits: Bool) throws {
        try run { world in
            let server = try world.origin()
            let sessions = ClientSessions()
            let client = try await world.secureClient(sessions: sessions)
            // Right behind the last flight of the handshake, which nobody has read yet.
            if asksAtOnce { try await client.send("GET / HTTP/1.1", "Host: a.example") }
            await world.pass(seconds: 0.01)
            // A look takes in what concerns TLS alone.
            #expect(client.stream.isQuietAfterNews)
            #expect(sessions.count == (asksAtOnce ? 0 : 1))
            if !asksAtOnce { try await client.send("GET / HTTP/1.1", "Host: a.example") }
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            if waits {
                // Nobody knows for how long.
                await world.pass(seconds: 1)
                #expect(client.stream.isQuietAfterNews)
                #expect(sessions.count == 1)
            }
            try await origin.send("HTTP/1.1 200 OK", "Content-Length: 2", body: "ok")
            try await client.gets("HTTP/1.1 200 OK", body: "ok")
            #expect(sessions.count == 1)
            client.close()
        }
    }

    @Test("A ticket does not wait for the end of an upload, nor for a request that is not whole")
    func heldTicketOfSlowClient() throws {
        try run { world in
            let server = try world.origin()
            let sessions = ClientSessions()
            let client = try await world.secureClient(sessions: sessions)
            try await client.send(raw: "POST /")
            await world.pass(seconds: 0.1)
            #expect(client.stream.isQuietAfterNews && sessions.count == 1)
            try await client.send(raw: " HTTP/1.1\nHost: a.example\nContent-Length: 2\n\nok")
            let origin = try await server.accept()
            try await origin.gets("POST / HTTP/1.1")
            try await origin.send("HTTP/1.1 200 OK", "Content-Length: 2", body: "ok")
            try await client.gets("HTTP/1.1 200 OK", body: "ok")
            client.close()
        }
    }

    @Test(
        "The last response and the farewell come, whatever their size",
        arguments: [2, 20_000, 250_000]
    )
    func farewell(_ size: Int) throws {
        let body = String(repeating: "x", count: size)
        for fault in [Int.max, 900] {
            var faults = Simulation.Faults()
            faults.longestSend = fault
            try run(faults: faults) { world in
                let server = try world.origin()
                let client = try await world.secureClient()
                try await client.send("GET / HTTP/1.1", "Host: a.example", "Connection: close")
                let origin = try await server.accept()
                try await origin.gets("GET / HTTP/1.1")
                try await origin.send("HTTP/1.1 200 OK", "Content-Length: \(size)", body: body)
                try await client.gets("HTTP/1.1 200 OK", "Connection: close", body: body)
                try await client.ends()
                client.close()
            }
        }
    }

    @Test("An upstream is spoken to by TLS, and its tickets do not spoil kept connections")
    func toUpstream() throws {
        try run(Self.upstream) { world in
            let server = try world.origin()
            let tls = try world.secureOrigin()
            let client = try await world.client()
            try await client.send("GET /1 HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.secure(tls)
            for number in 1...3 {
                if number > 1 { try await client.send("GET /\(number) HTTP/1.1", "Host: a") }
                try await origin.gets("GET /\(number) HTTP/1.1")
                try await origin.send("HTTP/1.1 200 OK", "Content-Length: 2", body: "ok")
                try await client.gets("HTTP/1.1 200 OK", body: "ok")
                await world.pass(seconds: 0.1)
            }
            #expect(!server.hasConnection())
            client.close()
        }
    }

    @Test(
        "A client that pauses before it takes the end of the last response gets all of it",
        arguments: Array(stride(from: 64_000, through: 66_000, by: 200)) + [100_000, 300_000]
    )
    func slowLastResponse(_ size: Int) throws {
        try run { world in
            let server = try world.origin()
            let client = try await world.secureClient()
            try await client.send("GET / HTTP/1.1", "Host: a.example", "Connection: close")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            let body = String(repeating: "0123456789", count: size / 10)
            world.spawn { _ in
                try await origin.send("HTTP/1.1 200 OK", "Content-Length: \(size)", body: body)
            }
            // Longer than a connection lingers for, and less than a client may take.
            await world.pass(seconds: 10)
            try await client.gets("HTTP/1.1 200 OK", body: body)
            try await client.ends()
            client.close()
        }
    }

    @Test("A response without a length that ends without a farewell is cut short, not complete")
    func truncation() throws {
        for isOrderly in [true, false] {
            try run(Self.upstream) { world in
                let server = try world.origin()
                let tls = try world.secureOrigin()
                let client = try await world.client()
                try await client.send("GET / HTTP/1.1", "Host: a")
                let origin = try await server.accept()
                try await origin.secure(tls)
                try await origin.gets("GET / HTTP/1.1")
                try await origin.send("HTTP/1.1 200 OK", "Connection: close", body: "half")
                await world.pass(seconds: 0.1)
                if isOrderly { origin.close() } else { origin.endCarrier() }
                try await client.gets("HTTP/1.1 200 OK", body: "4\nhalf\n")
                if isOrderly {
                    try await client.gets(raw: "0\n\n")
                } else {
                    try await client.ends()
                }
                client.close()
            }
        }
    }

    @Test("A server whose certificate has another name gets no request")
    func wrongServer() throws {
        let text = Self.upstream.replacing("name=a.example", with: "name=b.example")
        try run(text) { world in
            let server = try world.origin()
            let tls = try world.secureOrigin()
            world.attend { _ in
                while let peer = await server.next() { try? await peer.secure(tls) }
            }
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a")
            try await client.gets(
                "HTTP/1.1 502 Bad Gateway",
                "Proxy-Status: gateway; error=tls_certificate_error"
            )
            client.close()
            server.stop()
        }
    }
}
