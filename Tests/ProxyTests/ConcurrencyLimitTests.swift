import EventLoop
import Testing

@testable import Proxy

@Suite("Limits of requests at once, and of bytes in a time")
struct ConcurrencyLimitTests {
    @Test("The next ones wait in order, the rest are refused, and who waits too long is")
    func queue() throws {
        let text = """
            site * { listen $site; concurrency_limit 1 queue=1 wait=2s; proxy $server }
            """
        try simulate(text) { world in
            let server = try world.origin()
            let first = try await world.client()
            let second = try await world.client()
            let third = try await world.client()
            try await first.send("GET /1 HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.gets("GET /1 HTTP/1.1")
            try await second.send("GET /2 HTTP/1.1", "Host: a")
            await world.pass(seconds: 1)
            #expect(world.metric("gateway_concurrency_limit_waiting") == 1)
            try await third.send("GET /3 HTTP/1.1", "Host: a")
            let head = try await third.gets("HTTP/1.1 503 *", "Retry-After: 1", "!Connection")
            try await third.skipBody(head)
            try await origin.send("HTTP/1.1 204 No Content")
            try await first.gets("HTTP/1.1 204 *")
            try await origin.gets("GET /2 HTTP/1.1")
            try await third.send("GET /3 HTTP/1.1", "Host: a")
            let late = try await third.gets("HTTP/1.1 503 *")
            try await third.skipBody(late)
            try await origin.send("HTTP/1.1 204 No Content")
            try await second.gets("HTTP/1.1 204 *")
            #expect(world.metric("gateway_concurrency_limit_in_flight") == 0)
            #expect(
                world.metric("gateway_concurrency_limit_requests_total", "outcome=\"full\"") == 1
            )
            #expect(
                world.metric("gateway_concurrency_limit_requests_total", "outcome=\"timed_out\"")
                    == 1
            )
        }
    }

    @Test("A client that leaves gives up its place in the queue, one inside its place")
    func leaving() throws {
        let text = """
            site * { listen $site; concurrency_limit 1 queue=5 wait=60s; proxy $server }
            """
        try simulate(text) { world in
            let server = try world.origin()
            let first = try await world.client()
            let second = try await world.client()
            let third = try await world.client()
            try await first.send("GET /1 HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.gets("GET /1 HTTP/1.1")
            try await second.send("GET /2 HTTP/1.1", "Host: a")
            await world.pass(seconds: 1)
            try await third.send("GET /3 HTTP/1.1", "Host: a")
            await world.pass(seconds: 1)
            second.reset()
            await world.pass(seconds: 1)
            #expect(world.metric("gateway_concurrency_limit_waiting") == 1)
            first.reset()
            let other = try await server.accept()
            try await other.gets("GET /3 HTTP/1.1")
            try await other.send("HTTP/1.1 204 No Content")
            try await third.gets("HTTP/1.1 204 *")
        }
    }

    @Test("Each key has places of its own, and what is refused here takes no token there")
    func keys() throws {
        let text = """
            trusted_proxies 0.0.0.0/0
            site * {
                listen $site
                rate_limit 2/h key=route
                concurrency_limit 1 key=client_address
                proxy $server
            }
            """
        try simulate(text) { world in
            let server = try world.origin()
            let first = try await world.client()
            let second = try await world.client()
            try await first.send("GET /1 HTTP/1.1", "Host: a", "X-Forwarded-For: 203.0.113.1")
            let origin = try await server.accept()
            try await origin.gets("GET /1 HTTP/1.1")
            for _ in 0..<5 {
                try await second.send("GET /2 HTTP/1.1", "Host: a", "X-Forwarded-For: 203.0.113.1")
                try await second.skipBody(try await second.gets("HTTP/1.1 503 *"))
            }
            try await second.send("GET /3 HTTP/1.1", "Host: a", "X-Forwarded-For: 203.0.113.2")
            let other = try await server.accept()
            try await other.gets("GET /3 HTTP/1.1")
            try await other.send("HTTP/1.1 204 No Content")
            try await second.gets("HTTP/1.1 204 *")
            try await origin.send("HTTP/1.1 204 No Content")
            try await first.gets("HTTP/1.1 204 *")
        }
    }

    @Test("An upstream that works on few at once gets few at once")
    func adaptive() throws {
        let text = """
            upstream app concurrency=auto { server 10.0.0.1:8000 }
            site * { listen $site; proxy app }
            """
        try simulate(text) { world in
            let server = try world.origin()
            let most = Counter()
            world.attend { world in
                while let peer = await server.next() {
                    world.attend { world in
                        do {
                            while true {
                                _ = try await peer.anyHead()
                                most.enter()
                                // Two workers of 20 ms each: who comes on top waits for them.
                                let worker = most.busy.indices.min { most.busy[$0] < most.busy[$1] }
                                let end = max(world.now, most.busy[worker ?? 0]) + 20_000_000
                                most.busy[worker ?? 0] = end
                                await world.reactor.sleep(until: end)
                                most.leave()
                                try await peer.send("HTTP/1.1 204 No Content")
                            }
                        } catch {}
                    }
                }
            }
            let group = Counter()
            for _ in 0..<24 {
                group.enter()
                world.spawn { world in
                    let client = try await world.client()
                    for _ in 0..<60 {
                        try await client.send("GET / HTTP/1.1", "Host: a")
                        try await client.gets("HTTP/1.1 204 *")
                    }
                    group.leave()
                }
            }
            while group.now > 0 { await world.pass(seconds: 0.1) }
            #expect(most.peak <= 12, "\(most.peak)")
            #expect(world.metric("gateway_upstream_concurrency_limit") >= 2)
            #expect(world.metric("gateway_upstream_concurrency_limit") <= 10)
        }
    }

    @Test("A response goes out at its rate, after its first part")
    func bandwidth() throws {
        let text = "site * { listen $site; bandwidth_limit 100k/s after=50k; proxy $server }"
        try simulate(text) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            let start = world.now
            let body = [UInt8](repeating: 120, count: 250 << 10)
            world.spawn { _ in
                try await origin.send("HTTP/1.1 200 OK", "Content-Length: \(body.count)")
                try await origin.send(bytes: body)
            }
            try await client.gets("HTTP/1.1 200 OK")
            #expect(try await client.take(50 << 10).count == 50 << 10)
            #expect(world.now - start < 300_000_000)
            #expect(try await client.take(200 << 10).count == 200 << 10)
            let seconds = Double(world.now - start) / 1e9
            #expect(seconds > 1.8 && seconds < 2.4, "\(seconds)")
        }
    }

    @Test("A response that is being stored, or is stored, keeps to the rate as well")
    func cachedBandwidth() throws {
        let text = """
            site * { listen $site; cache; bandwidth_limit 100k/s after=50k; proxy $server }
            """
        try simulate(text) { world in
            let server = try world.origin()
            let client = try await world.client()
            let follower = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await follower.send("GET / HTTP/1.1", "Host: a")
            let start = world.now
            let body = (0..<250 << 10).map { UInt8(truncatingIfNeeded: $0 / 1024) }
            world.spawn { _ in
                try await origin.send(
                    "HTTP/1.1 200 OK",
                    "Cache-Control: max-age=60",
                    "Content-Length: \(body.count)"
                )
                try await origin.send(bytes: body)
            }
            // The leader of the fetch, one that follows it, and one that finds it stored.
            for (peer, status) in [(client, "stored"), (follower, "collapsed")] {
                let head = try await peer.gets("HTTP/1.1 200 OK")
                #expect(head.contains { $0.hasPrefix("Cache-Status") && $0.contains(status) })
                #expect(try await peer.take(body.count) == body)
                let seconds = Double(world.now - start) / 1e9
                #expect(seconds > 1.8 && seconds < 2.6, "\(status): \(seconds)")
            }
            let later = world.now
            try await client.send("GET / HTTP/1.1", "Host: a")
            try await client.gets("HTTP/1.1 200 OK", "Cache-Status: gateway; hit*")
            #expect(try await client.take(50 << 10) == Array(body.prefix(50 << 10)))
            #expect(world.now - later < 300_000_000)
            #expect(try await client.take(200 << 10) == Array(body.dropFirst(50 << 10)))
            let seconds = Double(world.now - later) / 1e9
            #expect(seconds > 1.8 && seconds < 2.6, "\(seconds)")
            // A range of it, which is a response of its own.
            let third = world.now
            try await client.send("GET / HTTP/1.1", "Host: a", "Range: bytes=0-153599")
            try await client.gets("HTTP/1.1 206 *")
            #expect(try await client.take(153_600) == Array(body.prefix(153_600)))
            let ranged = Double(world.now - third) / 1e9
            #expect(ranged > 0.8 && ranged < 1.4, "\(ranged)")
        }
    }

    @Test("A response that the configuration fixes keeps to the rate; a small one is not held up")
    func fixedBandwidth() throws {
        let body = String(repeating: "x", count: 60 << 10)
        let text = """
            site * {
                listen $site
                bandwidth_limit 20k/s
                route /small { respond 200 ok }
                respond 200 \(body)
            }
            """
        try simulate(text) { world in
            let client = try await world.client()
            let start = world.now
            try await client.send("GET /small HTTP/1.1", "Host: a")
            try await client.gets("HTTP/1.1 200 OK", body: "ok")
            #expect(world.now - start < 50_000_000)
            let later = world.now
            try await client.send("GET / HTTP/1.1", "Host: a")
            try await client.gets("HTTP/1.1 200 OK")
            #expect(try await client.take(body.utf8.count).count == body.utf8.count)
            let seconds = Double(world.now - later) / 1e9
            #expect(seconds > 2.5 && seconds < 3.3, "\(seconds)")
        }
    }

    @Test("A response that is compressed here keeps to the rate as well")
    func codedBandwidth() throws {
        let text = """
            site * { listen $site; compress gzip; bandwidth_limit 100k/s after=50k; proxy $server }
            """
        try simulate(text) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a", "Accept-Encoding: gzip")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            let start = world.now
            // Noise, which no coding makes smaller.
            var state: UInt32 = 1
            let body = (0..<250 << 10).map { _ in
                state = state &* 1_664_525 &+ 1_013_904_223
                return UInt8(truncatingIfNeeded: state >> 24)
            }
            world.spawn { _ in
                let length = "Content-Length: \(body.count)"
                try await origin.send("HTTP/1.1 200 OK", "Content-Type: text/plain", length)
                try await origin.send(bytes: body)
            }
            let head = try await client.gets("HTTP/1.1 200 OK")
            #expect(head.contains { $0 == "Content-Encoding: gzip" })
            #expect(try await client.take(50 << 10).count == 50 << 10)
            #expect(world.now - start < 500_000_000)
            #expect(try await client.take(200 << 10).count == 200 << 10)
            let seconds = Double(world.now - start) / 1e9
            #expect(seconds > 1.8 && seconds < 2.6, "\(seconds)")
        }
    }
}

/// Who is inside, and how many were at most; one thread touches it, see `World`.
private final class Counter: @unchecked Sendable {
    var now = 0
    var peak = 0
    var busy: [Int64] = [0, 0]
    func enter() {
        now += 1
        peak = max(peak, now)
    }
    func leave() { now -= 1 }
}
