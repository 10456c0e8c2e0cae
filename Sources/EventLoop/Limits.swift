import CLinux

/// Every bound of the event loop, in one place, each with its unit and its reason.
public enum LoopLimits {
    /// Jobs run between two looks at the sockets.
    ///
    /// Past it a chain of jobs that keep waking each other would starve I/O and timers.
    public static let jobsPerTurn = 4096
    /// Rounds of jobs between two looks at the sockets: a task that yields comes back in the next
    /// round, so that a few connections which always have something to do would otherwise keep
    /// the loop from all others for `jobsPerTurn` of their jobs.
    public static let roundsPerTurn = 8
    /// Bytes that one `SplicePump.step` moves at most before it asks for a turn.
    public static let splicedPerTurn = 8 << 20
    /// Events taken from the kernel in one call: 12 bytes each, and a batch larger than this only
    /// delays the first of its connections.
    public static let eventsPerPoll = Int(GATEWAY_EVENTS_PER_POLL)
    /// Nanoseconds in one tick of the timer wheel: what a deadline may be late by.
    public static let tickNanoseconds: Int64 = 8_000_000
    /// Slots of the timer wheel, a power of two: one turn is 8.2 s, so most deadlines (2 s to 60 s)
    /// are looked at a few times and none is searched for.
    public static let wheelSlots = 1024
    /// The longest single sleep in `epoll_wait`, in milliseconds.
    public static let longestSleepMilliseconds: Int32 = 10_000
    /// How long a connection without a byte waits to be accepted, in seconds.
    static let acceptDelaySeconds: Int32 = 1
    /// Connections that a listener accepts in one turn at most.
    static let acceptsPerTurn = 64
    /// Nanoseconds from which on a call for events has slept: one that finds some takes 2,000.
    static let sleepNanoseconds: Int64 = 20_000
    /// Nanoseconds that each event may add to that, when caches are cold.
    static let eventNanoseconds: Int64 = 500
    /// How long accepting pauses when the process has run out of descriptors, in nanoseconds.
    public static let acceptPauseNanoseconds: Int64 = 100_000_000
    /// Pending connections the kernel keeps for a listener (it caps this at net.core.somaxconn).
    public static let listenBacklog: Int32 = 4096
    /// A buffer's size when a message starts, in bytes.
    public static let smallBuffer = 16 * 1024
    /// A buffer's size at most, while a body flows, in bytes.
    ///
    /// Measured in DESIGN.md §2.
    public static let largeBuffer = 256 * 1024
    /// Milliseconds between two looks at watched files, where inotify says nothing.
    static let fileLookMilliseconds: Int32 = 60_000
    /// Milliseconds without a change after which changed files are taken for complete.
    static let fileSettleMilliseconds: Int32 = 300
    /// Milliseconds after which files that could not be used are tried again, before anything is
    /// said: a pair may be replaced in two steps.
    static let fileRetryMilliseconds: Int32 = 5_000
    /// Changes in a row that postpone the look at watched files.
    static let filePostponements = 64
    /// Bytes of encrypted records handed to the kernel in one call at most.
    ///
    /// Eight records: more would leave the processor's cache, fewer cost more calls.
    public static let tlsFlight = 128 * 1024
    /// The same for a connection that begins, or whose peer takes less than it is given.
    static let tlsFirstFlight = 16 * 1024
    /// Bytes of ciphertext that a peer may leave untaken while it is still read from.
    ///
    /// A flight with its overhead fits; more than that are answers that it does not take.
    public static let tlsBacklog = 256 * 1024
    /// Bytes of ciphertext received in one read, past which no more is.
    ///
    /// A peer may renew its keys in every record, which takes 13 µs each and brings nothing. A
    /// record of content is smaller.
    static let tlsBytesPerRead = 64 * 1024
    /// The same where only a look is taken: receives.
    static let tlsReceivesPerLook = 4
    /// Buffers kept for reuse by one loop: 4 MiB at most, enough for the requests in flight.
    public static let pooledBuffers = 256
    /// The same of buffers that have grown: 2 MiB at most.
    ///
    /// One is in use at a time, but where a client does not take everything at once.
    public static let pooledGrownBuffers = 8
    /// Pipes for `splice(2)` kept for reuse by one loop: two descriptors and up to 1 MiB of kernel
    /// memory each, only while in use.
    public static let pooledPipes = 32
    /// What a splice pipe is asked to hold, in bytes; the kernel's default limit for users.
    public static let pipeCapacity: Int32 = 1 << 20
    /// Bytes one direction of an in-memory stream holds before its writer waits.
    public static let memoryStreamCapacity = 64 * 1024
}
