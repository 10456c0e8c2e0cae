import Bytes
import Caching
import EventLoop
import Foundation
import HTTP
import Synchronization
import Testing

@testable import Proxy

private let size = (1 << 20) + 100_000
private let content = (0..<size).map { UInt8(truncatingIfNeeded: $0 / 251 &+ $0) }

private func pieces(of bytes: [UInt8] = content) -> [[UInt8]] {
    stride(from: 0, to: bytes.count, by: CachedResponse.chunkSize).map {
        Array(bytes[$0..<min(bytes.count, $0 + CachedResponse.chunkSize)])
    }
}

private func add(_ piece: [UInt8], to content: DiskContent) -> Bool { content.append(piece.span) }

/// A large content that has been fetched, and is on the disk under its name.
private struct Fetched {
    let fill: Fill
    let content: DiskContent

    init(_ process: DiskProcess, _ name: String = "a", isNamed: Bool = true) throws {
        let object = process.object(name, 1)
        let draft = object.draft(timing: object.timing)
        content = try #require(process.tier.makeContent(for: draft, length: size))
        fill = Fill(key: process.key(name), hash: process.hash(name), started: 0, purges: 0)
        fill.begin(draft, length: size, extent: content)
        for piece in pieces() { fill.append(piece.span) }
        #expect(process.store.complete(fill))
        while case .more = process.tier.spoolNext() {}
        while case .more = process.tier.finishNext() {}
        if isNamed { process.tier.work() }
    }
}

extension DiskFolder {
    /// Damages the one file there is, or the one that has no name yet.
    fileprivate func damage(_ name: String? = nil) throws {
        let name = try #require(name ?? names.first)
        let file = try FileHandle(forUpdating: URL(filePath: path + "/" + name))
        try file.seek(toOffset: 500_000)
        try file.write(contentsOf: [UInt8](repeating: 7, count: 100))
        try file.close()
    }
}

/// Has a whole content read; returns whether it is as it was written.
private func load(_ content: DiskContent, _ tier: DiskTier) -> Bool? {
    for start in stride(from: 0, to: size, by: DiskLimits.run) {
        let reader = RunCatcher()
        guard content.load(from: start, DiskLimits.run, for: reader) else { return nil }
        while case .more = tier.readNext() {}
        if !reader.hasCome { return nil }
        if reader.run == nil { return false }
    }
    return true
}

@Suite("Bringing contents into memory")
struct DiskLoadTests {
    @Test("What has turned out to be damaged is not offered again, however it came")
    func damagedAfterArrival() throws {
        let folder = try DiskFolder()
        let process = try DiskProcess(folder)
        let fetched = try Fetched(process)
        #expect(process.onDisk("a")?.isOnFile ?? false)
        try folder.damage()
        #expect(load(fetched.content, process.tier) == false)
        #expect(process.onDisk("a") == nil)
        process.tier.work()
        #expect(folder.names.isEmpty)
        #expect(process.tier.figures.damaged == 1)
    }

    @Test("What is stored anew while the old one turns out to be damaged stays")
    func damagedAfterReplacement() throws {
        let folder = try DiskFolder()
        let process = try DiskProcess(folder)
        let old = try Fetched(process)
        try folder.damage()
        let new = try Fetched(process)
        #expect(load(old.content, process.tier) == false)
        #expect(process.onDisk("a")?.diskContent === new.content)
        #expect(folder.names.count == 1)
    }

    @Test("What turns out to be damaged before it is found leaves nothing older behind")
    func damagedBeforeItsName() throws {
        let folder = try DiskFolder()
        let process = try DiskProcess(folder)
        process.store.insert(process.object("a", 5))
        process.tier.work()
        #expect(folder.names.count == 1)
        let fetched = try Fetched(process, isNamed: false)
        try folder.damage("new-1")
        #expect(load(fetched.content, process.tier) == false)
        #expect(process.onDisk("a") == nil)
        process.tier.work()
        #expect(process.onDisk("a") == nil)
        #expect(folder.names.isEmpty)
    }

    @Test("What nobody waits for any more is not read")
    func abandoned() throws {
        let folder = try DiskFolder()
        let process = try DiskProcess(folder)
        let content = try Fetched(process).content
        let reads = Atomic<Int>(0)
        for isLeft in [true, false] {
            let reader = RunCatcher()
            #expect(content.load(from: 0, DiskLimits.run, for: reader))
            if isLeft { content.leave(reader) }
            folder.meanwhile(.read) { reads.wrappingAdd(1, ordering: .relaxed) }
            while case .more = process.tier.readNext() {}
            #expect(reader.hasCome == !isLeft)
            #expect(reads.load(ordering: .relaxed) == (isLeft ? 0 : 1))
        }
    }

