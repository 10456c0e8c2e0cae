import Bytes
import Caching
import Compression
import Configuration
import EventLoop
import HTTP
import HTTP1
import Limiting
import Redis
import Synchronization
import TLS
import Telemetry

/// The client connections of the whole process, counted once for each that comes and goes.
public final class OpenConnections: Sendable {
    private let count = Atomic<Int>(0)

    /// Starts with none.
    public init() {}

    /// Counts one more, if there are fewer than the limit.
    func admit(limit: Int) -> Bool {
        if count.wrappingAdd(1, ordering: .relaxed).newValue <= limit { return true }
        leave()
        return false
    }

    /// How many there are.
    var current: Int { count.load(ordering: .relaxed) }

    /// Counts one less.
    func leave() { count.wrappingSubtract(1, ordering: .relaxed) }
}

/// What one loop's exchanges share: confined to the loop, so nothing in it is locked.
final class LoopContext {
    let reactor: Reactor
    let metrics: LoopMetrics
    let log: LoopLog?
    /// What new exchanges are served by.
    var snapshot: ServingSnapshot
    /// The loop's side of each upstream, in the snapshot's order.
    private(set) var upstreams: [UpstreamLoop] = []
    /// The process is ending: connections are not kept alive.
    var isDraining = false
    /// Open client connections of this loop.
    var connectionCount = 0
    /// Connections that wait for a request with a task of their own.
    var warmCount = 0
    /// Exchanges under way in this loop.
    var exchangeCount = 0
    /// Tunnels open in this loop.
    var openTunnels = 0
    /// Compresses and decodes for this loop's exchanges.
    let codecs: CodecPool
    /// How late the loop is, by which it compresses less.
    var load = LoadGauge()
    /// TLS handshakes under way in this loop.
    var handshakes = 0
    /// Says which of the handshakes that fail are told of.
    var handshakeLog = HandshakeLog()
    /// Handshakes that are computed, one unit each.
    var handshakeTurns = TurnGate(limit: ProxyLimits.handshakesPerTurn)
    /// Contents that are compressed or decoded, by their bytes.
    var codingTurns = TurnGate(limit: CompressionLimits.bytesPerLoopTurn)
    var forwardedWarning = ForwardedWarning()
    /// What the loop's exchanges need for their part in the cache.
    let cache: LoopCache
    /// Which loop this is.
    let number: Int
    /// Those of this loop that wait at a gate, by the number of their ticket.
    var waiters: [UInt64: GateWaiter] = [:]
    private var tickets: UInt64 = 0
    /// Limited requests until the next whose keys are noted among the busiest.
    private var untilSample = 1
    /// The way to the limits that gateways share; nil where they do not.
    private(set) var shared: SharedLimits?
    /// The way to the stored responses that gateways share; nil where they do not.
    private(set) var sharedCache: SharedCacheLoop?
    /// What hears of the other gateways' purges; the first loop's only.
    private(set) var sharedFeed: SharedCacheFeed?
    private var spillLog = RateLimitedLog()
    private var heads: [MessageStorage] = []
    private var dateSecond: Int64 = 0
    /// The current date as a field value, written anew once a second.
    private let date = Buffer()

    init(
        reactor: Reactor,
        metrics: LoopMetrics,
        log: LoopLog?,
        snapshot: ServingSnapshot,
        openConnections: OpenConnections = OpenConnections(),
        number: Int = 0
    ) {
        self.number = number
        self.reactor = reactor
        let executor = reactor.executor
        cache = LoopCache(news: WakeList { executor.wake() })
        self.openConnections = openConnections
        self.metrics = metrics
        self.log = log
        self.snapshot = snapshot
        codecs = CodecPool(limit: snapshot.configuration.compression.memory)
        adopt(snapshot)
    }

    /// The most client connections that this process may have open.
    var connectionLimit: Int { snapshot.configuration.connection.connections ?? .max }
    /// Open client connections of all loops, by which the limit counts.
    let openConnections: OpenConnections

