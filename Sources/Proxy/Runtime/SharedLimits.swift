import Bytes
import Configuration
import EventLoop
import Limiting
import Redis
import TLS

extension RedisSettings {
    /// What the configuration says.
    init(_ policy: RedisPolicy, tls: Slot<ClientContext>?, prefix: String, pace: RedisPace) {
        self.init(
            servers: policy.servers,
            sentinel: policy.sentinel.map {
                RedisSentinel(master: $0.master, password: $0.password)
            },
            user: policy.user,
            password: policy.password,
            database: policy.database,
            tls: tls.map { RedisTLS(context: $0, name: policy.tls?.name) },
            probe: Array(prefix.utf8),
            pace: pace
        )
    }
}

/// One loop's way to the limits that gateways share.
final class SharedLimits {
    let policy: RedisPolicy
    let client: RedisClient
    let leases = Leases()
    private let prefix: [UInt8]
    private var keys: [[UInt8]] = []
    private var arguments: [[UInt8]] = []

    init(_ policy: RedisPolicy, tls: Slot<ClientContext>?, reactor: Reactor) {
        self.policy = policy
        prefix = Array(policy.prefix.utf8)
        client = RedisClient(
            reactor: reactor,
            settings: RedisSettings(policy, tls: tls, prefix: policy.prefix, pace: .limits),
            scripts: [SharedScripts.take, SharedScripts.adjust]
        )
    }

    /// A secret that all gateways with the same Redis have, and nobody else.
    static func secret(_ policy: RedisPolicy) -> LimitSecret {
        var hasher = KeyHasher(LimitSecret(0x6761_7465_7761_7921, 0x7265_6469_7321_7221))
        for text in [policy.prefix, policy.user, policy.password] {
            hasher.combine(value: Array(text.utf8).span)
        }
        let key = hasher.finish()
        return LimitSecret(key.high, key.low)
    }

    /// Adds a limit to what is asked next.
    func note(_ entry: LimitTurn.Taken, mode: StaticString, cost: Int) {
        keys.append(name(of: entry))
        arguments += numbers(of: entry)
        arguments.append(Array(String(cost).utf8))
        arguments.append(mode.withUTF8Buffer { unsafe Array($0) })
    }

    /// Asks what was noted; nothing is noted any more then.
    func ask(at place: WaitPoint, deadline: Int64) async -> RedisOutcome {
        let keys = keys
        let arguments = arguments
        // Before the wait: others note theirs meanwhile.
        self.keys = []
        self.arguments = []
        return await client.ask(at: place, deadline: deadline) { command in
            command.begin("EVALSHA", 3 + keys.count + arguments.count)
            command.argument(client.digests[0])
            command.argument(Int64(keys.count))
            for key in keys { command.argument(key) }
            for argument in arguments { command.argument(argument) }
        }
    }

    /// Gives units back, or takes more, without waiting for it.
    func adjust(_ entry: LimitTurn.Taken, by units: Int) {
        guard units != 0 else { return }
        client.post { command in
            command.begin("EVALSHA", 9)
            command.argument(client.digests[1])
            command.argument(1)
            command.argument(name(of: entry))
            for number in numbers(of: entry) { command.argument(number) }
            command.argument(Int64(units))
        }
    }

    /// Removes a counter, without waiting for it; what loops have leased of it lasts a second more.
    func forget(_ runtime: LimitRuntime, _ key: LimitKey) {
        client.post { command in
            command.begin("DEL", 2)
            command.argument(name(of: runtime, key))
        }
    }

    private func name(of entry: LimitTurn.Taken) -> [UInt8] { name(of: entry.runtime, entry.key) }

    /// The name of the counter: what the limit means, and who is counted.
    private func name(of runtime: LimitRuntime, _ key: LimitKey) -> [UInt8] {
        prefix + runtime.sharedName + Array(key.hexadecimal.utf8)
    }

    private func numbers(of entry: LimitTurn.Taken) -> [[UInt8]] {
        let letter: String =
            switch entry.runtime.limit.algorithm {
            case .tokenBucket: "t"
            case .slidingWindow: "s"
            case .slidingLog: "l"
            case .fixedWindow: "f"
            }
        let rate = entry.rate
        return [
            Array(letter.utf8), Array(String(rate.count).utf8),
            Array(String(max(1, rate.period / 1000)).utf8), Array(String(rate.burst).utf8),
        ]
    }
}

/// Units that one loop has fetched and not spent yet.
final class Leases {
    private struct Lease {
        var units = 0
        /// When units that were not spent are given up, nanoseconds.
        var end: Int64 = 0
        /// Until when asking again is of no use, nanoseconds.
        var refusedUntil: Int64 = 0
        var remaining = 0
        var reset: Int64 = 0
    }
    private struct Place: Hashable {
        let limit: ObjectIdentifier
        let key: LimitKey
    }
    private var leases: [Place: Lease] = [:]

    /// Nanoseconds that a lease lasts.
    static let time: Int64 = 1_000_000_000
    /// Nanoseconds that a refusal is remembered at most: another gateway may give units back.
    static let refusalTime: Int64 = 100_000_000
    /// Leases at most; then all are given up, which lets less through, not more.
    static let count = 65_536

    private func place(_ entry: LimitTurn.Taken) -> Place {
        Place(limit: ObjectIdentifier(entry.runtime), key: entry.key)
    }

    /// Whether what is left pays for a request.
    func covers(_ entry: LimitTurn.Taken, now: Int64) -> Bool {
        guard let lease = leases[place(entry)] else { return false }
        return lease.end > now && lease.units >= entry.cost
    }

    /// Whether Redis has just said that there is nothing.
    func isRefused(_ entry: LimitTurn.Taken, now: Int64) -> Bool {
        (leases[place(entry)]?.refusedUntil ?? 0) > now
    }

    /// Adds what Redis gave, or remembers that it gave nothing.
    func add(_ entry: LimitTurn.Taken, _ answer: SharedAnswer, now: Int64) {
        if leases.count >= Leases.count { leases.removeAll() }
        var lease = leases[place(entry)] ?? Lease()
        if lease.end <= now { lease.units = 0 }
        if answer.taken > 0 {
            lease.units += answer.taken
            lease.end = now + Leases.time
            lease.refusedUntil = 0
        }
        if answer.taken < entry.cost {
            let wait = max(1, answer.decision.retryAfter)
            lease.refusedUntil = now + min(wait, Leases.refusalTime)
        }
        lease.remaining = answer.decision.remaining
        lease.reset = answer.decision.reset
        leases[place(entry)] = lease
    }

    /// Spends what a request costs, if it is there.
    func take(_ entry: LimitTurn.Taken, now: Int64) -> LimitDecision {
        guard var lease = leases[place(entry)] else {
            return LimitDecision(isAllowed: false, remaining: 0, reset: 0, retryAfter: 1)
        }
        guard lease.end > now, lease.units >= entry.cost else {
            return LimitDecision(
                isAllowed: false,
                remaining: 0,
                reset: lease.reset,
                retryAfter: max(1, lease.refusedUntil - now)
            )
        }
        lease.units -= entry.cost
        leases[place(entry)] = lease
        return LimitDecision(
            isAllowed: true,
            remaining: lease.units + lease.remaining,
            reset: lease.reset
        )
    }
}
