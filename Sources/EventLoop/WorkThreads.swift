import CLinux
import Synchronization

/// Threads that do what may block, such as reading files, and sleep while there is nothing to do.
///
/// What there is to do their owner keeps, in a queue with a limit; they only ask for it.
public final class WorkThreads: Sendable {
    /// What a thread finds when it asks.
    public enum Work: Sendable {
        /// It has done something: there may be more.
        case more
        /// Nothing to do until somebody calls `signal`.
        case idle
        /// Nothing to do for so many milliseconds.
        case pause(Int32)
    }

    private let event: Int32
    private let never: Int32
    private let isStopping = Atomic<Bool>(false)
    private let threads = Mutex<[LoopThread]>([])

    /// Makes them; none runs before `start`.
    /// - Throws: The error of `eventfd(2)`.
    public init() throws(SystemError) {
        event = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard event >= 0 else { throw SystemError.current }
        never = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard never >= 0 else {
            close(event)
            throw SystemError.current
        }
    }

    deinit {
        close(event)
        close(never)
    }

    /// Starts threads.
    /// - Parameters:
    ///   - count: How many.
    ///   - work: Does one piece of work; called by all of them at once.
    /// - Throws: The system's error; those that run already go on.
    public func start(_ count: Int, _ work: @escaping @Sendable () -> Work) throws(SystemError) {
        for _ in 0..<count {
            let thread = try LoopThread { self.run(work) }
            threads.withLock { $0.append(thread) }
        }
    }

    /// There is something to do.
    public func signal() { _ = eventfd_write(event, 1) }

    /// Ends the threads, each after what it is doing, and waits for them.
    public func stop() {
        isStopping.store(true, ordering: .releasing)
        signal()
        for thread in threads.withLock({ $0 }) { thread.join() }
        threads.withLock { $0.removeAll() }
    }

    private func run(_ work: @Sendable () -> Work) {
        while !isStopping.load(ordering: .acquiring) {
            switch work() {
            case .more: continue
            case .idle: sleep(-1)
            case .pause(let milliseconds): sleep(milliseconds)
            }
        }
        // The others wait for the same event.
        signal()
    }

    private func sleep(_ milliseconds: Int32) {
        guard gateway_wait_two(event, never, milliseconds) > 0 else { return }
        var count: eventfd_t = 0
        // One of several threads takes it; who comes too late looks for work in vain.
        guard unsafe eventfd_read(event, &count) == 0, !isStopping.load(ordering: .acquiring),
            count > 1
        else { return }
        // What was there for others is passed on.
        _ = eventfd_write(event, count - 1)
    }
}
