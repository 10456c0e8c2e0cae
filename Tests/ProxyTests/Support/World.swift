import Addressing
import Balancing
import Bytes
import Configuration
import EventLoop
import Foundation
import Telemetry
import Testing

@testable import Proxy

/// A value that one thread alone touches: the one that turns the simulated loop.
///
/// All tasks of a world run on that thread, so nothing here is ever shared.
struct Confined<Value>: @unchecked Sendable {
    let value: Value
}

/// A gateway in a simulated world, seen by the scripts that play its clients and its origins.
final class World {
    let worker: Worker
    let context: LoopContext
    let configuration: Configuration
    private let simulation: Simulation
    /// Scripts that have not ended.
    private(set) var scripts = 0
    private var peers: [Peer] = []
    private var origins: [Origin] = []

    /// Virtual nanoseconds that a script waits for what it expects.
    static let patience: Int64 = 180_000_000_000
    /// Where the gateway listens unless a test says otherwise.
    static let site = "192.0.2.1:80"
    /// Where the origin listens unless a test says otherwise.
    static let server = "10.0.0.1:8000"

    init(_ worker: isolated Worker, configuration: Configuration) throws {
        self.worker = worker
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

    /// Runs a script beside the others.
    func spawn(_ script: @escaping @Sendable (World) async throws -> Void) {
        scripts += 1
        let world = Confined(value: self)
        let worker = worker
        Task(executorPreference: worker.executor) {
            await worker.play(script, in: world)
        }
    }

    fileprivate func ended() { scripts -= 1 }

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
        expectZero(reactor.openCount, "open streams and listeners")
        expectZero(reactor.buffers.lent, "buffers lent")
        expectZero(reactor.timerCount, "timers")
        expectZero(context.connectionCount, "client connections")
        expectZero(context.exchangeCount, "exchanges")
        expectZero(context.openTunnels, "tunnels")
        for upstream in context.upstreams {
            for server in upstream.balancer.servers {
                expectZero(server.status.inFlight, "in flight at \(server.description.name)")
            }
        }
        return found
    }

    /// Whether no request is under way and no client connected.
    var isCalm: Bool { context.connectionCount == 0 && context.exchangeCount == 0 }
}

extension Worker {
    fileprivate func play(
        _ script: @Sendable (World) async throws -> Void, in world: Confined<World>
    ) async {
        do {
            try await script(world.value)
        } catch is ScriptEnded {
            // Recorded where it happened.
        } catch {
            Issue.record(error)
        }
        world.value.ended()
    }
}

/// Runs a gateway in a world of its own, and checks at the end that it holds nothing any more.
/// - Parameters:
///   - configuration: A whole configuration; `$site` and `$server` stand for the usual addresses.
///   - files: Files that it names.
///   - seed: Decides every choice in that world.
///   - faults: How unkind the network is.
///   - script: Plays the clients and the origins.
func simulate(
    _ configuration: String, files: [String: String] = [:], seed: UInt64 = 1,
    faults: Simulation.Faults = Simulation.Faults(),
    sourceLocation: SourceLocation = #_sourceLocation,
    _ script: @escaping @Sendable (World) async throws -> Void
) throws {
    let worker = try makeWorker(configuration, files: files, seed: seed)
    worker.executor.bind()
    let world = try worker.assumeIsolated { worker in
        worker.start()
        let configuration = worker.context.snapshot.configuration
        for listener in configuration.listeners {
            worker.listen(
                simulated: listener.address, proxyProtocol: listener.proxyProtocol)
        }
        let world = try World(worker, configuration: configuration)
        world.faults = faults
        return Confined(value: world)
    }.value
    world.spawn(script)
    let note = "seed \(seed); to run it alone: GATEWAY_SEED=\(seed)"
    if !turn(worker, world, hours: 1, until: { world.scripts == 0 }) {
        Issue.record("a script waits for ever (\(note))", sourceLocation: sourceLocation)
    }
    world.faults = Simulation.Faults()
    world.closeAll()
    if !turn(worker, world, hours: 1, until: { world.isCalm }) {
        let counts = "\(world.context.connectionCount) connections, "
            + "\(world.context.exchangeCount) exchanges"
        Issue.record("the gateway never ends: \(counts) (\(note))", sourceLocation: sourceLocation)
    }
    #expect(
        world.reactor.buffers.lent == 0, "buffers lent after the last exchange (\(note))",
        sourceLocation: sourceLocation)
    worker.assumeIsolated { $0.shutDown() }
    // Health checks sleep for as long as their interval.
    _ = turn(worker, world, hours: 1, until: { world.leftovers().isEmpty })
    let leftovers = world.leftovers()
    #expect(leftovers.isEmpty, "\(note)", sourceLocation: sourceLocation)
}

/// Turns the loop until a condition holds.
/// - Returns: Whether it came to hold within that much virtual time.
private func turn(_ worker: Worker, _ world: World, hours: Int64, until condition: () -> Bool)
    -> Bool
{
    let end = world.now + hours * 3_600_000_000_000
    while true {
        let busy = worker.executor.drain()
        if !busy && condition() { return true }
        if world.now > end || (!busy && world.reactor.simulation?.isQuiescent ?? true) {
            return condition()
        }
        worker.assumeIsolated { $0.turn(mustNotSleep: busy) }
    }
}

private func makeWorker(_ text: String, files: [String: String], seed: UInt64) throws -> Worker {
    let text = text
        .replacingOccurrences(of: "$site", with: World.site)
        .replacingOccurrences(of: "$server", with: World.server)
    let all = files.merging(["gateway.conf": text]) { _, main in main }
    let access = SourceAccess(
        read: { path, _ throws(SourceAccess.Failure) in
            guard let content = all[path] else { throw .unreadable("No such file") }
            return Array(content.utf8)
        }, matches: { _ in [] }, environment: { _ in nil })
    let configuration = try Configuration.load("gateway.conf", access: access)
    let snapshot = ServingSnapshot(
        configuration, previous: nil, registry: SeriesRegistry(),
        logs: configuration.accessLogs.map { _ in nil }, resolved: [:])
    return try Worker(
        number: 0, seed: seed, snapshot: snapshot, log: nil, simulation: Simulation(seed: seed))
}
