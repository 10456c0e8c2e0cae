import CLinux

/// Sockets, timers and buffers of one event loop.
///
/// Confined to the loop's actor: it is not `Sendable`, and what it hands out is not either, so the
/// compiler keeps it there. It never calls back: it wakes tasks that wait, and they go on.
public final class Reactor {
    /// What an epoll token stands for.
    enum Registrant {
        case none
        case stream(Stream)
        case listener(Listener)
    }

    private struct Slot {
        var registrant = Registrant.none
        /// Counts the lives of a slot, so that an event for a descriptor closed in this very batch
        /// meets nobody.
        var generation: UInt32 = 0
    }

    static let wakeToken = UInt64.max

    /// The executor that runs this loop's jobs.
    public let executor: LoopExecutor
    /// Nanoseconds of a monotonic clock, read once a turn.
    public private(set) var now: Int64
    /// Unix time in nanoseconds, read once a turn.
    public private(set) var wallNow: Int64
    /// The loop's timers.
    var timers: TimerWheel
    /// Buffers that nobody uses now.
    public var buffers = BufferPool()
    /// The loop's chance.
    public var random: SeededGenerator
    /// What the loop did, for the metrics.
    public private(set) var statistics = LoopStatistics()
    /// Counts the times that nothing was there when events were asked for.
    private(set) var sleeps: UInt64 = 0
    /// Present in a simulation: then nothing here makes a system call.
    public let simulation: Simulation?
    /// Whether waits are refused: the loop is ending.
    public private(set) var isShutDown = false

    /// Where tasks stand while they wait.
    let waitingRoom: WaitingRoom
    let door: WaitingRoom.Door

    private let epoll: Int32
    private var slots: [Slot] = []
    private var freeSlots: [UInt32] = []
    private var pipes: [SplicePipe] = []
    private var tokens: [UInt64]
    private var flags: [UInt32]
    private var turnStart: Int64
    /// Parked streams whose peer has spoken, and who waits for them.
    private var awakened: [Stream] = []
    private let awakenedPoint = LateWaitPoint()

    /// Makes the reactor of a loop.
    /// - Parameters:
    ///   - executor: The loop's executor.
    ///   - seed: Starts the loop's random numbers.
    ///   - simulation: A virtual clock and in-memory network instead of the system's, or nil.
    /// - Throws: The error of `epoll_create1(2)`.
    public init(executor: LoopExecutor, seed: UInt64, simulation: Simulation? = nil)
        throws(SystemError)
    {
        self.executor = executor
        self.simulation = simulation
        waitingRoom = WaitingRoom(loop: executor)
        door = WaitingRoom.Door(room: waitingRoom)
        random = SeededGenerator(seed: seed)
        tokens = Array(repeating: 0, count: LoopLimits.eventsPerPoll)
        flags = Array(repeating: 0, count: LoopLimits.eventsPerPoll)
        if let simulation {
            epoll = -1
            now = simulation.now
            wallNow = simulation.wallNow
        } else {
            epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
            guard epoll >= 0 else { throw SystemError.current }
            now = gateway_monotonic_nanoseconds()
            wallNow = gateway_wall_nanoseconds()
            let result = gateway_epoll_control(
                epoll,
                EPOLL_CTL_ADD,
                executor.wakeDescriptor,
                gateway_in | gateway_edge,
                Reactor.wakeToken
            )
            guard result == 0 else { throw SystemError.current }
        }
        turnStart = now
        timers = TimerWheel(now: now)
    }

    deinit {
        for pipe in pipes {
            close(pipe.readEnd)
            close(pipe.writeEnd)
        }
        if epoll >= 0 { close(epoll) }
    }

    /// Nanoseconds of the loop's clock, read anew: for measuring work, not for deadlines.
    public var clock: Int64 { simulation?.now ?? gateway_monotonic_nanoseconds() }

    /// Streams and listeners that are open.
    public var openCount: Int { slots.count - freeSlots.count }
    /// Wait points that have a deadline.
    public var timerCount: Int { timers.count }

    // MARK: Registration

    /// Gives a stream or listener its token.
    func register(_ registrant: Registrant) -> UInt64 {
        if let free = freeSlots.popLast() {
            slots[Int(free)].registrant = registrant
            return UInt64(slots[Int(free)].generation) << 32 | UInt64(free)
        }
        slots.append(Slot(registrant: registrant))
        return UInt64(slots.count - 1)
    }

    /// Takes a token back; events that still carry it are ignored.
    func unregister(_ token: UInt64) {
        let index = Int(truncatingIfNeeded: token & 0xFFFF_FFFF)
        slots[index].registrant = .none
        slots[index].generation &+= 1
        // 0xFFFFFFFF in both halves is the eventfd's token.
        if slots[index].generation == .max { slots[index].generation = 0 }
        freeSlots.append(UInt32(truncatingIfNeeded: index))
    }

    /// Asks the kernel for a descriptor's events.
    /// - Returns: Whether it has agreed; the reason is in `errno`.
    func watch(_ descriptor: Int32, operation: Int32, events: UInt32, token: UInt64) -> Bool {
        gateway_epoll_control(epoll, operation, descriptor, events, token) == 0
    }

    // MARK: The turn

