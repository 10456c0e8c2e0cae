import Bytes
import EventLoop
import TLS
import Testing

@testable import Proxy

private let early = """
    trusted_proxies 127.0.0.9
    site a.example {
        listen $site tls
        certificate a.pem a.key
        tls early_data=on
        route /cached { cache ttl=1h; proxy $server }
        route * { proxy $server }
    }
    """

extension World {
    /// Gets a ticket by a first connection.
    func visit(_ server: Origin, _ sessions: ClientSessions) async throws {
        let client = try await secureClient(sessions: sessions)
        try await client.send("GET /first HTTP/1.1", "Host: a.example")
        let origin = try await server.accept()
        try await origin.gets("GET /first HTTP/1.1", "!Early-Data")
        try await origin.send(
            "HTTP/1.1 200 OK",
            "Content-Length: 2",
            "Connection: close",
            body: "ok"
        )
        try await client.gets("HTTP/1.1 200 OK", body: "ok")
        client.close()
    }

    /// Connects a client that comes back, and sends a request as early data; its last flight is
    /// due by `finish`.
    func earlyClient(
        _ sessions: ClientSessions,
        _ start: String,
        _ fields: String...,
        body: String = ""
    ) async throws -> (peer: Peer, flight: [UInt8]) {
        let session = try secureSession(sessions: sessions)
        session.output = reactor.buffers.take()
        let request = Buffer()
        let lines = [start, "Host: a.example"] + fields
        request.append(wire(lines.joined(separator: "\n") + "\n\n" + body))
        try #require(session.sendEarly(from: request))
        let sent = try #require(session.output)
        let flight = sent.readable.bytes()
        let peer = try await client()
        peer.stream.startTLS(session, received: nil)
        try await peer.stream.flush(deadline: now + World.patience)
        return (peer, flight)
    }
}

extension Peer {
    /// Completes a handshake.
    func finish() async throws { try await stream.handshake(deadline: now + World.patience) }

    /// Answers with a small response.
    func answer(_ status: String = "200 OK", _ body: String = "ok") async throws {
        try await send("HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)", body: body)
    }
}

@Suite("RFC 8470 early data in simulation")
struct ProxyEarlyDataTests {
    private func run(
        _ configuration: String = early,
        seed: UInt64 = 1,
        faults: Simulation.Faults = Simulation.Faults(),
        _ script: @escaping @Sendable (World, Origin, ClientSessions) async throws -> Void
    ) throws {
        try simulate(configuration, files: TestCertificate.files, seed: seed, faults: faults) {
            world in
            let server = try world.origin()
            let sessions = ClientSessions()
            try await world.visit(server, sessions)
            try await script(world, server, sessions)
        }
    }

    /// Runs a world in which a client that comes back asks early, and the app has its request.
    private func asked(
        _ field: String = "X-A: 1",
        seed: UInt64 = 1,
        faults: Simulation.Faults = Simulation.Faults(),
        _ script:
            @escaping @Sendable (
                _ world: World, _ server: Origin, _ client: Peer, _ origin: Peer, _ flight: [UInt8]
            ) async throws -> Void
    ) throws {
        try run(seed: seed, faults: faults) { world, server, sessions in
            let (client, flight) = try await world.earlyClient(sessions, "GET /1 HTTP/1.1", field)
            let origin = try await server.accept()
            try await origin.gets("GET /1 HTTP/1.1", "Early-Data: 1")
            try await script(world, server, client, origin, flight)
        }
    }

