import Synchronization

/// Which handshakes with early data have been seen lately, so that none is taken twice.
///
/// Whoever recorded a ClientHello and what followed it can send it again, and a stateless ticket
/// does not remember. But OpenSSL takes early data only while the age that the client gives its
/// ticket fits, which is for about ten seconds (and has verified the binder by then), so that is as
/// long as anybody has to remember. A register belongs to the ticket keys: what other keys have
/// encrypted, as before a restart, is no ticket here.
///
/// Source: RFC 8446 §8.2, §8.3.
final class StrikeRegister: Sendable {
    /// What tells ClientHellos apart: the first half of the client's random bytes.
    ///
    /// A chance collision costs a client a round trip.
    struct Mark: Hashable, Sendable {
        let high: UInt64
        let low: UInt64
    }

    /// What is known of a handshake.
    enum Verdict: Sendable {
        /// It has not been seen, and is remembered now.
        case new
        /// It has been seen.
        case seen
        /// No more can be remembered, so nobody knows.
        case full
    }

    private struct State {
        var current: Set<Mark> = []
        var before: Set<Mark> = []
        /// When `current` was begun, Unix seconds.
        var begun: Int64 = 0
    }

    private let state = Mutex(State())
    private let capacity: Int

    /// Starts empty.
    /// - Parameter capacity: Handshakes remembered for each period.
    init(capacity: Int = TLSLimits.strikes) { self.capacity = capacity }

    /// Looks a handshake up, and remembers it for at least one period.
    /// - Parameters:
    ///   - mark: What it is told by.
    ///   - now: Unix seconds.
    /// - Returns: Whether it has been seen.
    func note(_ mark: Mark, now: Int64) -> Verdict {
        state.withLock { state in
            // A clock that goes back lengthens the time that is remembered, never shortens it.
            let age = now &- state.begun
            if age >= TLSLimits.strikePeriod {
                state.before = age >= 2 * TLSLimits.strikePeriod ? [] : state.current
                state.current = []
                state.begun = now
            }
            if state.current.contains(mark) || state.before.contains(mark) { return .seen }
            guard state.current.count < capacity else { return .full }
            state.current.insert(mark)
            return .new
        }
    }
}
