import EventLoop
import Testing

@testable import Proxy

/// The smallest configuration: one site, one server.
let plain = "site * { listen $site; proxy $server }"

@Suite("RFC 9112 §9.3 persistence")
struct KeepAliveTests {
    @Test("Connections are kept on both sides")
    func keepsConnections() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET /a HTTP/1.1", "Host: shop")
            let origin = try await server.accept()
            try await origin.gets("GET /a HTTP/1.1", "Host: shop", "!Connection")
            try await origin.send("HTTP/1.1 200 OK", "Content-Length: 2", body: "ok")
            try await client.gets(
                "HTTP/1.1 200 OK",
                "Content-Length: 2",
                "Date: *",
                "!Connection",
                body: "ok"
            )
            try await client.send("GET /b HTTP/1.1", "Host: shop")
            try await origin.gets("GET /b HTTP/1.1")
            try await origin.send("HTTP/1.1 204 No Content")
            try await client.gets("HTTP/1.1 204 No Content", "!Content-Length")
            try await client.isQuiet(seconds: 5)
            #expect(!server.hasConnection())
        }
    }

    @Test("Requests sent in one go are answered in their order")
    func pipelining() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send(
                raw: """
                    POST /1 HTTP/1.1
                    Host: a
                    Content-Length: 3

                    abcGET /2 HTTP/1.1
                    Host: a

                    POST /3 HTTP/1.1
                    Host: a
                    Transfer-Encoding: chunked

                    2
                    xy
                    0

                    GET /4 HTTP/1.1
                    Host: a
                    Connection: close


                    """
            )
            let origin = try await server.accept()
            try await origin.gets("POST /1 HTTP/1.1", "Content-Length: 3", body: "abc")
            try await origin.send("HTTP/1.1 200 OK", "Content-Length: 1", body: "1")
            try await origin.gets("GET /2 HTTP/1.1", "!Content-Length")
            try await origin.send("HTTP/1.1 200 OK", "Content-Length: 1", body: "2")
            try await origin.gets(
                "POST /3 HTTP/1.1",
                "Transfer-Encoding: chunked",
                body: "2\nxy\n0\n\n"
            )
            try await origin.send("HTTP/1.1 200 OK", "Content-Length: 1", body: "3")
            try await origin.gets("GET /4 HTTP/1.1", "!Connection")
            try await origin.send("HTTP/1.1 200 OK", "Content-Length: 1", body: "4")
            for number in 1...3 {
                try await client.gets("HTTP/1.1 200 OK", "!Connection", body: "\(number)")
            }
            try await client.gets("HTTP/1.1 200 OK", "Connection: close", body: "4")
            try await client.ends()
        }
    }

    @Test("An HTTP/1.0 client is closed unless it asks to be kept")
    func http10Client() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let first = try await world.client()
            try await first.send("GET / HTTP/1.0")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1", "Via: 1.0 gateway")
            try await origin.send("HTTP/1.1 200 OK", "Content-Length: 2", body: "ok")
            try await first.gets("HTTP/1.1 200 OK", "Connection: close", body: "ok")
            try await first.ends()
            let second = try await world.client()
            for _ in 0..<2 {
                try await second.send("GET / HTTP/1.0", "Host: a", "Connection: keep-alive")
                try await origin.gets("GET / HTTP/1.1", "Host: a", "!Connection")
                try await origin.send("HTTP/1.1 200 OK", "Content-Length: 2", body: "ok")
                try await second.gets("HTTP/1.1 200 OK", "Connection: keep-alive", body: "ok")
            }
        }
    }

    @Test("An HTTP/1.0 origin's connection is used once, and the client's goes on")
    func http10Origin() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            for _ in 0..<2 {
                try await client.send("GET / HTTP/1.1", "Host: a")
                let origin = try await server.accept()
                try await origin.gets("GET / HTTP/1.1")
                try await origin.send("HTTP/1.0 200 OK", "Content-Length: 2", body: "ok")
                try await client.gets("HTTP/1.1 200 OK", "!Connection", body: "ok")
                try await origin.ends()
            }
        }
    }

    @Test("An origin that says close gets a new connection for the next request")
    func originCloses() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            for _ in 0..<2 {
                try await client.send("GET / HTTP/1.1", "Host: a")
                let origin = try await server.accept()
                try await origin.gets("GET / HTTP/1.1")
                try await origin.send(
                    "HTTP/1.1 200 OK",
                    "Content-Length: 2",
                    "Connection: close",
                    body: "ok"
                )
                try await client.gets("HTTP/1.1 200 OK", "!Connection", body: "ok")
                try await origin.ends()
            }
        }
    }

    @Test("Upstream connections are used no more often than allowed")
    func requestsPerConnection() throws {
        let text = """
            upstream app { server $server; keepalive requests=2 }
            site * { listen $site; proxy app }
            """
        try simulate(text) { world in
            let server = try world.origin()
            let client = try await world.client()
            for _ in 0..<2 {
                try await client.send("GET / HTTP/1.1", "Host: a")
                let origin = try await server.accept()
                try await origin.gets("GET / HTTP/1.1")
                try await origin.send("HTTP/1.1 204 No Content")
                try await client.gets("HTTP/1.1 204 No Content")
                try await client.send("GET / HTTP/1.1", "Host: a")
                try await origin.gets("GET / HTTP/1.1")
                try await origin.send("HTTP/1.1 204 No Content")
                try await client.gets("HTTP/1.1 204 No Content")
                try await origin.ends()
            }
        }
    }

    @Test("With keepalive off each request says close and has its own connection")
    func keepAliveOff() throws {
        let text = """
            upstream app { server $server; keepalive off }
            site * { listen $site; proxy app }
            """
        try simulate(text) { world in
            let server = try world.origin()
            let client = try await world.client()
            for _ in 0..<2 {
                try await client.send("GET / HTTP/1.1", "Host: a")
                let origin = try await server.accept()
                try await origin.gets("GET / HTTP/1.1", "Connection: close")
                try await origin.send("HTTP/1.1 204 No Content")
                try await client.gets("HTTP/1.1 204 No Content", "!Connection")
                try await origin.ends()
            }
        }
    }

    @Test("An idle upstream connection is closed when its time is over")
    func upstreamIdle() throws {
        let text = """
            upstream app { server $server; keepalive idle=3s }
            site * { listen $site; proxy app }
            """
        try simulate(text) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send("HTTP/1.1 204 No Content")
            try await origin.isQuiet(seconds: 2)
            let start = world.now
            try await origin.ends()
            #expect(world.now - start < 3_000_000_000)
        }
    }

    @Test("Bytes that nobody asked for end an upstream connection")
    func unaskedBytes() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET /1 HTTP/1.1", "Host: a")
            let first = try await server.accept()
            try await first.gets("GET /1 HTTP/1.1")
            try await first.send("HTTP/1.1 200 OK", "Content-Length: 2", body: "okHTTP/1.1 200 No")
            try await client.gets("HTTP/1.1 200 OK", body: "ok")
            try await client.send("GET /2 HTTP/1.1", "Host: a")
            let second = try await server.accept()
            try await second.gets("GET /2 HTTP/1.1")
            try await second.send("HTTP/1.1 200 OK", "Content-Length: 0")
            try await client.gets("HTTP/1.1 200 OK")
            // This time they come while the connection is idle.
            try await second.send("HTTP/1.1 200 Evil", "Content-Length: 0")
            await world.pass(seconds: 0.1)
            try await client.send("GET /3 HTTP/1.1", "Host: a")
            let third = try await server.accept()
            try await third.gets("GET /3 HTTP/1.1")
            try await third.send("HTTP/1.1 204 No Content")
            try await client.gets("HTTP/1.1 204 No Content")
        }
    }

    @Test("An idle client is closed after its time, and holds no task or buffer before that")
    func parking() throws {
        try simulate("timeout idle=20s\n" + plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send("HTTP/1.1 204 No Content")
            try await client.gets("HTTP/1.1 204 No Content")
            try await client.isQuiet(seconds: 2)
            #expect(world.reactor.buffers.lent == 0)
            #expect(world.parked == 1)
            try await client.send("GET / HTTP/1.1", "Host: a")
            try await origin.gets("GET / HTTP/1.1")
            #expect(world.parked == 0)
            try await origin.send("HTTP/1.1 204 No Content")
            try await client.gets("HTTP/1.1 204 No Content")
            let start = world.now
            try await client.ends()
            let waited = world.now - start
            #expect(waited >= 20_000_000_000 && waited < 20_100_000_000)
        }
    }

    @Test("A client that never says anything is closed after the header time")
    func silence() throws {
        try simulate("timeout header=4s\n" + plain) { world in
            let client = try await world.client()
            let start = world.now
            try await client.ends()
            let waited = world.now - start
            #expect(waited >= 4_000_000_000 && waited < 4_100_000_000)
        }
    }
}
