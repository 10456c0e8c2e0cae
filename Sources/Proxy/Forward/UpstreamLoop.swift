import Addressing
import Balancing
import Bytes
import Configuration
import EventLoop
import Telemetry

/// A connection to an upstream server.
final class UpstreamConnection {
    let stream: Stream
    /// The server's identity, under which the connection is kept.
    let identity: UInt64
    let series: ServerSeries
    var history: ConnectionHistory
    /// Received and not yet understood; nil while the connection is idle.
    var input: Buffer?

    init(stream: Stream, identity: UInt64, series: ServerSeries, now: Int64) {
        self.stream = stream
        self.identity = identity
        self.series = series
        history = ConnectionHistory(openedAt: now, requests: 0)
    }
}

/// One loop's side of an upstream: whom to choose, and which connections lie ready.
final class UpstreamLoop {
    let runtime: UpstreamRuntime
    private(set) var servers: UpstreamRuntime.Servers
    var balancer: Balancer
    var retryBudget: RetryBudget
    let retryPolicy: RetryPolicy
    private let context: LoopContext
    private let idlePolicy: IdlePolicy?
    private var generation: Int
    private var idle: [UInt64: IdlePool<UpstreamConnection>] = [:]

    init(
        _ runtime: UpstreamRuntime, context: LoopContext, inheriting old: UpstreamLoop?, offset: Int
    ) {
        let configuration = runtime.configuration
        self.runtime = runtime
        self.context = context
        generation = runtime.generation
        servers = runtime.current
        balancer = Balancer(
            method: UpstreamLoop.method(configuration.balance), set: servers.set,
            ejection: UpstreamLoop.ejection(configuration.ejection),
            retryAfterUnhealthy: configuration.healthCheck?.interval ?? 5_000_000_000,
            offset: offset)
        retryBudget = old?.retryBudget ?? RetryBudget()
        retryPolicy = RetryPolicy(attempts: configuration.attempts)
        idlePolicy = configuration.keepAlive.map { keepAlive in
            IdlePolicy(
                maximumCount: keepAlive.connections, idleTime: keepAlive.idle,
                maximumRequests: keepAlive.requests ?? 0)
        }
        if let old, let policy = idlePolicy { inherit(from: old, policy: policy) }
    }

    /// Whether connections are kept after a response.
    var keepsConnections: Bool { idlePolicy != nil && !context.isDraining }

    /// Looks whether names resolve to something else by now.
    func refresh() {
        if runtime.generation == generation { return }
        generation = runtime.generation
        servers = runtime.current
        balancer.replaceServers(servers.set)
        let known = Set(servers.set.servers.map(\.identity))
        for identity in Array(idle.keys) where !known.contains(identity) { close(identity) }
    }

    /// Takes an idle connection that its server has not closed, as far as is known.
    func takeIdle(_ identity: UInt64) -> UpstreamConnection? {
        while let connection = idle[identity]?.pop(now: context.reactor.now) {
            context.metrics.adjust(.connectionsIdle, server: connection.series, by: -1)
            // Anything that arrives on an idle connection is an end or a breach of the protocol.
            if connection.stream.isOpen && !connection.stream.mayRead
                && !connection.stream.peerHasClosed
            {
                return connection
            }
            close(connection)
        }
        return nil
    }

    /// Keeps a connection whose response is complete.
    func giveIdle(_ connection: UpstreamConnection) {
        guard let policy = idlePolicy, keepsConnections, connection.stream.isOpen,
            !connection.stream.peerHasClosed, (try? connection.stream.watch()) != nil
        else {
            close(connection)
            return
        }
        context.metrics.adjust(.connectionsIdle, server: connection.series, by: 1)
        let displaced = idle[connection.identity, default: IdlePool(policy: policy)].push(
            connection, history: connection.history, now: context.reactor.now)
        if let displaced {
            context.metrics.adjust(.connectionsIdle, server: displaced.series, by: -1)
            close(displaced)
        }
    }

    /// Counts a new connection.
    func opened(_ connection: UpstreamConnection) {
        context.metrics.add(.connectionsOpened, server: connection.series)
        context.metrics.adjust(.connectionsOpen, server: connection.series, by: 1)
    }

    /// Closes a connection.
    func close(_ connection: UpstreamConnection) {
        if connection.stream.isOpen {
            context.metrics.adjust(.connectionsOpen, server: connection.series, by: -1)
        }
        connection.stream.close()
        if let input = connection.input {
            connection.input = nil
            context.reactor.buffers.give(input)
        }
    }

    /// Closes idle connections that have grown too old.
    func closeExpired() {
        let now = context.reactor.now
        for identity in idle.keys {
            while let connection = idle[identity]?.popExpired(now: now) {
                context.metrics.adjust(.connectionsIdle, server: connection.series, by: -1)
                close(connection)
            }
        }
    }

    /// Closes all idle connections.
    func closeIdle() {
        for identity in Array(idle.keys) { close(identity) }
    }

    private func close(_ identity: UInt64) {
        while let connection = idle[identity]?.popAny() {
            context.metrics.adjust(.connectionsIdle, server: connection.series, by: -1)
            close(connection)
        }
        idle[identity] = nil
    }

    private func inherit(from old: UpstreamLoop, policy: IdlePolicy) {
        for server in servers.set.servers {
            guard let pool = old.idle.removeValue(forKey: server.identity) else { continue }
            if pool.policy == policy {
                idle[server.identity] = pool
            } else {
                old.idle[server.identity] = pool
            }
        }
    }

    private static func method(_ balance: Balance) -> BalancingMethod {
        switch balance {
        case .roundRobin: .roundRobin
        case .leastConnections: .leastConnections
        case .random: .random
        case .hash: .hash
        }
    }

    private static func ejection(_ ejection: Ejection?) -> EjectionPolicy {
        guard let ejection else { return EjectionPolicy(fails: 0) }
        return EjectionPolicy(
            fails: ejection.fails, time: ejection.time, maximumTime: ejection.maximum)
    }
}
