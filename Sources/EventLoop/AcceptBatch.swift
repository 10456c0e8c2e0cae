/// How many connections a listener takes from its queue for one event.
///
/// To ask an empty queue costs 1.6 µs, because the kernel makes the socket before it looks; to be
/// told again that there are more costs a tenth of that. So it is one, and twice as many each time
/// that there are more although the loop has not slept.
struct AcceptBatch {
    /// How many may still be taken.
    private(set) var left = 1
    private var size = 1
    private var sleeps: UInt64 = .max

    /// Begins with an event.
    /// - Parameter sleeps: How often the loop has slept.
    mutating func begin(sleeps: UInt64) {
        let isFollowing = sleeps == self.sleeps && left == 0
        size = isFollowing ? min(size * 2, LoopLimits.acceptsPerTurn) : 1
        left = size
        self.sleeps = sleeps
    }

    /// Counts a connection.
    mutating func take() { left -= 1 }
}
