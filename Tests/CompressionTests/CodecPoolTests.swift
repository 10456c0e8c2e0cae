import Bytes
import HTTP
import Testing

@testable import Compression

@Suite("Codecs of a loop")
struct CodecPoolTests {
    @Test("Memory is bounded, and free again when encoders come back")
    func bound() throws {
        let each = EncoderKind(stream: .gzip, .balanced).byteCount
        let pool = CodecPool(limit: 3 * each)
        let target = Buffer()
        let taken = (0..<3).compactMap { _ in pool.takeEncoder(.gzip, .balanced, to: target) }
        #expect(taken.count == 3)
        #expect(pool.takeEncoder(.gzip, .balanced, to: target) == nil)
        #expect(pool.bytesUsed == 3 * each)
        for encoder in taken { pool.give(encoder) }
        #expect(pool.lent == 0)
        // Those that wait make way for others.
        #expect(pool.takeEncoder(.zstd, .balanced, to: target) != nil)
        #expect(pool.bytesUsed <= 3 * each)
    }

    @Test("An encoder that waits is used again, and starts afresh")
    func reuse() throws {
        let pool = CodecPool(limit: 1 << 30)
        for coding in [ContentCoding.gzip, .deflate, .zstd] {
            var first: [UInt8] = []
            for round in 0..<3 {
                let target = Buffer()
                let encoder = try #require(pool.takeEncoder(coding, .balanced, to: target))
                #expect(try encoder.encode(buffer(Array("same".utf8)), to: target, .finish))
                if round == 0 { first = target.all }
                #expect(target.all == first)
                // One that was left in the middle serves as well.
                pool.give(encoder)
                let other = try #require(pool.takeEncoder(coding, .balanced, to: Buffer()))
                #expect(try other.encode(buffer(Array("half".utf8)), to: target, .process))
                pool.give(other)
            }
        }
        let used = pool.bytesUsed
        pool.limit = 0
        #expect(used > 0 && pool.bytesUsed == 0)
    }

    @Test(
        "A tuned encoder stays so: the same content is the same bytes again, smaller than level 5"
    )
    func tuning() throws {
        let pool = CodecPool(limit: 64 << 20)
        let content = RoundTripTests.text(300_000)
        func size(_ encoder: StreamEncoder) throws -> Int {
            let target = Buffer()
            #expect(try encoder.encode(buffer(content), to: target, .finish))
            return target.count
        }
        var sizes: [Int] = []
        for _ in 0..<3 {
            let target = Buffer()
            let encoder = try #require(pool.takeEncoder(.gzip, .balanced, to: target))
            sizes.append(try size(encoder))
            pool.give(encoder)
        }
        #expect(Set(sizes).count == 1)
        let untuned = try ([5, 6] as [Int32]).map { level in
            let encoder = try #require(StreamEncoder(.zlib(level: level)))
            try encoder.begin(.gzip, padding: 0, to: Buffer())
            return try size(encoder)
        }
        #expect(untuned[1] == sizes[0] && sizes[0] < untuned[0])
    }

    @Test("gzip and deflate share an encoder, and the header is each one's own")
    func headers() throws {
        let pool = CodecPool(limit: 1 << 30)
        for coding in [ContentCoding.gzip, .deflate, .gzip] {
            let target = Buffer()
            let encoder = try #require(pool.takeEncoder(coding, .balanced, to: target))
            pool.give(encoder)
            #expect(
                Array(target.all.prefix(2)) == (coding == .gzip ? [0x1F, 0x8B] : [0x78, 0x9C])
            )
        }
        #expect(pool.bytesUsed == EncoderKind(stream: .gzip, .balanced).byteCount)
    }

    @Test("Decoders count by the largest window they may need")
    func decoders() throws {
        let pool = CodecPool(limit: 20 << 20)
        let decoder = try #require(pool.takeDecoder(.brotli))
        #expect(pool.takeDecoder(.brotli) == nil)
        #expect(pool.takeDecoder(.gzip) != nil)
        _ = decoder
        pool.giveDecoder(.brotli)
        pool.giveDecoder(.gzip)
        #expect(pool.bytesUsed == 0 && pool.lent == 0)
    }
}

@Suite("Compression under load")
struct LoadGaugeTests {
    let limit: Int64 = 25_000_000

    @Test("Levels drop, compression stops, and both come back")
    func course() {
        var gauge = LoadGauge()
        var seen: [LoadGauge.Load] = []
        func turns(_ busy: Int64, _ count: Int) {
            for _ in 0..<count {
                gauge.turned(busy: busy, limit: limit)
                if seen.last != gauge.load { seen.append(gauge.load) }
            }
        }
        turns(1_000_000, 50)
        #expect(gauge.level(.small) == .small)
        turns(40_000_000, 50)
        #expect(gauge.level(.small) == .fast)
        turns(100_000_000, 50)
        #expect(gauge.level(.fast) == nil)
        turns(30_000_000, 50)
        #expect(gauge.load == .overloaded, "it comes back at half of what made it go")
        turns(1_000_000, 50)
        #expect(seen == [.calm, .busy, .overloaded, .busy, .calm])
    }

    @Test("One long turn is no load, and without a limit there is none")
    func exceptions() {
        var gauge = LoadGauge()
        gauge.turned(busy: 150_000_000, limit: limit)
        #expect(gauge.load == .calm)
        for _ in 0..<100 { gauge.turned(busy: 1_000_000_000, limit: nil) }
        #expect(gauge.load == .calm)
    }
}
