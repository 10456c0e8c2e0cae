import Bytes
import Caching
import EventLoop
import Foundation
import HTTP
import Synchronization
import Testing

@testable import Proxy

let diskWall: Int64 = 1_803_124_800_000

/// A store with a disk behind it, as a process has them.
struct DiskProcess {
    let tier: DiskTier
    let store: CacheStore

    init(_ folder: DiskFolder, budget: Int = 1 << 30, objectLimit: Int = 1 << 20) throws {
        tier = try folder.open(budget: budget)
        store = CacheStore(budget: 64 << 20, objectLimit: objectLimit, seed: 3, tier: tier)
        tier.attach(store)
    }

    func key(_ name: String) -> [UInt8] { Array("site\nhttp://shop/\(name)".utf8) }

    func hash(_ name: String) -> UInt64 { store.hash(key(name).span) }

    func object(_ name: String, _ version: Int, size: Int = 0, tag: String = "t")
        -> CachedResponse
    {
        var lifetime = Lifetime()
        lifetime.seconds = 1000
        let draft = ResponseDraft(
            hash: hash(name),
            key: key(name),
            vary: [],
            head: Array("HTTP/1.1 200 OK\r\nCache-Tag: \(tag)\r\n".utf8),
            status: 200,
            timing: Timing(received: diskWall, initialAge: 0, lifetime: lifetime),
            part: nil,
            fetchTime: 0,
            traits: [],
            modified: 0
        )
        var content = Array("\(version) ".utf8)
        content += [UInt8](repeating: UInt8(truncatingIfNeeded: version), count: size)
        let pieces = stride(from: 0, to: content.count, by: CachedResponse.chunkSize).map {
            Array(content[$0..<min(content.count, $0 + CachedResponse.chunkSize)])
        }
        return CachedResponse(draft, content: pieces, contentCount: content.count)
    }

    func inMemory(_ name: String) -> CachedResponse? {
        var scratch: [UInt8] = []
        return store.find(
            key(name).span,
            hash: hash(name),
            request: FieldSection(),
            scratch: &scratch
        )
    }

    /// What the tier has of a name, read at once.
    func onDisk(_ name: String) -> CachedResponse? {
        switch tier.find(key(name).span, request: FieldSection()) {
        case .absent: return nil
        case .found(let object): return object
        case .wait(let read):
            while !read.isDone, case .more = tier.readNext() {}
            return read.found
        }
    }
}

/// The version that a content is of; nil if it is not whole.
func version(_ object: CachedResponse) -> Int? {
    let buffer = Buffer()
    var offset = 0
    while offset < object.contentCount {
        offset += object.append(from: offset, atMost: 1 << 20, to: buffer)
    }
    let bytes = buffer.readable.bytes()
    let text = String(decoding: bytes.prefix { $0 != 0x20 }, as: UTF8.self)
    guard let number = Int(text) else { return nil }
    let rest = bytes.dropFirst(text.utf8.count + 1)
    return rest.allSatisfy { $0 == UInt8(truncatingIfNeeded: number) } ? number : nil
}

@Suite("The disk tier")
struct DiskTierTests {
    /// What may be answered for one name.
    private struct Name {
        /// What is stored; nil: nothing.
        var latest: Int?
        /// What a crash may bring back: all since the disk was last up to date.
        var possible: Set<Int> = []
        /// Nothing older than this, come what may.
        var floor = 0
    }

