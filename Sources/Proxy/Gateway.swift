public import Addressing
public import Configuration
public import EventLoop
import Limiting
import Logging
import Resolving
import Synchronization
import TLS
public import Telemetry

/// The whole process: its workers, its listeners and the configuration in force.
///
/// Safe to call from any thread; nothing here is on the path of a request.
public final class Gateway: Sendable {
    /// Why the gateway could not start, or take over a configuration.
    public enum Failure: Error, CustomStringConvertible {
        case cannotListen(SocketAddress, SystemError)
        case cannotOpenLog(String)
        case cannotUseTLS(String)
        case cannotUseCachePath(String)
        case system(SystemError)

        /// A sentence for the operator.
        public var description: String {
            switch self {
            case .cannotListen(let address, let error): "cannot listen on \(address): \(error)"
            case .cannotOpenLog(let reason): "cannot open the access log: \(reason)"
            case .cannotUseTLS(let reason): "TLS: \(reason)"
            case .cannotUseCachePath(let reason): "cache_path: \(reason)"
            case .system(let error): "cannot start: \(error)"
            }
        }
    }

    struct State {
        var snapshot: ServingSnapshot
        var logs: [AccessLog: LogDestination]
        var listeners: Set<ListenerAddress> = []
        var metricsAddress: SocketAddress?
        var watches: [Endpoint: Resolver.Watch] = [:]
        var resolved: [Endpoint: [IPAddress]] = [:]
        /// Who waits for a name's first answer.
        var awaited: [Endpoint: LoopBarrier] = [:]
        var figures = ConfigurationFigures()
        var threads: [LoopThread] = []
        var fileWatcher: FileWatcher?
        /// Files of TLS that have changed and cannot be used.
        var fileTroubles: [FilePart: FileTrouble] = [:]
        var isReady = false
    }

    let workers: [Worker]
    let registry = SeriesRegistry()
    let logWriter: LogWriter
    let build: BuildFigures
    private let seed: UInt64
    let state: Mutex<State>
    let resolver: Mutex<Resolver?>
    let namesLock = Mutex<Void>(())
    private let running = Atomic<Int>(0)
    let logger = Logger(label: "gateway")

    /// Prepares a gateway; nothing listens before `start`.
    /// - Parameters:
    ///   - configuration: Loaded and valid.
    ///   - workerCount: Event loops.
    ///   - seed: Starts the random numbers of all loops.
    ///   - build: What the program is, for the metrics.
    /// - Throws: `cannotOpenLog`, or `system` when there are no descriptors for a loop.
    public init(
        _ configuration: Configuration,
        workerCount: Int,
        seed: UInt64,
        build: BuildFigures
    ) throws(Failure) {
        self.build = build
        do {
            logWriter = try LogWriter()
        } catch { throw .cannotOpenLog(error.description) }
        let logs = try Gateway.openLogs(configuration, known: [:], writer: logWriter)
        let snapshot = ServingSnapshot(
            configuration,
            previous: nil,
            registry: registry,
            logs: configuration.accessLogs.map { logs[$0] },
            resolved: [:],
            tls: try Gateway.loadTLS(configuration, previous: nil),
            seed: seed,
            disk: try Gateway.openDisk(configuration, previous: nil, seed: seed),
            // Another multiple of the golden ratio for each half; loops begin at the first.
            limitStore: LimitStore(
                secret: LimitSecret(
                    seed ^ 0xD1B5_4A32_D192_ED03,
                    seed &* 0x9E37_79B9_7F4A_7C15 ^ 0x8CB9_2BA7_2F3D_8DD7
                )
            )
        )
        self.seed = seed
        var workers: [Worker] = []
        let openConnections = OpenConnections()
        for number in 0..<workerCount {
            do {
                workers.append(
                    try Worker(
                        number: number,
                        seed: seed &+ UInt64(number) &* 0x9E37_79B9_7F4A_7C15,
                        snapshot: snapshot,
                        log: logWriter,
                        openConnections: openConnections
                    )
                )
            } catch { throw .system(error) }
        }
        self.workers = workers
        state = Mutex(State(snapshot: snapshot, logs: logs))
        resolver = Mutex(nil)
    }

