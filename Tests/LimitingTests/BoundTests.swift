import Limiting
import Testing

/// What a seed makes of a limit: the rate, and requests at random moments.
private struct Run {
    let rate: LimitRate
    /// When units were allowed, and how many.
    var allowed: [(time: Int64, cost: Int)] = []

    init(_ algorithm: LimitAlgorithm, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let count = Int.random(in: 1...20, using: &random)
        let period = Int64.random(in: 1...4, using: &random) * second / 3
        let burst =
            algorithm == .tokenBucket ? Int.random(in: 1...40, using: &random) : nil
        rate = try #require(LimitRate(count, per: period, burst: burst))
        let table = LimitTable(algorithm: algorithm, logCount: count)
        var now = Int64.random(in: 0...(1 << 55), using: &random)
        let start = now
        var latest = now
        for _ in 0..<400 {
            switch Int.random(in: 0..<12, using: &random) {
            case 0..<5: break
            case 5..<8: now += Int64.random(in: 0...(period / 4), using: &random)
            case 8, 9: now += Int64.random(in: 0...period, using: &random)
            // The machine was suspended: the clock leaps.
            case 10: now += Int64.random(in: 0...(10 * period), using: &random)
            // Another loop's clock is a little behind.
            default: now = max(start, now - Int64.random(in: 0...(period / 20), using: &random))
            }
            let cost = Int.random(in: 1...3, using: &random)
            let decision = table.take(key(1), cost: cost, rate, now: now)
            latest = max(latest, now)
            if decision.isAllowed { allowed.append((latest, cost)) }
            #expect(decision.remaining >= 0)
        }
    }

    /// The most units that any stretch of time got, against what it may get.
    func check(_ bound: (_ stretch: Int64) -> Double) -> Comment? {
        let sorted = allowed.sorted { $0.time < $1.time }
        for first in sorted.indices {
            var sum = 0
            for last in first..<sorted.count {
                sum += sorted[last].cost
                let stretch = sorted[last].time - sorted[first].time
                if Double(sum) > bound(stretch) + 1e-6 {
                    return Comment("\(sum) in \(stretch) ns, \(bound(stretch)) allowed, \(rate)")
                }
            }
        }
        return nil
    }
}

@Suite("No stretch of time gets more than the documented bound")
struct BoundTests {
    static let seeds: [UInt64] = Array(1...150)

    @Test("A token bucket: rate × time + burst", arguments: seeds)
    func tokenBucket(_ seed: UInt64) throws {
        let run = try Run(.tokenBucket, seed: seed)
        let rate = run.rate
        let broken = run.check { stretch in
            Double(rate.burst) + Double(rate.count) * Double(stretch) / Double(rate.period)
        }
        #expect(broken == nil, broken)
    }

    @Test("A sliding log: the limit in every window", arguments: seeds)
    func slidingLog(_ seed: UInt64) throws {
        let run = try Run(.slidingLog, seed: seed)
        let broken = run.check { stretch in
            stretch < run.rate.period ? Double(run.rate.count) : .infinity
        }
        #expect(broken == nil, broken)
    }

    @Test("A sliding window: limit × (1 + d / window) in every d up to a window", arguments: seeds)
    func slidingWindow(_ seed: UInt64) throws {
        let run = try Run(.slidingWindow, seed: seed)
        let rate = run.rate
        let broken = run.check { stretch in
            stretch < rate.period
                ? Double(rate.count) * (1 + Double(stretch) / Double(rate.period)) : .infinity
        }
        #expect(broken == nil, broken)
    }

    @Test("A fixed window: twice the limit across an edge", arguments: seeds)
    func fixedWindow(_ seed: UInt64) throws {
        let run = try Run(.fixedWindow, seed: seed)
        let broken = run.check { stretch in
            stretch < run.rate.period ? 2 * Double(run.rate.count) : .infinity
        }
        #expect(broken == nil, broken)
    }

    @Test("The bounds are reached, so the tests above can fail")
    func reached() throws {
        let rate = try #require(LimitRate(10, per: second))
        let fixed = LimitTable(algorithm: .fixedWindow)
        let sliding = LimitTable(algorithm: .slidingWindow)
        var counts = (fixed: 0, sliding: 0)
        for now in [second - 1, second, 2 * second - 2] {
            for _ in 0..<20 {
                if now < 2 * second - 2, fixed.take(key(1), cost: 1, rate, now: now).isAllowed {
                    counts.fixed += 1
                }
                if sliding.take(key(1), cost: 1, rate, now: now).isAllowed { counts.sliding += 1 }
            }
        }
        #expect(counts.fixed == 20)
        #expect(counts.sliding == 19)
    }
}

