import Dispatch
import Limiting
import Synchronization
import Testing

@Suite("The table of counters")
struct TableTests {
    @Test("16 threads on one key lose no decision")
    func exactness() throws {
        let rate = try #require(LimitRate(1, per: 3600 * second, burst: 5_000))
        for algorithm in [LimitAlgorithm.tokenBucket, .fixedWindow, .slidingWindow] {
            let limit =
                algorithm == .tokenBucket
                ? rate : try #require(LimitRate(5_000, per: 3600 * second))
            let table = LimitTable(algorithm: algorithm)
            let allowed = Atomic<Int>(0)
            DispatchQueue.concurrentPerform(iterations: 16) { _ in
                for _ in 0..<1_000 where table.take(key(9), cost: 1, limit, now: second).isAllowed {
                    allowed.wrappingAdd(1, ordering: .relaxed)
                }
            }
            #expect(allowed.load(ordering: .relaxed) == 5_000)
            #expect(table.figures.allowed == 5_000)
            #expect(table.figures.refused == 11_000)
        }
    }

    @Test("16 threads on one key of a log, some giving back, lose nothing")
    func logExactness() throws {
        let rate = try #require(LimitRate(200, per: 3600 * second))
        let table = LimitTable(algorithm: .slidingLog, logCount: 200)
        let kept = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: 16) { thread in
            for number in 0..<100 {
                guard table.take(key(9), cost: 1, rate, now: second).isAllowed else { continue }
                if (thread + number) % 4 == 0 {
                    table.refund(key(9), cost: 1, rate)
                } else {
                    kept.wrappingAdd(1, ordering: .relaxed)
                }
            }
        }
        let left = table.look(key(9), rate, now: second).remaining
        #expect(kept.load(ordering: .relaxed) + left == 200)
        #expect(table.figures.allowed + table.figures.refused == 1600)
    }

    @Test("A million keys take at most 100 MiB, and none of them is forgotten")
    func million() throws {
        let rate = try #require(LimitRate(1, per: 3600 * second, burst: 2))
        let table = LimitTable(algorithm: .tokenBucket)
        for number in UInt64(0)..<1_000_000 {
            _ = table.take(key(number), cost: 2, rate, now: second)
        }
        let figures = table.figures
        #expect(figures.keys == 1_000_000)
        #expect(figures.forgotten == 0)
        #expect(figures.bytes <= 100 << 20, "\(figures.bytes)")
        for number in stride(from: UInt64(0), to: 1_000_000, by: 997) {
            #expect(!table.take(key(number), cost: 1, rate, now: second).isAllowed)
        }
        // An hour later all of it says nothing any more, and goes.
        for round in 0..<64 * 64 { table.sweep(round, now: 3 * 3600 * second) }
        #expect(table.figures.keys == 0)
        #expect(table.figures.bytes == 0)
        #expect(table.figures.decayed == 1_000_000)
    }

    @Test("A flood of keys that decay pushes no living one out")
    func decayedFirst() throws {
        let short = try #require(LimitRate(10, per: second, burst: 1))
        let table = LimitTable(algorithm: .tokenBucket, capacity: 10_000)
        let long = try #require(LimitRate(1, per: 3600 * second, burst: 1))
        for number in UInt64(0)..<100 { _ = table.take(key(number), cost: 1, long, now: 0) }
        // 50 flood keys are alive at any time: each for a tenth of a second.
        for number in UInt64(0)..<200_000 {
            let now = Int64(number) * (second / 500)
            _ = table.take(key(1_000_000 + number), cost: 1, short, now: now)
        }
        for number in UInt64(0)..<100 {
            #expect(!table.take(key(number), cost: 1, long, now: 400 * second).isAllowed)
        }
        #expect(table.figures.forgotten == 0)
        #expect(table.figures.keys <= 10_700)
    }

    @Test("When all are alive, the one nearest to full goes, and that is counted")
    func full() throws {
        let rate = try #require(LimitRate(1, per: 60 * second, burst: 10))
        let table = LimitTable(algorithm: .tokenBucket, capacity: 64)
        for number in UInt64(0)..<10_000 {
            _ = table.take(key(number), cost: number % 2 == 0 ? 1 : 10, rate, now: second)
        }
        let figures = table.figures
        #expect(figures.keys <= 70)
        #expect(figures.forgotten == 10_000 - UInt64(figures.keys))
    }

    @Test("Random keys behave as a dictionary of limits does, whatever is dropped and moved")
    func model() throws {
        for seed in UInt64(1)...20 {
            var random = SeededGenerator(seed: seed)
            let rate = try #require(LimitRate(2, per: second, burst: 3))
            let table = LimitTable(algorithm: .tokenBucket, capacity: 2_000)
            var model: [UInt64: LimitTable] = [:]
            var now: Int64 = 0
            for _ in 0..<4_000 {
                now += Int64.random(in: 0...(second / 100), using: &random)
                let number = UInt64.random(in: 0..<300, using: &random)
                let one = model[number] ?? LimitTable(algorithm: .tokenBucket)
                model[number] = one
                let here = table.take(key(number), cost: 1, rate, now: now)
                #expect(here == one.take(key(number), cost: 1, rate, now: now), "seed \(seed)")
                if Int.random(in: 0..<50, using: &random) == 0 {
                    table.sweep(Int.random(in: 0..<64, using: &random), now: now)
                }
            }
        }
    }

    @Test("SipHash-2-4 with 128 bits, after its authors' vectors")
    func sipHash() {
        let secret = LimitSecret(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908)
        // The output for no byte, one byte 00, and for 00 to 0e: first 8 bytes, then the last 8.
        let expected: [(count: Int, low: UInt64, high: UInt64)] = [
            (0, 0xe6a8_25ba_047f_81a3, 0x9302_55c7_1472_f66d),
            (1, 0x44af_996b_d8c1_87da, 0x45fc_229b_1159_7634),
            (15, 0x11a8_b033_99e9_9354, 0xd9c3_cf97_0fec_087e),
        ]
        for row in expected {
            let bytes = (0..<row.count).map { UInt8($0) }
            var hasher = KeyHasher(secret)
            hasher.combine(bytes: bytes.span)
            #expect(hasher.finish() == LimitKey(high: row.high, low: row.low), "\(row.count)")
            // In pieces it is the same.
            var pieces = KeyHasher(secret)
            for byte in bytes { pieces.combine(bytes: [byte].span) }
            #expect(pieces.finish() == LimitKey(high: row.high, low: row.low))
        }
        var words = KeyHasher(secret)
        words.combine(bytes: [0, 1, 2].span)
        words.combine(0x0a09_0807_0605_0403)
        words.combine(bytes: [11, 12, 13, 14].span)
        #expect(words.finish() == LimitKey(high: expected[2].high, low: expected[2].low))
    }
}
