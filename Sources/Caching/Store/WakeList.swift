import Synchronization

/// What one loop is to be told by others: numbers of its waiters that have news.
///
/// A loop's wait points are its own, so a fetch on another loop leaves the waiter's number here and
/// wakes the loop, which wakes the waiter itself.
package final class WakeList: Sendable {
    private let numbers = Mutex<[UInt64]>([])
    private let flag = Atomic<Bool>(false)
    private let signal: @Sendable () -> Void

    /// Makes the list of a loop.
    ///
    /// `signal`: Wakes the loop out of its sleep; called from any thread.
    package init(signal: @escaping @Sendable () -> Void) { self.signal = signal }

    /// Whether somebody has news.
    package var hasNews: Bool { flag.load(ordering: .acquiring) }

    /// Leaves a number.
    package func post(_ number: UInt64) {
        numbers.withLock { $0.append(number) }
        if !flag.exchange(true, ordering: .acquiringAndReleasing) { signal() }
    }

    /// Takes all numbers.
    package func take() -> [UInt64] {
        flag.store(false, ordering: .releasing)
        return numbers.withLock { numbers in
            let taken = numbers
            numbers.removeAll(keepingCapacity: true)
            return taken
        }
    }
}
