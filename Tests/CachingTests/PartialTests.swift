import Bytes
import HTTP
import Testing

@testable import Caching

@Suite("RFC 9111 §3.3 and §3.4: incomplete responses, and what they make together")
struct PartialTests {
    private static let whole: [UInt8] = (0..<200_000).map {
        UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8)
    }

    private func part(
        _ range: Range<Int>,
        of total: Int,
        etag: String = "\"a\"",
        more: String = "",
        hash: UInt64
    ) -> CachedResponse {
        let head = "HTTP/1.1 206 Partial Content\r\nETag: \(etag)\r\n" + more
        var draft = object("k", hash: hash, head: head).draft(
            timing: object("k", hash: hash).timing
        )
        draft.status = 206
        draft.part = .init(start: range.lowerBound, total: total)
        var arriving = ArrivingContent()
        arriving.append(Self.whole.span.extracting(range), of: nil)
        return arriving.finish(draft) ?? object("k", hash: hash)
    }

    @Test(
        "Runs that meet or overlap make one, others do not",
        arguments: [
            (0..<5, 5..<10, 0..<10), (5..<10, 0..<5, 0..<10), (0..<5, 3..<10, 0..<10),
            (0..<10, 3..<5, 0..<10), (3..<5, 0..<10, 0..<10), (0..<5, 6..<10, nil),
            (6..<10, 0..<5, nil), (1..<2, 1..<2, 1..<2),
        ] as [(Range<Int>, Range<Int>, Range<Int>?)]
    )
    func union(one: Range<Int>, other: Range<Int>, both: Range<Int>?) {
        #expect(PartialContent.union(one, other) == both)
    }

    @Test("Whatever parts come, no byte of what is stored is wrong", arguments: 1...40)
    func random(seed: UInt64) throws {
        var chance = Chance(seed: seed)
        let total = Int.random(in: 1...Self.whole.count, using: &chance)
        let store = CacheStore(budget: 8 << 20, objectLimit: 1 << 20, seed: seed)
        let hash = store.hash(bytes("k").span)
        var best = 0
        for _ in 0..<30 {
            let start = Int.random(in: 0..<total, using: &chance)
            let end = Int.random(in: (start + 1)...total, using: &chance)
            _ = store.insertPart(part(start..<end, of: total, hash: hash))
            let key = bytes("k")
            let found = store.variants(key.span, hash: hash)
            #expect(found.count == 1, "seed \(seed)")
            let stored = try #require(found.first)
            #expect(stored.content == Array(Self.whole[stored.range]), "seed \(seed)")
            if stored.part == nil {
                #expect(stored.contentCount == total && stored.status == 200, "seed \(seed)")
                let head = String(decoding: stored.head.bytes(), as: UTF8.self)
                #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n"), "seed \(seed)")
            }
            best = max(best, stored.contentCount)
        }
        #expect(best > 0)
    }

    @Test("Only the same strong tag and length belong together, and the newer fields hold")
    func validators() {
        let store = CacheStore(budget: 8 << 20, objectLimit: 1 << 20, seed: 1)
        let hash = store.hash(bytes("k").span)
        let old = part(0..<10, of: 20, more: "A: 1\r\nB: 1\r\n", hash: hash)
        func range(_ new: CachedResponse) -> Range<Int>? {
            new.combined(with: old, limit: 100) { _ in nil }?.range
        }
        #expect(range(part(10..<15, of: 20, hash: hash)) == 0..<15)
        #expect(range(part(10..<15, of: 20, etag: "\"b\"", hash: hash)) == nil)
        #expect(range(part(10..<15, of: 20, etag: "W/\"a\"", hash: hash)) == nil)
        #expect(range(part(10..<15, of: 21, hash: hash)) == nil)
        #expect(range(part(11..<15, of: 20, hash: hash)) == nil)
        let new = part(10..<15, of: 20, more: "A: 2\r\n", hash: hash)
        let both = new.combined(with: old, limit: 100) { _ in nil }
        let head = both.map { String(decoding: $0.head.bytes(), as: UTF8.self) } ?? ""
        #expect(head.contains("A: 2\r\n") && head.contains("B: 1\r\n") && !head.contains("A: 1"))
        #expect(new.combined(with: old, limit: 14) { _ in nil } == nil)
    }

    @Test(
        "The rest of a content is what says that it is",
        arguments: [
            ("206", "ETag: \"a\"\nContent-Range: bytes 10-19/20\nContent-Length: 10", true),
            ("200", "ETag: \"a\"\nContent-Range: bytes 10-19/20\nContent-Length: 10", false),
            ("206", "ETag: \"b\"\nContent-Range: bytes 10-19/20\nContent-Length: 10", false),
            ("206", "ETag: W/\"a\"\nContent-Range: bytes 10-19/20\nContent-Length: 10", false),
            ("206", "Content-Range: bytes 10-19/20\nContent-Length: 10", false),
            ("206", "ETag: \"a\"\nContent-Length: 10", false),
            ("206", "ETag: \"a\"\nContent-Range: bytes 9-19/20\nContent-Length: 11", false),
            ("206", "ETag: \"a\"\nContent-Range: bytes 10-18/20\nContent-Length: 9", false),
            ("206", "ETag: \"a\"\nContent-Range: bytes 10-19/*\nContent-Length: 10", false),
            ("206", "ETag: \"a\"\nContent-Range: bytes 10-19/21\nContent-Length: 10", false),
            ("206", "ETag: \"a\"\nContent-Range: bytes 10-19/20\nContent-Length: 9", false),
            ("206", "ETag: \"a\"\nContent-Range: bytes 10-19/20\nTE: x", false),
            ("206", "ETag: \"a\"\nContent-Type: multipart/byteranges\nContent-Length: 10", false),
        ]
    )
    func rest(status: String, lines: String, isRest: Bool) {
        let stored = part(0..<10, of: 20, hash: 1)
        let head = response("HTTP/1.1 \(status) X\n\(lines)")
        #expect(PartialContent.isRest(head, of: stored) == isRest)
    }
}
