import Glibc

/// Writes log lines to files, pipes and terminals from a thread of its own.
///
/// A loop never waits for a log: it hands over batches, and when there is no room they are dropped
/// and counted. A disk that is full, a reader that is slow, a FIFO that nobody reads lose lines and
/// never a request. One destination that is stuck does not hold up another: each has its own share
/// of the queue, and only regular files, where the system does not let one ask, are written to
/// without asking whether that would block.
public final class LogWriter: Sendable {
    /// What the writer may use.
    public struct Limits: Sendable, Equatable {
        /// Bytes waiting for one destination.
        ///
        /// At 200 bytes a line some 20,000 lines.
        public var destinationBytes = 4 << 20
        /// Bytes waiting for all destinations together.
        public var totalBytes = 16 << 20
        /// Destinations open at the same time.
        public var destinations = 256
        /// Nanoseconds between two looks at whether a log's path still names the open file, and
        /// between two tries to open one that could not be.
        public var checkInterval: Int64 = 1_000_000_000

        /// The limits used unless others are named.
        public init() {}
    }

    private let queue: LogQueue

    /// Starts the writer's thread.
    /// - Throws: `LogOpenError.refused` when the system has no descriptor or thread left.
    public init(limits: Limits = Limits()) throws(LogOpenError) {
        let queue = try LogQueue(limits: limits)
        self.queue = queue
        var thread = pthread_t()
        // The thread takes over this reference, or nobody does.
        let reference = unsafe Unmanaged.passRetained(queue)
        let code = unsafe pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                // What `passRetained` made above, taken back exactly once.
                let queue = unsafe Unmanaged<LogQueue>.fromOpaque(argument).takeRetainedValue()
                LogThread(queue: queue).run()
                return nil
            },
            reference.toOpaque()
        )
        guard code == 0 else {
            unsafe reference.release()
            queue.announceEnd()
            throw .refused(path: "thread", code: code)
        }
        _ = pthread_detach(thread)
    }

    deinit {
        // Does not wait: what is queued is still written while the process lives.
        _ = queue.finish(deadline: monotonicNanoseconds())
    }

    /// The destination of a target, opened unless it already is.
    ///
    /// Each call needs its `release`.
    /// - Throws: Why it could not be opened; at load time that is an error in the configuration.
    public func open(_ target: LogTarget) throws(LogOpenError) -> LogDestination {
        try queue.open(target)
    }

    /// Gives a destination back; with its last user it is closed, after what waits for it.
    public func release(_ destination: LogDestination) {
        queue.release(destination)
    }

    /// Hands over lines; drops and counts them when there is no room.
    /// - Parameters:
    ///   - lines: Whole lines, each ending in a line feed.
    ///   - count: How many they are.
    ///   - destination: Where they go.
    public func submit(_ lines: [UInt8], count: Int, to destination: LogDestination) {
        guard !lines.isEmpty else { return }
        queue.submit(LogBatch(destination: destination, bytes: lines, lines: count))
    }

    /// Opens every file anew, as logrotate asks for by SIGUSR1.
    public func reopen() {
        queue.reopen()
    }

    /// What has become of the lines so far.
    public var figures: LogFigures { queue.figures }

    /// Writes what waits, then ends; lines handed over afterwards are dropped and counted.
    /// - Parameter nanoseconds: How long that may take.
    /// - Returns: Whether everything that could be written was, in time.
    public func close(within nanoseconds: Int64) -> Bool {
        queue.finish(deadline: monotonicNanoseconds() + max(0, nanoseconds))
    }
}
