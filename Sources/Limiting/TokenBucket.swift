/// The generic cell rate algorithm: a bucket of `burst` units that fills at the rate.
///
/// Its state is the theoretical arrival time (TAT): when the bucket will be full again. A request
/// moves it forward, and is refused if it would lie more than a whole bucket ahead.
/// Source: ITU-T I.371 annex A; the form with one moment is Brandur Leach's.
enum TokenBucket {
    /// Takes `cost` units if they are there.
    @inline(__always)
    static func take(
        _ state: inout LimitState,
        _ rate: LimitRate,
        cost: Int,
        now: Int64
    ) -> LimitDecision {
        let now = Moment(nanoseconds: now, fraction: 0)
        let arrival = max(moment(state, rate), now)
        guard cost <= rate.burst else {
            return refusal(arrival, rate, cost: cost, now: now)
        }
        // At most the tolerance, so it fits; a cost of nought looks without taking.
        let price =
            cost == 1
            ? rate.interval : rate.interval.times(cost, count: rate.count) ?? rate.tolerance
        let next = arrival.adding(price, count: rate.count)
        let latest = now.adding(rate.tolerance, count: rate.count)
        if next > latest { return refusal(arrival, rate, cost: cost, now: now) }
        if cost > 0 { store(next, in: &state) }
        let ahead = next.subtracting(now, count: rate.count)
        return LimitDecision(
            isAllowed: true,
            remaining: left(ahead, rate),
            reset: ahead.roundedUp
        )
    }

    /// Takes units whether they are there or not: what was used already has to be paid back.
    static func charge(_ state: inout LimitState, _ rate: LimitRate, cost: Int, now: Int64) {
        let now = Moment(nanoseconds: now, fraction: 0)
        let arrival = max(moment(state, rate), now)
        let most = Moment(nanoseconds: LimitRate.maximumTolerance, fraction: 0)
        let price = min(rate.interval.times(cost, count: rate.count) ?? most, most)
        // Debt is bounded, or the sums of later requests would not fit.
        let next = arrival.adding(price, count: rate.count)
        store(min(next, now.adding(most, count: rate.count)), in: &state)
    }

    /// Gives units back that turned out not to be used.
    static func refund(_ state: inout LimitState, _ rate: LimitRate, cost: Int) {
        guard let price = rate.interval.times(cost, count: rate.count) else { return }
        let back = moment(state, rate).subtracting(price, count: rate.count)
        store(back.nanoseconds < 0 ? Moment(nanoseconds: 0, fraction: 0) : back, in: &state)
    }

    /// When the state says no more than that the bucket is full, in nanoseconds.
    static func end(_ state: LimitState) -> Int64 { stored(state).roundedUp }

    private static func refusal(
        _ arrival: Moment,
        _ rate: LimitRate,
        cost: Int,
        now: Moment
    ) -> LimitDecision {
        let ahead = arrival.subtracting(now, count: rate.count)
        let most = Moment(nanoseconds: LimitRate.maximumTolerance, fraction: 0)
        let price = min(rate.interval.times(cost, count: rate.count) ?? most, most)
        let wait = ahead.adding(price, count: rate.count)
            .subtracting(rate.tolerance, count: rate.count)
        return LimitDecision(
            isAllowed: false,
            remaining: left(ahead, rate),
            reset: ahead.roundedUp,
            retryAfter: max(wait.roundedUp, 1),
            isPossible: cost <= rate.burst
        )
    }

    /// Whole units in the bucket when it will be full in so much time.
    @inline(__always)
    private static func left(_ ahead: Moment, _ rate: LimitRate) -> Int {
        if ahead > rate.tolerance { return 0 }
        let room = rate.tolerance.subtracting(ahead, count: rate.count)
        // A unit takes `period / count` and the room is `nanoseconds + fraction / count`, so that
        // both are whole numbers once they are multiplied by `count`.
        return Int(
            scaled(room.nanoseconds, Int64(rate.count), plus: room.fraction, by: rate.period)
        )
    }

    /// The state's moment in parts of the rate: another one may have stored it, with more of them.
    private static func moment(_ state: LimitState, _ rate: LimitRate) -> Moment {
        var moment = stored(state)
        moment.fraction = min(moment.fraction, UInt32(truncatingIfNeeded: rate.count) &- 1)
        return moment
    }

    private static func stored(_ state: LimitState) -> Moment {
        Moment(
            nanoseconds: Int64(bitPattern: state.first),
            fraction: UInt32(truncatingIfNeeded: state.second)
        )
    }

    private static func store(_ moment: Moment, in state: inout LimitState) {
        state.first = UInt64(bitPattern: moment.nanoseconds)
        state.second = UInt64(moment.fraction)
    }
}
