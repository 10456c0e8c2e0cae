/// Why a wait ended.
public enum Wake: Sendable {
    /// What was waited for may have come: look again.
    case ready
    /// The deadline passed.
    case timedOut
    /// The owner gave up waiting on behalf of the waiter.
    case cancelled
}

/// A place where one task waits, with a deadline: the only way to suspend on an event loop.
///
/// A stream has one for each direction, a sleeper has one, a queue has one for each who stands in
/// it. A wake that comes while nobody waits is not kept: the waiter looks at the condition first.
@safe public final class WaitPoint {
    static let notArmed = Int64.max
    /// No deadline.
    public static let never = Int64.max / 2

    private let reactor: Reactor
    /// The task that waits here.
    private var job: UnownedJob?
    /// How the last wait ended.
    private(set) var reason = Wake.ready
    /// The parked stream that stands here instead of a task.
    private var parked: Stream?
    /// When the present wait ends, in nanoseconds of the loop's clock.
    private(set) var deadline = WaitPoint.never
    /// The wheel's tick at which this point is looked at, or `notArmed`; the wheel's to change.
    var armedTick = WaitPoint.notArmed
    /// Where in the wheel's slot this point stands; the wheel's to change.
    var position: Int32 = 0

    /// Makes a place to wait on a loop.
    public init(reactor: Reactor) { self.reactor = reactor }

    /// Whether a task, or a parked stream, waits here.
    public var isWaiting: Bool { job != nil || parked != nil }

    /// Waits until `wake` or the deadline.
    ///
    /// Only one task may wait at a time.
    ///
    /// `deadline`: Nanoseconds of the loop's clock, or `never`.
    public func wait(until deadline: Int64) async -> Wake {
        if prepare(until: deadline) { await reactor.door.enter() }
        return reason
    }

    /// The first half of a wait: sets its end.
    /// - Returns: Whether to enter the loop's waiting room now; false when the loop is ending.
    func prepare(until deadline: Int64) -> Bool {
        precondition(!isWaiting, "two tasks wait at one point")
        guard !reactor.isShutDown else {
            reason = .cancelled
            return false
        }
        self.deadline = deadline
        if deadline < WaitPoint.never { reactor.timers.arm(self) }
        unsafe reactor.waitingRoom.host = self
        return true
    }

    /// The second half: keeps what `wake` lets go, exactly once, as it empties the property first.
    func hold(_ job: UnownedJob) { self.job = job }

    /// Lets a stream wait here without a task: when the wait ends, the reactor hands the stream
    /// out.
    func park(_ stream: Stream, until deadline: Int64) {
        precondition(!isWaiting, "a stream is parked where a task waits")
        parked = stream
        self.deadline = deadline
        if deadline < WaitPoint.never { reactor.timers.arm(self) }
    }

    /// Ends the wait, if there is one.
    public func wake(_ reason: Wake) {
        if let stream = parked {
            parked = nil
            reactor.awaken(stream)
            return
        }
        guard let waiting = job else { return }
        job = nil
        self.reason = reason
        reactor.executor.enqueue(waiting)
    }

    /// Ends the wait and leaves the timer wheel: call before the point is let go.
    public func retire() {
        reactor.timers.remove(self)
        wake(.cancelled)
    }
}
