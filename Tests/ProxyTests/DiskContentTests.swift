import Bytes
import Caching
import EventLoop
import Foundation
import HTTP
import Synchronization
import Testing

@testable import Proxy

/// More than the memory of a `DiskProcess` takes, and no whole number of pieces.
private let size = (1 << 20) + 100_000

private func piece(_ number: Int, _ version: Int) -> [UInt8] {
    let count = min(CachedResponse.chunkSize, size - number * CachedResponse.chunkSize)
    return [UInt8](repeating: UInt8(truncatingIfNeeded: number * 7 + version), count: count)
}

private let pieces = (size + CachedResponse.chunkSize - 1) / CachedResponse.chunkSize

/// One that arrives.
private struct Arrival {
    let process: DiskProcess
    let content: DiskContent
    let draft: ResponseDraft
    let version: Int

    init(_ process: DiskProcess, _ name: String, _ version: Int, length: Int? = size) throws {
        self.process = process
        self.version = version
        let object = process.object(name, version)
        draft = object.draft(timing: object.timing)
        content = try #require(process.tier.makeContent(for: draft, length: length))
    }

    func append(_ numbers: Range<Int>) -> Bool {
        numbers.allSatisfy { content.append(piece($0, version).span) }
    }

    /// All has come, and is stored.
    @discardableResult
    func store() -> CachedResponse {
        let object = CachedResponse(draft, LargeContent(.extent(content)), contentCount: size)
        process.store.insert(object)
        return object
    }
}

/// The version that a content is of; nil if it is not whole, or cannot be read.
private func version(_ content: DiskContent, _ tier: DiskTier, upTo end: Int = size) -> Int? {
    let buffer = Buffer()
    var offset = 0
    var waits = 0
    while offset < end {
        let count = content.read(from: offset, atMost: end - offset, into: buffer)
        offset += count
        guard count == 0 else { continue }
        waits += 1
        let reader = RunCatcher()
        guard waits <= 2 * pieces, content.readLater(from: offset, for: reader) else { return nil }
        while case .more = tier.readNext() {}
        offset += reader.run?.read(from: offset, atMost: end - offset, into: buffer) ?? 0
    }
    let bytes = buffer.readable.bytes()
    for number in 0..<(end / CachedResponse.chunkSize) {
        let start = number * CachedResponse.chunkSize
        let first = Int(bytes[start]) - number * 7
        guard Array(bytes[start..<(start + CachedResponse.chunkSize)]) == piece(number, first)
        else { return nil }
    }
    return Int(bytes[0])
}

@Suite("Contents that are too large for memory")
struct DiskContentTests {
    private func restart(_ process: DiskProcess, _ folder: DiskFolder) throws -> DiskProcess {
        process.tier.files.release()
        return try DiskProcess(folder)
    }

    private func found(_ process: DiskProcess, _ name: String) -> Int? {
        guard let object = process.onDisk(name) else { return nil }
        #expect(object.isOnFile && object.contentCount == size)
        #expect(process.inMemory(name) == nil)
        return object.diskContent.flatMap { version($0, process.tier) }
    }

    @Test("can be read at every moment, and are found when they are complete", arguments: 0...3)
    func moments(way: Int) throws {
        let folder = try DiskFolder()
        var process = try DiskProcess(folder)
        let arrival = try Arrival(process, "a", 1, length: way % 2 == 0 ? size : nil)
        for number in 0..<pieces {
            #expect(arrival.append(number..<(number + 1)))
            if way >= 2 { _ = process.tier.spoolNext() }
            let end = min(size, (number + 1) * CachedResponse.chunkSize)
            #expect(version(arrival.content, process.tier, upTo: end) == 1)
            #expect(process.onDisk("a") == nil)
        }
        #expect(arrival.content.backlog == (way >= 2 ? 0 : size))
        arrival.store()
        #expect(found(process, "a") == 1)
        _ = process.tier.spoolNext()
        #expect(found(process, "a") == 1)
        #expect(folder.names.isEmpty && folder.leftovers.count == 1)
        process.tier.work()
        #expect(found(process, "a") == 1)
        #expect(folder.names.count == 1 && folder.leftovers.isEmpty)
        process = try restart(process, folder)
        #expect(found(process, "a") == 1)
        // Once more, from the file that is open now.
        #expect(found(process, "a") == 1)
        #expect(process.tier.arrivals.withLock { $0.reserved } == 0)
    }

