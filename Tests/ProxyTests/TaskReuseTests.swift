import EventLoop
import Foundation
import Testing

@testable import Proxy

/// A gateway that an exchange can carry much away from.
private let wide = """
    trusted_proxies 127.0.0.0/8
    access_log /log format=json
    limit header_count=20
    upstream app { server $server; retry off }
    site * {
        listen $site
        route /plain { proxy app }
        route /fixed { respond 200 fixed }
        route /all/* {
            rate_limit 1000/h
            concurrency_limit 10
            cache ttl=60s
            compress gzip min=20
            bandwidth_limit 1m/s
            header set X-Extra more
            proxy app
        }
        route /coded { compress gzip min=20; proxy app }
        route /limited { rate_limit 1/h; proxy app }
        route /short { limit body=10; proxy app }
        route /* { proxy app }
    }
    site other { listen $site; route /only { respond 204 } }
    """

/// How a connection ends whose task the next one gets.
private struct Poison: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let play: @Sendable (Peer, World) async throws -> Void

    init(_ name: String, _ play: @escaping @Sendable (Peer, World) async throws -> Void) {
        testDescription = name
        self.play = play
    }

    /// A request with all that it can have, of a client behind a proxy.
    static func whole(_ line: String, _ fields: String..., body: String = "") -> String {
        let usual = [
            line, "Host: shop", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https",
            "X-Request-ID: kept-of-the-first", "User-Agent: first", "Referer: http://first/",
            "Accept-Encoding: gzip", "Accept: text/html",
        ]
        return (usual + fields).joined(separator: "\n") + "\n\n" + body
    }

    /// Sends, takes one response, and waits for the end.
    static func asks(_ text: String, _ status: String)
        -> @Sendable (Peer, World) async throws
        -> Void
    {
        { client, _ in
            try await client.send(raw: text)
            try await client.gets("HTTP/1.1 \(status) *")
            try await client.isGone()
        }
    }

    static let all: [Poison] = [
        Poison("a compressed response") { client, _ in
            try await client.send(raw: whole("GET /coded HTTP/1.1", "Connection: close"))
            try await client.gets("HTTP/1.1 200 OK", "Content-Encoding: gzip")
            try await client.isGone()
        },
        Poison("a response that is stored and used again") { client, world in
            try await client.send(raw: whole("GET /all/1 HTTP/1.1", "Connection: close"))
            try await client.gets("HTTP/1.1 200 OK", "RateLimit: *")
            try await client.isGone()
            let second = try await world.client()
            try await second.send(raw: whole("GET /all/1 HTTP/1.0"))
            try await second.gets("HTTP/1.1 200 OK", "Cache-Status: gateway; hit*")
            try await second.isGone()
        },
        Poison(
            "a request with content",
            asks(
                whole("POST /x HTTP/1.1", "Connection: close", "Content-Length: 3", body: "abc"),
                "200"
            )
        ),
        Poison(
            "an upgrade that the application refuses",
            asks(whole("GET /refuse HTTP/1.1", "Connection: upgrade, close", "Upgrade: x"), "200")
        ),
        Poison("a tunnel") { client, _ in
            try await client.send(
                raw: whole("GET /upgrade HTTP/1.1", "Connection: upgrade", "Upgrade: x")
            )
            try await client.gets("HTTP/1.1 101 *", body: "hello")
            client.close()
        },
        Poison("a refusal by a limit") { client, _ in
            try await client.send(raw: whole("GET /limited HTTP/1.1"))
            try await client.gets("HTTP/1.1 200 OK", body: "ok")
            try await client.send(raw: whole("GET /limited HTTP/1.1", "Connection: close"))
            try await client.gets("HTTP/1.1 429 *")
            try await client.isGone()
        },
        Poison(
            "content that is too large",
            asks(whole("POST /short HTTP/1.1", "Content-Length: 99", body: "abc"), "413")
        ),
        Poison("chunks that are none, behind 100 (Continue)") { client, _ in
            try await client.send(
                raw: whole("POST /x HTTP/1.1", "Transfer-Encoding: chunked", "Expect: 100-continue")
            )
            try await client.gets("HTTP/1.1 100 Continue")
            try await client.send(raw: "3\nabc\nZZ\n")
            try await client.isGone()
        },
        Poison("a head that is none behind a good one") { client, _ in
            try await client.send(raw: whole("GET /plain HTTP/1.1"))
            try await client.gets("HTTP/1.1 200 OK", body: "ok")
            try await client.send(raw: "GET  / HTTP/1.1\nHost: shop\n\n")
            try await client.gets("HTTP/1.1 400 *")
            try await client.isGone()
        },
        Poison("half a head") { client, _ in
            try await client.send(raw: "POST /half HTTP/1.1\nHost: half\nX-Half: 1")
            client.close()
        },
        Poison(
            "no route for the path",
            asks("GET /other HTTP/1.1\nHost: other\nConnection: close\n\n", "404")
        ),
        Poison(
            "an application that resets",
            asks(whole("GET /fail HTTP/1.1", "Connection: close"), "502")
        ),
        Poison("a response that is cut short") { client, _ in
            try await client.send(raw: whole("GET /cut HTTP/1.1"))
            try await client.gets("HTTP/1.1 200 OK", body: "0123456789")
            try await client.isGone()
        },
        Poison("a client that goes in the middle of its response") { client, _ in
            try await client.send(raw: whole("GET /slow HTTP/1.1"))
            try await client.gets("HTTP/1.1 200 OK", body: "0123456789")
            client.reset()
        },
        Poison("a client that goes in the middle of its content") { client, _ in
            try await client.send(
                raw: whole("POST /slow HTTP/1.1", "Content-Length: 100000", body: "abc")
            )
            try await client.gets("HTTP/1.1 200 OK", body: "0123456789")
            client.reset()
        },
    ]
}

