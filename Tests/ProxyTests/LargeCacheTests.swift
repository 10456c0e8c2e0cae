import EventLoop
import Synchronization
import Testing

@testable import Proxy

/// What memory takes is told by the test.
private func cached(_ objectSize: String, _ more: String = "") -> String {
    """
    cache_path /cache 1g
    cache_size 16m
    cache_object_size \(objectSize)
    site * { listen $site; cache; \(more); proxy $server }
    """
}

private let content = String(repeating: "a line of many that are alike;", count: 10_000)

private let limit = "bandwidth_limit 100k/s"

private let chunk = wire("1000\n") + [UInt8](repeating: 0x61, count: 4096) + wire("\n")

@Suite("Responses on the disk alone, on the path of a request")
struct LargeCacheTests {
    private func answer(
        _ origin: Peer,
        length: Int? = nil,
        _ content: String,
        _ fields: String...
    ) async throws {
        try await origin.gets("GET /a HTTP/1.1")
        let lines =
            [
                "HTTP/1.1 200 OK", "Cache-Control: max-age=60", "Content-Type: text/plain",
                "ETag: \"v\"", "Content-Length: \(length ?? content.utf8.count)",
            ] + fields
        try await origin.send(raw: lines.joined(separator: "\n") + "\n\n" + content)
    }

