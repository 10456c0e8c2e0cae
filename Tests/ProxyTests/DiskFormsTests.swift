import Bytes
import Caching
import EventLoop
import Foundation
import HTTP
import Synchronization
import Testing

@testable import Proxy

private let coding = """
    cache_path /cache 1g
    site * {
        listen $site
        compress gzip min=20
        cache
        proxy $server
    }
    """

private let body = String(repeating: "the same again and again, ", count: 40)

@Suite("Compressed forms and parts on the disk")
struct DiskFormsTests {
    /// Answers one request with a body that the route compresses.
    private func answer(_ server: Origin, _ body: String) async throws {
        let origin = try await server.accept()
        try await origin.gets("GET /a HTTP/1.1")
        try await origin.send(
            "HTTP/1.1 200 OK",
            "Cache-Control: max-age=60",
            "Content-Type: text/plain",
            "Content-Length: \(body.utf8.count)",
            "Connection: close",
            body: body
        )
    }

    /// Asks for the coded form; what Cache-Status says.
    private func getCoded(_ client: Peer, _ world: World) async throws -> String {
        try await client.send("GET /a HTTP/1.1", "Host: a", "Accept-Encoding: gzip")
        let head = try await client.anyHead()
        #expect(try await client.content(head, world) == body)
        #expect(head.contains("Content-Encoding: gzip"))
        return head.first { $0.hasPrefix("Cache-Status: ") } ?? ""
    }

    private func codings(_ world: World) -> Int {
        world.metric("gateway_compression_responses_total", "coding=\"gzip\"")
    }