/// What clients, application, log and counters saw of the connections that are looked at.
private final class Observation: @unchecked Sendable {
    var heads: [String] = []
    var asked: [String] = []
    var counts: [String] = []
    var log: [String] = []
    /// Lines of the log that belong to what came before.
    var logOffset = 0
}

@Suite("One task serves the connections of several clients", .timeLimit(.minutes(1)))
struct TaskReuseTests {
    @Test("Nothing of a connection is seen in the next one's", arguments: Poison.all)
    private func isForgotten(_ poison: Poison) throws {
        let fresh = try observe(after: nil)
        let reused = try observe(after: poison)
        #expect(reused.heads == fresh.heads)
        #expect(reused.asked == fresh.asked)
        #expect(reused.log == fresh.log)
        #expect(reused.counts == fresh.counts)
        // So that the comparison compares something.
        #expect(fresh.heads.count == 9 && fresh.asked.count == 3 && fresh.log.count == 9)
        #expect(fresh.counts.contains { $0.hasPrefix("gateway_requests_total") })
    }

    @Test("A head that is refused is logged with its own bytes, and under the peer")
    func refusedHead() throws {
        let capture = try LogCapture()
        let refused = "GET  / HTTP/1.1\nHost: shop\n\n"
        try simulate(wide, log: capture) { world in
            let client = try await world.client()
            try await client.send(raw: Poison.whole("GET /fixed HTTP/1.1"))
            try await client.gets("HTTP/1.1 200 OK", body: "fixed")
            try await client.send(raw: refused)
            try await client.gets("HTTP/1.1 400 *")
        }
        let lines = try capture.objects()
        #expect(lines.map { $0["client"] } == ["203.0.113.9", "127.0.0.1"])
        #expect(lines.last?["bytes_in"] == "\(wire(refused).count)")
    }

    /// Plays the connections that are looked at, in tasks of their own or in that of another one.
    private func observe(after poison: Poison?) throws -> Observation {
        let observation = Observation()
        let capture = try LogCapture()
        try simulate(wide, log: capture) { world in
            let server = try world.origin()
            world.attend { world in try await serve(server, world, observation) }
            if let poison {
                try await poison.play(try await world.client(), world)
                while idleTasks(world) == 0 { await world.pass(seconds: 0.001) }
                observation.logOffset = world.metric("gateway_requests_total")
            }
            let before = world.counts()
            observation.asked = []
            try await look(world, observation, isFresh: poison == nil)
            observation.counts = world.counts().compactMap { name, value in
                let difference = value - (before[name] ?? 0)
                return difference == 0 ? nil : "\(name) \(difference)"
            }.sorted()
        }
        observation.log = try capture.objects().dropFirst(observation.logOffset).map(shown)
        return observation
    }

