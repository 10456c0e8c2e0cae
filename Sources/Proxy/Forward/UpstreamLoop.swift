import Addressing
import Balancing
import Bytes
import Configuration
import EventLoop
import TLS
import Telemetry

/// A connection to an upstream server.
final class UpstreamConnection {
    let stream: Stream
    /// The server's identity, under which the connection is kept.
    let identity: UInt64
    let series: ServerSeries
    /// Where the server stood in the set when the connection was made: a hint.
    let serverNumber: Int
    var history: ConnectionHistory
    /// Received and not yet understood; nil while the connection is idle.
    var input: Buffer?

    init(
        stream: Stream,
        identity: UInt64,
        series: ServerSeries,
        serverNumber: Int,
        now: Int64
    ) {
        self.serverNumber = serverNumber
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
    /// How servers with TLS are spoken to.
    var tlsContext: ClientContext? { runtime.tls?.current }
    /// TLS sessions for the next connections.
    let tlsSessions: ClientSessions
    private var untrustedLog = RateLimitedLog()
    private var tlsLog = RateLimitedLog()
    private let idlePolicy: IdlePolicy?
    private var generation: Int
    /// A reload has put another loop in this one's place, or none: then nobody looks after what
    /// exchanges that are still under way leave here.
    private var isRetired = false
    private var successor: UpstreamLoop?
    /// The servers' identities, by which a connection finds its server again.
    private var identities: [UInt64]
    /// By the server's number in the set; empty when connections are not kept.
    private var idle: [IdlePool<UpstreamConnection>] = []

    init(
        _ runtime: UpstreamRuntime,
        context: LoopContext,
        inheriting old: UpstreamLoop?,
        offset: Int
    ) {
        let configuration = runtime.configuration
        self.runtime = runtime
        self.context = context
        generation = runtime.generation
        servers = runtime.current
        identities = servers.set.servers.map(\.identity)
        balancer = Balancer(
            method: UpstreamLoop.method(configuration.balance),
            set: servers.set,
            ejection: UpstreamLoop.ejection(configuration.ejection),
            retryAfterUnhealthy: configuration.healthCheck?.interval ?? 5_000_000_000,
            offset: offset
        )
        retryBudget = old?.retryBudget ?? RetryBudget()
        // A session of another context would bring along what that one verified.
        let keepsSessions = old?.runtime.configuration.tls == configuration.tls
        tlsSessions = keepsSessions ? old?.tlsSessions ?? ClientSessions() : ClientSessions()
        retryPolicy = RetryPolicy(attempts: configuration.attempts)
        idlePolicy = configuration.keepAlive.map { keepAlive in
            IdlePolicy(
                maximumCount: keepAlive.connections,
                idleTime: keepAlive.idle,
                maximumRequests: keepAlive.requests ?? 0
            )
        }
        idle = emptyPools()
        if let old { inherit(from: old) }
    }

    /// Whether connections are kept after a response.
    var keepsConnections: Bool { idlePolicy != nil && !context.isDraining }

    /// Looks whether names resolve to something else by now.
    func refresh() {
        if runtime.generation == generation { return }
        generation = runtime.generation
        servers = runtime.current
        balancer.replaceServers(servers.set)
        let before = idle
        idle = emptyPools()
        adopt(before, of: identities)
        identities = servers.set.servers.map(\.identity)
    }

    /// Takes an idle connection that its server has not closed, as far as is known.
    ///
    /// `index`: The server's number in the set.
    func takeIdle(_ index: Int) -> UpstreamConnection? {
        guard index < idle.count else { return nil }
        while let connection = idle[index].pop(now: context.reactor.now) {
            context.metrics.adjust(.connectionsIdle, server: connection.series, by: -1)
            // Anything that arrives on an idle connection is an end or a breach of the protocol.
            if connection.stream.isOpen && !connection.stream.peerHasClosed
                && (!connection.stream.mayRead || connection.stream.isQuietAfterNews)
            {
                return connection
            }
            close(connection)
        }
        return nil
    }

    /// Keeps a connection whose response is complete.
    func giveIdle(_ connection: UpstreamConnection) {
        if isRetired {
            if let successor { successor.giveIdle(connection) } else { close(connection) }
            return
        }
        guard keepsConnections, let index = number(of: connection), connection.stream.isOpen,
            connection.stream.isQuiet(), (try? connection.stream.watch()) != nil
        else {
            close(connection)
            return
        }
        context.metrics.adjust(.connectionsIdle, server: connection.series, by: 1)
        let displaced = idle[index].push(
            connection,
            history: connection.history,
            now: context.reactor.now
        )
        if let displaced {
            context.metrics.adjust(.connectionsIdle, server: displaced.series, by: -1)
            close(displaced)
        }
    }

    /// Tells the operator, once in a while, that a server's certificate is not believed.
    /// - Parameters:
    ///   - server: The server, as metrics have it.
    ///   - name: What its certificate would have to be for.
    ///   - problem: What is wrong with it.
    func noteUntrusted(_ server: String, name: String, _ problem: String) {
        guard let more = untrustedLog.admit(now: context.reactor.now) else { return }
        ProxyLog.untrusted(
            upstream: runtime.configuration.name,
            server: server,
            name: name,
            problem: problem,
            more: more
        )
    }

    /// Tells the operator, once in a while, that TLS with a server comes to nothing.
    func noteTLSFailure(_ server: String, _ problem: String) {
        guard let more = tlsLog.admit(now: context.reactor.now) else { return }
        ProxyLog.tlsFailed(
            upstream: runtime.configuration.name,
            server: server,
            problem: problem,
            more: more
        )
    }

    /// Tells the operator, once in a while, that a server broke a connection's TLS off: over TLS
    /// 1.3 one that refuses the gateway's certificate does so after the handshake.
    func noteTLSFailure(of connection: UpstreamConnection) {
        guard let problem = connection.stream.findTLSProblem() else { return }
        let server = servers.set.servers.first { $0.identity == connection.identity }
        noteTLSFailure(server?.description.name ?? "", problem)
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
        for index in idle.indices {
            while let connection = idle[index].popExpired(now: now) {
                context.metrics.adjust(.connectionsIdle, server: connection.series, by: -1)
                close(connection)
            }
        }
    }

    /// Ends the keeping of connections here, after a reload.
    /// - Parameter successor: What serves the same upstream now, if it is still there.
    func retire(to successor: UpstreamLoop?) {
        closeIdle()
        isRetired = true
        self.successor = successor
    }

    /// Closes all idle connections.
    func closeIdle() {
        for index in idle.indices { empty(&idle[index]) }
    }

    private func empty(_ pool: inout IdlePool<UpstreamConnection>) {
        while let connection = pool.popAny() {
            context.metrics.adjust(.connectionsIdle, server: connection.series, by: -1)
            close(connection)
        }
    }

    private func emptyPools() -> [IdlePool<UpstreamConnection>] {
        guard let policy = idlePolicy else { return [] }
        return servers.set.servers.map { _ in IdlePool(policy: policy) }
    }

    /// Where a connection's server stands now; servers move when names resolve to something else.
    private func number(of connection: UpstreamConnection) -> Int? {
        if idle.isEmpty { return nil }
        let expected = connection.serverNumber
        if expected < identities.count && identities[expected] == connection.identity {
            return expected
        }
        return identities.firstIndex(of: connection.identity)
    }

    /// Takes over the connections of servers that are still there, and closes the others.
    private func adopt(_ pools: [IdlePool<UpstreamConnection>], of old: [UInt64]) {
        for (index, pool) in pools.enumerated() {
            var pool = pool
            if let place = servers.set.servers.firstIndex(where: { $0.identity == old[index] }),
                place < idle.count, pool.policy == idle[place].policy
            {
                idle[place] = pool
            } else {
                empty(&pool)
            }
        }
    }

    private func inherit(from old: UpstreamLoop) {
        let pools = old.idle
        old.idle = []
        adopt(pools, of: old.identities)
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
            fails: ejection.fails,
            time: ejection.time,
            maximumTime: ejection.maximum
        )
    }
}