    @Test("A form that was made once is not made again after a restart", arguments: [false, true])
    func restart(isWritten: Bool) throws {
        let folder = try DiskFolder()
        let tier = try folder.open()
        try simulate(coding, disk: tier) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET /a HTTP/1.1", "Host: a")
            try await answer(server, body)
            try await client.gets("HTTP/1.1 200 OK", body: body)
            // The form comes while the response waits to be written, or when it has been.
            if isWritten { tier.work() }
            _ = try await getCoded(client, world)
            #expect(codings(world) == 1)
        }
        tier.work()
        #expect(folder.names.count == 1)
        tier.files.release()
        let next = try folder.open()
        try simulate(coding, disk: next) { world in
            let client = try await world.client()
            world.spawn { world in
                let other = try await world.client()
                #expect(try await getCoded(other, world).hasSuffix("detail=coded-gzip"))
            }
            await world.pass(seconds: 0.05)
            _ = next.readNext()
            await world.pass(seconds: 0.05)
            #expect(try await getCoded(client, world).hasSuffix("detail=coded-gzip"))
            #expect(codings(world) == 0)
        }
    }

    /// Has two forms made of a response, one after the other, and something done in between.
    private func amend(
        _ process: DiskProcess,
        _ name: String,
        between: () -> Void
    ) throws {
        let object = try #require(process.inMemory(name))
        let form = CachedResponse(
            object.draft(timing: object.timing),
            content: [[1]],
            contentCount: 1
        )
        let made = process.store.endCoding(object, .gzip, .made(form))
        let amended = try #require(made?.stored)
        between()
        // As if it came as late as this.
        process.tier.amend(amended)
        process.tier.work()
    }

    @Test(
        "A form that comes late brings nothing back that was removed or replaced",
        arguments: 0...3
    )
    func late(way: Int) throws {
        let folder = try DiskFolder()
        var process = try DiskProcess(folder)
        process.store.insert(process.object("a", 1, size: 100))
        process.tier.work()
        let current = process
        try amend(process, "a") {
            switch way {
            case 0: current.store.invalidate(current.key("a").span, hash: current.hash("a"))
            case 1: current.store.purge(.tag(Array("t".utf8)), soft: false, now: diskWall)
            case 2:
                current.store.insert(current.object("a", 2, size: 100))
                current.tier.work()
            default: current.store.insert(current.object("a", 2, size: 100))
            }
        }
        process.tier.files.release()
        process = try DiskProcess(folder)
        let found = process.onDisk("a")
        #expect(found.flatMap(version) == (way >= 2 ? 2 : nil))
        #expect(found?.form(.gzip) == nil)
    }

    @Test("What is changed while a form is written stays so", arguments: 0...2)
    func meanwhile(way: Int) throws {
        let folder = try DiskFolder()
        var process = try DiskProcess(folder)
        process.store.insert(process.object("a", 1, size: 100))
        process.tier.work()
        let current = process
        try amend(process, "a") {
            folder.meanwhile(.write) {
                switch way {
                case 0: current.store.invalidate(current.key("a").span, hash: current.hash("a"))
                case 1: current.store.purge(.tag(Array("t".utf8)), soft: false, now: diskWall)
                default: current.store.insert(current.object("a", 2, size: 100))
                }
            }
        }
        process.tier.files.release()
        process = try DiskProcess(folder)
        #expect(process.onDisk("a").flatMap(version) == (way == 2 ? 2 : nil))
    }

    @Test("A disk that fails while a form is written still has the response without it")
    func failing() throws {
        let folder = try DiskFolder()
        var process = try DiskProcess(folder)
        process.store.insert(process.object("a", 1, size: 100))
        process.tier.work()
        try amend(process, "a") { folder.faults.store(256, ordering: .relaxed) }
        folder.faults.store(0, ordering: .relaxed)
        process.tier.files.release()
        process = try DiskProcess(folder)
        let found = process.onDisk("a")
        #expect(found.flatMap(version) == 1 && found?.form(.gzip) == nil)
    }

    // MARK: Parts

    private func part(_ origin: Peer, _ range: String, _ body: String) async throws {
        try await origin.gets("GET /a HTTP/1.1")
        try await origin.send(
            "HTTP/1.1 206 Partial Content",
            "Cache-Control: max-age=60",
            "ETag: \"v1\"",
            "Content-Range: bytes \(range)/10",
            "Content-Length: \(body.utf8.count)",
            "Connection: close",
            body: body
        )
    }

    private let plain = "cache_path /cache 1g\nsite * { listen $site; cache; proxy $server }"

    /// Reads for a request that waits for the disk.
    private func whileWaiting(
        _ world: World,
        _ tier: DiskTier,
        _ body: @escaping @Sendable (World) async throws -> Void
    ) async {
        world.spawn(body)
        await world.pass(seconds: 0.05)
        _ = tier.readNext()
        await world.pass(seconds: 0.05)
    }

    @Test("A part answers ranges after a restart, and only the rest is asked for")
    func parts() throws {
        let folder = try DiskFolder()
        var tier = try folder.open()
        try simulate(plain, disk: tier) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET /a HTTP/1.1", "Host: a", "Range: bytes=0-4")
            try await part(try await server.accept(), "0-4", "01234")
            try await client.gets("HTTP/1.1 206 Partial Content", body: "01234")
        }
        for asksForWhole in [false, true] {
            tier.work()
            tier.files.release()
            tier = try folder.open()
            let current = tier
            try simulate(plain, disk: tier) { world in
                let server = try world.origin()
                if !asksForWhole {
                    await whileWaiting(world, current) { world in
                        let client = try await world.client()
                        try await client.send("GET /a HTTP/1.1", "Host: a", "Range: bytes=1-2")
                        try await client.gets(
                            "HTTP/1.1 206 Partial Content",
                            "Content-Range: bytes 1-2/10",
                            "Cache-Status: gateway; hit; ttl=60; detail=disk",
                            body: "12"
                        )
                    }
                    return
                }
                await whileWaiting(world, current) { world in
                    let client = try await world.client()
                    try await client.send("GET /a HTTP/1.1", "Host: a")
                    try await client.gets("HTTP/1.1 200 OK", body: "0123456789")
                }
                let origin = try await server.accept()
                try await origin.gets("GET /a HTTP/1.1", "Range: bytes=5-", "If-Range: \"v1\"")
                try await origin.send(
                    "HTTP/1.1 206 Partial Content",
                    "Cache-Control: max-age=60",
                    "ETag: \"v1\"",
                    "Content-Range: bytes 5-9/10",
                    "Content-Length: 5",
                    body: "56789"
                )
                await world.pass(seconds: 0.1)
            }
        }
        // The whole has taken the place of its part.
        tier.work()
        #expect(folder.names.count == 1)
        tier.files.release()
        tier = try folder.open()
        let current = tier
        try simulate(plain, disk: tier) { world in
            await whileWaiting(world, current) { world in
                let client = try await world.client()
                try await client.send("GET /a HTTP/1.1", "Host: a")
                try await client.gets("HTTP/1.1 200 OK", body: "0123456789")
            }
        }
    }

    @Test("A part that does not answer is put together with what is fetched")
    func combined() throws {
        let folder = try DiskFolder()
        var tier = try folder.open()
        try simulate(plain, disk: tier) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET /a HTTP/1.1", "Host: a", "Range: bytes=2-4")
            try await part(try await server.accept(), "2-4", "234")
            try await client.gets("HTTP/1.1 206 Partial Content", body: "234")
        }
        tier.work()
        tier.files.release()
        tier = try folder.open()
        let current = tier
        try simulate(plain, disk: tier) { world in
            let server = try world.origin()
            await whileWaiting(world, current) { world in
                let client = try await world.client()
                try await client.send("GET /a HTTP/1.1", "Host: a", "Range: bytes=4-7")
                try await client.gets("HTTP/1.1 206 Partial Content", body: "4567")
            }
            try await part(try await server.accept(), "4-7", "4567")
            await world.pass(seconds: 0.1)
            let client = try await world.client()
            try await client.send("GET /a HTTP/1.1", "Host: a", "Range: bytes=2-7")
            try await client.gets("HTTP/1.1 206 Partial Content", body: "234567")
        }
    }

    // MARK: Versions

    @Test("Files of another version are not read, not counted as damaged, and removed")
    func versions() throws {
        let folder = try DiskFolder()
        var process = try DiskProcess(folder)
        process.store.insert(process.object("a", 1, size: 100))
        process.store.insert(process.object("b", 2, size: 100))
        process.tier.work()
        let old = folder.path + "/" + String(process.tier.identity.folder.dropLast(2))
        let first = try #require(folder.names.first)
        let path = folder.path + "/" + first
        let copy = old + "/" + first.split(separator: "/").dropFirst().joined(separator: "/")
        try FileManager.default.createDirectory(
            atPath: URL(filePath: copy).deletingLastPathComponent().path,
            withIntermediateDirectories: true
        )
        try FileManager.default.copyItem(atPath: path, toPath: copy)
        // One within the folder as well, as nobody should have left it.
        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes[7] = 1
        try bytes.write(to: URL(filePath: path))
        process.tier.files.release()
        process = try DiskProcess(folder)
        let found = ["a", "b"].compactMap { process.onDisk($0) }
        #expect(found.count == 1)
        #expect(process.tier.figures.damaged == 0)
        process.tier.work()
        #expect(folder.names.count == 1)
        #expect(!FileManager.default.fileExists(atPath: old))
    }
}
