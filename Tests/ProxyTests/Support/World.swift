import Addressing
import Balancing
import Bytes
import Compression
import Configuration
import EventLoop
import Foundation
import TLS
import Telemetry
import Testing

@testable import Proxy

/// A gateway in a simulated world, seen by the scripts that play its clients and its origins.
///
/// Unchecked: all tasks of a world run on the one thread that turns its loop, so nothing of it is
/// ever shared between threads.
final class World: @unchecked Sendable {
    let worker: Worker
    let context: LoopContext
    let configuration: Configuration
    private let simulation: Simulation
    /// Scripts that have not ended.
    private(set) var scripts = 0
    /// Scripts that serve these and have not ended.
    private(set) var attendants = 0
    private var peers: [Peer] = []
    private var origins: [Origin] = []

    /// Virtual nanoseconds that a script waits for what it expects.
    static let patience: Int64 = 180_000_000_000
    /// Turns of the loop in one instant, above which somebody must be waiting without sleeping.
    static let turnsPerInstant = 200_000
    /// Where the gateway listens unless a test says otherwise.
    static let site = "192.0.2.1:80"
    /// Where the origin listens unless a test says otherwise.
    static let server = "10.0.0.1:8000"

    private let registry: SeriesRegistry

    init(_ worker: isolated Worker, configuration: Configuration, registry: SeriesRegistry) throws {
        self.worker = worker
        self.registry = registry
        self.configuration = configuration
        context = worker.context
        simulation = try #require(worker.context.reactor.simulation)
    }

    var reactor: Reactor { context.reactor }
    var now: Int64 { context.reactor.now }
    /// How unkind the network is.
    var faults: Simulation.Faults {
        get { simulation.faults }
        set { simulation.faults = newValue }
    }

    // MARK: People

    /// Connects a client.
    func client(to address: String = World.site) async throws -> Peer {
        let target = try SocketAddress(address)
        let stream = try await reactor.connect(to: target, deadline: .max)
        return adopt(stream, name: "client")
    }

    /// Lets a server listen.
    func origin(at address: String = World.server) throws -> Origin {
        let listener = EventLoop.Listener(simulated: try SocketAddress(address), reactor: reactor)
        let origin = Origin(listener: listener, world: self)
        origins.append(origin)
        return origin
    }

    func adopt(_ stream: EventLoop.Stream, name: String) -> Peer {
        let peer = Peer(stream: stream, name: name, world: self)
        peers.append(peer)
        return peer
    }

    /// Lets virtual time pass.
    func pass(seconds: Double) async {
        await reactor.sleep(until: reactor.now + Int64(seconds * 1e9))
    }

    /// Runs a script beside the others; the world lasts until all of them have ended.
    func spawn(_ script: @escaping @Sendable (World) async throws -> Void) {
        scripts += 1
        Task(executorPreference: worker.executor) {
            await self.worker.play(script, in: self)
            self.scripts -= 1
        }
    }

    /// Runs a script that serves the others: when they have ended, its connections are closed.
    func attend(_ script: @escaping @Sendable (World) async throws -> Void) {
        attendants += 1
        Task(executorPreference: worker.executor) {
            await self.worker.play(script, in: self)
            self.attendants -= 1
        }
    }

    /// Lets all that the scripts hold go.
    func closeAll() {
        for peer in peers { peer.close() }
        for origin in origins { origin.stop() }
        peers = []
        origins = []
    }

    /// Forgets peers that are closed, in worlds with many of them.
    func forgetClosed() { peers.removeAll { !$0.stream.isOpen } }

    // MARK: What the gateway holds

    /// One line for each thing that should be gone and is not.
    func leftovers() -> [String] {
        var found: [String] = []
        func expectZero(_ count: Int, _ name: String) {
            if count != 0 { found.append("\(name): \(count)") }
        }
        expectZero(attendants, "scripts that serve others")
        expectZero(reactor.openCount, "open streams and listeners")
        expectZero(reactor.buffers.lent, "buffers lent")
        expectZero(reactor.timerCount, "timers")
        expectZero(context.connectionCount, "client connections")
        expectZero(context.exchangeCount, "exchanges")
        expectZero(context.openTunnels, "tunnels")
        expectZero(context.codecs.lent, "codecs")
        for upstream in context.upstreams {
            for server in upstream.balancer.servers {
                expectZero(server.status.inFlight, "in flight at \(server.description.name)")
            }
        }
        return found
    }

    /// The lines of the metrics, without what has no value yet.
    func metrics() -> [String] {
        let snapshot = context.metrics.snapshot()
        let text = MetricsText(
            [snapshot],
            names: ProxyMetrics.names,
            series: registry,
            process: .current(),
            logs: LogFigures(),
            configuration: ConfigurationFigures(),
            build: BuildFigures(version: "test"),
            limits: context.snapshot.limitFigures
        ).render(.prometheus)
        return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
            .filter { !$0.hasPrefix("#") }
    }

    /// The value of a metric, the sum of its series that have all of these labels.
    func metric(_ name: String, _ labels: String...) -> Int {
        var sum = 0
        for line in metrics() where line.hasPrefix(name + "{") || line.hasPrefix(name + " ") {
            guard labels.allSatisfy({ line.contains($0) }),
                let value = line.split(separator: " ").last
            else { continue }
            sum += Int(value) ?? 0
        }
        return sum
    }

