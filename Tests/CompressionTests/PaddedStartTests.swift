import Bytes
import HTTP
import Testing

@testable import Compression

@Suite("Padding that is put in front of a content which is coded already")
struct PaddedStartTests {
    @Test(
        "decodes to the same, whatever its size and however the content was coded",
        arguments: [ContentCoding.gzip, .brotli, .zstd],
        CompressionLevel.allCases
    )
    func replaced(coding: ContentCoding, level: CompressionLevel) throws {
        let pool = CodecPool(limit: 256 << 20)
        for size in [0, 1, 40, 3000, 200_000] {
            let content = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }
            for isWhole in [true, false] {
                let coded = try code(content, coding, level, pool, isWhole: isWhole)
                for padding in [1, 2, 3, 100, 255, 256] {
                    let front = Buffer()
                    let first = coded.span.extracting(first: min(coded.count, 10))
                    let replaced = PaddedStart.write(
                        padding,
                        inPlaceOf: first,
                        coding,
                        to: front
                    )
                    let taken = try #require(replaced)
                    #expect(taken <= coded.count)
                    front.append(coded.span.extracting(droppingFirst: taken))
                    let grown = front.count - coded.count
                    #expect(grown >= padding - 2 && grown <= padding + 16)
                    #expect(try decode(front, coding, pool) == content)
                }
            }
        }
    }

    @Test("has no place in front of what was coded in another way")
    func impossible() {
        let target = Buffer()
        func write(_ bytes: [UInt8], _ coding: ContentCoding) -> Int? {
            PaddedStart.write(9, inPlaceOf: bytes.span, coding, to: target)
        }
        #expect(write([], .gzip) == nil)
        #expect(write([0x1F, 0x8B, 8, 4, 0, 0, 0, 0, 0, 255], .gzip) == nil)
        #expect(write([], .brotli) == nil)
        #expect(write([0x0B, 0x02, 0x80, 0x61, 0x03], .brotli) == nil)
        #expect(write([0x78, 0x9C], .deflate) == nil)
        // Of a third byte of padding it only speaks; of 2 to the 24th as well.
        #expect(write([0x2C, 0x01, 0xAA, 0xAA], .brotli) == nil)
        #expect(write([0xEC, 0xFF, 0xFF, 0x7F, 0, 0, 0, 0, 0, 0], .brotli) == nil)
        #expect(target.isEmpty)
        #expect(write([0xAC, 0x00, 0xAA, 0xAA], .brotli) == 4)
    }

    private func code(
        _ content: [UInt8],
        _ coding: ContentCoding,
        _ level: CompressionLevel,
        _ pool: CodecPool,
        isWhole: Bool
    ) throws -> [UInt8] {
        let source = Buffer()
        let target = Buffer()
        source.append(content)
        let base = PaddedStart.base(coding)
        if isWhole {
            try pool.encodeWhole(source, to: target, coding, level, padding: base)
        } else {
            let taken = pool.takeEncoder(coding, level, padding: base, to: target)
            let encoder = try #require(taken)
            _ = try encoder.encode(source, to: target, .finish)
            pool.give(encoder)
        }
        let result = target
        return result.readable.bytes()
    }

    private func decode(_ source: Buffer, _ coding: ContentCoding, _ pool: CodecPool) throws
        -> [UInt8]
    {
        let decoder = try #require(pool.takeDecoder(coding))
        defer { pool.giveDecoder(coding) }
        let target = Buffer()
        while !(try decoder.decode(source, to: target, limit: 1 << 20, sourceHasEnded: true)) {}
        let result = target
        return result.readable.bytes()
    }
}