    @Test("go on behind what came in memory", arguments: [0, 1, 5, pieces])
    func moved(after count: Int) throws {
        let folder = try DiskFolder()
        var process = try DiskProcess(folder)
        let object = process.object("a", 1)
        let draft = object.draft(timing: object.timing)
        let fill = Fill(key: process.key("a"), hash: process.hash("a"), started: 0, purges: 0)
        fill.begin(draft, length: nil)
        for number in 0..<count { fill.append(piece(number, 1).span) }
        let content = try #require(process.tier.makeContent(for: draft, length: nil))
        let isMoved = fill.move { prior, count in
            content.begin(behind: prior, count)
            return content
        }
        #expect(isMoved)
        for number in count..<pieces { fill.append(piece(number, 1).span) }
        #expect(process.store.complete(fill))
        #expect(found(process, "a") == 1)
        process.tier.work()
        process = try restart(process, folder)
        #expect(found(process, "a") == 1)
    }

    @Test("that are removed or replaced while they arrive leave nothing", arguments: 0...3)
    func changed(way: Int) throws {
        for moment in 0..<3 {
            let folder = try DiskFolder()
            var process = try DiskProcess(folder)
            let arrival = try Arrival(process, "a", 1)
            #expect(arrival.append(0..<pieces))
            if moment > 0 { process.tier.work() }
            arrival.store()
            if moment > 1 { process.tier.work() }
            let key = process.key("a")
            switch way {
            case 0: process.store.invalidate(key.span, hash: process.hash("a"))
            case 1: process.store.purge(.tag(Array("t".utf8)), soft: false, now: diskWall)
            case 2: process.store.purge(.everything, soft: false, now: diskWall)
            default: process.store.insert(process.object("a", 2))
            }
            #expect(process.onDisk("a").map { !$0.isOnFile } ?? (way < 3))
            // Who is sending it has it still.
            #expect(version(arrival.content, process.tier) == 1)
            process.tier.work()
            process.tier.work()
            #expect(folder.names.count == (way < 3 ? 0 : 1), "moment \(moment)")
            process = try restart(process, folder)
            #expect((process.onDisk("a") == nil) == (way < 3))
        }
    }

    @Test("that the disk does not take are passed on, and forgotten", arguments: [1, 8, 64, 256])
    func failing(share: Int) throws {
        for seed in 1...10 as ClosedRange<UInt64> {
            let folder = try DiskFolder(seed: seed)
            var process = try DiskProcess(folder)
            folder.faults.store(share, ordering: .relaxed)
            let arrival = try Arrival(process, "a", 1)
            var isTaken = true
            for number in 0..<pieces where isTaken {
                isTaken = arrival.append(number..<(number + 1))
                if seed % 2 == 0 { _ = process.tier.spoolNext() }
                if isTaken {
                    let end = min(size, (number + 1) * CachedResponse.chunkSize)
                    #expect(version(arrival.content, process.tier, upTo: end) == 1)
                }
            }
            if isTaken { arrival.store() }
            process.tier.work()
            folder.faults.store(0, ordering: .relaxed)
            folder.pass(seconds: 1000)
            process.tier.work()
            process = try restart(process, folder)
            #expect([nil, 1].contains(found(process, "a")), "share \(share), seed \(seed)")
            #expect(folder.leftovers.isEmpty)
        }
    }

    @Test("keep within what is set aside for them, and within their number")
    func limits() throws {
        let folder = try DiskFolder()
        let process = try DiskProcess(folder, budget: 16 << 20)
        let draft = process.object("a", 1)
        func begin(_ length: Int?) -> DiskContent? {
            process.tier.makeContent(for: draft.draft(timing: draft.timing), length: length)
        }
        // A quarter of the budget is the most that one may have, and half of it all together.
        #expect(begin(5 << 20) == nil)
        var all = [begin(4 << 20), begin(4 << 20)]
        #expect(all.allSatisfy { $0 != nil })
        #expect(begin(1 << 20) == nil)
        all.removeLast()
        #expect(begin(1 << 20) != nil)
        all = []
        let small = (0..<(DiskLimits.arriving + 1)).map { _ in begin(1000) }
        #expect(small.filter { $0 != nil }.count == DiskLimits.arriving)
    }

