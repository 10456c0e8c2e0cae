import EventLoop
import Testing

@testable import Proxy

@Suite("Ends: clients that leave, and the gateway's own")
struct EndingTests {
    @Test("A client that breaks off while the origin works takes the origin's request with it")
    func clientResets() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            await world.pass(seconds: 5)
            let start = world.now
            client.reset()
            try await origin.ends()
            #expect(world.now - start < 100_000_000)
        }
    }

    @Test("A client that has ended its side still gets what comes soon, and no more than that")
    func halfClose() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let quick = try await world.client()
            try await quick.send("GET / HTTP/1.1", "Host: a")
            quick.halfClose()
            let first = try await server.accept()
            try await first.gets("GET / HTTP/1.1")
            await world.pass(seconds: 0.5)
            try await first.send("HTTP/1.1 200 OK", "Content-Length: 2", body: "ok")
            try await quick.gets("HTTP/1.1 200 OK", body: "ok")
            try await quick.ends()
            let slow = try await world.client()
            try await slow.send("GET / HTTP/1.1", "Host: a")
            slow.halfClose()
            try await first.gets("GET / HTTP/1.1")
            let start = world.now
            try await first.ends()
            #expect(world.now - start >= 1_000_000_000 && world.now - start < 1_200_000_000)
        }
    }

    @Test("A client that takes nothing stops the origin, and is cut off after its time")
    func clientTakesNothing() throws {
        try simulate("timeout send=5s\n" + plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send("HTTP/1.1 200 OK", "Content-Length: 100000000")
            let piece = [UInt8](repeating: 0x78, count: 100_000)
            var taken = 0
            for _ in 0..<40 {
                taken += (try? origin.offer(bytes: piece)) ?? 0
                await world.pass(seconds: 0.05)
            }
            // What waits in memory is bounded: two pipes, and the gateway's own buffers.
            #expect(taken < 1_500_000)
            await world.pass(seconds: 6)
            try await origin.isGone()
        }
    }

    @Test("A drain closes idle connections, lets requests finish, and says close")
    func drain() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let idle = try await world.client()
            let parked = try await world.client()
            let busy = try await world.client()
            for client in [idle, parked] {
                try await client.send("GET / HTTP/1.1", "Host: a")
                let origin = try await server.accept()
                try await origin.gets("GET / HTTP/1.1")
                try await origin.send("HTTP/1.1 204 No Content", "Connection: close")
                try await client.gets("HTTP/1.1 204 No Content")
                if client === parked { await world.pass(seconds: 3) }
            }
            try await idle.send(raw: "\n")
            try await busy.send("GET / HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            world.spawn { world in await world.worker.drain(within: 30_000_000_000) }
            try await parked.ends()
            #expect((try? await world.client()) == nil)
            await world.pass(seconds: 10)
            try await origin.send("HTTP/1.1 200 OK", "Content-Length: 2", body: "ok")
            try await busy.gets("HTTP/1.1 200 OK", "Connection: close", body: "ok")
            try await busy.ends()
            try await origin.ends()
        }
    }

    @Test("A request whose head has begun when the drain does is still answered")
    func drainWithinHead() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send(raw: "GET / HTTP/1.1\nHost")
            await world.pass(seconds: 0.5)
            world.spawn { world in await world.worker.drain(within: 30_000_000_000) }
            await world.pass(seconds: 0.5)
            try await client.send(raw: ": a\n\n")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send("HTTP/1.1 204 No Content")
            try await client.gets("HTTP/1.1 204 No Content", "Connection: close")
            try await client.ends()
        }
    }

    @Test("A drain ends when its time is over, whatever is still going on")
    func drainTimeout() throws {
        try simulate(plain) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            let start = world.now
            world.spawn { world in await world.worker.drain(within: 5_000_000_000) }
            try await origin.isGone()
            #expect(world.now - start >= 5_000_000_000 && world.now - start < 5_200_000_000)
        }
    }

    @Test("Connections beyond the limit are turned away")
    func connectionLimit() throws {
        try simulate("limit connections=2\n" + plain) { world in
            let server = try world.origin()
            var clients: [Peer] = []
            for _ in 0..<2 {
                let client = try await world.client()
                try await client.send("GET / HTTP/1.1", "Host: a")
                try await server.accept().gets("GET / HTTP/1.1")
                clients.append(client)
            }
            let third = try await world.client()
            try await third.breaks()
            clients[0].close()
            await world.pass(seconds: 2)
            let fourth = try await world.client()
            try await fourth.send("GET / HTTP/1.1", "Host: a")
            try await server.accept().gets("GET / HTTP/1.1")
        }
    }
}
