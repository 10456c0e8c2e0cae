/// How many connections a listener takes from its queue for one event.
///
/// To ask an empty queue costs 1.6 µs, because the kernel makes the socket before it looks; to be
/// told again that there are more costs a tenth of that. So it is one, and twice as many each time
/// that the loop finds more at once.
struct AcceptBatch {
    /// How many may still be taken.
    private(set) var left = 1
    private var size = 1
    private var turn: UInt64 = 0

    /// Begins with an event.
    /// - Parameters:
    ///   - turn: The number of the loop's turn.
    ///   - waited: Whether the loop has waited for its events.
    mutating func begin(turn: UInt64, waited: Bool) {
        let isFollowing = turn == self.turn &+ 1 && left == 0 && !waited
        size = isFollowing ? min(size * 2, LoopLimits.acceptsPerTurn) : 1
        left = size
        self.turn = turn
    }

    /// Counts a connection.
    mutating func take() { left -= 1 }
}