    @Test(
        "A safe request reaches the app before the handshake has ended, and says so",
        arguments: 1...6
    )
    func served(seed: UInt64) throws {
        var faults = Simulation.Faults()
        faults.longestReceive = seed % 2 == 0 ? 7 : 900
        faults.longestSend = seed % 3 == 0 ? 5 : 700
        faults.longestDelay = 3_000_000
        try asked(seed: seed, faults: faults) { world, server, client, origin, _ in
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Content-Length: 2",
                "Connection: close",
                body: "ok"
            )
            await world.pass(seconds: 1)
            try await client.finish()
            try await client.gets("HTTP/1.1 200 OK", body: "ok")
            try await client.send("POST /2 HTTP/1.1", "Host: a.example", "Content-Length: 0")
            let second = try await server.accept()
            try await second.gets("POST /2 HTTP/1.1", "!Early-Data")
            try await second.answer()
            try await client.gets("HTTP/1.1 200 OK", body: "ok")
            #expect(world.metric("gateway_tls_early_data_total", "result=\"accepted\"") == 1)
            #expect(world.metric("gateway_early_requests_total", "result=\"served\"") == 1)
            client.close()
        }
    }

    @Test("The last response of an early connection ends with a farewell")
    func closing() throws {
        try asked("Connection: close") { world, _, client, origin, _ in
            try await origin.answer()
            await world.pass(seconds: 1)
            try await client.finish()
            try await client.gets("HTTP/1.1 200 OK", body: "ok")
            try await client.ends()
            client.close()
        }
    }

    @Test(
        "What is not safe to do twice waits for the end of the handshake",
        arguments: [
            ["POST / HTTP/1.1", "Content-Length: 2"], ["DELETE / HTTP/1.1", "X-A: 1"],
            ["GET / HTTP/1.1", "Content-Length: 2"],
            ["GET / HTTP/1.1", "Connection: upgrade\nUpgrade: websocket"],
        ]
    )
    func held(_ lines: [String]) throws {
        try run { world, server, sessions in
            let body = lines[1].hasPrefix("Content-Length") ? "ab" : ""
            let (client, _) = try await world.earlyClient(
                sessions,
                lines[0],
                lines[1],
                body: body
            )
            await world.pass(seconds: 2)
            #expect(!server.hasConnection())
            try await client.finish()
            let origin = try await server.accept()
            try await origin.gets(lines[0], "!Early-Data", body: body)
            try await origin.answer()
            try await client.gets("HTTP/1.1 200 OK", body: "ok")
            #expect(world.metric("gateway_early_requests_total", "result=\"held\"") == 1)
            client.close()
        }
    }

    @Test("An app that answers 425 is asked again after the handshake, without Early-Data")
    func tooEarly() throws {
        try asked { world, server, client, origin, _ in
            try await origin.answer("425 Too Early")
            await world.pass(seconds: 1)
            #expect(!server.hasConnection())
            try await client.finish()
            let again = try await server.accept()
            try await again.gets("GET /1 HTTP/1.1", "!Early-Data")
            try await again.answer("200 OK", "second")
            try await client.gets("HTTP/1.1 200 OK", body: "second")
            #expect(world.metric("gateway_early_requests_total", "result=\"retried\"") == 1)
            client.close()
        }
    }

    @Test(
        "The same flight from somebody else is not served early, and nothing of it reaches the app"
    )
    func replay() throws {
        try asked { world, server, client, origin, flight in
            let thief = try await world.client()
            try await thief.send(bytes: flight)
            await world.pass(seconds: 5)
            #expect(!server.hasConnection())
            thief.close()
            await world.pass(seconds: 1)
            #expect(world.metric("gateway_tls_early_data_total", "result=\"replayed\"") == 1)
            try await origin.answer()
            try await client.finish()
            try await client.gets("HTTP/1.1 200 OK", body: "ok")
            client.close()
        }
    }

    @Test("From a cache comes what is there; what is fetched, others may wait for, waits")
    func cached() throws {
        try run { world, server, sessions in
            let (client, _) = try await world.earlyClient(sessions, "GET /cached HTTP/1.1")
            await world.pass(seconds: 2)
            #expect(!server.hasConnection())
            try await client.finish()
            let origin = try await server.accept()
            try await origin.gets("GET /cached HTTP/1.1", "!Early-Data")
            try await origin.answer()
            // With it comes the ticket for the next visit.
            try await client.gets("HTTP/1.1 200 OK", body: "ok")
            client.close()
            let (second, _) = try await world.earlyClient(sessions, "GET /cached HTTP/1.1")
            await world.pass(seconds: 1)
            // Answered already: the hit is counted before the handshake is complete.
            #expect(world.metric("gateway_early_requests_total", "result=\"served\"") == 2)
            #expect(world.metric("gateway_cache_requests_total", "result=\"hit\"") == 1)
            try await second.finish()
            try await second.gets("HTTP/1.1 200 OK", body: "ok")
            second.close()
        }
    }

    @Test("A handshake that is never completed ends, held or served")
    func abandoned() throws {
        for method in ["GET", "DELETE"] {
            try run { world, server, sessions in
                let (client, _) = try await world.earlyClient(sessions, "\(method) / HTTP/1.1")
                if method == "GET" {
                    let origin = try await server.accept()
                    try await origin.gets("GET / HTTP/1.1", "Early-Data: 1")
                    try await origin.answer()
                }
                await world.pass(seconds: 100)
                #expect(!server.hasConnection())
                #expect(world.parked == 0)
                client.close()
            }
        }
    }

    @Test("Only a proxy that is believed may say that a request is early")
    func claims() throws {
        let trusting = early.replacing("127.0.0.9", with: "0.0.0.0/0")
        for (configuration, field) in [(early, "!Early-Data"), (trusting, "Early-Data: 1")] {
            try run(configuration) { world, server, sessions in
                let client = try await world.secureClient(sessions: sessions)
                try await client.send("GET / HTTP/1.1", "Host: a.example", "Early-Data: 1")
                let origin = try await server.accept()
                try await origin.gets("GET / HTTP/1.1", field)
                try await origin.answer("425 Too Early")
                try await client.gets("HTTP/1.1 425 Too Early", body: "ok")
                client.close()
            }
        }
    }
}
