/// The four methods. Each looks once or twice at every server and allocates nothing.
extension Balancer {
    /// Smooth weighted round robin: each candidate saves up its weight, the richest is chosen and
    /// pays what all have saved in this round.
    ///
    /// Weights 5, 1, 1 give a a b a c a a, not a a a a a b c.
    mutating func nextInTurn(_ candidates: Candidates) -> Int? {
        nextInTurn { candidates.contains($0) }
    }

    private mutating func nextInTurn(among isCandidate: (borrowing Slot) -> Bool) -> Int? {
        var total = 0
        var best: Int?
        var bestSaved = Int.min
        for index in slots.indices where isCandidate(slots[index]) {
            // Bounded: at most `ServerSet.maximumCount` weights of at most 65535.
            let weight = slots[index].weight
            total += weight
            let saved = savedWeights[index] + weight
            savedWeights[index] = saved
            if saved > bestSaved {
                bestSaved = saved
                best = index
            }
        }
        if let best { savedWeights[best] -= total }
        return best
    }

    /// The fewest requests in flight for its weight, in turn among equals.
    mutating func leastLoaded(_ candidates: Candidates) -> Int? {
        var best: Int?
        var least = Load(requests: 0, weight: 1)
        var equals = 0
        for index in slots.indices where candidates.contains(slots[index]) {
            let load = Load(slots[index])
            if best == nil || load < least {
                best = index
                least = load
                equals = 1
            } else if !(least < load) {
                equals += 1
            }
        }
        guard equals > 1 else { return best }
        let inTurn = nextInTurn { slot in
            let load = Load(slot)
            return candidates.contains(slot) && !(load < least) && !(least < load)
        }
        // Other loops may have changed every load since the first look.
        return inTurn ?? best
    }

    /// Two different servers drawn by weight, and of these the one with less to do.
    func betterOfTwo(_ candidates: Candidates, random: UInt64) -> Int? {
        guard let first = draw(candidates, number: UInt32(truncatingIfNeeded: random), but: nil)
        else { return nil }
        let rest = UInt32(truncatingIfNeeded: random >> 32)
        guard let second = draw(candidates, number: rest, but: first) else { return first }
        return Load(slots[second]) < Load(slots[first]) ? second : first
    }

    private func draw(_ candidates: Candidates, number: UInt32, but left: Int?) -> Int? {
        var total: UInt64 = 0
        for index in slots.indices where index != left && candidates.contains(slots[index]) {
            total += UInt64(slots[index].weight)
        }
        // Below 2^32 × 2^26: cannot overflow.
        var point = (UInt64(number) * total) >> 32
        var last: Int?
        for index in slots.indices where index != left && candidates.contains(slots[index]) {
            let weight = UInt64(slots[index].weight)
            if point < weight { return index }
            point -= weight
            last = index
        }
        // Only if another loop changed a server between the two looks.
        return last
    }

    /// Weighted rendezvous hashing: each server draws a number from the key and its own identity,
    /// and the best wins.
    ///
    /// A server that goes away gives its keys to the others in proportion and moves no other key;
    /// when the winner cannot be used, the second best is, always the same one.
    ///
    /// Choice: no table to build when a name resolves anew, and exact shares by weight; its cost
    /// grows with the number of servers, some nanoseconds each.
    func highestRanked(_ candidates: Candidates, key: UInt64) -> Int? {
        var best: Int?
        var bestCost = Double.infinity
        for index in slots.indices where candidates.contains(slots[index]) {
            let drawn = mixed(key ^ slots[index].identity)
            // Evenly distributed over (0, 1]: the top 53 bits, plus one.
            let unit = Double((drawn >> 11) + 1) * 0x1p-53
            let cost = -naturalLogarithm(unit) / Double(slots[index].weight)
            if best == nil || cost < bestCost {
                best = index
                bestCost = cost
            }
        }
        return best
    }
}

/// Requests in flight for each unit of weight, compared without division.
private struct Load: Comparable {
    var requests: Int
    var weight: Int

    init(requests: Int, weight: Int) {
        self.requests = requests
        self.weight = weight
    }

    init(_ slot: borrowing Slot) {
        // Far below 2^31, so that the products below cannot overflow.
        requests = min(max(0, slot.status.inFlight), 1 << 31)
        weight = slot.weight
    }

    static func < (left: Load, right: Load) -> Bool {
        left.requests * right.weight < right.requests * left.weight
    }

    static func == (left: Load, right: Load) -> Bool {
        left.requests * right.weight == right.requests * left.weight
    }
}
