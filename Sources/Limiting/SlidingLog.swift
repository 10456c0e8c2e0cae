/// The time of each request of the last window: exact, at eight bytes for each that is allowed.
///
/// The words of one key: how many there are and where the oldest stands, then a ring of times.
enum SlidingLog {
    /// Words that a key takes for a limit.
    static func wordCount(_ limit: Int) -> Int { 1 + limit }

    /// Takes `cost` units if they are there.
    ///
    /// The words are those of the shard; the key's begin at `base`, and hold `capacity` times, at
    /// least the rate's count.
    static func take(
        _ words: inout [UInt64],
        at base: Int,
        capacity: Int,
        _ rate: LimitRate,
        cost: Int,
        now: Int64
    ) -> LimitDecision {
        var ring = Ring(words, base, capacity)
        let now = max(now, ring.newest(words) ?? now)
        ring.dropOldest(words, until: now - rate.period)
        let limit = min(rate.count, capacity)
        guard cost <= limit, ring.count <= limit - cost else {
            ring.store(&words)
            // So many of the oldest have to go before there is room.
            let excess = ring.count + min(cost, limit) - limit
            let last = ring.time(words, excess - 1) ?? now
            return LimitDecision(
                isAllowed: false,
                remaining: max(0, limit - ring.count),
                reset: (ring.newest(words).map { $0 + rate.period } ?? now) - now,
                retryAfter: max(1, last + rate.period - now),
                isPossible: cost <= limit
            )
        }
        for _ in 0..<cost { ring.append(&words, now) }
        ring.store(&words)
        return LimitDecision(
            isAllowed: true,
            remaining: limit - ring.count,
            reset: (ring.newest(words).map { $0 + rate.period } ?? now) - now
        )
    }

    /// Takes units whether they are there or not, as far as the ring holds them.
    static func charge(
        _ words: inout [UInt64],
        at base: Int,
        capacity: Int,
        cost: Int,
        now: Int64
    ) {
        var ring = Ring(words, base, capacity)
        let now = max(now, ring.newest(words) ?? now)
        for _ in 0..<min(cost, capacity) {
            if ring.count == capacity { ring.dropFirst() }
            ring.append(&words, now)
        }
        ring.store(&words)
    }

    /// Gives the newest units back.
    static func refund(_ words: inout [UInt64], at base: Int, capacity: Int, cost: Int) {
        var ring = Ring(words, base, capacity)
        ring.count -= min(ring.count, cost)
        ring.store(&words)
    }

    /// When the log is empty, in nanoseconds.
    static func end(_ words: [UInt64], at base: Int, capacity: Int, _ period: Int64) -> Int64 {
        Ring(words, base, capacity).newest(words).map { $0 + period } ?? 0
    }

    private struct Ring {
        let base: Int
        let capacity: Int
        /// Below `capacity`, whatever the words say.
        var head: Int
        var count: Int

        init(_ words: [UInt64], _ base: Int, _ capacity: Int) {
            self.base = base
            self.capacity = capacity
            head = Int(words[base] >> 32) % capacity
            count = min(Int(words[base] & 0xFFFF_FFFF), capacity)
        }

        private func place(_ index: Int) -> Int { base + 1 + (head + index) % capacity }

        func time(_ words: [UInt64], _ index: Int) -> Int64? {
            index >= 0 && index < count ? Int64(bitPattern: words[place(index)]) : nil
        }

        func newest(_ words: [UInt64]) -> Int64? { time(words, count - 1) }

        mutating func dropFirst() {
            head = (head + 1) % capacity
            count -= 1
        }

        mutating func dropOldest(_ words: [UInt64], until end: Int64) {
            while let first = time(words, 0), first <= end { dropFirst() }
        }

        mutating func append(_ words: inout [UInt64], _ time: Int64) {
            guard count < capacity else { return }
            words[place(count)] = UInt64(bitPattern: time)
            count += 1
        }

        func store(_ words: inout [UInt64]) {
            words[base] = UInt64(head) << 32 | UInt64(count)
        }
    }
}
