import Addressing
import Configuration
import EventLoop
public import Limiting
import Synchronization

/// The counters of all limits, and how loops reach each other's waiters: one for the process, kept
/// over reloads, so that a limit that means the same goes on counting where it was.
public final class LimitStore: Sendable {
    private struct State: Sendable {
        var rates: [String: LimitRuntime] = [:]
        var gates: [String: GateRuntime] = [:]
        var loops: [Int: @Sendable (GateTicket) -> Void] = [:]
        /// What limits that are gone had decided, by name and scope, so that no count goes back.
        var retired: [String: LimitTableFigures] = [:]
    }
    private let state = Mutex(State())
    let secret: LimitSecret
    /// What names of Redis servers are known to resolve to.
    let names = Mutex<[Endpoint: [IPAddress]]>([:])

    /// Makes a store without counters.
    /// - Parameter secret: Makes keys unpredictable.
    public init(secret: LimitSecret) { self.secret = secret }

    /// The limits of each route of a configuration.
    ///
    /// What it no longer names is forgotten; exchanges under way keep what they hold.
    func adopt(_ configuration: Configuration) -> [[RouteLimits?]] {
        // Gateways that share their counters hash keys alike.
        let secret = configuration.redis.map { SharedLimits.secret($0) } ?? self.secret
        return state.withLock { state in
            var rates: [String: LimitRuntime] = [:]
            var gates: [String: GateRuntime] = [:]
            let routes = configuration.sites.map { site in
                site.routes.map { route -> RouteLimits? in
                    let policy = route.policy.limits
                    if policy.isEmpty { return nil }
                    return RouteLimits(
                        rates: policy.rates.map { limit in
                            let made = rates[limit.identity] ?? runtime(limit, secret, &state)
                            rates[limit.identity] = made
                            return made
                        },
                        gates: policy.concurrency.map { limit in
                            let made = gates[limit.identity] ?? gate(limit, state)
                            gates[limit.identity] = made
                            return made
                        },
                        bandwidth: policy.bandwidth,
                        fields: policy.fields
                    )
                }
            }
            for (identity, old) in state.rates where rates[identity] == nil {
                let name = LimitStore.series(old.limit)
                state.retired[name, default: LimitTableFigures()].addCounts(old.table.figures)
            }
            state.rates = rates
            state.gates = gates
            return routes
        }
    }

    private func runtime(
        _ limit: RateLimit,
        _ secret: LimitSecret,
        _ state: inout State
    ) -> LimitRuntime {
        let logCount = limit.algorithm == .slidingLog ? limit.rate.count : 1
        let table =
            state.rates[limit.identity]?.table
            ?? LimitTable(algorithm: limit.algorithm, logCount: logCount, capacity: limit.capacity)
        return LimitRuntime(limit, table: table, secret: secret)
    }

    private func gate(_ limit: ConcurrencyLimit, _ state: State) -> GateRuntime {
        let table =
            state.gates[limit.identity]?.table
            ?? ConcurrencyTable(limit: limit.limit, queue: limit.queue)
        return GateRuntime(limit, table: table, secret: secret)
    }

    // MARK: Loops

    /// Lets a loop be reached.
    /// - Parameters:
    ///   - loop: Its number.
    ///   - deliver: Hands a ticket to the loop; called on any thread.
    func register(loop: Int, deliver: @escaping @Sendable (GateTicket) -> Void) {
        state.withLock { $0.loops[loop] = deliver }
    }

    /// Tells another loop that one of its waiters has a place.
    func deliver(_ ticket: GateTicket) {
        let deliver = state.withLock { $0.loops[ticket.loop] }
        deliver?(ticket)
    }

    // MARK: Upkeep

    /// Drops some counters that say nothing any more.
    func sweep(round: Int, now: Int64) {
        for runtime in state.withLock({ Array($0.rates.values) }) {
            runtime.table.sweep(round, now: now)
        }
    }

    /// Whether any limit has a file of rates.
    var watchesFiles: Bool {
        state.withLock { $0.rates.values.contains { $0.limit.ratesFile != nil } }
    }

    /// Reads files of rates again that have changed; a faulty one changes nothing.
    ///
    /// Blocks while it reads: not for an event loop.
    func refreshRates() {
        for runtime in rates {
            guard let path = runtime.limit.ratesFile, let stamp = WatchedFile.stamp(of: path),
                runtime.ratesStamp.withLock({ known in
                    defer { known = stamp }
                    return known != stamp
                })
            else { continue }
            guard
                let bytes = WatchedFile.content(of: path, atMost: RateOverride.maximumFileSize)
            else {
                ProxyLog.cannotReadRates(path, "it cannot be read, or is too large")
                continue
            }
            do throws(RateOverride.Failure) {
                runtime.replaceOverrides(
                    try RateOverride.parse(
                        bytes,
                        parts: runtime.limit.key.parts.count,
                        runtime.limit.algorithm
                    )
                )
            } catch { ProxyLog.cannotReadRates(path, "line \(error.line): \(error.message)") }
        }
    }

    /// The rate limits in force.
    var rates: [LimitRuntime] { state.withLock { Array($0.rates.values) } }
    /// The limits of requests at once that are in force.
    var gates: [GateRuntime] { state.withLock { Array($0.gates.values) } }

    /// What a limit has decided, what it had under other numbers included.
    func figures(of runtime: LimitRuntime) -> LimitTableFigures {
        let retired = state.withLock { $0.retired[LimitStore.series(runtime.limit)] }
        var figures = runtime.table.figures
        if let retired { figures.addCounts(retired) }
        return figures
    }

    private static func series(_ limit: RateLimit) -> String { "\(limit.scope)\n\(limit.name)" }
}

extension LimitTableFigures {
    /// Adds what was counted, and not what is held.
    mutating func addCounts(_ other: LimitTableFigures) {
        allowed &+= other.allowed
        refused &+= other.refused
        observed &+= other.observed
        decayed &+= other.decayed
        forgotten &+= other.forgotten
    }
}