    @Test(
        "gives what was stored last, or nothing, in whatever order things happen",
        arguments: 1...40
    )
    func model(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed)
        let folder = try DiskFolder(seed: seed)
        let share = seed % 4 == 0 ? 20 : 0
        folder.faults.store(share, ordering: .relaxed)
        var process = try DiskProcess(folder)
        var names = [Name](repeating: Name(), count: 5)
        var versions = 0
        var reads: [(name: Int, read: DiskRead)] = []
        for step in 0..<400 {
            let number = Int.random(in: 0..<names.count, using: &chance)
            let name = "n\(number)"
            switch Int.random(in: 0..<16, using: &chance) {
            case 0..<4:
                versions += 1
                let size = [0, 1000, 70_000].randomElement(using: &chance) ?? 0
                process.store.insert(process.object(name, versions, size: size))
                names[number].latest = versions
                names[number].possible.insert(versions)
            case 4:
                process.store.invalidate(process.key(name).span, hash: process.hash(name))
                names[number].latest = nil
            case 5:
                if let object = process.inMemory(name) {
                    process.store.remove(object)
                    names[number].latest = nil
                }
            case 6:
                process.store.purge(
                    .url(Array("http://shop/\(name)".utf8)),
                    soft: false,
                    now: diskWall
                )
                names[number].latest = nil
                names[number].floor = versions + 1
            case 7:
                let read = process.tier.find(process.key(name).span, request: FieldSection())
                if case .wait(let read) = read { reads.append((number, read)) }
            case 8..<11: _ = process.tier.writeNext()
            case 11, 12: _ = process.tier.readNext()
            case 13: _ = process.tier.scanNext()
            case 14: folder.pass(seconds: 400)
            default:
                guard step % 7 == 0 else { continue }
                if Bool.random(using: &chance) {
                    folder.faults.store(0, ordering: .relaxed)
                    folder.pass(seconds: 400)
                    process.tier.work()
                    for index in names.indices {
                        names[index].possible = names[index].latest.map { [$0] } ?? []
                    }
                }
                // A crash: whatever is in memory or waits is gone.
                reads = []
                process = try restart(process, folder)
                // What is there is to be seen: a fault would hide it, and not for long.
                folder.faults.store(0, ordering: .relaxed)
                for index in names.indices {
                    names[index].latest = nil
                    let found = process.onDisk("n\(index)").map { version($0) }
                    guard let found else { continue }
                    let allowed = names[index].possible.filter { $0 >= names[index].floor }
                    #expect(found.map { allowed.contains($0) } ?? false, "seed \(seed) \(step)")
                    names[index].latest = found
                    // It is in memory now, and there to be compared with.
                    names[index].possible = allowed
                }
                folder.faults.store(share, ordering: .relaxed)
            }
            check(process, names[number], name, "seed \(seed), step \(step)")
        }
    }

    private func restart(_ process: DiskProcess, _ folder: DiskFolder) throws -> DiskProcess {
        // The lock goes with a process.
        process.tier.files.release()
        return try DiskProcess(folder)
    }

    private func check(_ process: DiskProcess, _ name: Name, _ text: String, _ note: String) {
        if let held = process.inMemory(text) {
            #expect(version(held) == name.latest, "\(note): memory")
        }
        if let held = process.onDisk(text) {
            #expect(version(held) == name.latest, "\(note): disk")
        }
    }

    @Test("Everything that was written is found again by another process, and only once read")
    func restart() throws {
        let folder = try DiskFolder()
        var process = try DiskProcess(folder)
        for number in 0..<100 {
            process.store.insert(process.object("n\(number)", number, size: 9))
        }
        process.tier.work()
        #expect(folder.names.count == 100)
        process = try restart(process, folder)
        #expect(process.inMemory("n5") == nil)
        // At once, although nobody has looked at the folders yet.
        #expect(process.onDisk("n5").flatMap(version) == 5)
        #expect(process.inMemory("n5") != nil)
        process.tier.work()
        #expect(process.tier.figures.objects == 100)
        #expect(process.tier.figures.listedFolders == 256)
        #expect(process.onDisk("n100") == nil)
    }

    @Test("Nobody else can use the directory meanwhile")
    func lock() throws {
        let folder = try DiskFolder()
        let process = try DiskProcess(folder)
        #expect(throws: StoredFiles.Failure.isInUse) { _ = try StoredFiles(path: folder.path) }
        #expect(throws: StoredFiles.Failure.self) {
            _ = try StoredFiles(path: folder.path + "/nowhere")
        }
        _ = process
    }

    @Test("What is removed while it is read does not come back")
    func removedWhileRead() throws {
        let folder = try DiskFolder()
        var process = try DiskProcess(folder)
        process.store.insert(process.object("a", 1))
        process.tier.work()
        for way in 0..<3 {
            process = try restart(process, folder)
            let key = process.key("a")
            guard case .wait(let read) = process.tier.find(key.span, request: FieldSection()) else {
                Issue.record("nothing to wait for")
                return
            }
            switch way {
            case 0: process.store.purge(.tag(Array("t".utf8)), soft: true, now: diskWall + 5000)
            case 1: process.store.purge(.host(Array("shop".utf8)), soft: false, now: diskWall)
            default: process.store.invalidate(key.span, hash: process.hash("a"))
            }
            _ = process.tier.readNext()
            #expect(read.isDone)
            if way == 0 {
                #expect(read.found?.timing.remaining(now: diskWall + 5000) ?? 1 <= 0)
                #expect(read.found?.traits.contains(.purged) ?? false)
            } else {
                #expect(read.found == nil && process.inMemory("a") == nil)
                process.store.insert(process.object("a", 1))
                process.tier.work()
            }
        }
    }

    @Test("What changes while its file is being read, or written, stays so", arguments: 0...2)
    func changedMeanwhile(way: Int) throws {
        let folder = try DiskFolder()
        var process = try DiskProcess(folder)
        process.store.insert(process.object("a", 1))
        process.tier.work()
        process = try restart(process, folder)
        let current = process
        let change: @Sendable () -> Void = {
            switch way {
            case 0: current.store.invalidate(current.key("a").span, hash: current.hash("a"))
            case 1: current.store.purge(.tag(Array("t".utf8)), soft: false, now: diskWall)
            default: current.store.insert(current.object("a", 2))
            }
        }
        folder.meanwhile(.read, change)
        #expect(current.onDisk("a").flatMap(version) != 1)
        #expect(current.inMemory("a").flatMap(version) == (way == 2 ? 2 : nil))
        current.tier.work()
        current.store.insert(current.object("a", 3))
        folder.meanwhile(.write, change)
        current.tier.work()
        #expect(folder.names.count == (way == 2 ? 1 : 0))
        process = try restart(current, folder)
        #expect(process.onDisk("a").flatMap(version) == (way == 2 ? 2 : nil))
    }

    @Test("A purge holds for what waits to be written, also after a crash")
    func purgedWhileQueued() throws {
        let folder = try DiskFolder()
        var process = try DiskProcess(folder)
        process.store.insert(process.object("a", 1))
        process.store.purge(.tag(Array("t".utf8)), soft: false, now: diskWall)
        #expect(process.onDisk("a") == nil && process.inMemory("a") == nil)
        process.tier.work()
        #expect(folder.names.isEmpty)
        process.store.insert(process.object("a", 2))
        process.tier.work()
        process = try restart(process, folder)
        #expect(process.onDisk("a").flatMap(version) == 2)
    }

    @Test("A purge is remembered until the last file has gone that it means")
    func sweepWhileRemoving() throws {
        let folder = try DiskFolder()
        let process = try DiskProcess(folder)
        for number in 0..<3 { process.store.insert(process.object("n\(number)", number)) }
        process.tier.work()
        let tier = process.tier
        let remembered = Atomic<Int>(-1)
        process.store.purge(.everything, soft: false, now: diskWall)
        // The scanner comes by while the first file is being removed, off the queue already.
        folder.meanwhile(.remove) {
            while case .more = tier.scanNext() {}
            remembered.store(tier.figures.bans, ordering: .relaxed)
        }
        _ = tier.writeNext()
        #expect(remembered.load(ordering: .relaxed) == 1)
        #expect(folder.names.isEmpty)
        tier.work()
        #expect(tier.figures.bans == 0)
    }

    @Test("Many purges are forgotten once all files have been held against them")
    func sweep() throws {
        let folder = try DiskFolder()
        var process = try DiskProcess(folder)
        for number in 0..<20 {
            process.store.insert(process.object("n\(number)", number, tag: "t\(number)"))
        }
        process.tier.work()
        process = try restart(process, folder)
        process.tier.work()
        for number in 0..<80 {
            let tag = Array("t\(number + 10)".utf8)
            process.store.purge(.tag(tag), soft: number == 0, now: diskWall)
        }
        #expect(process.tier.figures.bans == 80)
        process.tier.work()
        folder.pass(seconds: 2)
        process.tier.work()
        #expect(process.tier.figures.bans == 0)
        #expect(folder.names.count == 10)
        process = try restart(process, folder)
        for number in 0..<20 { #expect((process.onDisk("n\(number)") != nil) == (number < 10)) }
    }

    @Test("A disk that fails is left alone, and tried again; what it had is not served")
    func failing() throws {
        let folder = try DiskFolder()
        let process = try DiskProcess(folder)
        process.store.insert(process.object("a", 1))
        process.tier.work()
        folder.faults.store(256, ordering: .relaxed)
        process.store.insert(process.object("a", 2))
        _ = process.tier.writeNext()
        #expect(process.tier.figures.errors == 1 && process.tier.figures.isOff)
        folder.faults.store(0, ordering: .relaxed)
        // Nothing is even tried.
        process.store.insert(process.object("b", 3))
        guard case .pause = process.tier.writeNext() else {
            Issue.record("it was tried")
            return
        }
        #expect(process.tier.figures.dropped == 2)
        folder.pass(seconds: 2)
        #expect(process.onDisk("a") == nil)
        process.store.insert(process.object("b", 4))
        process.tier.work()
        #expect(process.onDisk("b").flatMap(version) == 4)
        #expect(folder.names.count == 1)
    }

    @Test("What waits is bounded; what finds no room is not left there in an older version")
    func queueBound() throws {
        let folder = try DiskFolder()
        let process = try DiskProcess(folder)
        process.store.insert(process.object("n0", 1))
        process.tier.work()
        for number in 1...80 {
            process.store.insert(process.object("n\(number)", number, size: 1_000_000))
        }
        process.store.insert(process.object("n0", 2, size: 1_000_000))
        let figures = process.tier.figures
        #expect(figures.queuedBytes <= DiskLimits.queuedBytes && figures.queued > 60)
        #expect(figures.dropped == 81 - figures.queued)
        #expect(process.onDisk("n0") == nil)
        process.tier.work()
        #expect(process.tier.figures.queuedBytes == 0)
        #expect(folder.names.count == figures.queued)
    }

    @Test("The files take no more than they may")
    func budget() throws {
        let folder = try DiskFolder()
        let process = try DiskProcess(folder, budget: 1 << 20)
        for number in 0..<100 {
            process.store.insert(process.object("n\(number)", number, size: 50_000))
            _ = process.tier.writeNext()
            #expect(process.tier.figures.bytes <= 1 << 20)
        }
        process.tier.work()
        #expect(process.tier.figures.objects == folder.names.count)
        #expect((15...20).contains(folder.names.count))
        process.tier.adopt(budget: 256 << 10, objectLimit: 64 << 10, patience: 1)
        process.tier.work()
        #expect(folder.names.count == 4)
    }
}
