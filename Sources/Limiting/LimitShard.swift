/// One part of a table: an open hash table in one array of words, so that a key costs no object.
///
/// An entry is the key's two words and the algorithm's. A key stands at the first free place from
/// where its hash points on; removing one moves those behind it up, so no mark is left.
struct LimitShard {
    private let algorithm: LimitAlgorithm
    /// Times that a sliding log remembers.
    private let logCount: Int
    /// Words of an entry.
    private let stride: Int
    /// Keys at most.
    private let limit: Int
    private var words: [UInt64] = []
    /// Places, a power of two; 0 before the first key.
    private var places = 0
    /// Where the search for counters to drop goes on.
    private var hand = 0
    private(set) var count = 0
    /// The latest moment that a decision was made at, nanoseconds.
    private var latest: Int64 = 0
    /// The longest period that a key was counted by, nanoseconds: what a window decays by.
    private var period: Int64 = 0
    /// Of this shard; `keys` and `bytes` are not kept up here.
    var figures = LimitTableFigures()

    /// Places of a shard that has any.
    private static let fewestPlaces = 16
    /// Places looked at for one to drop when the shard is full.
    private static let searchCount = 32
    /// Places swept whenever a key is added, so that what decays goes without a sweep of its own.
    private static let sweepPerInsert = 2
    /// Places looked at in one sweep: some 20 µs with the lock held.
    private static let sweepCount = 4096

    init(_ algorithm: LimitAlgorithm, logCount: Int, limit: Int) {
        self.algorithm = algorithm
        self.logCount = logCount
        self.limit = max(1, limit)
        stride = 2 + (algorithm == .slidingLog ? SlidingLog.wordCount(logCount) : 2)
    }

    var byteCount: Int { words.capacity * 8 }

    // MARK: Decisions

    mutating func take(
        _ key: LimitKey,
        cost: Int,
        _ rate: LimitRate,
        now: Int64
    ) -> LimitDecision {
        let now = advance(to: now, rate)
        if let base = find(key) { return take(at: base, cost: cost, rate, now: now) }
        // A key that nothing is known of has used nothing: only if that changes, it needs a place.
        var state = LimitState()
        if algorithm != .slidingLog {
            let decision = LimitShard.take(algorithm, &state, rate, cost: cost, now: now)
            if decision.isAllowed && cost > 0 {
                store(state, at: insert(key, now))
            }
            return decision
        }
        guard cost > 0, cost <= min(rate.count, logCount) else {
            let limit = min(rate.count, logCount)
            return LimitDecision(
                isAllowed: cost == 0,
                remaining: limit,
                reset: 0,
                retryAfter: cost == 0 ? 0 : rate.period,
                isPossible: cost <= limit
            )
        }
        return take(at: insert(key, now), cost: cost, rate, now: now)
    }

    /// Decides nothing, and does not move the clock.
    mutating func look(_ key: LimitKey, _ rate: LimitRate, now: Int64) -> LimitDecision {
        let before = latest
        defer { latest = before }
        return take(key, cost: 0, rate, now: now)
    }

    /// Takes the time of whichever loop is furthest: each loop reads the clock once a turn, so one
    /// may be a little behind what another has decided by.
    @inline(__always)
    private mutating func advance(to now: Int64, _ rate: LimitRate) -> Int64 {
        if rate.period > period { period = rate.period }
        latest = max(latest, now)
        return latest
    }

    mutating func charge(_ key: LimitKey, cost: Int, _ rate: LimitRate, now: Int64) {
        let now = advance(to: now, rate)
        let base = find(key) ?? insert(key, now)
        if algorithm == .slidingLog {
            SlidingLog.charge(&words, at: base + 2, capacity: logCount, cost: cost, now: now)
            return
        }
        var state = load(at: base)
        switch algorithm {
        case .tokenBucket: TokenBucket.charge(&state, rate, cost: cost, now: now)
        case .slidingWindow: SlidingWindow.charge(&state, rate, cost: cost, now: now)
        case .fixedWindow, .slidingLog: FixedWindow.charge(&state, rate, cost: cost, now: now)
        }
        store(state, at: base)
    }

    mutating func refund(_ key: LimitKey, cost: Int, _ rate: LimitRate) {
        // Gone meanwhile: then there is nothing that could be given back.
        guard let base = find(key) else { return }
        if algorithm == .slidingLog {
            SlidingLog.refund(&words, at: base + 2, capacity: logCount, cost: cost)
            return
        }
        var state = load(at: base)
        switch algorithm {
        case .tokenBucket: TokenBucket.refund(&state, rate, cost: cost)
        case .slidingWindow: SlidingWindow.refund(&state, cost: cost)
        case .fixedWindow, .slidingLog: FixedWindow.refund(&state, cost: cost)
        }
        store(state, at: base)
    }

    func knows(_ key: LimitKey) -> Bool { find(key) != nil }

    mutating func forget(_ key: LimitKey) -> Bool {
        guard let base = find(key) else { return false }
        remove(base / stride)
        return true
    }

    @inline(__always)
    private mutating func take(at base: Int, cost: Int, _ rate: LimitRate, now: Int64)
        -> LimitDecision
    {
        if algorithm == .slidingLog {
            return SlidingLog.take(
                &words,
                at: base + 2,
                capacity: logCount,
                rate,
                cost: cost,
                now: now
            )
        }
        var state = load(at: base)
        let decision = LimitShard.take(algorithm, &state, rate, cost: cost, now: now)
        if decision.isAllowed { store(state, at: base) }
        return decision
    }