    /// Binds the listeners and starts the loops.
    /// - Parameters:
    ///   - inherited: Sockets that the process was started with, to be used where the address fits.
    ///   - ended: Called, on the last loop's thread, when all loops have ended.
    /// - Throws: `cannotListen` with the address, or `system` when there is no thread to be had.
    public func start(
        inherited: [InheritedSocket],
        ended: @escaping @Sendable () -> Void
    ) throws(Failure) {
        let snapshot = state.withLock { $0.snapshot }
        let bound = try bind(snapshot.configuration, known: [], inherited: inherited)
        let metrics = try bindMetrics(snapshot.configuration.metrics, known: nil)
        running.store(workers.count, ordering: .releasing)
        for worker in workers {
            let thread: LoopThread
            do {
                thread = try LoopThread {
                    worker.executor.run { mustNotSleep in
                        worker.assumeIsolated { $0.turn(mustNotSleep: mustNotSleep) }
                    }
                    worker.assumeIsolated { $0.flushLog() }
                    let left = self.running.wrappingSubtract(1, ordering: .acquiringAndReleasing)
                    if left.newValue == 0 { ended() }
                }
            } catch { throw .system(error) }
            state.withLock { $0.threads.append(thread) }
            run(on: worker) { $0.start() }
        }
        install(metrics: metrics)
        lookUp(snapshot.configuration.serverNames)
        install(bound)
        watchFiles()
        waitForLoops()
        state.withLock { state in
            state.listeners = Gateway.addresses(snapshot.configuration)
            state.metricsAddress = snapshot.configuration.metrics
            state.figures.generation = snapshot.generation
            state.figures.loadedUnixSeconds = SystemClock.unixSeconds()
            state.isReady = true
        }
    }

    // MARK: Reload

    /// Serves new exchanges by another configuration; what is in flight goes on by the old one.
    ///
    /// Returns once all loops do, or when one has not come to it for `ProxyLimits.adoption`: it
    /// will, before anything else that it is told.
    /// - Throws: Why it cannot be taken over; then everything is as it was.
    public func reload(_ configuration: Configuration) throws(Failure) {
        let before = state.withLock { ($0.snapshot, $0.logs, $0.listeners, $0.metricsAddress) }
        let bound = try bind(configuration, known: before.2, inherited: [])
        let metrics = try bindMetrics(configuration.metrics, known: before.3)
        let logs = try Gateway.openLogs(configuration, known: before.1, writer: logWriter)
        let tls = try Gateway.loadTLS(configuration, previous: before.0.tls)
        let disk = try Gateway.openDisk(configuration, previous: before.0.disk, seed: seed)
        let resolved = lookUp(configuration.serverNames)
        let snapshot = ServingSnapshot(
            configuration,
            previous: before.0,
            registry: registry,
            logs: configuration.accessLogs.map { logs[$0] },
            resolved: resolved,
            tls: tls,
            seed: seed,
            disk: disk
        )
        let addresses = Gateway.addresses(configuration)
        state.withLock { state in
            state.snapshot = snapshot
            state.logs = logs
            state.listeners = addresses
            state.metricsAddress = configuration.metrics
        }
        // What has been heard since.
        updateServers()
        for worker in workers { run(on: worker) { $0.adopt(snapshot) } }
        install(bound)
        adjustModes(configuration)
        if configuration.metrics != before.3 { install(metrics: metrics) }
        Gateway.adoptDisk(configuration, disk, previous: before.0.disk)
        for worker in workers { run(on: worker) { $0.closeListeners(except: addresses) } }
        forgetNames(except: configuration.serverNames)
        watchFiles()
        waitForLoops()
        state.withLock { state in
            state.figures.generation = snapshot.generation
            state.figures.loadedUnixSeconds = SystemClock.unixSeconds()
            state.figures.lastReloadSucceeded = true
            state.figures.reloadsSucceeded += 1
        }
    }

