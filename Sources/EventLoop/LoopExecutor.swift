import CLinux
import Synchronization

/// The queue of one event loop: the executor of its actor.
///
/// A job enqueued from the loop's own thread, which is nearly every job, goes to a plain array. One
/// from elsewhere goes through a lock and an eventfd that wakes the loop.
///
/// It can be a task's preference as well, for tasks that call what runs on no actor, as tests do.
/// The path of a request stays within the actor, which costs less.
public final class LoopExecutor: SerialExecutor, TaskExecutor {
    private struct Foreign {
        var jobs: [UnownedJob] = []
        var signalled = false
    }

    private let foreign = Mutex(Foreign())
    private let thread = Atomic<UInt>(0)
    private let stopping = Atomic<Bool>(false)
    /// Jobs that ran, for the metrics; written by the loop's thread only, read by any.
    private let jobCount = Atomic<UInt64>(0)
    /// Written to wake the loop out of `epoll_wait`; -1 in a simulation, where one thread does all.
    let wakeDescriptor: Int32
    // Touched only by the thread that `bind` recorded, which `enqueue` compares before it gets
    // here.
    nonisolated(unsafe) private var local: [UnownedJob] = []
    // As `local`: only `drain`, on the loop's thread, touches it.
    nonisolated(unsafe) private var batch: [UnownedJob] = []
    // As `local`: set by a job, read by `drain`.
    nonisolated(unsafe) private var endsTurn = false

    /// Makes the executor of a loop.
    /// - Parameter simulated: Whether one thread runs everything, so that no eventfd is needed.
    /// - Throws: The error of `eventfd(2)`.
    public init(simulated: Bool = false) throws(SystemError) {
        if simulated {
            wakeDescriptor = -1
        } else {
            wakeDescriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
            guard wakeDescriptor >= 0 else { throw SystemError.current }
        }
    }

    deinit {
        if wakeDescriptor >= 0 { close(wakeDescriptor) }
    }

    /// Makes the calling thread the loop's own.
    public func bind() {
        thread.store(UInt(pthread_self()), ordering: .releasing)
    }

    /// Whether the calling thread is the loop's own.
    public var isCurrent: Bool {
        thread.load(ordering: .relaxed) == UInt(pthread_self())
    }

    /// Jobs run since the start.
    public var jobsRun: UInt64 { jobCount.load(ordering: .relaxed) }

    /// Takes a job to run on the loop's thread.
    public func enqueue(_ job: consuming ExecutorJob) {
        enqueue(UnownedJob(job))
    }

    /// Takes a job that a wait point has held.
    public func enqueue(_ job: UnownedJob) {
        if isCurrent {
            unsafe local.append(job)
            return
        }
        let mustSignal = foreign.withLock { foreign in
            foreign.jobs.append(job)
            defer { foreign.signalled = true }
            return !foreign.signalled
        }
        if mustSignal { wake() }
    }

    /// The actor's executor.
    public func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        unsafe UnownedSerialExecutor(ordinary: self)
    }

    /// Traps unless the calling thread is the loop's own: what `assumeIsolated` asks.
    public func checkIsolated() {
        precondition(isCurrent, "event loop entered from a foreign thread")
    }

    /// Whether the calling thread is the loop's own, without a trap.
    public func isIsolatingCurrentContext() -> Bool? { isCurrent }

    /// Wakes the loop out of its sleep; safe from any thread and from a signal handler.
    public func wake() {
        guard wakeDescriptor >= 0 else { return }
        _ = eventfd_write(wakeDescriptor, 1)
    }

    /// Ends `run` after the current turn; safe from any thread.
    public func stop() {
        stopping.store(true, ordering: .releasing)
        wake()
    }

    /// Runs jobs until none is left or the turn is over.
    /// - Returns: Whether jobs are left, so the caller must not sleep.
    public func drain() -> Bool {
        var count = 0
        var rounds = 0
        repeat {
            rounds += 1
            takeForeign()
            if unsafe local.isEmpty { break }
            unsafe swap(&local, &batch)
            count += unsafe batch.count
            for job in unsafe batch {
                unsafe job.runSynchronously(on: asUnownedSerialExecutor())
            }
            unsafe batch.removeAll(keepingCapacity: true)
        } while unsafe count < LoopLimits.jobsPerTurn && rounds < LoopLimits.roundsPerTurn
            && !endsTurn
        unsafe endsTurn = false
        jobCount.store(jobCount.load(ordering: .relaxed) &+ UInt64(count), ordering: .relaxed)
        return unsafe !local.isEmpty
    }

    /// Lets the loop look at its sockets once the jobs of this round have run; from the loop's own
    /// thread only.
    func endTurn() { unsafe endsTurn = true }

    /// Runs the loop on the calling thread until `stop`.
    /// - Parameter poll: Looks at sockets and timers; told whether it must not sleep.
    public func run(poll: (_ mustNotSleep: Bool) -> Void) {
        bind()
        while !stopping.load(ordering: .acquiring) {
            let busy = drain()
            poll(busy)
        }
        _ = drain()
    }

    private func takeForeign() {
        // The flag is only a hint read without the lock held for long; the list decides.
        foreign.withLock { foreign in
            guard foreign.signalled else { return }
            foreign.signalled = false
            unsafe local.append(contentsOf: foreign.jobs)
            foreign.jobs.removeAll(keepingCapacity: true)
        }
    }
}
