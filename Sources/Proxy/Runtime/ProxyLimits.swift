/// Every bound of the proxy that the configuration does not set, in one place, with unit and
/// reason.
enum ProxyLimits {
    /// Bytes of one direction of an exchange that wait in memory at most.
    static let pendingBytes = 256 * 1024
    /// A body with at least this many bytes to come goes by `splice(2)`: below it, the pipe's own
    /// system calls cost more than the copies they save.
    static let spliceThreshold = 64 * 1024
    /// Nanoseconds that a reload waits for the loops at most before it is called done.
    static let adoption: Int64 = 5_000_000_000
    /// Nanoseconds that a start or a reload waits for the first answers to new names at most: what
    /// comes later is taken in then.
    static let firstLookups: Int64 = 3_000_000_000
    /// Nanoseconds that a changed file which cannot be used is not spoken of: a pair may be
    /// replaced in two steps.
    static let fileGrace: Int64 = 5_000_000_000
    /// Nanoseconds after which a connection without a request gives up its task and is parked.
    static let parkAfter: Int64 = 1_000_000_000
    /// Connections of one loop that wait for a request with a task of their own; past it they are
    /// parked at once, so that a task's few kilobytes are used by the next connection and not left
    /// behind as holes between those that stay.
    static let warmConnections = 512
    /// Tasks of one loop that have no connection to serve and wait for the next one: making a task
    /// anew costs some six allocations.
    static let idleServers = 64
    /// Nanoseconds that such a task waits before it ends.
    static let idleServerTime: Int64 = 1_000_000_000
    /// Nanoseconds of waiting for a response after which the client's leaving is watched for: most
    /// responses come sooner and need no second registration.
    static let watchClientAfter: Int64 = 50_000_000
    /// Nanoseconds that a client which has ended its side of the connection still gets to receive a
    /// response: one that closed altogether looks the same, and holds an app's worker for nothing.
    static let halfCloseGrace: Int64 = 1_000_000_000
    /// Nanoseconds that a connection lingers after an error so that the response is not lost.
    static let lingerTime: Int64 = 2_000_000_000
    /// Bytes read and dropped while a connection lingers.
    static let lingerBytes = 1 << 20
    /// Interim responses that one response may be preceded by.
    static let interimResponses = 8
    /// Bytes of one PROXY protocol header read ahead at most.
    static let proxyHeaderBytes = 4096
    /// Nanoseconds between two rounds of a loop's housekeeping.
    static let housekeepingInterval: Int64 = 100_000_000
    /// Rounds of housekeeping from one look at the files of rates to the next: a second.
    static let ratesRounds = 10
    /// Bytes of a request id taken over from a trusted peer at most.
    static let requestIDBytes = 128
    /// Open tunnels hold this many bytes in each direction at most.
    static let tunnelBuffer = 64 * 1024
    /// Requests to the metrics listener answered at once; a scraper needs one or two.
    static let scrapes = 16
    /// Bytes that one direction of an exchange moves in a row at most, and rounds that a tunnel
    /// makes, before the loop's other connections get a turn: two fast ends may never make it wait.
    static let bytesPerTurn = 4 << 20
    static let roundsPerTurn = 64
    /// Refreshes of stored responses that wait to be started in one loop.
    static let refreshes = 256
    /// Stored contents that one loop compresses at the same time, a few tenths of a millisecond
    /// each in every round of its jobs; who wants another one gets it as it is.
    static let codings = 2
    /// Bytes of a stored content that are compressed in one go, and in one turn of a larger one: at
    /// the level of what is sent often, brotli takes some 0.3 ms for them.
    static let codedPerTurn = 4 * 1024
    /// TLS handshakes begun in one turn of the loop: some 300 µs each, so that the connections
    /// which are established wait little more than a millisecond.
    static let handshakesPerTurn = 4
    /// Seconds named in Retry-After when nothing better is known.
    static let retryAfterSeconds = 1
}
