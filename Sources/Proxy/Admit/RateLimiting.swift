import Addressing
import Bytes
import Configuration
import EventLoop
import HTTP
import HTTP1
import Limiting
import Telemetry

/// Rate limits and limits of requests at once.
extension Exchange {
    /// Asks every limit of the route; all have to let the request through.
    mutating func passLimits(_ limits: RouteLimits) async throws(Failure) {
        let turn = beginTurn(limits)
        if !limits.rates.isEmpty {
            if let shared = context.shared {
                try collect(limits, turn)
                try await takeShared(turn, shared)
                if context.isSampled() { noteHotSample(turn) }
            } else {
                try takeAll(limits, turn)
            }
        }
        if !limits.gates.isEmpty { try await passGates(limits, turn) }
    }

    /// Asks the limits of a route that has nothing to wait for.
    mutating func passRates(_ limits: RouteLimits) throws(Failure) {
        let turn = beginTurn(limits)
        if !limits.rates.isEmpty { try takeAll(limits, turn) }
    }

    private mutating func beginTurn(_ limits: RouteLimits) -> LimitTurn {
        let turn = spareTurn.take() ?? LimitTurn()
        turn.begin(limits)
        self.limits = turn
        return turn
    }

    /// Finds out what is to be taken from which limit.
    private mutating func collect(_ limits: RouteLimits, _ turn: LimitTurn) throws(Failure) {
        for runtime in limits.rates {
            guard let key = try key(for: runtime, turn), let rate = runtime.rate(for: key) else {
                continue
            }
            turn.taken.append(LimitTurn.Taken(runtime, key, rate))
        }
    }

    /// Takes from every limit of the route, by the tables that the loops share.
    private mutating func takeAll(_ limits: RouteLimits, _ turn: LimitTurn) throws(Failure) {
        let now = context.reactor.now
        for runtime in limits.rates {
            let key: LimitKey?
            do throws(Failure) { key = try self.key(for: runtime, turn) } catch {
                turn.refund()
                throw error
            }
            guard let key, let rate = runtime.rate(for: key) else { continue }
            try take(LimitTurn.Taken(runtime, key, rate), of: runtime, turn, now: now)
        }
        if context.isSampled() { noteHotSample(turn) }
    }

    /// Takes what was collected from the tables that the loops share.
    mutating func takeLocally(_ turn: LimitTurn) throws(Failure) {
        let collected = turn.taken
        turn.taken.removeAll(keepingCapacity: true)
        for entry in collected {
            try take(entry, of: entry.runtime, turn, now: context.reactor.now)
        }
    }

    /// Takes from one limit, or gives back what the ones before it gave.
    private mutating func take(
        _ entry: LimitTurn.Taken,
        of runtime: LimitRuntime,
        _ turn: LimitTurn,
        now: Int64
    ) throws(Failure) {
        let decision = runtime.table.take(
            entry.key,
            cost: entry.cost,
            entry.rate,
            now: now,
            observing: runtime.observes
        )
        if decision.isAllowed {
            if !runtime.observes { turn.note(entry, decision) }
            turn.taken.append(entry)
            return
        }
        noteHot(entry, isAllowed: false)
        // Nothing was taken, so nothing is to be settled.
        if runtime.observes { return }
        turn.refund()
        turn.note(entry, decision)
        throw limited(by: entry, decision)
    }

    /// The key that a limit counts the request by; nil when it does not hold for it.
    mutating func key(for runtime: LimitRuntime, _ turn: LimitTurn)
        throws(Failure) -> LimitKey?
    {
        if !runtime.takesAllMethods,
            !runtime.limit.methods.contains(MethodSet(request.method))
        {
            return nil
        }
        if runtime.hasAllowed, let address = client.address,
            runtime.limit.allowed.contains(address)
        {
            return nil
        }
        if runtime.recipe.isPlainAddress, let address = client.address {
            return turn.key(of: address, runtime.secret)
        }
        switch countingKey(runtime.recipe, runtime.secret) {
        case .key(let key): return key
        case .ignored: return nil
        case .refused:
            if runtime.limit.observes { return nil }
            throw .refused(.limitKeyMissing)
        }
    }

    func limited(by entry: LimitTurn.Taken, _ decision: LimitDecision) -> Failure {
        var failure = Failure(
            status: entry.runtime.limit.status,
            reason: .refused(.rateLimited)
        )
        if decision.isPossible {
            failure.retryAfter = max(1, LimitRuntime.seconds(decision.retryAfter))
        }
        failure.policy = entry.runtime
        return failure
    }

    // MARK: Requests at once

    private mutating func passGates(_ limits: RouteLimits, _ turn: LimitTurn)
        async throws(Failure)
    {
        do throws(Failure) {
            for gate in limits.gates { try await pass(gate, turn) }
        } catch {
            giveBack(turn)
            throw error
        }
    }

    private mutating func pass(_ gate: GateRuntime, _ turn: LimitTurn) async throws(Failure) {
        let key: LimitKey
        if gate.recipe.parts.isEmpty {
            key = LimitKey(high: 0, low: 0)
        } else {
            switch countingKey(gate.recipe, gate.secret) {
            case .key(let found): key = found
            case .ignored: return
            case .refused: throw .refused(.limitKeyMissing)
            }
        }
        let ticket = context.makeTicket()
        switch gate.table.enter(key, ticket: ticket) {
        case .entered: break
        case .full: throw .busyGate
        case .queued:
            let deadline = context.reactor.now + gate.limit.wait
            let wait = await waitForPlace(ticket, until: deadline)
            if wait != .admitted, gate.table.abandon(key, ticket: ticket) {
                throw wait == .clientGone ? .clientGone : .busyGate
            }
        }
        turn.held.append(LimitTurn.Held(gate: gate, key: key))
    }

    /// How a wait for a place ended.
    enum PlaceWait { case admitted, timedOut, clientGone }

    /// Waits until a place is handed over, the time is over, or the client leaves.
    mutating func waitForPlace(_ ticket: GateTicket, until deadline: Int64) async -> PlaceWait {
        let waiter = GateWaiter(gathering)
        context.waiters[ticket.number] = waiter
        let stream = connection.stream
        stream.gather(at: gathering)
        defer {
            stream.gather(at: nil)
            context.waiters[ticket.number] = nil
        }
        var end = deadline
        while !waiter.isAdmitted {
            if stream.isBroken { return .clientGone }
            // Who has only ended its side may still wait for the response, but not for long.
            if stream.peerHasClosed {
                end = min(end, context.reactor.now + ProxyLimits.halfCloseGrace)
            }
            guard (try? stream.watch()) != nil else { return .clientGone }
            switch await gathering.wait(until: end) {
            case .ready: continue
            case .cancelled: return waiter.isAdmitted ? .admitted : .clientGone
            case .timedOut:
                if waiter.isAdmitted { return .admitted }
                return stream.peerHasClosed ? .clientGone : .timedOut
            }
        }
        return .admitted
    }

    // MARK: The end

    /// Settles what is known only now, and gives the places back.
    mutating func leaveLimits() {
        guard let turn = limits.take() else { return }
        turn.settle(status: status, now: context.reactor.now, shared: context.shared)
        for held in turn.held {
            if let next = held.gate.table.leave(held.key) { context.admit(next) }
        }
        turn.removeAll()
        spareTurn = turn
    }
}

extension Failure {
    /// Too many requests at once, and no more room to wait.
    static let busyGate = Failure(
        status: 503,
        reason: .refused(.concurrencyLimited),
        retryAfter: ProxyLimits.retryAfterSeconds
    )
}