@Suite("The numbers told are what the next requests meet")
struct PromiseTests {
    @Test("So many are left, the next one is refused, and allowed when it was told")
    func promises() throws {
        for algorithm in LimitAlgorithm.allCases {
            for seed in UInt64(1)...120 {
                var random = SeededGenerator(seed: seed)
                let count = Int.random(in: 1...30, using: &random)
                let period = Int64.random(in: 1...(3 * second), using: &random)
                let rate = try #require(
                    LimitRate(
                        count,
                        per: period,
                        burst: algorithm == .tokenBucket
                            ? Int.random(in: 1...30, using: &random) : nil
                    )
                )
                let table = LimitTable(algorithm: algorithm, logCount: count)
                var now = Int64.random(in: 0...(1 << 50), using: &random)
                for _ in 0..<Int.random(in: 0...40, using: &random) {
                    now += Int64.random(in: 0...(period / 3), using: &random)
                    _ = table.take(key(3), cost: 1, rate, now: now)
                }
                let place = Comment("\(algorithm) \(rate) seed \(seed)")
                let told = table.look(key(3), rate, now: now)
                for _ in 0..<told.remaining {
                    #expect(table.take(key(3), cost: 1, rate, now: now).isAllowed, place)
                }
                let refused = table.take(key(3), cost: 1, rate, now: now)
                #expect(!refused.isAllowed, place)
                #expect(refused.remaining == 0, place)
                #expect(refused.retryAfter > 0, place)
                let early = now + refused.retryAfter - 1
                #expect(!table.take(key(3), cost: 1, rate, now: early).isAllowed, place)
                let due = now + refused.retryAfter
                #expect(table.take(key(3), cost: 1, rate, now: due).isAllowed, place)
                let whole = algorithm == .tokenBucket ? rate.burst : rate.count
                let last = table.look(key(3), rate, now: due)
                let later = table.look(key(3), rate, now: due + last.reset)
                #expect(later.remaining == whole, place)
            }
        }
    }

    @Test("A rate that no number of nanoseconds divides does not drift")
    func exactness() throws {
        let rate = try #require(LimitRate(7, per: second, burst: 7))
        let table = LimitTable(algorithm: .tokenBucket)
        var allowed = 0
        // Asked ten times as often as it allows, it has given all that came back by the last tick,
        // 999.98 s after the first: 7 × 999.98, and the first bucket.
        for tick in 0..<70_000 {
            let now = Int64(tick) * second / 70 + 1
            if table.take(key(1), cost: 1, rate, now: now).isAllowed { allowed += 1 }
        }
        #expect(allowed == 7_006)
    }

    @Test("They are so after the rate of a key has changed as well", arguments: [1, 3, 7, 10, 999])
    func changedRate(count: Int) throws {
        for before in 1...30 {
            let old = try #require(LimitRate(before, per: second))
            let new = try #require(LimitRate(count, per: second))
            let table = LimitTable(algorithm: .tokenBucket)
            let now = 1000 * second
            #expect(table.take(key(1), cost: 1, old, now: now).isAllowed)
            var left = table.look(key(1), new, now: now).remaining
            #expect(left <= count, "\(before)")
            while left > 0 {
                let decision = table.take(key(1), cost: 1, new, now: now)
                #expect(decision.isAllowed && decision.remaining == left - 1, "\(before)")
                left -= 1
            }
            #expect(!table.take(key(1), cost: 1, new, now: now).isAllowed, "\(before)")
        }
    }

    @Test("What is given back can be taken again, what is charged is owed")
    func refundAndCharge() throws {
        for algorithm in LimitAlgorithm.allCases {
            let rate = try #require(LimitRate(10, per: 10 * second))
            let table = LimitTable(algorithm: algorithm, logCount: 10)
            let now = 1000 * second
            #expect(table.take(key(1), cost: 10, rate, now: now).isAllowed)
            #expect(!table.take(key(1), cost: 1, rate, now: now).isAllowed)
            table.refund(key(1), cost: 4, rate)
            #expect(table.look(key(1), rate, now: now).remaining == 4, "\(algorithm)")
            table.charge(key(1), cost: 7, rate, now: now)
            #expect(table.look(key(1), rate, now: now).remaining == 0, "\(algorithm)")
            #expect(!table.take(key(1), cost: 1, rate, now: now + second).isAllowed)
        }
    }

    @Test("A cost that never fits says so")
    func impossible() throws {
        for algorithm in LimitAlgorithm.allCases {
            let rate = try #require(LimitRate(10, per: second))
            let table = LimitTable(algorithm: algorithm, logCount: 10)
            let decision = table.take(key(1), cost: 11, rate, now: second)
            #expect(!decision.isAllowed && !decision.isPossible)
        }
    }

    @Test("Rates out of bounds are none")
    func bounds() {
        #expect(LimitRate(0, per: second) == nil)
        #expect(LimitRate(1, per: 0) == nil)
        #expect(LimitRate(1, per: LimitRate.maximumPeriod, burst: 1000) == nil)
        #expect(LimitRate(1_000_000_001, per: second) == nil)
        #expect(LimitRate(1_000_000_000, per: 1)?.fillTime == 1)
    }
}