    @inline(__always)
    private static func take(
        _ algorithm: LimitAlgorithm,
        _ state: inout LimitState,
        _ rate: LimitRate,
        cost: Int,
        now: Int64
    ) -> LimitDecision {
        switch algorithm {
        case .tokenBucket: TokenBucket.take(&state, rate, cost: cost, now: now)
        case .slidingWindow: SlidingWindow.take(&state, rate, cost: cost, now: now)
        case .fixedWindow, .slidingLog: FixedWindow.take(&state, rate, cost: cost, now: now)
        }
    }

    @inline(__always)
    private func load(at base: Int) -> LimitState {
        LimitState(first: words[base + 2], second: words[base + 3])
    }

    @inline(__always)
    private mutating func store(_ state: LimitState, at base: Int) {
        // One look at whether the array is shared for both, and not one for each.
        var words = words.mutableSpan
        words[base + 2] = state.first
        words[base + 3] = state.second
    }

    // MARK: Places

    /// Where the entry of a key begins.
    @inline(__always)
    private func find(_ key: LimitKey) -> Int? {
        if places == 0 { return nil }
        var place = home(key.low)
        // Ends at a free place, of which there always is one: at most three quarters are taken.
        while true {
            let base = place * stride
            if words[base] == key.low && words[base + 1] == key.high { return base }
            if isFree(base) { return nil }
            place = (place + 1) & (places - 1)
        }
    }

    private func home(_ low: UInt64) -> Int { Int(truncatingIfNeeded: low) & (places - 1) }

    private func isFree(_ base: Int) -> Bool { words[base] == 0 && words[base + 1] == 0 }

    /// Makes an entry, all zero, for a key that has none.
    private mutating func insert(_ key: LimitKey, _ now: Int64) -> Int {
        if count >= limit {
            makeRoom(now)
        } else {
            if (count + 1) * 4 > places * 3 { resize(to: max(LimitShard.fewestPlaces, places * 2)) }
            sweep(LimitShard.sweepPerInsert, now)
        }
        let base = freePlace(key.low) * stride
        words[base] = key.low
        words[base + 1] = key.high
        count += 1
        return base
    }

    private func freePlace(_ low: UInt64) -> Int {
        var place = home(low)
        while !isFree(place * stride) { place = (place + 1) & (places - 1) }
        return place
    }

    /// Drops counters that have decayed; if none of those looked at has, the one that will first.
    private mutating func makeRoom(_ now: Int64) {
        var nearest: (place: Int, end: Int64)?
        var looked = 0
        // At most as many places as there are; at least one is taken, as the shard is full.
        while looked < LimitShard.searchCount || (nearest == nil && looked < places) {
            looked += 1
            hand = (hand + 1) & (places - 1)
            let base = hand * stride
            if isFree(base) { continue }
            let end = end(at: base)
            if end <= now {
                remove(hand)
                figures.decayed &+= 1
                return
            }
            if end < nearest?.end ?? .max { nearest = (hand, end) }
        }
        guard let nearest else { return }
        remove(nearest.place)
        figures.forgotten &+= 1
    }

    /// Drops what has decayed at a few places, and at those moved up into them.
    private mutating func sweep(_ placeCount: Int, _ now: Int64) {
        for _ in 0..<min(placeCount, places) {
            while !isFree(hand * stride), end(at: hand * stride) <= now {
                remove(hand)
                figures.decayed &+= 1
            }
            hand = (hand + 1) & (places - 1)
        }
    }

    /// Drops some of what has decayed, and gives memory back when most of it is not needed.
    mutating func sweep(now: Int64) {
        if places == 0 { return }
        sweep(LimitShard.sweepCount, now)
        if count == 0 {
            words = []
            places = 0
            hand = 0
        } else if places > LimitShard.fewestPlaces && count * 8 < places {
            resize(to: max(LimitShard.fewestPlaces, places / 4))
        }
    }

    /// When an entry says no more than that nothing was used, in nanoseconds.
    private func end(at base: Int) -> Int64 {
        switch algorithm {
        case .tokenBucket: TokenBucket.end(load(at: base))
        case .slidingWindow: SlidingWindow.end(load(at: base), period)
        case .fixedWindow: FixedWindow.end(load(at: base), period)
        case .slidingLog: SlidingLog.end(words, at: base + 2, capacity: logCount, period)
        }
    }

    /// Empties a place, and moves up those behind it that would not be found any more.
    private mutating func remove(_ place: Int) {
        var hole = place
        var next = (hole + 1) & (places - 1)
        while !isFree(next * stride) {
            let home = home(words[next * stride])
            // It may move if its home does not lie behind the hole, seen around the circle.
            if (next - home) & (places - 1) >= (next - hole) & (places - 1) {
                copy(next * stride, to: hole * stride)
                hole = next
            }
            next = (next + 1) & (places - 1)
        }
        for offset in 0..<stride { words[hole * stride + offset] = 0 }
        count -= 1
    }

    private mutating func copy(_ from: Int, to: Int) {
        for offset in 0..<stride { words[to + offset] = words[from + offset] }
    }

    private mutating func resize(to newPlaces: Int) {
        let old = words
        let oldPlaces = places
        words = [UInt64](repeating: 0, count: newPlaces * stride)
        places = newPlaces
        hand = 0
        for place in 0..<oldPlaces {
            let from = place * stride
            if old[from] == 0 && old[from + 1] == 0 { continue }
            let to = freePlace(old[from]) * stride
            for offset in 0..<stride { words[to + offset] = old[from + offset] }
        }
    }
}
