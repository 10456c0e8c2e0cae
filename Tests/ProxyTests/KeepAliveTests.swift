import Testing

@testable import Proxy

@Suite("RFC 9112 §9.3 persistence")
struct KeepAliveTests {
    static let plain = "site * { listen $site; proxy $server }"

    @Test("Connections are kept on both sides")
    func keepsConnections() throws {
        try simulate(Self.plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET /a HTTP/1.1", "Host: shop")
            let origin = try await server.accept()
            try await origin.gets("GET /a HTTP/1.1", "Host: shop", "!Connection")
            try await origin.send("HTTP/1.1 200 OK", "Content-Length: 2", body: "ok")
            try await client.gets(
                "HTTP/1.1 200 OK", "Content-Length: 2", "Date: *", "!Connection", body: "ok")
            try await client.send("GET /b HTTP/1.1", "Host: shop")
            try await origin.gets("GET /b HTTP/1.1")
            try await origin.send("HTTP/1.1 204 No Content")
            try await client.gets("HTTP/1.1 204 No Content", "!Content-Length")
            try await client.isQuiet(seconds: 5)
            #expect(!server.hasConnection())
        }
    }
}
