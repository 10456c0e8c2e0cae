import Bytes
import HTTP
import Testing

@testable import Compression

@Suite("RFC 9842: dictionaries")
struct DictionaryTests {
    /// No real hash: nothing here compares it with the content.
    static func hash(_ first: UInt8) -> DictionaryHash {
        let bytes = Array(repeating: first, count: 32)
        guard let hash = DictionaryHash(bytes) else {
            preconditionFailure("32 bytes are a hash")
        }
        return hash
    }

    private func dictionary(_ content: [UInt8]) throws -> CompressionDictionary {
        try #require(CompressionDictionary(buffer(content), hash: Self.hash(7)))
    }

    @Test("A header of 40 bytes, and little behind it for what has hardly changed")
    func whole() throws {
        let old = RoundTripTests.text(50_000)
        var new = old
        new.replaceSubrange(1000..<1003, with: Array("changed".utf8))
        let pool = CodecPool(limit: 64 << 20)
        let target = Buffer()
        try pool.encodeWhole(
            buffer(new),
            to: target,
            .dictionaryZstd,
            .balanced,
            dictionary: try dictionary(old)
        )
        let coded = target.all
        #expect(coded[..<8] == [0x5E, 0x2A, 0x4D, 0x18, 0x20, 0, 0, 0])
        #expect(coded[8..<40] == [UInt8](repeating: 7, count: 32)[...])
        #expect(coded.count < 150)
        // Without the dictionary it is none of zstd's frames that anybody could read.
        let decoder = try #require(StreamDecoder(.zstd))
        #expect(throws: CodecError.self) {
            _ = try decoder.decode(
                buffer(coded),
                to: Buffer(),
                limit: 1 << 20,
                sourceHasEnded: true
            )
        }
        // The encoder is the next content's again, without the dictionary.
        target.removeAll()
        try pool.encodeWhole(buffer(new), to: target, .zstd, .balanced)
        let plain = try RoundTripTests().decode(target.all, .zstd, piece: 1 << 20)
        #expect(plain == new)
    }

    @Test("A stream, its length known or not", arguments: [nil, 400_000])
    func stream(_ length: Int?) throws {
        let old = RoundTripTests.text(400_000)
        let pool = CodecPool(limit: 64 << 20)
        let target = Buffer()
        let encoder = try #require(
            pool.takeEncoder(
                .dictionaryZstd,
                .balanced,
                dictionary: try dictionary(old),
                length: length,
                to: target
            )
        )
        #expect(target.count == 40)
        let source = Buffer()
        for start in stride(from: 0, to: old.count, by: 50_000) {
            source.append(Array(old[start..<start + 50_000]))
            #expect(try encoder.encode(source, to: target, .flush))
        }
        #expect(try encoder.encode(source, to: target, .finish))
        #expect(target.count < 600)
        pool.give(encoder)
        // It would hold on to the dictionary.
        #expect(pool.bytesUsed == 0 && pool.lent == 0)
    }

    @Test("Content of another length than was announced is an error, not a broken frame")
    func wrongLength() throws {
        let old = RoundTripTests.text(200_000)
        let pool = CodecPool(limit: 64 << 20)
        let target = Buffer()
        let encoder = try #require(
            pool.takeEncoder(
                .dictionaryZstd,
                .balanced,
                dictionary: try dictionary(old),
                length: 200_000,
                to: target
            )
        )
        let source = buffer(Array(old[..<1000]))
        #expect(try encoder.encode(source, to: target, .process))
        source.append(Array(old[1000..<2000]))
        #expect(throws: CodecError.failed) { try encoder.encode(source, to: target, .finish) }
        pool.give(encoder)
    }

    @Test("What is no raw dictionary, or too little of one")
    func refused() {
        let formatted = [0x37, 0xA4, 0x30, 0xEC] + [UInt8](repeating: 9, count: 2000)
        #expect(CompressionDictionary(buffer(formatted), hash: Self.hash(1)) == nil)
        let short = [UInt8](repeating: 9, count: 1023)
        #expect(CompressionDictionary(buffer(short), hash: Self.hash(1)) == nil)
    }

    @Test("Without its dictionary the coding is not to be had")
    func missing() {
        let pool = CodecPool(limit: 64 << 20)
        let target = Buffer()
        #expect(pool.takeEncoder(.dictionaryZstd, .balanced, to: target) == nil)
        #expect(throws: CodecError.failed) {
            try pool.encodeWhole(buffer([1, 2]), to: target, .dictionaryZstd, .balanced)
        }
        #expect(pool.takeDecoder(.dictionaryZstd) == nil)
        #expect(pool.bytesUsed == 0 && pool.lent == 0)
    }

    @Test("Windows hold the content, and no more than every decoder takes")
    func windows() throws {
        let dictionary = try dictionary(RoundTripTests.text(100_000))
        #expect(dictionary.windowLog(forLength: 1) == 15)
        #expect(dictionary.windowLog(forLength: 32_768) == 15)
        #expect(dictionary.windowLog(forLength: 32_769) == 16)
        #expect(dictionary.windowLog(forLength: 1 << 23) == 23)
        #expect(dictionary.windowLog(forLength: 1 << 40) == 23)
        // 125,000 bytes.
        #expect(dictionary.windowLog(forLength: nil) == 17)
    }
}

