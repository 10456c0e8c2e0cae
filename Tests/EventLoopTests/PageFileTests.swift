import Bytes
import Testing

@testable import EventLoop

extension PageExtent {
    /// Macros take no spans.
    fileprivate func takes(_ bytes: [UInt8]) -> Bool { append(bytes.span) }
}

@Suite("Memory whose pages are sent without a copy")
struct PageFileTests {
    private func pattern(_ count: Int, _ seed: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ seed) }
    }

    @Test("Extents are read as they were written, each its own")
    func reading() throws {
        let file = try #require(PageFile())
        let first = try #require(file.makeExtent(capacity: 3 << 20))
        let second = try #require(file.makeExtent(capacity: 100_000))
        let one = pattern(3 << 20, 1)
        let two = pattern(100_000, 2)
        #expect(first.takes(Array(one.prefix(100_001))))
        #expect(second.takes(two))
        #expect(first.takes(Array(one.dropFirst(100_001))))
        for (extent, content) in [(first, one), (second, two)] {
            let buffer = Buffer()
            var offset = 0
            while offset < content.count {
                let count = extent.read(from: offset, atMost: 70_000, into: buffer)
                try #require(count > 0)
                offset += count
            }
            let bytes = buffer.readable.bytes()
            #expect(bytes == content)
            #expect(extent.read(from: content.count, atMost: 1, into: buffer) == 0)
        }
    }

    @Test("Takes no more than it has room for")
    func capacity() throws {
        let file = try #require(PageFile())
        let extent = try #require(file.makeExtent(capacity: 10))
        #expect(extent.takes(pattern(10, 0)))
        #expect(!extent.takes(pattern(1, 0)))
        #expect(file.makeExtent(capacity: 0) == nil)
        #expect(file.makeExtent(capacity: .max) == nil)
    }

    @Test("An extent that goes gives its pages back, and nobody gets its place")
    func release() throws {
        let file = try #require(PageFile())
        let kept = try #require(file.makeExtent(capacity: 8192))
        #expect(kept.takes(pattern(8192, 3)))
        let before = file.bytesInUse
        for round in 0..<100 {
            let extent = try #require(file.makeExtent(capacity: 500_000))
            #expect(extent.takes(pattern(500_000, round)))
            withExtendedLifetime(extent) {
                #expect(file.bytesInUse >= before + 500_000)
            }
        }
        #expect(file.bytesInUse == before)
        let buffer = Buffer()
        #expect(kept.read(from: 0, atMost: 8192, into: buffer) == 8192)
        let bytes = buffer.readable.bytes()
        #expect(bytes == pattern(8192, 3))
    }
}
