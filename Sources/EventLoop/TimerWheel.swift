/// A hashed timer wheel over wait points.
///
/// Each point stands in at most one slot. A deadline that moves later, which is what nearly every
/// request does to its connection, moves nothing: the point is looked at when its old slot comes up
/// and put where it belongs then. Source: Varghese and Lauck, Hashed and Hierarchical Timing
/// Wheels.
struct TimerWheel {
    private var slots: [[WaitPoint]] = Array(repeating: [], count: LoopLimits.wheelSlots)
    /// The tick up to which all slots have been looked at.
    private(set) var currentTick: Int64
    /// Points in the wheel.
    private(set) var count = 0
    /// One bit a slot: whether it holds anything, so that finding the next one costs 16 words at
    /// most.
    private var occupied: [UInt64] = Array(repeating: 0, count: LoopLimits.wheelSlots / 64)
    /// No slot before this tick holds anything; a lower bound that `advance` makes exact again.
    private(set) var earliestTick = Int64.max

    init(now: Int64) {
        currentTick = now / LoopLimits.tickNanoseconds
    }

    /// Makes sure that a point is looked at when its deadline has passed.
    mutating func arm(_ point: WaitPoint) {
        // Rounded up, so that a point is never looked at before its deadline.
        let tick = max(
            currentTick + 1,
            (point.deadline &+ (LoopLimits.tickNanoseconds - 1)) / LoopLimits.tickNanoseconds
        )
        if point.armedTick <= tick { return }
        remove(point)
        insert(point, tick: tick)
    }

    /// Takes a point out, if it is in.
    mutating func remove(_ point: WaitPoint) {
        guard point.armedTick != WaitPoint.notArmed else { return }
        let slot = Self.slot(of: point.armedTick)
        let last = slots[slot].count - 1
        let position = Int(point.position)
        if position != last {
            let moved = slots[slot][last]
            slots[slot][position] = moved
            moved.position = Int32(truncatingIfNeeded: position)
        }
        slots[slot].removeLast()
        if last == 0 { occupied[slot >> 6] &= ~(1 << UInt64(slot & 63)) }
        point.armedTick = WaitPoint.notArmed
        count -= 1
    }

    /// Moves the wheel to `now` and wakes every waiting point whose deadline has passed.
    mutating func advance(to now: Int64) {
        let target = now / LoopLimits.tickNanoseconds
        if target <= currentTick { return }
        if target < earliestTick || count == 0 {
            currentTick = target
            return
        }
        // More than a whole turn: every slot is looked at once, and no more.
        let steps = min(target - currentTick, Int64(LoopLimits.wheelSlots))
        var tick = target - steps
        currentTick = target
        while tick < target {
            tick += 1
            expire(slot: Self.slot(of: tick), now: now, tick: target)
        }
        earliestTick = nextOccupiedTick()
    }

    /// The tick of the next slot that holds anything, within one turn of the wheel.
    private func nextOccupiedTick() -> Int64 {
        if count == 0 { return .max }
        let start = Self.slot(of: currentTick + 1)
        for step in 0...occupied.count {
            let index = ((start >> 6) + step) % occupied.count
            var word = occupied[index]
            // The first word counts from the start on; when it comes round again, all of it does.
            if step == 0 { word &= ~0 << UInt64(start & 63) }
            if word != 0 {
                let slot = index * 64 + word.trailingZeroBitCount
                let distance = (slot - start) & (LoopLimits.wheelSlots - 1)
                return currentTick + 1 + Int64(distance)
            }
        }
        return .max
    }

    /// When the wheel looks at a waiting point next, in nanoseconds.
    ///
    /// A simulation's clock jumps to it, so that virtual time is as coarse as real time.
    func nextLook() -> Int64? {
        var earliest: Int64?
        for index in occupied.indices {
            var word = occupied[index]
            while word != 0 {
                for point in slots[index * 64 + word.trailingZeroBitCount]
                where point.armedTick < (earliest ?? .max) && point.isWaiting {
                    earliest = point.armedTick
                }
                word &= word - 1
            }
        }
        return earliest.map { $0 * LoopLimits.tickNanoseconds }
    }

    private static func slot(of tick: Int64) -> Int {
        Int(truncatingIfNeeded: tick) & (LoopLimits.wheelSlots - 1)
    }

    private mutating func insert(_ point: WaitPoint, tick: Int64) {
        let slot = Self.slot(of: tick)
        point.armedTick = tick
        point.position = Int32(truncatingIfNeeded: slots[slot].count)
        slots[slot].append(point)
        occupied[slot >> 6] |= 1 << UInt64(slot & 63)
        earliestTick = min(earliestTick, tick)
        count += 1
    }

    private mutating func expire(slot: Int, now: Int64, tick: Int64) {
        var index = 0
        while index < slots[slot].count {
            let point = slots[slot][index]
            if point.armedTick > tick {
                index += 1
                continue
            }
            // Leaves another point at this index, or shortens the slot.
            remove(point)
            guard point.isWaiting else { continue }
            if point.deadline <= now {
                point.wake(.timedOut)
            } else {
                arm(point)
            }
        }
    }
}
