import Synchronization

/// So many requests at once for each key, over all loops.
///
/// Bounded by itself: a key is remembered only while a request of it is inside or waits.
public final class ConcurrencyTable: Sendable {
    /// Requests inside at most, for each key.
    public let limit: Int
    /// Requests that wait at most, for each key.
    public let queue: Int
    private let shards: [Shard]

    private static let shardCount = 16

    private struct Gates: Sendable {
        var gates: [LimitKey: ConcurrencyGate] = [:]
        var figures = ConcurrencyFigures()
    }

    private final class Shard: Sendable {
        let state = Mutex(Gates())
    }

    /// Makes a table in which nobody is.
    public init(limit: Int, queue: Int) {
        self.limit = max(1, limit)
        self.queue = max(0, queue)
        shards = (0..<ConcurrencyTable.shardCount).map { _ in Shard() }
    }

    /// Lets a request in, or into the queue.
    public func enter(_ key: LimitKey, ticket: GateTicket) -> GateAnswer {
        shard(of: key).state.withLock { state in
            let answer = state.gates[key, default: ConcurrencyGate()].enter(
                limit: limit,
                queue: queue,
                ticket: ticket
            )
            switch answer {
            case .entered: state.figures.entered &+= 1
            case .queued: state.figures.queued &+= 1
            case .full: state.figures.refused &+= 1
            }
            return answer
        }
    }

    /// Lets a request out.
    /// - Returns: Who has its place now.
    public func leave(_ key: LimitKey) -> GateTicket? {
        shard(of: key).state.withLock { state in
            guard var gate = state.gates.removeValue(forKey: key) else { return nil }
            let next = gate.leave(limit: limit)
            if next != nil { state.figures.entered &+= 1 }
            if !gate.isIdle { state.gates[key] = gate }
            return next
        }
    }

    /// Takes a request out of the queue whose wait is over.
    /// - Returns: False when it has been given a place meanwhile.
    public func abandon(_ key: LimitKey, ticket: GateTicket) -> Bool {
        shard(of: key).state.withLock { state in
            guard state.gates[key]?.abandon(ticket) ?? false else { return false }
            state.figures.timedOut &+= 1
            if state.gates[key]?.isIdle ?? false { state.gates[key] = nil }
            return true
        }
    }

    /// What goes on in it.
    public var figures: ConcurrencyFigures {
        var sum = ConcurrencyFigures()
        for shard in shards {
            shard.state.withLock { state in
                sum.entered &+= state.figures.entered
                sum.queued &+= state.figures.queued
                sum.refused &+= state.figures.refused
                sum.timedOut &+= state.figures.timedOut
                for gate in state.gates.values {
                    sum.inside += gate.inside
                    sum.waiting += gate.waiting
                }
            }
        }
        return sum
    }

    private func shard(of key: LimitKey) -> Shard {
        shards[Int(truncatingIfNeeded: key.high) & (ConcurrencyTable.shardCount - 1)]
    }
}

/// What a limit of concurrent requests has done, and who is in it now.
public struct ConcurrencyFigures: Sendable, Equatable {
    /// Requests that got a place, at once or after a wait.
    public var entered: UInt64 = 0
    /// Requests that had to wait.
    public var queued: UInt64 = 0
    /// Requests for which there was no room to wait.
    public var refused: UInt64 = 0
    /// Requests that gave up waiting.
    public var timedOut: UInt64 = 0
    /// Requests inside now.
    public var inside = 0
    /// Requests that wait now.
    public var waiting = 0

    /// Figures of a table in which nobody was.
    public init() {}
}
