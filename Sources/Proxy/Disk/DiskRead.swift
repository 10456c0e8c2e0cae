import Caching
import HTTP
import Synchronization

/// Something that is asked of the disk, and those that wait for it, on any loop.
final class DiskRead: Sendable {
    private struct Waiter: Sendable {
        let list: WakeList
        let number: UInt64
    }

    private struct State: Sendable {
        var isDone = false
        /// What memory was told meanwhile is newer.
        var isDoomed = false
        var waiters: [Waiter] = []
        var found: CachedResponse?
    }

    let key: [UInt8]
    let hash: DiskKey
    /// What the response must fit: of the request that came first.
    let request: FieldSection
    private let state = Mutex(State())

    init(key: [UInt8], hash: DiskKey, request: FieldSection) {
        self.key = key
        self.hash = hash
        self.request = request
    }

    /// Registers a waiter; it gets news once.
    func join(_ list: WakeList, number: UInt64) {
        let isDone = state.withLock { state in
            if !state.isDone { state.waiters.append(Waiter(list: list, number: number)) }
            return state.isDone
        }
        if isDone { list.post(number) }
    }

    /// Ends that.
    func leave(_ number: UInt64, _ list: WakeList) {
        state.withLock { $0.waiters.removeAll { $0.number == number && $0.list === list } }
    }

    var isDone: Bool { state.withLock { $0.isDone } }

    /// What was found; nil: nothing.
    var found: CachedResponse? { state.withLock { $0.found } }

    var isDoomed: Bool { state.withLock { $0.isDoomed } }

    func doom() { state.withLock { $0.isDoomed = true } }

    /// It is over.
    func finish(_ found: CachedResponse?) {
        let waiters = state.withLock { state in
            state.isDone = true
            state.found = found
            let waiters = state.waiters
            state.waiters = []
            return waiters
        }
        for waiter in waiters { waiter.list.post(waiter.number) }
    }
}

/// A queue; what is taken out leaves no hole for long.
struct Queue<Element> {
    private var items: [Element?] = []
    private var start = 0

    var count: Int { items.count - start }
    var isEmpty: Bool { count == 0 }
    var first: Element? { isEmpty ? nil : items[start] }
    /// What is in it, in its order.
    var all: some Sequence<Element> { items[start...].lazy.compactMap { $0 } }

    mutating func append(_ element: Element) { items.append(element) }

    mutating func popFirst() -> Element? {
        guard start < items.count else { return nil }
        let first = items[start]
        items[start] = nil
        start += 1
        if start > 64, start * 2 > items.count {
            items.removeFirst(start)
            start = 0
        }
        return first
    }

    /// Puts something back that is to be tried again.
    mutating func prepend(_ element: Element) {
        if start > 0 {
            start -= 1
            items[start] = element
        } else {
            items.insert(element, at: 0)
        }
    }
}

extension Queue: Sendable where Element: Sendable {}