    /// What an earlier process left.
    private func fill(_ folder: DiskFolder, _ configuration: String) throws {
        let tier = try folder.open()
        try simulate(configuration, disk: tier) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET /a HTTP/1.1", "Host: shop")
            try await answer(try await server.accept(), content)
            try await client.gets("HTTP/1.1 200 OK", body: content)
        }
        tier.work()
        tier.files.release()
    }

    /// Does what threads would do, until the scripts have ended.
    private func serve(_ world: World, _ tier: DiskTier) {
        world.attend { world in
            while world.scripts > 0 {
                tier.work()
                await world.pass(seconds: 0.001)
            }
        }
    }

    @Test("One that the route compresses by now goes out as it stands in its file")
    func codable() throws {
        let folder = try DiskFolder()
        try fill(folder, cached("1m", "compress gzip min=20"))
        let tier = try folder.open()
        try simulate(cached("100k", "compress gzip min=20"), disk: tier) { world in
            serve(world, tier)
            let client = try await world.client()
            for _ in 0..<2 {
                try await client.send(
                    "GET /a HTTP/1.1",
                    "Host: shop",
                    "Accept-Encoding: gzip"
                )
                try await client.gets(
                    "HTTP/1.1 200 OK",
                    "!Content-Encoding",
                    "Cache-Status: gateway; hit; ttl=*",
                    body: content
                )
            }
        }
    }

    @Test("A disk that does not give the content in time is a miss, before anything is sent")
    func hanging() throws {
        let folder = try DiskFolder()
        try fill(folder, cached("100k"))
        let tier = try folder.open()
        try simulate(cached("100k"), disk: tier) { world in
            let server = try world.origin()
            let client = try await world.client()
            let start = world.now
            try await client.send("GET /a HTTP/1.1", "Host: shop")
            await world.pass(seconds: 0.01)
            // The head is found, and the disk hangs.
            _ = tier.readNext()
            try await answer(try await server.accept(), content)
            try await client.gets("HTTP/1.1 200 OK", body: content)
            #expect(world.now - start < 1_000_000_000)
            #expect(tier.figures.late == 1 && tier.figures.misses == 1)
        }
    }

    @Test("Who has the content already does not wait for it")
    func unchanged() throws {
        let folder = try DiskFolder()
        try fill(folder, cached("100k"))
        folder.refusesNow.store(true, ordering: .relaxed)
        let tier = try folder.open()
        try simulate(cached("100k"), disk: tier) { world in
            let client = try await world.client()
            try await client.send("GET /a HTTP/1.1", "Host: shop", "If-None-Match: \"v\"")
            await world.pass(seconds: 0.01)
            _ = tier.readNext()
            try await client.gets("HTTP/1.1 304 Not Modified", "Cache-Status: gateway; hit; *")
            #expect(tier.figures.hits == 1 && tier.figures.loads == 0)
        }
    }

    @Test("A file system that cannot read without waiting is waited for", arguments: ["", limit])
    func refusing(pace: String) throws {
        let folder = try DiskFolder()
        try fill(folder, cached("100k"))
        folder.refusesNow.store(true, ordering: .relaxed)
        let tier = try folder.open()
        try simulate(cached("100k", pace), disk: tier) { world in
            serve(world, tier)
            let client = try await world.client()
            for _ in 0..<2 {
                try await client.send("GET /a HTTP/1.1", "Host: shop")
                try await client.gets("HTTP/1.1 200 OK", "Cache-Status: *", body: content)
                try await client.send("GET /a HTTP/1.1", "Host: shop", "Range: bytes=290000-")
                try await client.gets(
                    "HTTP/1.1 206 Partial Content",
                    body: String(content.dropFirst(290_000))
                )
            }
            #expect(tier.figures.hits == 4)
        }
    }

    @Test("Who has all of it fetched at once, and is sent it slowly, reads it from there")
    func slowLeader() throws {
        let folder = try DiskFolder()
        folder.refusesNow.store(true, ordering: .relaxed)
        let tier = try folder.open()
        let text = String(content.prefix(9000))
        try simulate(cached("1k", "bandwidth_limit 3k/s"), disk: tier) { world in
            serve(world, tier)
            let server = try world.origin()
            let client = try await world.client()
            let start = world.now
            try await client.send("GET /a HTTP/1.1", "Host: shop")
            try await answer(try await server.accept(), text)
            try await client.gets("HTTP/1.1 200 OK", body: text)
            #expect(world.now - start < 10_000_000_000)
        }
    }

    @Test("Who leads and who follows get all of it when the directory is given up meanwhile")
    func givenUp() throws {
        let folder = try DiskFolder()
        let tier = try folder.open()
        try simulate(cached("100k"), disk: tier) { world in
            serve(world, tier)
            let server = try world.origin()
            let half = String(content.prefix(150_000))
            let client = try await world.client()
            try await client.send("GET /a HTTP/1.1", "Host: shop")
            let origin = try await server.accept()
            try await answer(origin, length: content.utf8.count, half)
            let follower = try await world.client()
            try await follower.send("GET /a HTTP/1.1", "Host: shop")
            try await follower.gets("HTTP/1.1 200 OK", body: half)
            await world.pass(seconds: 0.1)
            tier.retire()
            #expect(folder.leftovers.isEmpty && folder.names.isEmpty)
            try await origin.send(raw: String(content.dropFirst(150_000).dropLast(10_000)))
            // It is written on, to a file that nobody will find.
            await world.pass(seconds: 0.1)
            try await origin.send(raw: String(content.suffix(10_000)))
            try await client.gets("HTTP/1.1 200 OK", body: content)
            try await follower.gets(raw: String(content.dropFirst(150_000)))
            #expect(tier.figures.losses == [0, 0, 0])
        }
    }

    @Test("What is too large for the disk goes on, from there and then straight on")
    func overflowing() throws {
        let folder = try DiskFolder()
        folder.refusesNow.store(true, ordering: .relaxed)
        let tier = try folder.open(budget: 16 << 20)
        try simulate(cached("100k"), disk: tier) { world in
            serve(world, tier)
            let server = try world.origin()
            let client = try await world.client()
            let start = world.now
            try await client.send("GET /a HTTP/1.1", "Host: shop")
            let origin = try await server.accept()
            world.spawn { _ in
                try await origin.gets("GET /a HTTP/1.1")
                try await origin.send(
                    "HTTP/1.1 200 OK",
                    "Cache-Control: max-age=60",
                    "Transfer-Encoding: chunked"
                )
                for _ in 0..<1500 { try await origin.send(bytes: chunk) }
                await world.pass(seconds: 2)
                // However long it still takes, the disk's room is for others.
                #expect(tier.figures.reserved == 0)
                try await origin.send(raw: "0\n\n")
            }
            await world.pass(seconds: 1)
            let got = try await client.content(client.anyHead(), world)
            #expect(got.utf8.count == 1500 * 4096)
            #expect(world.now - start < 10_000_000_000)
        }
    }

    @Test("A content that is damaged at its beginning is a miss")
    func damaged() throws {
        let folder = try DiskFolder()
        try fill(folder, cached("100k"))
        let tier = try folder.open()
        try simulate(cached("100k"), disk: tier) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET /a HTTP/1.1", "Host: shop")
            await world.pass(seconds: 0.01)
            _ = tier.readNext()
            await world.pass(seconds: 0.01)
            folder.faults.store(256, ordering: .relaxed)
            _ = tier.readNext()
            folder.faults.store(0, ordering: .relaxed)
            try await answer(try await server.accept(), content)
            try await client.gets("HTTP/1.1 200 OK", body: content)
            #expect(tier.figures.misses == 1)
        }
    }

    @Test("Who has it already gets a 304, and keeps his connection, when it proves too large")
    func notModified() throws {
        try simulate("cache_object_size 10k\nsite * { listen $site; cache; proxy $server }") {
            world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET /a HTTP/1.1", "Host: shop", "If-None-Match: \"v\"")
            let origin = try await server.accept()
            try await origin.gets("GET /a HTTP/1.1")
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Cache-Control: max-age=60",
                "ETag: \"v\"",
                "Transfer-Encoding: chunked"
            )
            for _ in 0..<10 { _ = try origin.offer(bytes: chunk) }
            try await client.gets("HTTP/1.1 304 Not Modified")
            try await client.send("GET /b HTTP/1.1", "Host: shop")
            let next = try await server.accept()
            try await next.gets("GET /b HTTP/1.1")
            try await next.send("HTTP/1.1 200 OK", "Content-Length: 2", body: "ok")
            try await client.gets("HTTP/1.1 200 OK", body: "ok")
        }
    }

    @Test("The upstream's connection is used again after a response that proved too large")
    func reuse() throws {
        try simulate("cache_object_size 10k\nsite * { listen $site; cache; proxy $server }") {
            world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET /a HTTP/1.1", "Host: shop")
            let origin = try await server.accept()
            try await origin.gets("GET /a HTTP/1.1")
            var bytes = wire(
                "HTTP/1.1 200 OK\nCache-Control: max-age=60\nTransfer-Encoding: chunked\n\n"
            )
            for _ in 0..<10 { bytes += chunk }
            bytes += wire("0\n\n")
            try await origin.send(bytes: bytes)
            #expect(try await client.content(client.anyHead(), world).utf8.count == 10 * 4096)
            try await client.send("GET /b HTTP/1.1", "Host: shop")
            try await origin.gets("GET /b HTTP/1.1")
            try await origin.send("HTTP/1.1 200 OK", "Content-Length: 2", body: "ok")
            try await client.gets("HTTP/1.1 200 OK", body: "ok")
        }
    }
}
