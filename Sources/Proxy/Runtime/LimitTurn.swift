import Addressing
import Bytes
import Configuration
import EventLoop
import Limiting

/// What one exchange has asked of its limits.
///
/// Kept from one exchange of a task to the next for its memory.
final class LimitTurn {
    /// Units that were taken from one limit.
    @safe struct Taken {
        // The turn's `owner` keeps it alive. Entries without a reference are copied as plain bytes.
        fileprivate let limit: Unmanaged<LimitRuntime>
        let key: LimitKey
        var rate: LimitRate
        let cost: Int
        /// What the response said that it cost.
        var actual: Int?
        /// Whether it was taken from what gateways share.
        var isShared = false
        /// Whether nothing was taken, as the limit only observes.
        var isVoid = false

        /// Makes an entry of a turn whose `owner` has this limit.
        init(_ runtime: LimitRuntime, _ key: LimitKey, _ rate: LimitRate) {
            unsafe limit = Unmanaged.passUnretained(runtime)
            self.key = key
            self.rate = rate
            cost = runtime.cost
        }

        /// The limit that was asked.
        var runtime: LimitRuntime { unsafe limit.takeUnretainedValue() }
    }

    /// A limit with numbers to tell of.
    @safe struct Told {
        // As in `Taken`.
        private let limit: Unmanaged<LimitRuntime>
        let rate: LimitRate

        fileprivate init(_ entry: Taken) {
            unsafe limit = entry.limit
            rate = entry.rate
        }

        /// The limit that was asked.
        var runtime: LimitRuntime { unsafe limit.takeUnretainedValue() }
    }

    /// A place at one gate.
    struct Held {
        let gate: GateRuntime
        let key: LimitKey
    }

    /// The limits that are asked; keeps alive what entries point to.
    private(set) var owner: RouteLimits?
    /// The address that a limit has asked for the key of last, and that key: most requests of a
    /// connection come from one client, and a hash costs as much as a decision.
    private var known: (address: IPAddress, secret: LimitSecret, key: LimitKey)?
    var taken: [Taken] = []
    var held: [Held] = []
    /// The limit with the least left, as far as it is told, and what it said.
    var told: Told?
    var decision = LimitDecision(isAllowed: true, remaining: 0, reset: 0)
    /// Members that the application's RateLimit-Policy and RateLimit fields had, to be sent behind
    /// the gateway's own; empty, or with a comma in front of each.
    var otherPolicies: [UInt8] = []
    var otherLimits: [UInt8] = []

    /// Begins to ask the limits of a route.
    func begin(_ limits: RouteLimits) { owner = limits }

    /// Forgets everything and keeps the memory.
    func removeAll() {
        // Mostly one; `removeAll` replaces a range by nothing, for the price of six.
        while taken.popLast() != nil {}
        if !held.isEmpty { held.removeAll(keepingCapacity: true) }
        told = nil
        owner = nil
        if !otherPolicies.isEmpty { otherPolicies.removeAll(keepingCapacity: true) }
        if !otherLimits.isEmpty { otherLimits.removeAll(keepingCapacity: true) }
    }

    /// The key of a client's address alone, which most limits go by.
    func key(of address: IPAddress, _ secret: LimitSecret) -> LimitKey {
        if let known, known.address == address, known.secret == secret { return known.key }
        let key = KeyHasher.key(secret, KeyRecipe.words(address))
        known = (address, secret, key)
        return key
    }

    /// Takes note of what a limit said, if it is the tightest so far.
    func note(_ entry: Taken, _ decision: LimitDecision) {
        if told != nil && decision.isAllowed && decision.remaining >= self.decision.remaining {
            return
        }
        told = Told(entry)
        self.decision = decision
    }

    /// Gives back everything that was taken: the request is not let through.
    func refund() {
        for entry in taken { entry.runtime.table.refund(entry.key, cost: entry.cost, entry.rate) }
        taken.removeAll(keepingCapacity: true)
    }

    /// Settles what was taken before its cost was known.
    /// - Parameters:
    ///   - status: Of the response; 0 when there was none.
    ///   - now: Monotonic nanoseconds.
    ///   - shared: The way to what gateways share.
    func settle(status: Int, now: Int64, shared: SharedLimits?) {
        guard owner?.isSettledLater ?? false else { return }
        for entry in taken where entry.runtime.isSettledLater {
            let limit = entry.runtime.limit
            var cost = entry.cost
            // Without a response nobody knows: then it counts, or leaving early would be free.
            if status != 0 {
                if case .response = limit.cost { cost = entry.actual ?? entry.cost }
                if !limit.counted.isEmpty, !limit.counted.contains(where: { $0.contains(status) }) {
                    cost = 0
                }
            }
            if entry.isShared {
                shared?.adjust(entry, by: cost - entry.cost)
                continue
            }
            let table = entry.runtime.table
            if cost < entry.cost {
                table.refund(entry.key, cost: entry.cost - cost, entry.rate)
            } else {
                table.charge(entry.key, cost: cost - entry.cost, entry.rate, now: now)
            }
        }
    }
}

/// Who waits at a gate, in its own loop.
final class GateWaiter {
    let point: WaitPoint
    /// Whether it has been given a place.
    var isAdmitted = false

    init(_ point: WaitPoint) { self.point = point }

    func admit() {
        isAdmitted = true
        point.wake(.ready)
    }
}
