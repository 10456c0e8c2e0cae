import Bytes
import HTTP
import Testing

@testable import Caching

/// An extent in memory that may run full.
private final class TestExtent: ContentExtent, @unchecked Sendable {
    // Unchecked: a test's own, on one thread.
    private let content = Buffer()
    private let room: Int

    init(room: Int) { self.room = room }

    func append(_ bytes: Span<UInt8>) -> Bool {
        guard content.count + bytes.count <= room else { return false }
        content.append(bytes)
        return true
    }

    func read(from offset: Int, atMost limit: Int, into buffer: Buffer) -> Int {
        let count = min(limit, content.count - offset)
        guard count > 0 else { return 0 }
        let held = content
        let all = held.readable
        buffer.append(all.extracting(offset..<(offset + count)))
        return count
    }
}

@Suite("Contents as they arrive, and those too large to stand beside their head")
struct LargeContentTests {
    private func pattern(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    }

    private func fill(_ store: CacheStore, _ extent: (any ContentExtent)?, _ length: Int?) -> Fill {
        let made = object("k", hash: 7)
        let fill = Fill(key: bytes("k"), hash: 7, started: 0, purges: 0)
        fill.begin(made.draft(timing: made.timing), length: length, extent: extent)
        return fill
    }

    @Test(
        "come out as they went in, whatever their size and pieces, for who reads along and later",
        arguments: [0, 1, 32_768, 32_769, 65_535, 65_536, 65_537, 131_072, 300_001],
        [1000, 65_536, 100_000]
    )
    func sizes(size: Int, piece: Int) {
        let content = pattern(size)
        for room in [nil, 1 << 20, 70_000] as [Int?] {
            let store = CacheStore(budget: 8 << 20, objectLimit: 1 << 20, seed: 1)
            let fill = fill(store, room.map { TestExtent(room: $0) }, nil)
            let along = Buffer()
            var offset = 0
            while offset < size {
                let end = min(size, offset + piece)
                fill.append(content.span.extracting(offset..<end))
                offset = end
                _ = fill.read(from: along.count, atMost: 90_000, into: along)
            }
            let object = fill.finish()
            while fill.read(from: along.count, atMost: 7777, into: along).0 > 0 {}
            let seen = along.readable.bytes()
            #expect(seen == content)
            // Where the extent ran full in the middle nothing can be kept.
            if let room, size > room, size > CachedResponse.chunkSize {
                #expect(object == nil)
            } else {
                #expect(object?.content == content)
            }
        }
    }

    @Test("count against the budget as what they take")
    func cost() {
        let small = object("k", hash: 1, size: 100)
        let large = object("k", hash: 1, size: 100_000)
        #expect(large.cost - small.cost == 99_900)
        let draft = large.draft(timing: large.timing)
        let place = LargeContent(.extent(TestExtent(room: 0)))
        let paged = CachedResponse(draft, place, contentCount: 100_000)
        #expect(paged.cost >= large.cost + 2400)
        #expect(paged.cost < large.cost + 2400 + 2048)
    }

    @Test("are shared by what a validation makes of them, with their forms under the new head")
    func forms() throws {
        let store = CacheStore(budget: 8 << 20, objectLimit: 1 << 20, seed: 1)
        let head = "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nAccept-Ranges: bytes\r\n"
        let plain = object("k", hash: store.hash(bytes("k").span), size: 50_000, head: head)
        store.insert(plain)
        let before = store.figures.bytes
        let made = object("k", hash: 1, size: 999)
        let turn = store.joinCoding(plain, .gzip, mayLead: true, now: 0)
        guard case .lead = turn else {
            Issue.record("nobody makes it yet")
            return
        }
        guard case .follow = store.joinCoding(plain, .gzip, mayLead: true, now: 0) else {
            Issue.record("one makes it")
            return
        }
        // Meanwhile it is validated.
        let fresh = bytes("HTTP/1.1 200 OK\r\nETag: \"a\"\r\nNew: 1\r\n")
        var draft = plain.draft(timing: plain.timing)
        draft.head = fresh
        store.replace(plain, by: CachedResponse(draft, contentOf: plain))
        _ = store.endCoding(plain, .gzip, .made(made))
        var scratch: [UInt8] = []
        let key = bytes("k")
        let found = store.find(
            key.span,
            hash: store.hash(key.span),
            request: FieldSection(),
            scratch: &scratch
        )
        let form = try #require(found?.form(.gzip))
        #expect(form.contentCount == 999)
        #expect(
            form.head
                == bytes(
                    "HTTP/1.1 200 OK\r\nETag: W/\"a--gzip\"\r\nNew: 1\r\n"
                        + "Content-Encoding: gzip\r\n"
                )
        )
        #expect(store.figures.bytes > before + 999)
        #expect(store.joinCoding(plain, .gzip, mayLead: false, now: 0) == nil)
        store.invalidate(key.span, hash: store.hash(key.span))
        #expect(store.figures.bytes == 0)
    }

    @Test("give way with their forms when the budget is used up")
    func budget() {
        let store = CacheStore(budget: 100_000, objectLimit: 25_000, seed: 1)
        let plain = object("k", hash: store.hash(bytes("k").span), size: 20_000)
        store.insert(plain)
        for coding in ContentCoding.plain {
            _ = store.joinCoding(plain, coding, mayLead: true, now: 0)
            _ = store.endCoding(plain, coding, .made(object("k", hash: 1, size: 19_000)))
            #expect(store.figures.bytes <= store.budget)
        }
        for number in 0..<20 {
            store.insert(object("x\(number)", hash: UInt64(number), size: 10_000))
            #expect(store.figures.bytes <= store.budget)
        }
    }

    @Test("A form has another tag, and nothing that was said of the plain bytes")
    func codedHead() {
        let cases: [(String, CodedEntityTag.Marked, String)] = [
            (
                "ETag: \"a\"\r\nContent-MD5: x\r\nDigest: y\r\nRepr-Digest: z\r\n", .coded(.brotli),
                "ETag: W/\"a--br\"\r\nContent-Encoding: br\r\n"
            ),
            (
                "ETag: W/\"a\"\r\nX: 1\r\n", .coded(.zstd),
                "ETag: W/\"a\"\r\nX: 1\r\nContent-Encoding: zstd\r\n"
            ),
            (
                "Vary: Accept-Encoding\r\n", .coded(.gzip),
                "Vary: Accept-Encoding\r\nContent-Encoding: gzip\r\n"
            ),
            (
                "etag: \"a\"\r\ncontent-encoding: identity\r\n", .decoded,
                "ETag: W/\"a--identity\"\r\n"
            ),
        ]
        for (before, mark, after) in cases {
            let start = "HTTP/1.1 200 OK\r\n"
            #expect(HeadLines.coded(bytes(start + before).span, mark) == bytes(start + after))
        }
        var lines = bytes("HTTP/1.1 200 OK\r\nVary: Cookie\r\n")
        let count = lines.count
        #expect(HeadLines.countWithoutOwnVary(lines.span) == count)
        HeadLines.addOwnVary(to: &lines)
        #expect(HeadLines.countWithoutOwnVary(lines.span) == count)
    }
}
