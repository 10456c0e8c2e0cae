import Bytes
import Configuration
import EventLoop
import HTTP
import HTTP1
import Telemetry

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
    var forwardedWarning = ForwardedWarning()
    private var heads: [MessageStorage] = []
    private var dateSecond: Int64 = 0
    /// The current date as a field value, written anew once a second.
    private let date = Buffer()

    init(reactor: Reactor, metrics: LoopMetrics, log: LoopLog?, snapshot: ServingSnapshot) {
        self.reactor = reactor
        self.metrics = metrics
        self.log = log
        self.snapshot = snapshot
        adopt(snapshot)
    }

    /// The most connections that this process may have open in this loop.
    var connectionLimit: Int { snapshot.configuration.connection.connections ?? .max }

    /// Takes in a new configuration: upstreams that stay keep their idle connections.
    func adopt(_ snapshot: ServingSnapshot) {
        self.snapshot = snapshot
        let old = upstreams
        upstreams = snapshot.upstreams.enumerated().map { index, runtime in
            let kept = old.first { $0.runtime.configuration.name == runtime.configuration.name }
            return UpstreamLoop(runtime, context: self, inheriting: kept, offset: index)
        }
        for upstream in old { upstream.closeIdle() }
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
