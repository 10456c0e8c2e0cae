import Glibc
import Synchronization

/// What the loops and the writer's thread share: the bounded queue between them, and the two pipes
/// by which they wake each other.
final class LogQueue: Sendable {
    /// A destination as the queue sees it.
    private struct Slot {
        let target: LogTarget
        let generation: UInt64
        var queued = 0
        /// Handed out this many times and not yet given back; free for another target at 0.
        var users = 1
    }

    /// Something for the writer's thread to do.
    struct Work {
        var opened: [(index: Int, target: LogTarget, descriptor: Int32)] = []
        var batches: [LogBatch] = []
        var removed: [Int] = []
        var reopen = false
        /// When to stop, in nanoseconds of the monotonic clock, if asked to.
        var deadline: Int64?
    }

    private struct State {
        var slots: [Slot?] = []
        var work = Work()
        var isAwake = false
        var generation: UInt64 = 0
        var figures = LogFigures()
    }

    let limits: LogWriter.Limits
    private let state = Mutex(State())
    /// The pipe that wakes the writer's thread.
    let wakeRead: Int32
    private let wakeWrite: Int32
    /// The pipe whose write end closes when the writer's thread has ended.
    private let doneRead: Int32
    private let doneWrite: Int32

    init(limits: LogWriter.Limits) throws(LogOpenError) {
        self.limits = limits
        (wakeRead, wakeWrite) = try Self.makePipe()
        do throws(LogOpenError) {
            (doneRead, doneWrite) = try Self.makePipe()
        } catch {
            _ = close(wakeRead)
            _ = close(wakeWrite)
            throw error
        }
    }

    deinit {
        // The writer's thread holds the queue while it runs, so nobody uses these any more.
        _ = close(wakeRead)
        _ = close(wakeWrite)
        _ = close(doneRead)
    }

    private static func makePipe() throws(LogOpenError) -> (Int32, Int32) {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { throw .refused(path: "pipe", code: errno) }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        return (ends[0], ends[1])
    }

    // MARK: For the loops

    /// The destination of a target, opened unless it already is.
    func open(_ target: LogTarget) throws(LogOpenError) -> LogDestination {
        if let known = share(target) { return known }
        // Outside the lock: opening a file may take the system a while.
        let descriptor = try LogFile.open(target)
        let result = state.withLock { state -> Result<LogDestination, LogOpenError> in
            if state.work.deadline != nil { return .failure(.closed) }
            let free = state.slots.firstIndex { $0 == nil } ?? state.slots.count
            guard free < limits.destinations else {
                return .failure(.tooMany(limit: limits.destinations))
            }
            if free == state.slots.count { state.slots.append(nil) }
            state.generation += 1
            state.slots[free] = Slot(target: target, generation: state.generation)
            state.work.opened.append((index: free, target: target, descriptor: descriptor))
            return .success(LogDestination(index: free, generation: state.generation))
        }
        if case .failure = result, case .file = target, descriptor >= 0 { _ = close(descriptor) }
        wake()
        return try result.get()
    }

    private func share(_ target: LogTarget) -> LogDestination? {
        state.withLock { state in
            for index in state.slots.indices where state.slots[index]?.target == target {
                guard let slot = state.slots[index], slot.users > 0 else { continue }
                state.slots[index]?.users += 1
                return LogDestination(index: index, generation: slot.generation)
            }
            return nil
        }
    }

    /// Gives a destination back; with its last user it is closed, after what waits for it.
    func release(_ destination: LogDestination) {
        state.withLock { state in
            let index = destination.index
            guard let slot = state.slots[index], slot.generation == destination.generation,
                slot.users > 0
            else { return }
            state.slots[index]?.users = slot.users - 1
            if slot.users == 1 { state.work.removed.append(index) }
        }
        wake()
    }

    /// Adds lines, or drops and counts them when there is no room.
    func submit(_ batch: LogBatch) {
        let cost = batch.cost
        let accepted = state.withLock { state -> Bool in
            let index = batch.destination.index
            guard let slot = state.slots[index], slot.generation == batch.destination.generation,
                state.work.deadline == nil, slot.queued + cost <= limits.destinationBytes,
                state.figures.bytesQueued + cost <= limits.totalBytes
            else {
                state.figures.linesDroppedQueue += UInt64(batch.lines)
                return false
            }
            state.slots[index]?.queued = slot.queued + cost
            state.figures.bytesQueued += cost
            state.work.batches.append(batch)
            return true
        }
        if accepted { wake() }
    }

    func reopen() {
        state.withLock { $0.work.reopen = true }
        wake()
    }

    var figures: LogFigures { state.withLock { $0.figures } }

    /// Asks the writer's thread to end and waits for it.
    /// - Parameter deadline: Nanoseconds of the monotonic clock.
    /// - Returns: Whether it ended in time.
    func finish(deadline: Int64) -> Bool {
        state.withLock { $0.work.deadline = $0.work.deadline ?? deadline }
        wake()
        while true {
            let left = max(0, deadline - monotonicNanoseconds())
            var entry = pollfd(fd: doneRead, events: Int16(POLLIN), revents: 0)
            let ready = unsafe poll(&entry, 1, milliseconds(left))
            if ready > 0 { return true }
            if ready == 0 && monotonicNanoseconds() >= deadline { return false }
        }
    }

    /// Wakes the writer's thread unless it is awake or about to be.
    private func wake() {
        let needed = state.withLock { state -> Bool in
            defer { state.isAwake = true }
            return !state.isAwake
        }
        guard needed else { return }
        var byte: UInt8 = 1
        // A full pipe means that it has been woken already.
        _ = unsafe write(wakeWrite, &byte, 1)
    }

    // MARK: For the writer's thread

    /// Takes what there is to do.
    ///
    /// Any call that adds work after this one wakes the thread.
    func take() -> Work {
        state.withLock { state in
            state.isAwake = false
            let work = state.work
            state.work = Work()
            state.work.deadline = work.deadline
            return work
        }
    }

    /// Accounts for what became of a destination's lines.
    func settle(_ outcome: LogFile.Outcome, destination: Int) {
        state.withLock { state in
            state.figures.linesWritten += UInt64(outcome.written)
            state.figures.linesDroppedWrite += UInt64(outcome.dropped)
            state.figures.reopened += UInt64(outcome.reopened)
            state.figures.bytesQueued -= outcome.released
            state.slots[destination]?.queued -= outcome.released
        }
    }

    /// Frees the place of a destination that has been closed.
    func forget(_ destination: Int) {
        state.withLock { $0.slots[destination] = nil }
    }

    /// Says that the writer's thread has ended.
    func announceEnd() {
        _ = close(doneWrite)
    }
}

/// Nanoseconds of the monotonic clock.
func monotonicNanoseconds() -> Int64 {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Nanoseconds as the milliseconds that poll(2) takes, rounded up.
func milliseconds(_ nanoseconds: Int64) -> Int32 {
    Int32(min(Int64(Int32.max), nanoseconds / 1_000_000 + 1))
}
