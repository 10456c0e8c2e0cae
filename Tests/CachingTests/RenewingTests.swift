import Bytes
import Testing

@testable import Caching

/// A record with two slots, as a content that arrives is written.
private struct Renewable {
    let object: CachedResponse
    private(set) var record: [UInt8]

    init(_ size: Int) throws {
        object = CachedResponse(
            Self.draft("1"),
            content: Self.pieces(size),
            contentCount: size
        )
        let pieces = Self.pieces(size)
        let written = StoredRecord.renewable(
            Self.draft("1"),
            contentCount: size,
            sums: pieces.map { checksum($0.span) },
            StoredRecord.Place(epoch: 7, purges: 3),
            slotSize: StoredRecord.slotSize(for: Self.draft("1")),
            checksum: checksum
        )
        let (head, table) = try #require(written)
        record = head + pieces.flatMap { $0 } + table
    }

    static func pieces(_ size: Int) -> [[UInt8]] {
        stride(from: 0, to: size, by: CachedResponse.chunkSize).map { start in
            [UInt8](
                repeating: UInt8(start >> 16),
                count: min(CachedResponse.chunkSize, size - start)
            )
        }
    }

    static func draft(_ round: String) -> ResponseDraft {
        var lifetime = Lifetime()
        lifetime.seconds = 60
        return ResponseDraft(
            hash: 0,
            key: bytes("site\nhttps://shop/film"),
            vary: [],
            head: bytes("HTTP/1.1 200 OK\r\nX-Round: \(round)\r\n"),
            status: 200,
            timing: Timing(received: now * 1000, initialAge: 0, lifetime: lifetime),
            part: nil,
            fetchTime: 0,
            traits: [],
            modified: 0
        )
    }

    func read() -> StoredRecord? {
        let reading = StoredRecord.read(
            record.span,
            count: record.count,
            epoch: 7,
            checksum: checksum
        )
        guard case .record(let found) = reading else { return nil }
        return found
    }

    /// The round that the newest head is of.
    var round: String? {
        guard let head = read()?.draft.head else { return nil }
        guard let place = HeadLines.value(of: "x-round", in: head.span) else { return nil }
        return String(decoding: head[place], as: UTF8.self)
    }

    /// Writes the first bytes of another head.
    mutating func renew(_ round: String, upTo count: Int = .max) throws -> Int {
        let current = try #require(read())
        let renewed = current.renewed(by: Self.draft(round), purges: 4, checksum: checksum)
        let (offset, new) = try #require(renewed)
        for (index, byte) in new.prefix(count).enumerated() { record[offset + index] = byte }
        return new.count
    }
}

@Suite("Records whose head is renewed in place")
struct RenewingTests {
    @Test(
        "What is written is read back, and its content begins at a page",
        arguments: [1, 200_000]
    )
    func roundTrip(size: Int) throws {
        let renewable = try Renewable(size)
        let record = try #require(renewable.read())
        #expect(record.contentCount == size && record.start % 4096 == 0)
        let sums = record.sums(
            in: renewable.record.span.extracting(record.table),
            checksum: checksum
        )
        #expect(sums == Renewable.pieces(size).map { checksum($0.span) })
        let (object, _) = StoredRecord.read(
            whole: renewable.record.span,
            epoch: 7,
            checksum: checksum,
            extent: { _ in nil }
        ) { _ in }
        #expect(object?.content == renewable.object.content)
    }

    @Test("Each head takes the place of the one before, in the slot that did not count")
    func rounds() throws {
        var renewable = try Renewable(1000)
        #expect(renewable.round == "1")
        for round in 2...6 {
            _ = try renewable.renew("\(round)")
            #expect(renewable.round == "\(round)")
            #expect(renewable.read()?.place.purges == 4)
        }
    }

    @Test("A head that was written in part does not count, wherever it ends")
    func torn() throws {
        let whole = try Renewable(10)
        var once = whole
        // The end of the line is what stands there already.
        let count = try once.renew("2") - 2
        for written in 0..<count {
            var torn = whole
            _ = try torn.renew("2", upTo: written)
            #expect(torn.round == "1", "\(written) bytes")
            // And the next one goes over it.
            _ = try torn.renew("3")
            #expect(torn.round == "3", "\(written) bytes")
            var later = once
            _ = try later.renew("3", upTo: written)
            #expect(later.round == "2", "\(written) bytes of the third")
        }
    }

    @Test("A head that is too large for its slot, or has a slot for itself, is not renewed")
    func room() throws {
        let renewable = try Renewable(10)
        let record = try #require(renewable.read())
        var large = Renewable.draft("2")
        large.head += bytes("X-Large: " + String(repeating: "x", count: 20_000) + "\r\n")
        #expect(record.renewed(by: large, purges: 0, checksum: checksum) == nil)
        let plain = StoredWriting(
            renewable.object,
            StoredRecord.Place(epoch: 7, purges: 3),
            checksum: checksum
        ).bytes()
        let reading = StoredRecord.read(
            plain.span,
            count: plain.count,
            epoch: 7,
            checksum: checksum
        )
        guard case .record(let single) = reading else {
            Issue.record("no record")
            return
        }
        #expect(single.renewed(by: Renewable.draft("2"), purges: 0, checksum: checksum) == nil)
    }
}
