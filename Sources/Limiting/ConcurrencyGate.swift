/// Who waits for a place: the loop, and a number that is the loop's to understand.
public struct GateTicket: Sendable, Hashable {
    /// The loop's number.
    public let loop: Int
    /// What the loop finds the waiter by.
    public let number: UInt64

    /// Makes a ticket.
    public init(loop: Int, number: UInt64) {
        self.loop = loop
        self.number = number
    }
}

/// What a gate says to who wants to pass.
public enum GateAnswer: Sendable, Equatable {
    /// There is a place: `leave` must follow exactly once.
    case entered
    /// There is none; a place will be handed over, unless `abandon` comes first.
    case queued
    /// There is none, and no room to wait.
    case full
}

/// So many at once, and a queue of those that come next: a place that gets free goes to who has
/// waited longest.
struct ConcurrencyGate: Sendable {
    /// Requests inside.
    private(set) var inside = 0
    /// Those that wait; the first `gone` of them have been served.
    private var queue: [GateTicket] = []
    private var gone = 0

    /// Requests that wait.
    var waiting: Int { queue.count - gone }
    /// Whether nothing of it has to be remembered.
    var isIdle: Bool { inside == 0 && waiting == 0 }

    /// Lets one in, or into the queue.
    mutating func enter(limit: Int, queue room: Int, ticket: GateTicket) -> GateAnswer {
        // Whoever waits was here first.
        if inside < limit && waiting == 0 {
            inside += 1
            return .entered
        }
        guard waiting < room else { return .full }
        queue.append(ticket)
        return .queued
    }

    /// Lets one out.
    /// - Returns: Who has the place now, if anybody waits and the limit still has room.
    mutating func leave(limit: Int) -> GateTicket? {
        inside = max(0, inside - 1)
        return admitNext(limit: limit)
    }

    /// Gives a place to who has waited longest, if there is one.
    mutating func admitNext(limit: Int) -> GateTicket? {
        guard inside < limit, gone < queue.count else { return nil }
        let next = queue[gone]
        gone += 1
        // The served ones are cut off when they are half of the array: constant time on average.
        if gone * 2 >= queue.count {
            queue.removeFirst(gone)
            gone = 0
        }
        inside += 1
        return next
    }

    /// Takes one out of the queue.
    /// - Returns: False when it has a place already, which it then has to leave.
    mutating func abandon(_ ticket: GateTicket) -> Bool {
        guard let index = queue[gone...].firstIndex(of: ticket) else { return false }
        queue.remove(at: index)
        return true
    }
}