    @Test("A disk that hangs is not waited for for ever, however often somebody asks")
    func hanging() throws {
        let folder = try DiskFolder()
        folder.refusesNow.store(true, ordering: .relaxed)
        let process = try DiskProcess(folder)
        let fetched = try Fetched(process)
        let buffer = Buffer()
        for second in 0..<120 {
            let (count, stage) = fetched.fill.read(from: 0, atMost: 1000, into: buffer)
            #expect(count == 0)
            #expect(stage == (second < 60 ? .complete : .failed))
            folder.pass(seconds: 1)
        }
    }

    @Test("Who reads along gets all of it from a file system that cannot read without waiting")
    func refusing() throws {
        let folder = try DiskFolder()
        folder.refusesNow.store(true, ordering: .relaxed)
        let process = try DiskProcess(folder)
        let fetched = try Fetched(process)
        let buffer = Buffer()
        var turns = 0
        while buffer.count < size, turns < 1000 {
            let offset = buffer.count
            let (count, stage) = fetched.fill.read(from: offset, atMost: 30_000, into: buffer)
            #expect(stage == .complete)
            if count == 0 { _ = process.tier.readNext() }
            turns += 1
        }
        #expect(buffer.readable.bytes() == content, "\(turns) turns")
    }

    @Test("Who asks again while a run is on its way has it read once")
    func once() throws {
        let folder = try DiskFolder()
        folder.refusesNow.store(true, ordering: .relaxed)
        let process = try DiskProcess(folder)
        let fetched = try Fetched(process)
        let buffer = Buffer()
        for _ in 0..<100 {
            let (count, stage) = fetched.fill.read(from: 0, atMost: 1000, into: buffer)
            #expect(count == 0 && stage == .complete)
        }
        #expect(process.tier.state.withLock { $0.loads.count } == 1)
    }

    @Test("Look-ups get their turn beside those who send")
    func fairness() throws {
        let folder = try DiskFolder()
        var process = try DiskProcess(folder)
        process.store.insert(process.object("small", 5))
        let fetched = try Fetched(process)
        let content = fetched.content
        process.tier.work()
        process.tier.files.release()
        process = try DiskProcess(folder)
        let large = try #require(process.onDisk("a")?.diskContent)
        #expect(content !== large)
        for number in 0..<5 {
            let start = number * DiskLimits.copiedRun
            #expect(large.load(from: start, DiskLimits.copiedRun, for: RunCatcher()))
        }
        guard case .wait(let read) = process.tier.find(process.key("small").span, request: .init())
        else {
            Issue.record("nothing to wait for")
            return
        }
        _ = process.tier.readNext()
        _ = process.tier.readNext()
        #expect(read.isDone)
    }

    @Test("What is being sent can be read to its end when its directory is given up")
    func retired() throws {
        let folder = try DiskFolder()
        let process = try DiskProcess(folder)
        let fetched = try Fetched(process)
        process.tier.retire()
        #expect(process.onDisk("a") == nil)
        #expect(load(fetched.content, process.tier) == true)
        // Another one has it by now.
        let next = try DiskProcess(folder)
        #expect(next.onDisk("a")?.isOnFile ?? false)
    }

    @Test("What is found while its directory is given up is held by nobody")
    func foundTooLate() throws {
        let folder = try DiskFolder()
        var process = try DiskProcess(folder)
        _ = try Fetched(process)
        process.tier.files.release()
        process = try DiskProcess(folder)
        let tier = process.tier
        folder.meanwhile(.open) { tier.retire() }
        _ = process.onDisk("a")
        #expect(tier.state.withLock { $0.openOrder.isEmpty })
        #expect(tier.arrivals.withLock { $0.contents } == 0)
    }

    @Test("The threads of a directory that was given up end with what is being sent from it")
    func threadsEnd() throws {
        let folder = try DiskFolder()
        let end = DispatchSemaphore(value: 0)
        var content = try retire(folder, end)
        // They hold the tier, and it the content.
        #expect(end.wait(timeout: .now()) == .timedOut)
        let reader = RunCatcher()
        #expect(content?.load(from: 0, DiskLimits.run, for: reader) == false)
        content = nil
        #expect(end.wait(timeout: .now() + 60) == .success)
    }

    /// A content that arrives at a tier whose threads run, and which is given up.
    ///
    /// `end`: Signalled when nobody has it any more.
    private func retire(_ folder: DiskFolder, _ end: DispatchSemaphore) throws -> DiskContent? {
        let token = Token(end)
        let files = try StoredFiles(path: folder.path) { _, _ in token.fault }
        let tier = try DiskTier(
            files,
            budget: 1 << 30,
            objectLimit: 1 << 20,
            patience: 1,
            seed: 5,
            clock: { 0 }
        )
        try tier.start()
        let object = try DiskProcess(DiskFolder()).object("a", 1)
        let draft = object.draft(timing: object.timing)
        let content = try #require(tier.makeContent(for: draft, length: 1000))
        tier.retire()
        return content
    }
}

/// Tells when nobody has it any more.
private final class Token: Sendable {
    let fault: SystemError? = nil
    private let end: DispatchSemaphore

    init(_ end: DispatchSemaphore) { self.end = end }

    deinit { end.signal() }
}
