import Bytes
import Configuration
import EventLoop
import HTTP
import HTTP1
import Limiting
import Redis
import Telemetry

/// Limits that several gateways share through Redis.
extension Exchange {
    /// Takes what was collected from Redis, or as the configuration says when it is gone.
    mutating func takeShared(_ turn: LimitTurn, _ shared: SharedLimits) async throws(Failure) {
        if turn.taken.isEmpty { return }
        if shared.policy.sync == .lease {
            for index in turn.taken.indices {
                guard try await takeLeased(turn, index, shared) else {
                    return try takeWithout(turn, shared)
                }
            }
            dropObserved(turn)
            return
        }
        for entry in turn.taken { shared.note(entry, mode: entry.mode, cost: entry.cost) }
        guard let answers = await ask(shared, count: turn.taken.count) else {
            return try takeWithout(turn, shared)
        }
        var refusal: Failure?
        for (index, answer) in answers.enumerated() {
            var entry = turn.taken[index]
            let observes = entry.runtime.limit.observes
            let decision = answer.decision
            entry.runtime.table.count(entry.key, isAllowed: decision.isAllowed, observing: observes)
            if observes {
                entry.isVoid = !decision.isAllowed
            } else if refusal == nil || decision.isAllowed {
                if refusal == nil { turn.note(entry, decision) }
                if !decision.isAllowed { refusal = limited(by: entry, decision) }
            }
            entry.isShared = true
            turn.taken[index] = entry
        }
        if let refusal {
            // The script has taken nothing from any of them.
            turn.taken.removeAll(keepingCapacity: true)
            throw refusal
        }
        dropObserved(turn)
    }

    /// What the noted limits say; nil when Redis is gone, or does not answer in time.
    private mutating func ask(_ shared: SharedLimits, count: Int) async -> [SharedAnswer]? {
        let now = context.reactor.now
        let outcome = await shared.ask(at: gathering, deadline: now + shared.policy.timeout)
        if case .unavailable = outcome {
            context.metrics.add(.redisUnavailable)
            return nil
        }
        context.metrics.recordRedis(context.reactor.now - now)
        guard let items = outcome.reply?.items, items.count == count else {
            if case .lost = outcome {
                context.metrics.add(.redisTimeouts)
            } else {
                context.metrics.add(.redisErrors)
            }
            return nil
        }
        context.metrics.add(.redisAnswers)
        return items.map { SharedAnswer($0) }
    }

    /// Decides without Redis.
    private mutating func takeWithout(_ turn: LimitTurn, _ shared: SharedLimits) throws(Failure) {
        context.metrics.add(.redisFallbacks)
        // What was leased meanwhile is spent: it was this gateway's own.
        for index in turn.taken.indices { turn.taken[index].isShared = false }
        switch shared.policy.failing {
        case .open: turn.taken.removeAll(keepingCapacity: true)
        case .closed:
            turn.taken.removeAll(keepingCapacity: true)
            throw Failure(
                status: 503,
                reason: .refused(.limitsUnavailable),
                retryAfter: ProxyLimits.retryAfterSeconds
            )
        case .local:
            for index in turn.taken.indices {
                let entry = turn.taken[index]
                turn.taken[index].rate = entry.runtime.share(of: entry.rate, shared.policy.gateways)
            }
            try takeLocally(turn)
        }
    }

    /// Takes from a lease, and fetches another one when it is spent.
    /// - Returns: False when Redis is gone.
    private mutating func takeLeased(_ turn: LimitTurn, _ index: Int, _ shared: SharedLimits)
        async throws(Failure) -> Bool
    {
        var entry = turn.taken[index]
        entry.isShared = true
        turn.taken[index] = entry
        let observes = entry.runtime.limit.observes
        var now = context.reactor.now
        if !shared.leases.covers(entry, now: now), !shared.leases.isRefused(entry, now: now) {
            shared.note(entry, mode: "p", cost: max(entry.cost, entry.batch))
            guard let answer = await ask(shared, count: 1)?.first else { return false }
            now = context.reactor.now
            shared.leases.add(entry, answer, now: now)
        }
        let decision = shared.leases.take(entry, now: now)
        entry.runtime.table.count(entry.key, isAllowed: decision.isAllowed, observing: observes)
        if observes {
            turn.taken[index].isVoid = !decision.isAllowed
            return true
        }
        turn.note(entry, decision)
        if decision.isAllowed { return true }
        turn.taken.removeLast(turn.taken.count - index)
        giveBack(turn)
        throw limited(by: entry, decision)
    }

    /// Forgets limits that only observe and would have refused: nothing was taken from them.
    private mutating func dropObserved(_ turn: LimitTurn) {
        if turn.taken.contains(where: \.isVoid) { turn.taken.removeAll(where: \.isVoid) }
    }

    /// Gives back everything that was taken: the request is not let through.
    mutating func giveBack(_ turn: LimitTurn) {
        for entry in turn.taken where entry.isShared && !entry.isVoid {
            context.shared?.adjust(entry, by: -entry.cost)
        }
        turn.taken.removeAll(where: \.isShared)
        turn.refund()
    }
}

extension LimitTurn.Taken {
    /// How the script is to take it.
    var mode: StaticString { runtime.limit.observes ? "o" : "e" }

    /// Units that a lease is for: a twentieth of the limit.
    var batch: Int {
        let whole = runtime.limit.algorithm == .tokenBucket ? rate.burst : rate.count
        return max(1, whole / 20)
    }
}

/// What the script says of one limit.
struct SharedAnswer {
    /// Units that were taken; -1 for a refusal.
    let taken: Int
    let decision: LimitDecision

    init(_ reply: RedisReply) {
        let numbers = (reply.items ?? []).map { max(-1, $0.number ?? 0) }
        guard numbers.count == 4 else {
            taken = -1
            decision = LimitDecision(isAllowed: false, remaining: 0, reset: 0, retryAfter: 1)
            return
        }
        taken = Int(clamping: numbers[0])
        // A year in microseconds is 3 · 10¹³; a thousand times that fits.
        let most = LimitRate.maximumPeriod / 1000
        decision = LimitDecision(
            isAllowed: numbers[0] >= 0,
            remaining: Int(clamping: max(0, numbers[1])),
            reset: min(max(0, numbers[2]), most) * 1000,
            retryAfter: min(max(0, numbers[3]), most) * 1000
        )
    }
}
