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
    /// Signalled by each that ends.
    private let ended: Int32
    private let isStopping = Atomic<Bool>(false)
    private let running = Atomic<Int>(0)
    private let threads = Mutex<[LoopThread]>([])

    /// Makes them; none runs before `start`.
    /// - Throws: The error of `eventfd(2)`.
    public init() throws(SystemError) {
        event = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard event >= 0 else { throw SystemError.current }
        ended = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard ended >= 0 else {
            close(event)
            throw SystemError.current
        }
    }

    deinit {
        close(event)
        close(ended)
    }

    /// Starts threads.
    /// - Parameters:
    ///   - count: How many.
    ///   - work: Does one piece of work; called by all of them at once.
    /// - Throws: The system's error; those that run already go on.
    public func start(_ count: Int, _ work: @escaping @Sendable () -> Work) throws(SystemError) {
        for _ in 0..<count {
            running.wrappingAdd(1, ordering: .relaxed)
            let thread: LoopThread
            do {
                thread = try LoopThread { self.run(work) }
            } catch {
                running.wrappingSubtract(1, ordering: .relaxed)
                throw error
            }
            threads.withLock { $0.append(thread) }
        }
    }

    /// There is something to do.
    public func signal() { _ = eventfd_write(event, 1) }

    /// Ends the threads, each after what it is doing, and waits for them.
    /// - Parameter nanoseconds: How long; one that hangs in a call is left to end with the process.
    /// - Returns: Whether all have ended.
    public func stop(within nanoseconds: Int64) -> Bool {
        isStopping.store(true, ordering: .releasing)
        signal()
        let deadline = gateway_monotonic_nanoseconds() + nanoseconds
        while running.load(ordering: .acquiring) > 0 {
            let left = deadline - gateway_monotonic_nanoseconds()
            if left <= 0 { return false }
            _ = gateway_wait_two(ended, ended, Int32(clamping: left / 1_000_000 + 1))
            var count: eventfd_t = 0
            // Whatever it says: the number of those that run is what counts.
            _ = unsafe eventfd_read(ended, &count)
        }
        for thread in threads.withLock({ $0 }) { thread.join() }
        threads.withLock { $0.removeAll() }
        return true
    }

    /// Lets the threads go on until `end`, and nobody wait for them any more.
    public func detach() {
        let all = threads.withLock { threads in
            defer { threads.removeAll() }
            return threads
        }
        for thread in all { thread.detach() }
    }

    /// Ends the threads, each after what it is doing, without waiting for them.
    public func end() {
        isStopping.store(true, ordering: .releasing)
        signal()
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
        running.wrappingSubtract(1, ordering: .releasing)
        _ = eventfd_write(ended, 1)
    }

    private func sleep(_ milliseconds: Int32) {
        guard gateway_wait_two(event, event, milliseconds) > 0 else { return }
        var count: eventfd_t = 0
        // One of several threads takes it; who comes too late looks for work in vain.
        guard unsafe eventfd_read(event, &count) == 0, !isStopping.load(ordering: .acquiring),
            count > 1
        else { return }
        // What was there for others is passed on.
        _ = eventfd_write(event, count - 1)
    }
}
