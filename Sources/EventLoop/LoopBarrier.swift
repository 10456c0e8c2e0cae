import CLinux
import Synchronization

/// Lets a thread that is no loop wait until each of several loops has come to a point.
///
/// One use: what waits may be gone when the last loop arrives, hence a class.
public final class LoopBarrier: Sendable {
    private let missing: Atomic<Int>
    /// eventfd, signalled by whoever arrives last.
    private let event: Int32

    /// Makes one.
    /// - Parameter count: How many have to arrive.
    /// - Throws: The error of `eventfd(2)`.
    public init(_ count: Int) throws(SystemError) {
        missing = Atomic(count)
        event = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard event >= 0 else { throw SystemError.current }
    }

    deinit { close(event) }

    /// One more has come to the point.
    public func arrive() {
        let left = missing.wrappingSubtract(1, ordering: .acquiringAndReleasing)
        if left.newValue == 0 { _ = eventfd_write(event, 1) }
    }

    /// Waits for all of them.
    /// - Parameter nanoseconds: How long.
    /// - Returns: Whether all have arrived.
    public func wait(within nanoseconds: Int64) -> Bool {
        let deadline = gateway_monotonic_nanoseconds() + nanoseconds
        while missing.load(ordering: .acquiring) > 0 {
            let left = deadline - gateway_monotonic_nanoseconds()
            if left <= 0 { return false }
            _ = gateway_wait_two(event, event, Int32(clamping: left / 1_000_000 + 1))
        }
        return true
    }
}
