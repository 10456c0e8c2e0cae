import Synchronization

/// The gate of one upstream with `concurrency=auto`, shared by all loops.
public final class AdaptiveGate: Sendable {
    private struct State: Sendable {
        var gate = ConcurrencyGate()
        var adaptive = AdaptiveLimit()
        var figures = ConcurrencyFigures()
    }
    private let state = Mutex(State())

    /// Requests that wait for each place there is: more would wait longer than they are worth.
    static let queueFactor = 4
    /// Requests that may wait in any case, such as while a probe lets few in.
    static let leastQueue = 64

    /// Makes a gate that has seen no request yet.
    public init() {}

    /// Lets a request in, or into the queue.
    public func enter(ticket: GateTicket) -> GateAnswer {
        state.withLock { state in
            let room = Int(state.adaptive.estimate) * AdaptiveGate.queueFactor
            let answer = state.gate.enter(
                limit: state.adaptive.limit,
                queue: max(AdaptiveGate.leastQueue, room),
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

    /// What became of a request that was inside.
    public enum Outcome: Sendable {
        /// The head of its response came after so many nanoseconds.
        case answered(latency: Int64)
        /// The server was overloaded, or gone.
        case failed
        /// It says nothing about the server: its client left.
        case unknown
    }

    /// Lets a request out.
    /// - Parameters:
    ///   - outcome: What became of it.
    ///   - now: Monotonic nanoseconds.
    /// - Returns: Who has a place now; as the limit may have grown, they can be several.
    public func leave(_ outcome: Outcome, now: Int64) -> [GateTicket] {
        state.withLock { state in
            switch outcome {
            case .answered(let latency):
                state.adaptive.record(latency: latency, inFlight: state.gate.inside, now: now)
            case .failed: state.adaptive.recordOverload()
            case .unknown: break
            }
            let limit = state.adaptive.limit
            var next: [GateTicket] = []
            if let first = state.gate.leave(limit: limit) {
                next.append(first)
                while let more = state.gate.admitNext(limit: limit) { next.append(more) }
            }
            state.figures.entered &+= UInt64(next.count)
            return next
        }
    }

    /// Takes a request out of the queue whose wait is over.
    /// - Returns: False when it has been given a place meanwhile.
    public func abandon(ticket: GateTicket) -> Bool {
        state.withLock { state in
            let wasWaiting = state.gate.abandon(ticket)
            if wasWaiting { state.figures.timedOut &+= 1 }
            return wasWaiting
        }
    }

    /// Requests that may be inside now.
    public var limit: Int { state.withLock { $0.adaptive.limit } }

    /// What goes on in it.
    public var figures: ConcurrencyFigures {
        state.withLock { state in
            var figures = state.figures
            figures.inside = state.gate.inside
            figures.waiting = state.gate.waiting
            return figures
        }
    }
}