@Suite("The store of dictionaries")
struct DictionaryStoreTests {
    private let a: [UInt8] = Array("a.example".utf8)
    private let b: [UInt8] = Array("b.example".utf8)

    private func make(_ first: UInt8, _ size: Int = 50_000) throws -> CompressionDictionary {
        try #require(
            CompressionDictionary(
                buffer(RoundTripTests.text(size)),
                hash: DictionaryTests.hash(first)
            )
        )
    }

    @Test("What was stored is found, by its hash and its origin only")
    func find() throws {
        let store = DictionaryStore(limit: 64 << 20)
        let made = try make(1)
        #expect(store.insert(made, origin: a, now: 1))
        #expect(!store.insert(made, origin: a, now: 2))
        #expect(store.find(DictionaryTests.hash(1), origin: a, now: 3) === made)
        #expect(store.find(DictionaryTests.hash(2), origin: a, now: 3) == nil)
        #expect(store.find(DictionaryTests.hash(1), origin: b, now: 3) == nil)
        #expect(store.figures.count == 1 && store.figures.bytes == made.byteCount)
    }

    @Test("What was used longest ago makes room, in whatever shard it is")
    func eviction() throws {
        let size = try make(0).byteCount
        let store = DictionaryStore(limit: 3 * size)
        for number in 1...3 as ClosedRange<UInt8> {
            store.insert(try make(number), origin: a, now: Int64(number))
        }
        #expect(store.find(DictionaryTests.hash(1), origin: a, now: 4) != nil)
        store.insert(try make(4), origin: a, now: 5)
        #expect(store.find(DictionaryTests.hash(2), origin: a, now: 6) == nil)
        for number in [1, 3, 4] as [UInt8] {
            #expect(store.find(DictionaryTests.hash(number), origin: a, now: 6) != nil)
        }
        #expect(store.figures == DictionaryStore.Figures(count: 3, bytes: 3 * size, dropped: 1))
        store.resize(to: size)
        #expect(store.figures == DictionaryStore.Figures(count: 1, bytes: size, dropped: 3))
    }

    @Test("One that is larger than all drops nothing")
    func tooLarge() throws {
        let small = try make(1, 2000)
        let large = try make(2, 500_000)
        let store = DictionaryStore(limit: large.byteCount - 1)
        store.insert(small, origin: a, now: 1)
        #expect(!store.insert(large, origin: a, now: 2))
        #expect(store.figures.count == 1)
    }

    @Test("Many loops at once keep the books right")
    func concurrent() async throws {
        let store = DictionaryStore(limit: 4 << 20)
        let origin = a
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<4 {
                group.addTask {
                    for round in 0..<60 {
                        let first = UInt8(truncatingIfNeeded: task &* 31 &+ round)
                        let content = buffer(RoundTripTests.text(2000 + round * 10))
                        let made = CompressionDictionary(
                            content,
                            hash: DictionaryTests.hash(first)
                        )
                        if let made { store.insert(made, origin: origin, now: Int64(round)) }
                        _ = store.find(DictionaryTests.hash(first), origin: origin, now: 99)
                    }
                }
            }
        }
        store.resize(to: 0)
        #expect(store.figures.count == 0 && store.figures.bytes == 0)
    }
}
