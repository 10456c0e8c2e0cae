import EventLoop

/// Work that keeps the processor for long: so much of it in one turn of the loop.
///
/// Who comes after that waits, in the order of coming, for a later turn.
/// Without it all that has become ready at once is computed at once, and every other connection
/// waits for the sum.
struct TurnGate {
    /// Units of work in a turn; a piece is begun as long as some are left, and done whole.
    let limit: Int
    private var used = 0
    private var waiting: [(point: WaitPoint, cost: Int)] = []

    /// Makes a gate through which so many units pass in a turn.
    init(limit: Int) { self.limit = limit }

    /// Whether somebody waits for the next turn, so that the loop must not sleep.
    var hasWaiting: Bool { !waiting.isEmpty }

    /// Whether work may begin in this turn; counts it if so.
    mutating func admits(_ cost: Int) -> Bool {
        // Those who have waited were counted when the turn began.
        if used >= limit { return false }
        used += cost
        return true
    }

    /// Lets somebody wait, who is woken in the turn that has room for the work.
    mutating func wait(at point: WaitPoint, for cost: Int) { waiting.append((point, cost)) }

    /// Begins a turn of the loop: lets those go on that it has room for.
    @inline(__always)
    mutating func beginTurn() {
        used = 0
        if !waiting.isEmpty { admitWaiting() }
    }

    private mutating func admitWaiting() {
        var count = 0
        // Waking runs nothing: who waits goes on in the turn's jobs.
        while count < waiting.count && admits(waiting[count].cost) {
            waiting[count].point.wake(.ready)
            count += 1
        }
        waiting.removeFirst(count)
    }

    /// Ends all waits: the loop is ending.
    mutating func cancel() {
        for entry in waiting { entry.point.wake(.cancelled) }
        waiting = []
    }
}
