import Bytes
import Caching
import EventLoop
import Foundation
import HTTP
import Synchronization
import Testing

@testable import Proxy

private let size = (1 << 20) + 100_000

private let pieces = stride(from: 0, to: size, by: CachedResponse.chunkSize).map {
    [UInt8](repeating: UInt8($0 >> 16), count: min(size - $0, CachedResponse.chunkSize))
}

private func add(_ piece: [UInt8], to content: DiskContent) -> Bool { content.append(piece.span) }

@Suite("Writing contents that arrive")
struct DiskArrivalTests {
    private func begin(_ process: DiskProcess, _ name: String, _ length: Int?) throws
        -> (content: DiskContent, draft: ResponseDraft)
    {
        let object = process.object(name, 1)
        let draft = object.draft(timing: object.timing)
        return (try #require(process.tier.makeContent(for: draft, length: length)), draft)
    }

    @Test("One that is not complete keeps its place when what it replaces was to be written")
    func replacing() throws {
        for isBegun in [false, true] {
            let folder = try DiskFolder()
            var process = try DiskProcess(folder)
            let (content, draft) = try begin(process, "a", size)
            process.store.insert(process.object("a", 1))
            for piece in pieces { #expect(add(piece, to: content)) }
            if isBegun { _ = process.tier.spoolNext() }
            let large = LargeContent(.extent(content))
            process.store.insert(CachedResponse(draft, large, contentCount: size))
            while case .more = process.tier.writeNext() {}
            #expect(folder.names.isEmpty)
            #expect(process.onDisk("a")?.isOnFile ?? false)
            process.tier.work()
            #expect(process.tier.figures.bytes > size)
            process.tier.files.release()
            process = try DiskProcess(folder)
            #expect(process.onDisk("a")?.contentCount == size)
        }
    }

    @Test("One takes a thread no longer than its turn")
    func turns() throws {
        let folder = try DiskFolder()
        let process = try DiskProcess(folder)
        let (first, _) = try begin(process, "a", 64 << 20)
        let (second, _) = try begin(process, "b", 64 << 20)
        let piece = [UInt8](repeating: 1, count: CachedResponse.chunkSize)
        for _ in 0..<200 { #expect(add(piece, to: first)) }
        for _ in 0..<200 { #expect(add(piece, to: second)) }
        _ = process.tier.spoolNext()
        #expect(first.written > 0 && first.backlog > 0)
        _ = process.tier.spoolNext()
        #expect(second.written > 0 && second.backlog > 0)
        process.tier.work()
        #expect(first.backlog == 0 && second.backlog == 0)
    }

    @Test("Unknown lengths are stored on the smallest disk as well, up to what one may have")
    func unknownLength() throws {
        let folder = try DiskFolder()
        let process = try DiskProcess(folder, budget: 16 << 20)
        let (content, _) = try begin(process, "a", nil)
        let piece = [UInt8](repeating: 1, count: CachedResponse.chunkSize)
        for _ in 0..<64 { #expect(add(piece, to: content)) }
        process.tier.work()
        #expect(!content.isFailed && content.written == 4 << 20)
    }

    @Test("One that is given up is counted")
    func givenUp() throws {
        let folder = try DiskFolder()
        let process = try DiskProcess(folder)
        let (content, _) = try begin(process, "a", size)
        #expect(add(pieces[0], to: content))
        content.giveUp(.slow)
        content.giveUp(.slow)
        #expect(!add(pieces[1], to: content))
        process.tier.work()
        #expect(process.tier.figures.dropped == 1)
        #expect(process.tier.figures.losses[DiskLoss.slow.rawValue] == 1)
    }

    @Test("One that is not to be stored gives back what was set aside, and can still be read")
    func declined() throws {
        let folder = try DiskFolder()
        let process = try DiskProcess(folder)
        let (content, _) = try begin(process, "a", size)
        #expect(add(pieces[0], to: content))
        while case .more = process.tier.spoolNext() {}
        #expect(process.tier.figures.reserved == size && content.written > 0)
        content.giveUp(nil)
        while case .more = process.tier.spoolNext() {}
        #expect(process.tier.figures.reserved == 0 && process.tier.figures.dropped == 0)
        let target = Buffer()
        #expect(content.read(from: 0, atMost: 100, into: target) == 100)
        process.tier.work()
        #expect(folder.names.isEmpty)
    }

    @Test("One that the disk fails is counted, and so is one that finds no room")
    func lost() throws {
        let folder = try DiskFolder()
        let process = try DiskProcess(folder, budget: 256 << 20)
        let (failing, _) = try begin(process, "a", size)
        folder.faults.store(256, ordering: .relaxed)
        #expect(add(pieces[0], to: failing))
        while case .more = process.tier.spoolNext() {}
        folder.faults.store(0, ordering: .relaxed)
        #expect(failing.isFailed)
        #expect(process.tier.figures.losses[DiskLoss.failed.rawValue] == 1)
        // It is left alone for a second after that.
        folder.pass(seconds: 2)
        let (growing, _) = try begin(process, "b", nil)
        // All that they may take.
        let others = [try begin(process, "c", 64 << 20), try begin(process, "d", 48 << 20)]
        #expect(process.tier.figures.reserved == 128 << 20)
        for _ in 0..<256 { #expect(add(pieces[0], to: growing)) }
        while case .more = process.tier.spoolNext() {}
        #expect(!growing.isFailed)
        _ = add(pieces[0], to: growing)
        while case .more = process.tier.spoolNext() {}
        #expect(growing.isFailed && others.allSatisfy { !$0.content.isFailed })
        #expect(process.tier.figures.losses == [0, 1, 1])
        #expect(process.tier.figures.dropped == 2)
    }

    @Test("None waits for the disk where others are written, and what is there is not given up")
    func finishing() throws {
        let folder = try DiskFolder()
        let process = try DiskProcess(folder)
        let (content, draft) = try begin(process, "a", size)
        for piece in pieces { #expect(add(piece, to: content)) }
        let large = LargeContent(.extent(content))
        process.store.insert(CachedResponse(draft, large, contentCount: size))
        while case .more = process.tier.spoolNext() {}
        #expect(content.written == size && content.isArriving)
        _ = process.tier.finishNext()
        #expect(!content.isArriving)
        content.giveUp(.slow)
        process.tier.work()
        #expect(!content.isFailed && process.tier.figures.dropped == 0)
        #expect(folder.names.count == 1)
    }

    @Test("Nothing of a directory that was let go is touched, whoever has it by now")
    func released() throws {
        let folder = try DiskFolder()
        let first = try StoredFiles(path: folder.path)
        let old = try first.grow(1)
        first.release()
        let second = try StoredFiles(path: folder.path)
        let new = try second.grow(1)
        #expect(throws: SystemError.self) { try first.adopt(old, as: "x") }
        #expect(throws: SystemError.self) { try first.remove("new-1") }
        old.discard()
        try second.adopt(new, as: "x")
    }
}
