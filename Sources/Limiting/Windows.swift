/// Where a moment lies in a key's windows, which begin at multiples of the period.
private struct Position {
    /// When the window began, nanoseconds.
    var start: Int64
    /// How far into it the moment lies, nanoseconds; below the period.
    var elapsed: Int64

    /// Finds the place; a clock that another loop has seen further is taken at its word.
    init(now: Int64, period: Int64, stored: Int64) {
        elapsed = now % period
        start = now - elapsed
        if stored > start {
            start = stored
            elapsed = min(max(0, now - stored), period - 1)
        }
    }
}

/// A count that starts anew at each edge of a window.
enum FixedWindow {
    /// Takes `cost` units if they are there.
    static func take(
        _ state: inout LimitState,
        _ rate: LimitRate,
        cost: Int,
        now: Int64
    ) -> LimitDecision {
        let stored = Int64(bitPattern: state.first)
        let position = Position(now: now, period: rate.period, stored: stored)
        let used = stored == position.start ? Int(clamping: state.second) : 0
        let end = rate.period - position.elapsed
        let limit = rate.count
        guard cost <= limit, used <= limit - cost else {
            return LimitDecision(
                isAllowed: false,
                remaining: max(0, limit - used),
                reset: used > 0 ? end : 0,
                retryAfter: end,
                isPossible: cost <= limit
            )
        }
        if cost > 0 { store(used + cost, position, in: &state) }
        return LimitDecision(
            isAllowed: true,
            remaining: limit - used - cost,
            reset: used + cost > 0 ? end : 0
        )
    }

    /// Takes units whether they are there or not.
    static func charge(_ state: inout LimitState, _ rate: LimitRate, cost: Int, now: Int64) {
        let stored = Int64(bitPattern: state.first)
        let position = Position(now: now, period: rate.period, stored: stored)
        let used = stored == position.start ? Int(clamping: state.second) : 0
        store(min(used &+ cost, LimitRate.maximumCount * 2), position, in: &state)
    }

    /// Gives units back, unless their window is over.
    static func refund(_ state: inout LimitState, cost: Int) {
        state.second -= min(state.second, UInt64(clamping: cost))
    }

    /// When the state no longer says anything, in nanoseconds.
    static func end(_ state: LimitState, _ period: Int64) -> Int64 {
        state.second == 0 ? 0 : Int64(bitPattern: state.first) + period
    }

    private static func store(_ used: Int, _ position: Position, in state: inout LimitState) {
        state.first = UInt64(bitPattern: position.start)
        state.second = UInt64(used)
    }
}

/// The count of the present window, and of the one before by the share of it that still counts.
enum SlidingWindow {
    /// What one key has used.
    private struct Counts {
        var position: Position
        var before: Int
        var present: Int

        init(_ state: LimitState, period: Int64, now: Int64) {
            let stored = Int64(bitPattern: state.first)
            position = Position(now: now, period: period, stored: stored)
            let recent = Int(state.second & 0xFFFF_FFFF)
            if stored == position.start {
                present = recent
                before = Int(state.second >> 32)
            } else {
                present = 0
                before = stored >= position.start - period ? recent : 0
            }
        }

        /// Units of the window before that still count, a part of one counted whole.
        func weighted(_ period: Int64) -> Int {
            scaledUp(Int64(before), period - position.elapsed, by: period)
        }

        func store(in state: inout LimitState) {
            state.first = UInt64(bitPattern: position.start)
            state.second = UInt64(before) << 32 | UInt64(present)
        }
    }

    /// Takes `cost` units if they are there.
    static func take(
        _ state: inout LimitState,
        _ rate: LimitRate,
        cost: Int,
        now: Int64
    ) -> LimitDecision {
        var counts = Counts(state, period: rate.period, now: now)
        let used = counts.weighted(rate.period) + counts.present
        let limit = rate.count
        guard cost <= limit, used <= limit - cost else {
            return LimitDecision(
                isAllowed: false,
                remaining: max(0, limit - used),
                reset: reset(counts, rate.period),
                retryAfter: retryAfter(counts, rate, cost: min(cost, limit)),
                isPossible: cost <= limit
            )
        }
        if cost > 0 {
            counts.present += cost
            counts.store(in: &state)
        }
        return LimitDecision(
            isAllowed: true,
            remaining: limit - used - cost,
            reset: reset(counts, rate.period)
        )
    }

    /// Takes units whether they are there or not.
    static func charge(_ state: inout LimitState, _ rate: LimitRate, cost: Int, now: Int64) {
        var counts = Counts(state, period: rate.period, now: now)
        counts.present = min(counts.present &+ cost, LimitRate.maximumCount * 2)
        counts.store(in: &state)
    }

    /// Gives units back to the window that was counted in last.
    static func refund(_ state: inout LimitState, cost: Int) {
        let present = state.second & 0xFFFF_FFFF
        state.second -= min(present, UInt64(clamping: cost))
    }

    /// When the state no longer says anything, in nanoseconds.
    static func end(_ state: LimitState, _ period: Int64) -> Int64 {
        state.second == 0 ? 0 : Int64(bitPattern: state.first) + 2 * period
    }

    private static func reset(_ counts: Counts, _ period: Int64) -> Int64 {
        let end = period - counts.position.elapsed
        if counts.present > 0 { return end + period }
        return counts.before > 0 ? end : 0
    }

    /// When so much of what was used counts no longer that `cost` units fit.
    private static func retryAfter(_ counts: Counts, _ rate: LimitRate, cost: Int) -> Int64 {
        let elapsed = counts.position.elapsed
        let room = rate.count - counts.present - cost
        if room >= 0 { return max(1, moment(counts.before, room, rate.period) - elapsed) }
        let next = moment(counts.present, rate.count - cost, rate.period)
        return rate.period - elapsed + next
    }

    /// How far into a window the count of the one before it weighs no more than `room`.
    private static func moment(_ before: Int, _ room: Int, _ period: Int64) -> Int64 {
        if before <= room { return 0 }
        return max(0, period - scaled(Int64(room), period, by: Int64(before)))
    }
}

/// `a * b / c`, rounded up.
private func scaledUp(_ a: Int64, _ b: Int64, by c: Int64) -> Int {
    let wide = UInt64(a).multipliedFullWidth(by: UInt64(b))
    guard wide.high < UInt64(c) else { return .max }
    let (quotient, rest) = UInt64(c).dividingFullWidth(wide)
    return Int(clamping: quotient) &+ (rest > 0 ? 1 : 0)
}
