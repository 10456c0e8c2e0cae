import EventLoop
import Testing

@testable import Proxy

@Suite("RFC 9110 §7.6.1 fields of one connection, and the end-to-end rest")
struct HopByHopTests {
    @Test("Fields of the client's connection end here, and so does what Connection names")
    func request() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send(
                "GET / HTTP/1.1",
                "Host: a",
                "Connection: keep-alive, X-Secret, te",
                "Keep-Alive: timeout=5",
                "X-Secret: 1",
                "TE: trailers",
                "Proxy-Connection: close",
                "Proxy-Authorization: Basic eDp5",
                "X-Kept: 1"
            )
            let origin = try await server.accept()
            try await origin.gets(
                "GET / HTTP/1.1",
                "Host: a",
                "X-Kept: 1",
                "!Connection",
                "!Keep-Alive",
                "!X-Secret",
                "!TE",
                "!Proxy-Connection"
            )
            try await origin.send("HTTP/1.1 204 No Content")
            try await client.gets("HTTP/1.1 204 No Content")
        }
    }

    @Test("Fields of the origin's connection end here, and so does what Connection names")
    func response() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Content-Length: 0",
                "Connection: X-Inner",
                "X-Inner: 1",
                "Keep-Alive: timeout=5",
                "Upgrade: h2c",
                "Server: app",
                "Set-Cookie: a=1",
                "Set-Cookie: b=2"
            )
            let head = try await client.gets(
                "HTTP/1.1 200 OK",
                "Server: app",
                "Set-Cookie: a=1",
                "Set-Cookie: b=2",
                "!Connection",
                "!X-Inner",
                "!Keep-Alive",
                "!Upgrade"
            )
            #expect(head.count { $0.hasPrefix("Set-Cookie:") } == 2)
        }
    }

    @Test("The origin learns the way: Via, X-Request-ID, and who asked for what")
    func added() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send(
                "GET / HTTP/1.1",
                "Host: shop:8080",
                "Via: 1.0 other",
                "X-Request-ID: forged"
            )
            let origin = try await server.accept()
            let head = try await origin.gets(
                "GET / HTTP/1.1",
                "Host: shop:8080",
                "Via: 1.0 other",
                "Via: 1.1 gateway",
                "X-Forwarded-For: 127.0.0.1",
                "X-Real-IP: 127.0.0.1",
                "X-Forwarded-Proto: http",
                "X-Forwarded-Host: shop:8080",
                "X-Forwarded-Port: 8080",
                "X-Request-ID: *"
            )
            #expect(!head.contains("X-Request-ID: forged"))
            try await origin.send("HTTP/1.1 204 No Content")
            try await client.gets("HTTP/1.1 204 No Content")
        }
    }

    // MARK: Tunnels

    @Test("An upgrade makes a tunnel: bytes pass both ways until both sides have ended")
    func tunnel() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send(
                "GET /chat HTTP/1.1",
                "Host: a",
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Key: x"
            )
            let origin = try await server.accept()
            try await origin.gets(
                "GET /chat HTTP/1.1",
                "Connection: upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Key: x"
            )
            try await origin.send(
                "HTTP/1.1 101 Switching Protocols",
                "Connection: Upgrade",
                "Upgrade: websocket",
                body: "hello"
            )
            try await client.gets(
                "HTTP/1.1 101 Switching Protocols",
                "Connection: upgrade",
                "Upgrade: websocket",
                body: "hello"
            )
            #expect(world.context.openTunnels == 1)
            try await client.send(raw: "ping")
            try await origin.gets(raw: "ping")
            await world.pass(seconds: 600)
            try await origin.send(raw: "pong")
            try await client.gets(raw: "pong")
            // One side ends, the other goes on.
            client.halfClose()
            try await origin.ends()
            try await origin.send(raw: "last words")
            origin.close()
            try await client.gets(raw: "last words")
            try await client.ends()
        }
    }

    @Test("A tunnel in which nothing moves is closed after its time")
    func silentTunnel() throws {
        try simulate("timeout tunnel=30s\n" + plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send(
                "GET / HTTP/1.1",
                "Host: a",
                "Connection: upgrade",
                "Upgrade: x"
            )
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send("HTTP/1.1 101 Go", "Connection: upgrade", "Upgrade: x")
            try await client.gets("HTTP/1.1 101 Switching Protocols")
            let start = world.now
            try await client.ends()
            let waited = world.now - start
            #expect(waited >= 30_000_000_000 && waited < 33_000_000_000)
            try await origin.ends()
        }
    }

    @Test("An upgrade that the origin does not take is an ordinary exchange")
    func refusedUpgrade() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send(
                "GET / HTTP/1.1",
                "Host: a",
                "Connection: upgrade",
                "Upgrade: websocket"
            )
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1", "Upgrade: websocket")
            try await origin.send("HTTP/1.1 200 OK", "Content-Length: 2", body: "no")
            try await client.gets("HTTP/1.1 200 OK", "!Upgrade", body: "no")
            try await client.send("GET / HTTP/1.1", "Host: a")
            try await origin.gets("GET / HTTP/1.1", "!Upgrade")
            try await origin.send("HTTP/1.1 204 No Content")
            try await client.gets("HTTP/1.1 204 No Content")
        }
    }
}