    @Test("stand in a file however small they are, where memory takes less")
    func small() throws {
        let folder = try DiskFolder()
        let process = try DiskProcess(folder, objectLimit: 1000)
        let (tier, store) = (process.tier, process.store)
        let object = process.object("a", 1)
        let draft = object.draft(timing: object.timing)
        let fill = Fill(key: draft.key, hash: draft.hash, started: 0, purges: 0)
        fill.begin(draft, length: 5000, extent: tier.makeContent(for: draft, length: 5000))
        fill.append([UInt8](repeating: 1, count: 5000).span)
        #expect(store.complete(fill))
        tier.work()
        #expect(folder.names.count == 1)
    }

    @Test("get another head in their file when they are validated")
    func renewed() throws {
        let folder = try DiskFolder()
        var process = try DiskProcess(folder)
        let arrival = try Arrival(process, "a", 1)
        #expect(arrival.append(0..<pieces))
        arrival.store()
        process.tier.work()
        for round in 1...4 {
            if round % 2 == 0 { process = try restart(process, folder) }
            let old = try #require(process.onDisk("a"))
            var draft = old.draft(timing: old.timing)
            draft.timing.received += 1000
            draft.head += Array("X-Round: \(round)\r\n".utf8)
            let new = CachedResponse(draft, contentOf: old)
            #expect(process.store.renew(old, as: new, since: process.store.purgeCount))
            #expect(found(process, "a") == 1)
            process.tier.work()
            #expect(folder.names.count == 1)
        }
        process = try restart(process, folder)
        let last = try #require(process.onDisk("a"))
        #expect(last.timing.received == diskWall + 4000)
        #expect(String(decoding: last.head.bytes(), as: UTF8.self).hasSuffix("X-Round: 4\r\n"))
        #expect(found(process, "a") == 1)
    }

    @Test("answer otherwise for a while where they are held, and as before after a restart")
    func held() throws {
        let folder = try DiskFolder()
        var process = try DiskProcess(folder)
        let arrival = try Arrival(process, "a", 1)
        #expect(arrival.append(0..<pieces))
        arrival.store()
        process.tier.work()
        let old = try #require(process.onDisk("a"))
        var timing = old.timing
        timing.heldUntil = diskWall + 5000
        let held = CachedResponse(old.draft(timing: timing), contentOf: old)
        process.store.replace(old, by: held)
        #expect(process.onDisk("a")?.timing.heldUntil == diskWall + 5000)
        #expect(found(process, "a") == 1)
        process.tier.work()
        process = try restart(process, folder)
        #expect(found(process, "a") == 1)
    }

    @Test("are closed when they have not been asked for longest")
    func openFiles() throws {
        let folder = try DiskFolder()
        let process = try DiskProcess(folder)
        var first: DiskContent?
        for number in 0...DiskLimits.openFiles {
            let arrival = try Arrival(process, "n\(number)", 1)
            #expect(arrival.append(0..<pieces))
            arrival.store()
            process.tier.work()
            if number == 0 { first = arrival.content }
            #expect(process.onDisk("n0")?.diskContent === first)
        }
        let open = process.tier.state.withLock { $0.openOrder }
        #expect(open.count == DiskLimits.openFiles)
        #expect(!open.contains(process.tier.naming.name(process.object("n1", 1))))
    }

    @Test("that are damaged are not sent, and go")
    func damaged() throws {
        let folder = try DiskFolder()
        var process = try DiskProcess(folder)
        let arrival = try Arrival(process, "a", 1)
        #expect(arrival.append(0..<pieces))
        arrival.store()
        process.tier.work()
        let name = try #require(folder.names.first)
        let path = URL(filePath: folder.path + "/" + name)
        var bytes = try Data(contentsOf: path)
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: path)
        process = try restart(process, folder)
        let object = try #require(process.onDisk("a"))
        let content = try #require(object.diskContent)
        #expect(version(content, process.tier) == nil)
        #expect(process.tier.figures.damaged == 1)
        process.tier.work()
        #expect(folder.names.isEmpty && process.onDisk("a") == nil)
    }
}
