import EventLoop
import Testing

@testable import Proxy

/// Worlds in which responses expire, are purged, change and break off while others are fetched, and
/// go out compressed or not.
///
/// The origin's answer says which version of a path it is; versions only grow. A client may get an
/// old version only as long as it may be fresh, never a content that is cut or mixed.
@Suite("Races of the cache")
struct CacheRaceTests {
    private static let configuration = """
        cache_purge from=0.0.0.0/0
        site * {
            listen $site
            compress gzip br min=1
            cache lock=2s
            proxy $server
        }
        """

    /// What the origin says now: one number for each path.
    private final class Versions: @unchecked Sendable {
        // Only the one thread of a world touches it.
        var current: [String: Int] = [:]
        /// What clients know for certain: the answer to a change has come.
        var known: [String: Int] = [:]
        var asked = 0
    }

    @Test("nobody gets a mixed, cut or outdated response", arguments: UInt64(1)...60)
    func races(seed: UInt64) throws {
        var faults = Simulation.Faults()
        faults.longestDelay = 3_000_000
        faults.longestReceive = 700
        faults.longestSend = 900
        try simulate(Self.configuration, seed: seed, faults: faults) { world in
            let versions = Versions()
            let server = try world.origin()
            world.attend { world in
                while let peer = await server.next() {
                    world.attend { world in
                        try? await Self.serve(peer, versions, world)
                        peer.close()
                    }
                }
            }
            for number in 0..<6 {
                world.spawn { world in try await Self.browse(world, versions, number) }
            }
            world.spawn { world in
                for _ in 0..<8 {
                    await world.pass(seconds: 0.7)
                    let path = "/p\(world.reactor.random.next() % 3)"
                    let client = try await world.client()
                    let before = versions.current[path, default: 0]
                    try await client.send("DELETE \(path) HTTP/1.1", "Host: a")
                    if (try? await client.readHead().status) == 204 {
                        versions.known[path] = max(versions.known[path, default: 0], before + 1)
                    }
                    client.close()
                }
            }
            world.spawn { world in
                for _ in 0..<8 {
                    await world.pass(seconds: 0.6)
                    let path = "/p\(world.reactor.random.next() % 3)"
                    // Changed, and nobody told but by the purge.
                    versions.current[path, default: 0] += 1
                    let version = versions.current[path, default: 0]
                    let client = try await world.client()
                    try await client.send("PURGE \(path) HTTP/1.1", "Host: a")
                    let status = try await client.readHead().status
                    // 404: nothing was stored; what is being fetched is meant as well.
                    #expect([200, 404].contains(status))
                    versions.known[path] = max(versions.known[path, default: 0], version)
                    client.close()
                }
            }
        }
    }

    /// Answers with the path's version, again and again; sometimes late, sometimes not at all.
    private static func serve(_ peer: Peer, _ versions: Versions, _ world: World) async throws {
        while true {
            let head = try await peer.readHead()
            let words = head.start.split(separator: " ")
            let path = String(words[1])
            let chance = world.reactor.random.next() % 10
            versions.asked += 1
            if words[0] == "DELETE" {
                versions.current[path, default: 0] += 1
                try await peer.send("HTTP/1.1 204 No Content")
                continue
            }
            let version = versions.current[path, default: 0]
            if chance == 0 { return }
            if chance < 4 { await world.pass(seconds: 0.3) }
            let tag = "\"\(version)\""
            if head.value("If-None-Match") == tag {
                try await peer.send(
                    "HTTP/1.1 304 Not Modified",
                    "ETag: \(tag)",
                    "Cache-Control: max-age=1"
                )
                continue
            }
            let line = "\(path) \(version);"
            let count = 200
            let content = String(repeating: line, count: count)
            try await peer.send(
                "HTTP/1.1 200 OK",
                "Cache-Control: max-age=1",
                "Content-Type: text/plain",
                "ETag: \(tag)",
                "Content-Length: \(content.utf8.count)"
            )
            if chance == 2 {
                // In two pieces, so that others join while it arrives.
                try await peer.send(raw: String(content.prefix(content.count / 3)))
                await world.pass(seconds: 0.2)
                try await peer.send(raw: String(content.dropFirst(content.count / 3)))
                continue
            }
            if chance == 1 {
                try await peer.send(raw: String(content.prefix(content.count / 2)))
                peer.close()
                return
            }
            try await peer.send(raw: content)
        }
    }

    private static func browse(_ world: World, _ versions: Versions, _ number: Int) async throws {
        for _ in 0..<12 {
            await world.pass(seconds: Double(world.reactor.random.next() % 400) / 1000)
            let path = "/p\(world.reactor.random.next() % 3)"
            let client = try await world.client()
            let known = versions.known[path, default: 0]
            let accept = ["identity", "gzip", "br"][Int(world.reactor.random.next() % 3)]
            try await client.send(
                "GET \(path) HTTP/1.1",
                "Host: a",
                "Accept-Encoding: \(accept)",
                "Connection: close"
            )
            if world.reactor.random.next() % 12 == 0 {
                client.reset()
                continue
            }
            guard let head = try? await client.readHead() else { continue }
            guard head.status == 200 else {
                #expect([502, 504].contains(head.status))
                client.close()
                continue
            }
            var content: [UInt8] = []
            let length = head.value("Content-Length").flatMap { Int($0) }
            let framing = length.map { ReceivedFraming.length($0) } ?? .chunked
            let isWhole = (try? await client.readBody(framing, into: &content)) != nil
            client.close()
            guard isWhole else { continue }
            let coding = head.value("Content-Encoding")
            #expect(coding == nil || coding == accept)
            let text =
                try coding.map { try world.decode(content, $0) }
                ?? String(decoding: content, as: UTF8.self)
            let lines = Set(text.split(separator: ";"))
            #expect(lines.count == 1, "mixed: \(lines)")
            #expect(lines.first?.hasPrefix("\(path) ") ?? false, "of another path: \(lines)")
            let tag = lines.first.map { "\"\($0.split(separator: " ")[1])\"" } ?? ""
            let codedTag = "W/\(tag.dropLast())--\(coding ?? "")\""
            #expect(head.value("ETag") == (coding == nil ? tag : codedTag))
            let version = lines.first.flatMap { Int($0.split(separator: " ")[1]) } ?? -1
            #expect(version >= known, "older than a change that was answered before")
            #expect((Int(head.value("Age") ?? "0") ?? 9) <= 3 || versions.asked == 0)
        }
    }
}
