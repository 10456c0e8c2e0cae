import Addressing
import Bytes
import Testing

@testable import EventLoop

/// One event loop whose turns a test takes itself, on its own thread.
actor TestLoop {
    nonisolated let executor: LoopExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor {
        // The actor keeps its executor alive.
        unsafe executor.asUnownedSerialExecutor()
    }
    let reactor: Reactor
    private(set) var running = 0

    init(simulation: sending Simulation?, seed: UInt64) throws {
        executor = try LoopExecutor(simulated: simulation != nil)
        reactor = try Reactor(executor: executor, seed: seed, simulation: simulation)
    }

    func start(_ script: @escaping @Sendable (Reactor) async throws -> Void) {
        running += 1
        Task(executorPreference: executor) { await self.run(script) }
    }

    private func run(_ script: @Sendable (Reactor) async throws -> Void) async {
        do { try await script(reactor) } catch { Issue.record(error) }
        running -= 1
    }

    /// - Returns: Whether anything can still happen.
    func turn(busy: Bool) -> Bool {
        reactor.poll(mustNotSleep: busy)
        return !(reactor.simulation?.isQuiescent ?? false)
    }
}

/// What one task of a test does on the loop.
typealias Script = @Sendable (Reactor) async throws -> Void

/// Runs scripts together on one simulated loop, until all have ended.
/// - Returns: Virtual nanoseconds that it took.
@discardableResult
func simulate(
    seed: UInt64 = 1,
    faults: Simulation.Faults = Simulation.Faults(),
    sourceLocation: SourceLocation = #_sourceLocation,
    _ scripts: Script...
) throws -> Int64 {
    try simulate(seed: seed, faults: faults, sourceLocation: sourceLocation, all: scripts)
}

/// Runs scripts together on one simulated loop, until all have ended.
@discardableResult
func simulate(
    seed: UInt64 = 1,
    faults: Simulation.Faults = Simulation.Faults(),
    sourceLocation: SourceLocation = #_sourceLocation,
    all scripts: [Script]
) throws -> Int64 {
    let simulation = Simulation(seed: seed)
    simulation.faults = faults
    let loop = try TestLoop(simulation: simulation, seed: seed)
    return run(loop, scripts, sourceLocation)
}

/// Runs scripts together on one loop over the system's sockets, until all have ended.
func withSockets(
    sourceLocation: SourceLocation = #_sourceLocation,
    _ scripts: Script...
) throws {
    let loop = try TestLoop(simulation: nil, seed: 1)
    run(loop, scripts, sourceLocation)
}

@discardableResult
private func run(
    _ loop: TestLoop,
    _ scripts: [Script],
    _ sourceLocation: SourceLocation
) -> Int64 {
    loop.executor.bind()
    let start = loop.assumeIsolated { loop in
        for script in scripts { loop.start(script) }
        return loop.reactor.now
    }
    while true {
        let busy = loop.executor.drain()
        if !busy && loop.assumeIsolated({ $0.running }) == 0 { break }
        if !loop.assumeIsolated({ $0.turn(busy: busy) }) && !busy {
            Issue.record("a script waits for ever", sourceLocation: sourceLocation)
            break
        }
    }
    return loop.assumeIsolated { loop in
        let open = loop.reactor.openCount
        #expect(open == 0, "streams left open", sourceLocation: sourceLocation)
        #expect(loop.reactor.timerCount == 0, "timers left", sourceLocation: sourceLocation)
        #expect(loop.reactor.buffers.lent == 0, "buffers left", sourceLocation: sourceLocation)
        return loop.reactor.now - start
    }
}

extension Buffer {
    /// What it holds, as text.
    var text: String {
        let bytes = readable
        return String(decoding: bytes.bytes(), as: UTF8.self)
    }
}

/// A value that the scripts of one test share; one thread touches it, the one that turns the loop.
final class Shared<Value>: @unchecked Sendable {
    var value: Value

    init(_ value: Value) { self.value = value }
}

extension Reactor {
    /// Two ends of an in-memory connection.
    func pair() throws -> (EventLoop.Stream, EventLoop.Stream) {
        let simulation = try #require(simulation)
        let (near, far) = MemoryEnd.pair(simulation: simulation)
        return (
            EventLoop.Stream(reactor: self, memory: near),
            EventLoop.Stream(reactor: self, memory: far)
        )
    }

    /// Nanoseconds from now.
    func after(seconds: Double) -> Int64 { now + Int64(seconds * 1e9) }
}

/// A buffer that holds a text.
func buffer(_ text: String = "") -> Buffer {
    let buffer = Buffer()
    buffer.append(utf8: text)
    return buffer
}