    /// Takes note that a new configuration was faulty, for the metrics.
    public func reloadFailed() {
        state.withLock { state in
            state.figures.lastReloadSucceeded = false
            state.figures.reloadsFailed += 1
        }
    }

    /// Opens the access logs anew, after they were rotated.
    public func reopenLogs() { logWriter.reopen() }

    // MARK: The end

    /// Stops accepting and lets requests in flight finish, up to the configured time; `ended` of
    /// `start` is called when all loops are done.
    public func drain() {
        let time = state.withLock { state in
            state.isReady = false
            return state.snapshot.configuration.drainTimeout
        }
        for worker in workers {
            Task {
                await worker.drain(within: time)
                worker.executor.stop()
            }
        }
    }

    /// Ends everything at once.
    public func stop() {
        for worker in workers {
            Task {
                await worker.shutDown()
                worker.executor.stop()
            }
        }
    }

    /// Waits for the loops' threads, and writes what is left of the logs.
    public func join() {
        state.withLock { $0.fileWatcher }?.stop()
        for thread in state.withLock({ $0.threads }) { thread.join() }
        resolver.withLock { resolver in
            resolver?.shutdown()
            resolver = nil
        }
        state.withLock { $0.snapshot }.disk?.close()
        _ = logWriter.close(within: 2_000_000_000)
    }

    // MARK: Parts

    /// Lets a worker do something, after all that it was told before.
    ///
    /// A task that starts elsewhere than on the loop may be overtaken, and a loop that is told of
    /// two reloads in the wrong order goes on serving by the first.
    func run(on worker: Worker, _ body: @escaping @Sendable (isolated Worker) -> Void) {
        Task(executorPreference: worker.executor) { await worker.perform(body) }
    }

    /// Waits until the loops have done all that they were told, so that "reloaded" means it.
    private func waitForLoops() {
        // Without a descriptor for it nothing is lost but the waiting.
        guard let barrier = try? LoopBarrier(workers.count) else { return }
        for worker in workers { run(on: worker) { _ in barrier.arrive() } }
        _ = barrier.wait(within: ProxyLimits.adoption)
    }

    private static func addresses(_ configuration: Configuration) -> Set<ListenerAddress> {
        Set(
            configuration.listeners.map {
                ListenerAddress($0.address, proxyProtocol: $0.proxyProtocol)
            }
        )
    }

    private static func loadTLS(_ configuration: Configuration, previous: TLSRuntime?)
        throws(Failure) -> TLSRuntime
    {
        do {
            return try TLSRuntime.load(configuration, previous: previous, read: Files.read)
        } catch { throw .cannotUseTLS(error.description) }
    }

    /// The state of configuration and certificates, for the metrics.
    func figures() -> ConfigurationFigures {
        state.withLock { state in
            var figures = state.figures
            var seen: Set<String> = []
            for (chain, end) in state.snapshot.tls.expirations
            where seen.insert(chain).inserted {
                figures.certificates.ends.append(.init(name: chain, end: end))
            }
            figures.certificates.nowUnixSeconds = SystemClock.unixSeconds()
            return figures
        }
    }

    private static func openLogs(
        _ configuration: Configuration,
        known: [AccessLog: LogDestination],
        writer: LogWriter
    ) throws(Failure) -> [AccessLog: LogDestination] {
        var open: [AccessLog: LogDestination] = [:]
        for log in configuration.accessLogs {
            if let destination = known[log] {
                open[log] = destination
                continue
            }
            let target: LogTarget =
                switch log.destination {
                case .standardOutput: .standardOutput
                case .standardError: .standardError
                case .file(let path): .file(path)
                }
            do {
                open[log] = try writer.open(target)
            } catch { throw .cannotOpenLog(error.description) }
        }
        return open
    }
}