    /// One connection with what is no request, one with all sorts, one with HTTP/1.0.
    private func look(_ world: World, _ observation: Observation, isFresh: Bool) async throws {
        let connections: [[String]] = [
            ["GET /plain HTTP/9.9\nHost: shop\n\n"],
            [
                "GET /plain HTTP/1.1\nHost: shop\n\n", "GET /fixed HTTP/1.1\nHost: shop\n\n",
                "GET /all/2 HTTP/1.1\nHost: shop\n\n",
                "GET /other HTTP/1.1\nHost: other\n\n", "GET /fixed HTTP/1.1\nHost: shop\nA\n\n",
            ],
            ["HEAD /fixed HTTP/1.0\n\n"],
            ["HEAD /plain HTTP/1.1\nHost: shop\n\n", "\n\n\n\n"],
        ]
        for requests in connections {
            // Alone, a task that has nothing to do ends after a while.
            if isFresh { while idleTasks(world) > 0 { await world.pass(seconds: 0.5) } }
            #expect(idleTasks(world) == (isFresh ? 0 : 1))
            let client = try await world.client()
            for request in requests {
                try await client.send(raw: request)
                let head = try await client.anyHead()
                let isHead = request.hasPrefix("HEAD")
                let length = head.first { $0.hasPrefix("Content-Length: ") }?.dropFirst(16)
                let body = isHead ? [] : try await client.take(length.flatMap { Int($0) } ?? 0)
                let id = head.first { $0.hasPrefix("X-Request-ID: ") }?.dropFirst(14) ?? ""
                let text = String(decoding: body, as: UTF8.self)
                observation.heads.append(
                    (head.filter { !$0.hasPrefix("Date: ") } + [text]).joined(separator: "\n")
                        .replacingOccurrences(of: String(id), with: id.isEmpty ? "" : "ID")
                )
            }
            client.close()
            while idleTasks(world) == 0 { await world.pass(seconds: 0.001) }
        }
    }

    private func idleTasks(_ world: World) -> Int {
        world.worker.assumeIsolated { $0.idleServers.count }
    }

    /// A line of the log, without what differs from one time to the next.
    private func shown(_ members: [String: String]) -> String {
        members.map { name, value in
            let varies = name == "time" || name == "request_id" || name.hasSuffix("_ms")
            return "\(name)=\(varies ? "*" : value)"
        }.sorted().joined(separator: " ")
    }

    /// The application: takes all connections, and answers by the path.
    private func serve(_ server: Origin, _ world: World, _ observation: Observation) async throws {
        while let peer = await server.next() {
            world.attend { _ in try await self.answer(peer, observation) }
        }
    }

    private func answer(_ peer: Peer, _ observation: Observation) async throws {
        while let head = try? await peer.anyHead() {
            let id = head.first { $0.hasPrefix("X-Request-ID: ") } ?? ""
            observation.asked.append(
                head.filter { $0 != id }.joined(separator: "\n")
            )
            let path = head[0].split(separator: " ")[1]
            switch path {
            case "/fail":
                peer.reset()
                return
            case "/cut":
                try await peer.send("HTTP/1.1 200 OK", "Content-Length: 20", body: "0123456789")
                peer.close()
                return
            case "/slow":
                try await peer.send("HTTP/1.1 200 OK", "Content-Length: 20", body: "0123456789")
                _ = try? await peer.isGone()
                peer.close()
                return
            case "/upgrade":
                try await peer.send(
                    "HTTP/1.1 101 Switching Protocols",
                    "Connection: upgrade",
                    "Upgrade: x",
                    body: "hello"
                )
                _ = try? await peer.isGone()
                peer.close()
                return
            case "/all/1", "/all/2", "/coded":
                try await peer.send(
                    "HTTP/1.1 200 OK",
                    "Content-Type: text/plain",
                    "Cache-Control: max-age=60",
                    "RateLimit-Policy: \"theirs\";q=9;w=9",
                    "RateLimit: \"theirs\";r=9;t=9",
                    "Content-Length: 300",
                    body: String(repeating: "abc", count: 100)
                )
            case "/x":
                try await peer.skipBody(head)
                try await peer.send("HTTP/1.1 200 OK", "Content-Length: 2", body: "ok")
            default:
                let body = head[0].hasPrefix("HEAD") ? "" : "ok"
                try await peer.send("HTTP/1.1 200 OK", "Content-Length: 2", body: body)
            }
        }
    }
}

extension World {
    /// What is counted of requests: not what depends on time, nor on which connections are kept.
    fileprivate func counts() -> [String: Int] {
        let wanted = [
            "gateway_requests_total", "gateway_requests_received_bytes_total",
            "gateway_responses_sent_bytes_total", "gateway_requests_rejected_total",
            "gateway_rate_limit_decisions_total", "gateway_concurrency_limit_requests_total",
            "gateway_cache_requests_total", "gateway_cache_responses_total",
            "gateway_compression_responses_total", "gateway_compression_skipped_total",
            "gateway_upstream_responses_total", "gateway_requests_in_flight",
            "gateway_retries_total", "gateway_tunnels_opened_total",
        ]
        var counts: [String: Int] = [:]
        for line in metrics() where wanted.contains(where: line.hasPrefix) {
            guard let space = line.lastIndex(of: " "),
                let value = Int(line[line.index(after: space)...])
            else { continue }
            counts[String(line[..<space])] = value
        }
        return counts
    }
}