    /// Looks at sockets and timers, and sleeps until one of them has news unless told not to.
    public func poll(mustNotSleep: Bool) {
        if simulation != nil {
            simulatedPoll(mustNotSleep: mustNotSleep)
            return
        }
        let before = gateway_monotonic_nanoseconds()
        statistics.endTurn(nanoseconds: before - turnStart)
        let timeout = mustNotSleep ? 0 : sleepMilliseconds(at: before)
        // Both arrays have room for `eventsPerPoll`, which the shim's own constant equals.
        let count = Int(unsafe gateway_epoll_wait(epoll, &tokens, &flags, timeout))
        now = gateway_monotonic_nanoseconds()
        wallNow = gateway_wall_nanoseconds()
        statistics.endSleep(nanoseconds: now - before, events: max(0, count))
        let work = Int64(max(0, count)) * LoopLimits.eventNanoseconds
        if timeout != 0, now - before >= LoopLimits.sleepNanoseconds + work { sleeps &+= 1 }
        turnStart = now
        var index = 0
        while index < count {
            deliver(flags[index], to: tokens[index])
            index += 1
        }
        timers.advance(to: now)
    }

    private func deliver(_ flags: UInt32, to token: UInt64) {
        if token == Reactor.wakeToken {
            var count: eventfd_t = 0
            _ = unsafe eventfd_read(executor.wakeDescriptor, &count)
            return
        }
        let index = Int(truncatingIfNeeded: token & 0xFFFF_FFFF)
        guard index < slots.count, slots[index].generation == UInt32(token >> 32) else { return }
        switch slots[index].registrant {
        case .none: return
        case .stream(let stream): stream.handle(flags)
        case .listener(let listener): listener.handle()
        }
    }

    private func sleepMilliseconds(at time: Int64) -> Int32 {
        let tick = timers.earliestTick
        if tick == .max { return LoopLimits.longestSleepMilliseconds }
        let distance = tick * LoopLimits.tickNanoseconds - time
        if distance <= 0 { return 0 }
        // Rounded up: a millisecond too early would mean a turn for nothing.
        let milliseconds = (distance + 999_999) / 1_000_000
        return Int32(min(milliseconds, Int64(LoopLimits.longestSleepMilliseconds)))
    }

    private func simulatedPoll(mustNotSleep: Bool) {
        guard let simulation else { return }
        if !mustNotSleep { simulation.advance(nextLook: timers.nextLook()) }
        now = simulation.now
        wallNow = simulation.wallNow
        while let (stream, flags) = simulation.nextDueEvent() { stream.handle(flags) }
        timers.advance(to: now)
    }

    // MARK: Waiting

    /// Waits until a time.
    /// - Parameter deadline: Nanoseconds of the loop's clock.
    public func sleep(until deadline: Int64) async {
        let point = WaitPoint(reactor: self)
        _ = await point.wait(until: deadline)
        point.retire()
    }

    /// Gives the other tasks of the loop, its sockets and its timers their turn.
    public func yield() async { await door.enter() }

    /// The same for a task that has just computed for long: sockets and timers come next, before
    /// it or another one like it computes again.
    public func yieldLong() async {
        executor.endTurn()
        await door.enter()
    }

    /// Ends every wait, now and from now on: tasks run to their ends.
    public func shutDown() {
        isShutDown = true
        awakenedPoint.point?.wake(.cancelled)
        for index in slots.indices {
            switch slots[index].registrant {
            case .none: continue
            case .stream(let stream): stream.cancel()
            case .listener(let listener): listener.close()
            }
        }
    }

    // MARK: Parked streams

    /// Notes that a parked stream has something to read or is gone.
    func awaken(_ stream: Stream) {
        awakened.append(stream)
        awakenedPoint.point?.wake(.ready)
    }

    /// Waits for parked streams whose peer has spoken, or whose time is over.
    /// - Returns: Those streams; empty when the loop is ending.
    public func nextAwakened() async -> [Stream] {
        let point = awakenedPoint.point(on: self)
        while awakened.isEmpty && !isShutDown { _ = await point.wait(until: WaitPoint.never) }
        defer { awakened.removeAll(keepingCapacity: true) }
        return awakened
    }

    // MARK: Pipes

    /// Takes a pipe for `splice(2)`, or nil when the process has no descriptors left.
    func takePipe() -> SplicePipe? {
        if let pipe = pipes.popLast() { return pipe }
        var ends: [Int32] = [0, 0]
        let result = unsafe ends.withUnsafeMutableBufferPointer { buffer -> Int32 in
            guard let base = buffer.baseAddress else { return -1 }
            return unsafe pipe2(base, O_NONBLOCK | O_CLOEXEC)
        }
        guard result == 0 else { return nil }
        let size = gateway_set_pipe_size(ends[1], LoopLimits.pipeCapacity)
        // Refused when the user's pipe quota is used up: the default 64 KiB then.
        return SplicePipe(
            readEnd: ends[0],
            writeEnd: ends[1],
            capacity: size > 0 ? Int(size) : 65536
        )
    }

    /// Gives a pipe back; one that still holds bytes is closed.
    func givePipe(_ pipe: SplicePipe) {
        if pipe.count == 0 && pipes.count < LoopLimits.pooledPipes {
            pipes.append(pipe)
        } else {
            close(pipe.readEnd)
            close(pipe.writeEnd)
        }
    }
}

/// A wait point that needs its owner first.
private final class LateWaitPoint {
    private(set) var point: WaitPoint?

    func point(on reactor: Reactor) -> WaitPoint {
        if let point { return point }
        let fresh = WaitPoint(reactor: reactor)
        point = fresh
        return fresh
    }
}