    /// Takes in a new configuration: upstreams that stay keep their idle connections.
    func adopt(_ snapshot: ServingSnapshot) {
        self.snapshot = snapshot
        codecs.limit = snapshot.configuration.compression.memory
        adoptRedis(snapshot)
        adoptSharedCache(snapshot)
        let old = upstreams
        upstreams = snapshot.upstreams.enumerated().map { index, runtime in
            let kept = old.first { $0.runtime.configuration.name == runtime.configuration.name }
            return UpstreamLoop(runtime, context: self, inheriting: kept, offset: index)
        }
        for upstream in old {
            let name = upstream.runtime.configuration.name
            upstream.retire(to: upstreams.first { $0.runtime.configuration.name == name })
        }
    }

    /// The TLS of a listener; nil when it has none, or is gone.
    func tlsServer(of listener: ListenerIdentity) -> TLSServer? {
        snapshot.number(of: listener).flatMap { snapshot.listeners[$0].tls }
    }

    /// Begins a turn of the loop: lets that go on for which it has room.
    func beginTurn() {
        handshakeTurns.beginTurn()
        codingTurns.beginTurn()
    }

    /// Whether something waits for the next turn, so that the loop must not sleep.
    var needsTurn: Bool { handshakeTurns.hasWaiting || codingTurns.hasWaiting }

    /// Tells the operator, once in a while, that contents find no room on the disk.
    func noteFailedSpill(_ directory: String) {
        if let more = spillLog.admit(now: reactor.now) {
            ProxyLog.cannotSpill(directory, more: more)
        }
    }

    /// Writes the date field of a response.
    ///
    /// Source: RFC 9110 §6.6.1.
    func writeDate(to buffer: Buffer) {
        let second = reactor.wallNow / 1_000_000_000
        if second != dateSecond {
            dateSecond = second
            date.removeAll()
            date.append("Date: ")
            HTTPDate.write(second, to: date)
            date.append("\r\n")
        }
        let date = date
        buffer.append(date.readable)
    }

    // MARK: Limits

    /// Keeps the connection to Redis, or ends it for another one.
    private func adoptRedis(_ snapshot: ServingSnapshot) {
        let limits = snapshot.configuration.sites.contains { site in
            site.routes.contains { !$0.policy.limits.rates.isEmpty }
        }
        let policy = limits ? snapshot.configuration.redis : nil
        // Files of certificates are read anew with each configuration.
        if shared?.policy == policy, policy?.tls == nil { return }
        shared?.client.stop()
        shared = policy.map { SharedLimits($0, tls: snapshot.tls.redis, reactor: reactor) }
    }

    /// Keeps the connection for stored responses, or ends it for another one.
    private func adoptSharedCache(_ snapshot: ServingSnapshot) {
        let next = snapshot.sharedCache
        if sharedCache?.shared === next, next?.redis.tls == nil { return }
        sharedCache?.client.stop()
        sharedFeed?.stop()
        let tls = snapshot.tls.redis
        sharedCache = next.map {
            SharedCacheLoop($0, tls: tls, reactor: reactor, metrics: metrics)
        }
        guard number == 0 else { return }
        sharedFeed = sharedCache.map { SharedCacheFeed($0, tls: tls, reactor: reactor) }
    }

    /// Whether the keys of this request are to be noted: one of `Exchange.hotKeyInterval`, at
    /// random distances, so that no pattern of requests hides one behind the others.
    func isSampled() -> Bool {
        untilSample &-= 1
        if untilSample > 0 { return false }
        let most = UInt64(2 * Exchange.hotKeyInterval - 1)
        untilSample = 1 + Int(reactor.random.next() % most)
        return true
    }

    /// A ticket that nobody has had.
    func makeTicket() -> GateTicket {
        tickets &+= 1
        return GateTicket(loop: number, number: tickets)
    }

    /// Hands a place over to whoever has waited for it, in this loop or another.
    func admit(_ ticket: GateTicket) {
        if ticket.loop == number {
            // Gone already: then it has found out by itself that the place is its own.
            waiters[ticket.number]?.admit()
        } else {
            snapshot.limitStore.deliver(ticket)
        }
    }

    /// Takes memory for a request and its response.
    func takeStorage() -> MessageStorage { heads.popLast() ?? MessageStorage() }

    /// Gives that memory back for the next exchange.
    func giveStorage(_ storage: consuming MessageStorage) {
        if heads.count < LoopLimits.pooledBuffers { heads.append(storage) }
    }
}

/// The memory that an exchange needs for heads: emptied, it serves the next exchange without
/// allocating.
struct MessageStorage {
    var request = RequestHead()
    var response = ResponseHead()
    var normalizedPath: [UInt8] = []
}
