public import Addressing
import Bytes
import Caching
import Compression
import Configuration
public import EventLoop
import Limiting
import Synchronization
public import Telemetry

/// One event loop with everything that it serves: connections, upstream pools, counters.
///
/// Its executor is the loop itself, so the compiler proves that what a worker owns is touched by
/// its own thread only. Workers share nothing on the path of a request.
public actor Worker {
    /// The loop's queue.
    public nonisolated let executor: LoopExecutor
    /// The loop.
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        // The worker keeps its executor alive.
        unsafe executor.asUnownedSerialExecutor()
    }
    /// The worker's number, from 0.
    public nonisolated let number: Int
    let context: LoopContext
    /// By the slot of their stream.
    private var connections: [ClientConnection?] = []
    /// Tasks that wait for a connection to serve.
    private(set) var idleServers: [IdleServer] = []
    private var listeners: [ListenerIdentity: EventLoop.Listener] = [:]
    private var isStopping = false
    /// Servers that a task of this worker checks; the first worker's only.
    var checkedServers: Set<CheckedServer> = []
    /// What earlier scrapes have counted of the listeners' pauses and of the buffers in use.
    private var countedPauses = 0
    private var countedBufferBytes = 0
    private var countedCodecBytes = 0
    var countedListening = 0
    var countedWaiting = 0
    /// What answers scrapes; the first worker's only.
    var metricsListener: EventLoop.Listener?
    /// Scrapes under way, by the slot of their stream.
    var scrapes: [Int: EventLoop.Stream] = [:]

    /// Makes a worker; nothing runs before `start`.
    /// - Parameters:
    ///   - number: From 0; the first one checks the upstreams' health.
    ///   - seed: Starts the loop's random numbers.
    ///   - snapshot: What to serve by.
    ///   - log: Writes the access logs, or nil.
    ///   - openConnections: Counts for all workers of the process.
    ///   - simulation: A virtual world instead of the system's, for tests.
    /// - Throws: The system's error when there are no descriptors for a loop.
    public init(
        number: Int,
        seed: UInt64,
        snapshot: ServingSnapshot,
        log: LogWriter?,
        openConnections: OpenConnections = OpenConnections(),
        simulation: sending Simulation? = nil
    ) throws(SystemError) {
        self.number = number
        executor = try LoopExecutor(simulated: simulation != nil)
        let reactor = try Reactor(executor: executor, seed: seed, simulation: simulation)
        context = LoopContext(
            reactor: reactor,
            metrics: LoopMetrics(names: ProxyMetrics.names),
            log: log.map { LoopLog(writer: $0) },
            snapshot: snapshot,
            openConnections: openConnections,
            number: number
        )
    }

    /// Starts what runs for as long as the worker does.
    ///
    /// Call once.
    public func start() {
        context.cache.startRefresh = { [weak self, executor] in
            Task(executorPreference: executor) { await self?.refresh() }
        }
        context.cache.startCoding = { [weak self, executor] in
            Task(executorPreference: executor) { await self?.code() }
        }
        Task { await self.resumeParked() }
        Task { await self.keepHouse() }
        startSharedLimits()
        startSharedCache()
        context.snapshot.limitStore.register(loop: number) { [weak self] ticket in
            guard let self else { return }
            Task(executorPreference: self.executor) { await self.admit(ticket) }
        }
        if number == 0 { startHealthChecks() }
    }

    /// One turn of the loop: looks at sockets and timers.
    /// - Parameter mustNotSleep: Whether jobs wait to be run.
    public func turn(mustNotSleep: Bool) {
        let before = context.reactor.statistics
        let hasWaiting = context.needsTurn || context.cache.news.hasNews
        context.reactor.poll(mustNotSleep: mustNotSleep || hasWaiting)
        context.beginTurn()
        context.cache.deliver()
        let after = context.reactor.statistics
        let busy = after.busyNanoseconds - before.busyNanoseconds
        context.metrics.recordTurn(
            busy: busy,
            waited: after.idleNanoseconds - before.idleNanoseconds,
            lag: busy
        )
        context.load.turned(busy: busy, limit: context.snapshot.configuration.compression.lag)
    }

    // MARK: Connections

    /// Accepts connections from now on.
    /// - Parameters:
    ///   - handover: The listening socket.
    ///   - proxyProtocol: Whether connections begin with a PROXY protocol header.
    ///   - address: The address as configured, by which the sites are found.
    func listen(on handover: SocketHandover, proxyProtocol: Bool, as address: SocketAddress) {
        guard let socket = handover.take() else { return }
        let identity = ListenerIdentity(address: address, proxyProtocol: proxyProtocol)
        do throws(SystemError) {
            let listener = try EventLoop.Listener(reactor: context.reactor, socket: socket)
            setDeferral(of: listener, identity)
            accept(from: listener, as: identity)
        } catch {
            ProxyLog.cannotListen(address, error)
        }
    }

    private func setDeferral(of listener: EventLoop.Listener, _ identity: ListenerIdentity) {
        guard let number = context.snapshot.number(of: identity) else { return }
        listener.setDeferral(context.snapshot.configuration.listeners[number].defers)
    }

    /// Runs what needs the worker's isolation.
    func perform(_ body: @Sendable (isolated Worker) -> Void) { body(self) }

    /// Accepts connections of a simulation.
    func listen(simulated address: SocketAddress, proxyProtocol: Bool = false) {
        let listener = EventLoop.Listener(simulated: address, reactor: context.reactor)
        accept(
            from: listener,
            as: ListenerIdentity(address: address, proxyProtocol: proxyProtocol)
        )
    }

    private func accept(from listener: EventLoop.Listener, as identity: ListenerIdentity) {
        listeners[identity] = listener
        Task { await self.acceptAll(identity) }
    }

    private func acceptAll(_ identity: ListenerIdentity) async {
        guard let listener = listeners[identity] else { return }
        while let connection = await listener.accept() { admit(connection, identity) }
    }

    private func admit(_ accepted: EventLoop.Listener.Accepted, _ identity: ListenerIdentity) {
        context.metrics.add(.connectionsAccepted)
        guard !isStopping, context.openConnections.admit(limit: context.connectionLimit) else {
            accepted.stream.close(abruptly: true)
            context.metrics.count(
                .connectionsClosed,
                reason: ConnectionEnd.connectionLimit.metricIndex
            )
            return
        }
        context.connectionCount += 1
        let connection = ClientConnection(
            accepted: accepted,
            listener: identity,
            now: context.reactor.now
        )
        if let number = context.snapshot.number(of: identity) {
            connection.needsHandshake = context.snapshot.listeners[number].isSecure
            connection.listenerGeneration = context.snapshot.generation
            connection.listenerNumber = number
        }
        let slot = connection.stream.slot
        while connections.count <= slot { connections.append(nil) }
        connections[slot] = connection
        startServing(slot)
    }

    private func startServing(_ slot: Int) {
        guard let server = idleServers.popLast() else {
            Task { await self.serve(slot) }
            return
        }
        server.connection = connections[slot]
        server.point.wake(.ready)
    }

    /// Serves a connection's requests, one after the other, until it ends or falls silent; then the
    /// next connection's, if one comes soon.
    private func serve(_ slot: Int) async {
        guard let first = connections[slot] else { return }
        var exchange = Exchange(context: context, connection: first)
        exchange.takeStorage()
        let server = IdleServer(point: exchange.gathering)
        while true {
            let slot = exchange.connection.stream.slot
            let end = await exchange.serveConnection()
            exchange.releaseBuffers()
            leave(slot, end)
            guard let next = await nextConnection(for: server) else { break }
            exchange.turn(to: next)
        }
        exchange.giveStorage()
        // Its last deadline may lie an hour ahead, and the timer wheel would hold it for that long.
        server.point.retire()
    }

    /// Takes note that a connection has no task any more: it has ended, or else is parked.
    private func leave(_ slot: Int, _ end: ConnectionEnd?) {
        guard let end else {
            context.metrics.adjust(.connectionsParked, by: 1)
            return
        }
        connections[slot] = nil
        context.connectionCount -= 1
        context.openConnections.leave()
        context.metrics.count(.connectionsClosed, reason: end.metricIndex)
    }

    /// Waits for a connection that wants a task.
    private func nextConnection(for server: IdleServer) async -> ClientConnection? {
        if isStopping || idleServers.count >= ProxyLimits.idleServers { return nil }
        idleServers.append(server)
        _ = await server.point.wait(until: context.reactor.now + ProxyLimits.idleServerTime)
        // Whatever has ended the wait: who was given a connection is not on the list any more.
        if let connection = server.connection {
            server.connection = nil
            return connection
        }
        idleServers.removeAll { $0 === server }
        return nil
    }

    /// Fetches one stored response anew.
    private func refresh() async {
        guard let next = context.cache.refreshes.popLast() else { return }
        await Exchange.run(next, in: context)
    }

    /// Compresses one stored content.
    private func code() async {
        guard let next = context.cache.codings.popLast() else { return }
        await next.run(in: context)
    }

    /// Gives parked connections a task again when their clients speak.
    private func resumeParked() async {
        while true {
            let streams = await context.reactor.nextAwakened()
            if streams.isEmpty { return }
            for stream in streams {
                context.metrics.adjust(.connectionsParked, by: -1)
                startServing(stream.slot)
            }
        }
    }

    // MARK: Configuration

    /// Serves new exchanges by another configuration.
    /// - Parameter snapshot: What to serve by from now on.
    public func adopt(_ snapshot: ServingSnapshot) {
        let before = (context.shared, context.sharedCache)
        context.adopt(snapshot)
        for (identity, listener) in listeners { setDeferral(of: listener, identity) }
        if context.shared !== before.0 { startSharedLimits() }
        if context.sharedCache !== before.1 { startSharedCache() }
        if number == 0 { startHealthChecks() }
    }

    /// Stops accepting on listeners that are configured no more; what is queued is still served.
    /// - Parameter addresses: Those that stay.
    public func closeListeners(except addresses: Set<ListenerAddress>) {
        for (identity, listener) in listeners {
            let address = ListenerAddress(identity.address, proxyProtocol: identity.proxyProtocol)
            if !addresses.contains(address) { close(listener, identity) }
        }
    }

    private func close(_ listener: EventLoop.Listener, _ identity: ListenerIdentity) {
        // As many as the kernel holds for a socket of ours.
        var left = LoopLimits.listenBacklog + 1
        while left > 0, let connection = listener.acceptNow() {
            admit(connection, identity)
            left -= 1
        }
        listener.close()
        listeners[identity] = nil
    }

    /// What this loop has counted so far.
    public func metrics() -> MetricsSnapshot {
        context.metrics.set(.timers, to: context.reactor.timerCount)
        context.metrics.set(.tasks, to: context.connectionCount)
        setRedisFigures()
        let pauses = listeners.values.reduce(0) { $0 + Int($1.exhaustions) }
        // A closed listener takes its count along; the metric only ever grows.
        context.metrics.add(.acceptPauses, max(0, pauses - countedPauses))
        countedPauses = pauses
        let bytes = context.reactor.buffers.lent * LoopLimits.smallBuffer
        context.metrics.adjust(.bufferBytes, by: bytes - countedBufferBytes)
        countedBufferBytes = bytes
        context.metrics.adjust(.codecBytes, by: context.codecs.bytesUsed - countedCodecBytes)
        countedCodecBytes = context.codecs.bytesUsed
        context.metrics.set(.compressionLoad, to: context.load.load.rawValue)
        return context.metrics.snapshot()
    }

    // MARK: The end

    /// Stops accepting, closes idle connections, lets requests in flight finish, and returns when
    /// all have or the deadline has passed.
    /// - Parameter nanoseconds: How long requests in flight may still take.
    public func drain(within nanoseconds: Int64) async {
        for (identity, listener) in listeners { close(listener, identity) }
        context.isDraining = true
        // Idle connections are woken and end; those with a request in flight go on.
        for connection in connections {
            guard let connection, connection.isIdle else { continue }
            // A request that has begun to arrive is in flight.
            if connection.input?.isEmpty ?? true { connection.stream.cancel() }
        }
        let deadline = context.reactor.now + nanoseconds
        while isBusy && context.reactor.now < deadline {
            await context.reactor.sleep(until: context.reactor.now + 20_000_000)
        }
        await tellLastPurges()
        shutDown()
    }

    /// Whether there is something to wait for: the worker that answers scrapes, and the one that
    /// tells other gateways of purges, do so until the last connection of the process has ended.
    private var isBusy: Bool {
        if context.connectionCount > 0 { return true }
        let servesAll = metricsListener != nil || context.sharedFeed != nil
        return servesAll && context.openConnections.current > 0
    }

    /// Ends everything at once.
    public func shutDown() {
        isStopping = true
        context.isDraining = true
        for (identity, listener) in listeners { close(listener, identity) }
        metricsListener?.close()
        for upstream in context.upstreams { upstream.closeIdle() }
        context.reactor.shutDown()
        for server in idleServers { server.point.wake(.cancelled) }
        context.handshakeTurns.cancel()
        context.codingTurns.cancel()
        context.log?.flush()
    }

    /// Hands over what the last exchanges logged: call when the loop has ended.
    func flushLog() { context.log?.flush() }

    /// Lets in one that waited here, to whom another loop has handed a place.
    private func admit(_ ticket: GateTicket) { context.admit(ticket) }

    /// Writes logs, closes what has grown too old, and says what looks like a mistake.
    private func keepHouse() async {
        var rounds = 0
        while !context.reactor.isShutDown {
            await context.reactor.sleep(
                until: context.reactor.now + ProxyLimits.housekeepingInterval
            )
            context.log?.flush()
            rounds += 1
            tellRedisNames()
            if rounds % 10 == 0 {
                for upstream in context.upstreams { upstream.closeExpired() }
            }
            if number == 0 {
                let store = context.snapshot.limitStore
                store.sweep(round: rounds, now: context.reactor.now)
                if rounds % ProxyLimits.ratesRounds == 0 && store.watchesFiles {
                    // Detached: reading a file may take a while.
                    Task.detached { store.refreshRates() }
                }
            }
            if let peer = context.forwardedWarning.due(now: context.reactor.now) {
                ProxyLog.warnOfUntrustedProxy(peer)
            }
        }
    }
}

/// A task that has served a connection, and whom it is to serve next.
final class IdleServer {
    let point: WaitPoint
    var connection: ClientConnection?

    init(point: WaitPoint) { self.point = point }
}

/// Where a listener listens, and how it is spoken to there.
public struct ListenerAddress: Hashable, Sendable {
    /// The configured address.
    public let address: SocketAddress
    /// Whether connections begin with a PROXY protocol header.
    public let proxyProtocol: Bool

    /// Names a listener.
    public init(_ address: SocketAddress, proxyProtocol: Bool) {
        self.address = address
        self.proxyProtocol = proxyProtocol
    }
}