    /// Connections that lie idle without a task.
    var parked: Int { metric("gateway_connections_parked") }

    /// Whether no request is under way and no client connected.
    var isCalm: Bool { context.connectionCount == 0 && context.exchangeCount == 0 }
}

extension Worker {
    fileprivate func play(
        _ script: @Sendable (World) async throws -> Void,
        in world: World
    ) async {
        do {
            try await script(world)
        } catch {
            // What a script expected in vain is recorded where it happened.
            if !(error is ScriptEnded) { Issue.record(error) }
            // The scripts beside it end as well.
            world.closeAll()
        }
    }
}

/// Runs a gateway in a world of its own, and checks at the end that it holds nothing any more.
///
/// `configuration`: A whole configuration; `$site` and `$server` stand for the usual addresses.
///
/// `files`: Files that it names.
///
/// `seed`: Decides every choice in that world.
///
/// `faults`: How unkind the network is.
///
/// `log`: Gets all access logs that the configuration names.
///
/// `script`: Plays the clients and the origins.
func simulate(
    _ configuration: String,
    files: [String: String] = [:],
    seed: UInt64 = 1,
    faults: Simulation.Faults = Simulation.Faults(),
    disk: DiskTier? = nil,
    log: LogCapture? = nil,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ script: @escaping @Sendable (World) async throws -> Void
) throws {
    let registry = SeriesRegistry()
    let worker = try makeWorker(
        configuration,
        files: files,
        seed: seed,
        registry: registry,
        disk: disk,
        log: log
    )
    worker.executor.bind()
    let world = try worker.assumeIsolated { worker in
        worker.start()
        let configuration = worker.context.snapshot.configuration
        for listener in configuration.listeners {
            worker.listen(
                simulated: listener.address,
                proxyProtocol: listener.proxyProtocol
            )
        }
        let world = try World(worker, configuration: configuration, registry: registry)
        world.faults = faults
        return world
    }
    world.spawn(script)
    let note = "seed \(seed); to run it alone: GATEWAY_SEED=\(seed)"
    if !turn(worker, world, hours: 1, until: { world.scripts == 0 }) {
        Issue.record("a script waits for ever (\(note))", sourceLocation: sourceLocation)
    }
    world.faults = Simulation.Faults()
    world.closeAll()
    if !turn(worker, world, hours: 1, until: { world.isCalm }) {
        let counts =
            "\(world.context.connectionCount) connections, "
            + "\(world.context.exchangeCount) exchanges"
        Issue.record("the gateway never ends: \(counts) (\(note))", sourceLocation: sourceLocation)
    }
    #expect(
        world.reactor.buffers.lent == 0,
        "buffers lent after the last exchange (\(note))",
        sourceLocation: sourceLocation
    )
    worker.assumeIsolated { $0.shutDown() }
    // Health checks sleep for as long as their interval.
    _ = turn(worker, world, hours: 1, until: { world.attendants == 0 && world.leftovers().isEmpty })
    let leftovers = world.leftovers()
    #expect(leftovers.isEmpty, "\(note)", sourceLocation: sourceLocation)
}

/// Turns the loop until a condition holds.
/// - Returns: Whether it came to hold within that much virtual time.
private func turn(_ worker: Worker, _ world: World, hours: Int64, until condition: () -> Bool)
    -> Bool
{
    let end = world.now + hours * 3_600_000_000_000
    var turns = 0
    var instant = world.now
    while true {
        turns = instant == world.now ? turns + 1 : 0
        instant = world.now
        if turns > World.turnsPerInstant {
            Issue.record("the loop spins: virtual time stands still")
            return false
        }
        let busy = worker.executor.drain()
        if !busy && condition() { return true }
        if world.now > end || (!busy && world.reactor.simulation?.isQuiescent ?? true) {
            return condition()
        }
        worker.assumeIsolated { $0.turn(mustNotSleep: busy) }
    }
}

private func makeWorker(
    _ text: String,
    files: [String: String],
    seed: UInt64,
    registry: SeriesRegistry,
    disk: DiskTier?,
    log: LogCapture?
) throws -> Worker {
    let text =
        text
        .replacingOccurrences(of: "$site", with: World.site)
        .replacingOccurrences(of: "$server", with: World.server)
    let all = files.merging(["gateway.conf": text]) { _, main in main }
    let access = SourceAccess(
        read: { path, _ throws(SourceAccess.Failure) in
            guard let content = all[path] else { throw .unreadable("No such file") }
            return Array(content.utf8)
        },
        matches: { _ in [] },
        environment: { _ in nil }
    )
    let configuration = try Configuration.load("gateway.conf", access: access)
    let snapshot = ServingSnapshot(
        configuration,
        previous: nil,
        registry: registry,
        logs: configuration.accessLogs.map { _ in log?.destination },
        resolved: [:],
        tls: try TLSRuntime.load(configuration, previous: nil) { path throws(TLSSetupError) in
            guard let content = all[path] else { throw TLSSetupError("there is no '\(path)'") }
            return Array(content.utf8)
        },
        disk: disk
    )
    return try Worker(
        number: 0,
        seed: seed,
        snapshot: snapshot,
        log: log?.writer,
        simulation: Simulation(seed: seed)
    )
}
