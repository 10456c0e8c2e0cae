import Bytes
import HTTP
import Testing

@testable import Compression

@Suite("Round trips through encoders and decoders")
struct RoundTripTests {
    static let codings: [ContentCoding] = [.brotli, .zstd, .gzip, .deflate]

    struct Case: CustomTestStringConvertible {
        var coding: ContentCoding
        var level: CompressionLevel
        var testDescription: String { "\(coding) \(level)" }
    }
    static let cases = codings.flatMap { coding in
        CompressionLevel.allCases.map { Case(coding: coding, level: $0) }
    }

    /// Contents of every kind: empty, tiny, repetitive, not compressible, long.
    static let contents: [[UInt8]] = [
        [], [0x61], Array("hello, hello, hello".utf8),
        Array(repeating: 0x20, count: 70_000), noise(1000), noise(100_000), text(20_000),
        text(300_000),
    ]

    static func noise(_ count: Int) -> [UInt8] {
        var state: UInt64 = 88_172_645_463_325_252
        return (0..<count).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return UInt8(truncatingIfNeeded: state)
        }
    }

    static func text(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var number = 0
        while bytes.count < count {
            number += 1
            bytes += Array("{\"id\":\(number &* 7919 % 100_003),\"name\":\"item \(number)\"},".utf8)
        }
        return Array(bytes.prefix(count))
    }

    /// Decodes bytes that come in pieces.
    func decode(_ coded: [UInt8], _ coding: ContentCoding, piece: Int, limit: Int = 1 << 20) throws
        -> [UInt8]
    {
        let decoder = try #require(StreamDecoder(coding))
        let source = Buffer()
        let target = Buffer()
        var result: [UInt8] = []
        var position = 0
        repeat {
            let end = min(position + piece, coded.count)
            source.append(Array(coded[position..<end]))
            position = end
            while try !decoder.decode(
                source,
                to: target,
                limit: limit,
                sourceHasEnded: position == coded.count
            ) {
                #expect(target.count <= limit)
                result += target.all
                target.removeAll()
            }
        } while position < coded.count
        #expect(decoder.bytesTaken == coded.count)
        #expect(decoder.bytesMade == result.count + target.count)
        return result + target.all
    }

    @Test("A stream in pieces of any size, decoded in pieces of any size", arguments: cases)
    func streams(_ example: Case) throws {
        let pool = CodecPool(limit: 1 << 30)
        for content in Self.contents {
            for piece in [content.count + 1, 16_384, 997] where piece > content.count / 200 {
                let target = Buffer()
                let encoder = try #require(
                    pool.takeEncoder(example.coding, example.level, to: target)
                )
                let source = Buffer()
                var position = 0
                while position < content.count {
                    let end = min(position + piece, content.count)
                    source.append(Array(content[position..<end]))
                    position = end
                    #expect(try encoder.encode(source, to: target, .process))
                }
                #expect(try encoder.encode(source, to: target, .finish))
                pool.give(encoder)
                let coded = target.all
                for piece in [coded.count + 1, 1000] where coded.count / piece < 500 {
                    #expect(try decode(coded, example.coding, piece: piece) == content)
                }
            }
        }
        #expect(pool.lent == 0)
    }

    @Test("A decoder that is asked again and again without input waits for it", arguments: codings)
    func patience(_ coding: ContentCoding) throws {
        let pool = CodecPool(limit: 1 << 30)
        let coded = Buffer()
        let content = Self.noise(1000)
        try pool.encodeWhole(buffer(content), to: coded, coding, .balanced)
        let bytes = coded.all
        let decoder = try #require(StreamDecoder(coding))
        let target = Buffer()
        for part in [bytes.prefix(1), bytes.dropFirst().prefix(500), bytes.dropFirst(501)] {
            let source = buffer(Array(part))
            let isLast = part.endIndex == bytes.endIndex
            for _ in 0..<40 {
                let isAll = try decoder.decode(
                    source,
                    to: target,
                    limit: 1 << 20,
                    sourceHasEnded: isLast
                )
                #expect(isAll)
                // `deflate` says which of its formats it is by two bytes.
                if source.count == 1 { source.append(bytes[1]) } else { #expect(source.isEmpty) }
            }
            if part.count == 1 && coding == .deflate { break }
        }
        if coding != .deflate { #expect(target.all == content) }
    }

    @Test("A whole content, with and without padding", arguments: cases)
    func whole(_ example: Case) throws {
        let pool = CodecPool(limit: 1 << 30)
        for content in Self.contents {
            for padding in [0, 1, 200] where padding == 0 || example.coding != .deflate {
                let target = Buffer()
                let source = buffer(content)
                try pool.encodeWhole(
                    source,
                    to: target,
                    example.coding,
                    example.level,
                    padding: padding
                )
                #expect(source.all == content)
                let coded = target.all
                #expect(try decode(coded, example.coding, piece: coded.count) == content)
            }
        }
    }

    @Test("Padding makes a content longer by about its size and changes nothing", arguments: cases)
    func padding(_ example: Case) throws {
        if example.coding == .deflate { return }
        let pool = CodecPool(limit: 1 << 30)
        let content = Self.text(3000)
        func coded(_ padding: Int) throws -> [UInt8] {
            let target = Buffer()
            let encoder = try #require(
                pool.takeEncoder(example.coding, example.level, padding: padding, to: target)
            )
            #expect(try encoder.encode(buffer(content), to: target, .finish))
            pool.give(encoder)
            return target.all
        }
        let plain = try coded(0)
        for padding in [1, 77, 256] {
            let padded = try coded(padding)
            let difference = padded.count - plain.count
            #expect(difference >= padding && difference <= padding + 16)
            #expect(try decode(padded, example.coding, piece: 100) == content)
        }
    }

    @Test("What was written before a flush can be read after it", arguments: cases)
    func flush(_ example: Case) throws {
        let pool = CodecPool(limit: 1 << 30)
        let coded = Buffer()
        let encoder = try #require(pool.takeEncoder(example.coding, example.level, to: coded))
        let decoder = try #require(StreamDecoder(example.coding))
        let target = Buffer()
        var expected: [UInt8] = []
        for number in 0..<40 {
            let event = Array("data: event number \(number)\n\n".utf8)
            expected += event
            #expect(try encoder.encode(buffer(event), to: coded, .process))
            #expect(encoder.hasUnflushed)
            #expect(try encoder.encode(Buffer(), to: coded, .flush))
            #expect(!encoder.hasUnflushed)
            #expect(
                try decoder.decode(coded, to: target, limit: 1 << 20, sourceHasEnded: false)
            )
            #expect(target.all == expected)
        }
        // A flush with nothing to flush says nothing.
        #expect(try encoder.encode(Buffer(), to: coded, .flush))
        #expect(coded.isEmpty)
    }

    @Test("A limit is kept to, and what is left is taken the next time", arguments: codings)
    func limits(_ coding: ContentCoding) throws {
        let pool = CodecPool(limit: 1 << 30)
        let content = Self.text(100_000)
        let target = Buffer()
        let encoder = try #require(pool.takeEncoder(coding, .balanced, to: target))
        let source = buffer(content)
        var rounds = 1
        while try !encoder.encode(source, to: target, .finish, limit: 4096) {
            #expect(source.count == content.count - rounds * 4096)
            rounds += 1
        }
        #expect(rounds == 25)
        #expect(try decode(target.all, coding, piece: 5000, limit: 1000) == content)
    }

    @Test("Content cut short, prolonged or changed is never taken for whole", arguments: codings)
    func damage(_ coding: ContentCoding) throws {
        let pool = CodecPool(limit: 1 << 30)
        let content = Self.text(2000)
        let target = Buffer()
        try pool.encodeWhole(buffer(content), to: target, coding, .balanced)
        let coded = target.all
        for count in 0..<coded.count {
            #expect(throws: CodecError.malformed) {
                try decode(Array(coded[..<count]), coding, piece: 64)
            }
        }
        #expect(throws: CodecError.malformed) { try decode(coded + [1, 2, 3], coding, piece: 64) }
        // gzip and zlib have checksums; the others notice what makes no sense.
        for index in coded.indices {
            var broken = coded
            broken[index] ^= 0x10
            let result = try? decode(broken, coding, piece: 64)
            if coding == .gzip, index > 9 { #expect(result == nil, "byte \(index)") }
            if coding == .deflate, index > 1 { #expect(result == nil, "byte \(index)") }
        }
    }

    @Test("Several gzip members are one content")
    func members() throws {
        let pool = CodecPool(limit: 1 << 30)
        let target = Buffer()
        for part in ["one", "", "two"] {
            try pool.encodeWhole(buffer(Array(part.utf8)), to: target, .gzip, .small)
        }
        let coded = target.all
        for piece in 1...coded.count {
            #expect(try decode(coded, .gzip, piece: piece) == Array("onetwo".utf8))
        }
    }

    @Test("A raw deflate stream is taken for deflate as well")
    func rawDeflate() throws {
        let pool = CodecPool(limit: 1 << 30)
        let target = Buffer()
        try pool.encodeWhole(buffer(Self.text(500)), to: target, .deflate, .balanced)
        let raw = Array(target.all.dropFirst(2).dropLast(4))
        #expect(try decode(raw, .deflate, piece: 1) == Self.text(500))
    }

    @Test("A bomb never makes more than the room it is given")
    func bomb() throws {
        let pool = CodecPool(limit: 1 << 30)
        for coding in Self.codings {
            let target = Buffer()
            let zeros = [UInt8](repeating: 0, count: 10 << 20)
            try pool.encodeWhole(buffer(zeros), to: target, coding, .balanced)
            #expect(target.count < 50_000)
            let decoder = try #require(StreamDecoder(coding))
            let room = Buffer()
            #expect(
                try !decoder.decode(target, to: room, limit: 65_536, sourceHasEnded: true)
            )
            #expect(room.count <= 65_536)
            #expect(room.capacity <= 131_072)
        }
    }

    @Test("Nothing that bytes at random say crashes a decoder", arguments: codings)
    func garbage(_ coding: ContentCoding) throws {
        let bytes = Self.noise(200_000)
        for start in stride(from: 0, to: 190_000, by: 97) {
            let decoder = try #require(StreamDecoder(coding))
            let source = buffer(Array(bytes[start..<start + 64]))
            _ = try? decoder.decode(source, to: Buffer(), limit: 4096, sourceHasEnded: true)
        }
    }
}
