import EventLoop
import Synchronization
import Testing

@testable import Proxy

private let cached = "cache_path /cache 1g\nsite * { listen $site; cache; proxy $server }"

@Suite("A disk behind the cache, on the path of a request")
struct DiskCacheTests {
    /// Has the origin answer one request.
    private func answer(_ server: Origin, _ content: String) async throws {
        let origin = try await server.accept()
        try await origin.gets("GET /a HTTP/1.1")
        try await origin.send(
            "HTTP/1.1 200 OK",
            "Cache-Control: max-age=60",
            "Content-Length: \(content.utf8.count)",
            "Connection: close",
            body: content
        )
    }

    private func fill(_ folder: DiskFolder) throws {
        let tier = try folder.open()
        try simulate(cached, disk: tier) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET /a HTTP/1.1", "Host: shop")
            try await answer(server, "old")
            try await client.gets("HTTP/1.1 200 OK", body: "old")
        }
        tier.work()
        tier.files.release()
    }

    @Test("What another process stored answers, with its age, and is then in memory")
    func hit() throws {
        let folder = try DiskFolder()
        try fill(folder)
        let tier = try folder.open()
        try simulate(cached, disk: tier) { world in
            await world.pass(seconds: 7)
            for _ in 0..<3 {
                world.spawn { world in
                    let client = try await world.client()
                    try await client.send("GET /a HTTP/1.1", "Host: shop")
                    try await client.gets(
                        "HTTP/1.1 200 OK",
                        "Age: 6",
                        "Cache-Status: gateway; hit; ttl=53; detail=disk",
                        body: "old"
                    )
                }
            }
            await world.pass(seconds: 0.05)
            // One read for all of them.
            _ = tier.readNext()
            guard case .idle = tier.readNext() else {
                Issue.record("it was read twice")
                return
            }
            let client = try await world.client()
            await world.pass(seconds: 0.01)
            try await client.send("GET /a HTTP/1.1", "Host: shop")
            let head = try await client.readHead()
            #expect(head.value("Cache-Status")?.hasPrefix("gateway; hit; ttl=5") ?? false)
            #expect(!(head.value("Cache-Status")?.contains("detail") ?? true))
            try await client.gets(raw: "old")
        }
    }

    @Test("What is not there is counted once")
    func absent() throws {
        let tier = try DiskFolder().open()
        tier.work()
        try simulate(cached, disk: tier) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET /a HTTP/1.1", "Host: shop")
            try await answer(server, "new")
            try await client.gets("HTTP/1.1 200 OK", body: "new")
            #expect(tier.figures.misses == 1 && tier.figures.late == 0)
        }
    }

    @Test("A disk that takes too long is a miss")
    func late() throws {
        let folder = try DiskFolder()
        try fill(folder)
        let tier = try folder.open()
        try simulate(cached, disk: tier) { world in
            let server = try world.origin()
            let client = try await world.client()
            let start = world.now
            try await client.send("GET /a HTTP/1.1", "Host: shop")
            try await answer(server, "new")
            try await client.gets(
                "HTTP/1.1 200 OK",
                "Cache-Status: gateway; fwd=uri-miss; stored",
                body: "new"
            )
            #expect((200_000_000...260_000_000).contains(world.now - start))
            // What comes after all is older than what was stored meanwhile.
            _ = tier.readNext()
            try await client.send("GET /a HTTP/1.1", "Host: shop")
            try await client.gets(
                "HTTP/1.1 200 OK",
                "Cache-Status: gateway; hit; ttl=*",
                "Age: 0",
                body: "new"
            )
            #expect(tier.figures.late == 1)
        }
    }

    @Test(
        "Whatever the disk's delays and faults, nobody gets what was changed before he asked",
        arguments: 1...15
    )
    func races(seed: UInt64) throws {
        let folder = try DiskFolder(seed: seed)
        let text = """
            cache_path /cache 1g
            cache_purge from=0.0.0.0/0
            site * { listen $site; cache; proxy $server }
            """
        for life in 0..<3 {
            let tier = try folder.open()
            folder.faults.store(life == 1 ? 30 : 0, ordering: .relaxed)
            let start = life * 100
            try simulate(text, seed: seed &+ UInt64(life), disk: tier) { world in
                try await play(world, tier, seed: seed, from: start)
            }
            // What memory knows is told to the disk, or the life after this begins with a crash.
            if life == 0 { tier.work() }
            tier.files.release()
        }
    }

    /// Versions of what the origin answers; one thread touches it, see `World`.
    private final class Versions: @unchecked Sendable {
        var last: Int
        init(_ last: Int) { self.last = last }
    }

    private func play(_ world: World, _ tier: DiskTier, seed: UInt64, from start: Int)
        async throws
    {
        var chance = SeededGenerator(seed: seed)
        let server = try world.origin()
        let versions = Versions(start)
        world.attend { _ in
            while let origin = await server.next() {
                _ = try await origin.anyHead()
                versions.last += 1
                let content = "\(versions.last)"
                try await origin.send(
                    "HTTP/1.1 200 OK",
                    "Cache-Control: max-age=60",
                    "Content-Length: \(content.utf8.count)",
                    "Connection: close",
                    body: content
                )
            }
        }
        let client = try await world.client()
        var oldest = 0
        for _ in 0..<30 {
            switch Int.random(in: 0..<6, using: &chance) {
            case 0: _ = tier.writeNext()
            case 1: _ = tier.scanNext()
            case 2:
                try await client.send("PURGE /a HTTP/1.1", "Host: shop")
                try await client.skipBody(client.anyHead())
                oldest = versions.last + 1
            default:
                try await client.send("GET /a HTTP/1.1", "Host: shop")
                if Bool.random(using: &chance) {
                    await world.pass(seconds: 0.1)
                    _ = tier.readNext()
                }
                let head = try await client.readHead()
                let count = try #require(head.value("Content-Length").flatMap { Int($0) })
                let content = try await client.take(count)
                let number = try #require(Int(String(decoding: content, as: UTF8.self)))
                #expect(number >= oldest, "seed \(seed)")
            }
        }
    }
}
