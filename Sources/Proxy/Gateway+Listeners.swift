public import Addressing
import Configuration
import EventLoop
import Synchronization

/// A listening socket that the process was started with.
public struct InheritedSocket: Sendable {
    /// The descriptor.
    public let descriptor: Int32
    /// What it is bound to.
    public let address: SocketAddress

    /// Looks at a descriptor.
    /// - Returns: nil when it is no bound socket.
    public init?(descriptor: Int32) {
        guard let socket = try? ListeningSocket(inherited: descriptor) else { return nil }
        address = socket.address
        // Kept open: a duplicate is made for each worker that listens on it.
        guard let copy = try? socket.duplicate() else { return nil }
        self.descriptor = copy.release()
    }
}

/// A socket on its way to the worker that will own it.
final class SocketHandover: Sendable {
    private let socket: Mutex<ListeningSocket?>

    init(_ socket: consuming sending ListeningSocket) { self.socket = Mutex(socket) }

    func take() -> ListeningSocket? { socket.withLock { $0.take() } }
}

/// The sockets of one listener: one for each worker.
struct BoundListener: Sendable {
    let address: SocketAddress
    let proxyProtocol: Bool
    let sockets: [SocketHandover]
}

extension Gateway {
    /// Binds what is not listened on yet: all of it, or none.
    func bind(
        _ configuration: Configuration,
        known: Set<ListenerAddress>,
        inherited: [InheritedSocket]
    ) throws(Failure) -> [BoundListener] {
        var bound: [BoundListener] = []
        for listener in configuration.listeners {
            let identity = ListenerAddress(
                listener.address,
                proxyProtocol: listener.proxyProtocol
            )
            if known.contains(identity) { continue }
            let fitting = inherited.first { $0.address == listener.address }
            do {
                let isOurs = known.contains { $0.address == listener.address }
                if fitting == nil && !isOurs { try ListeningSocket.checkFree(listener.address) }
                bound.append(
                    BoundListener(
                        address: listener.address,
                        proxyProtocol: listener.proxyProtocol,
                        sockets: try sockets(for: listener, inherited: fitting)
                    )
                )
            } catch { throw .cannotListen(listener.address, error) }
        }
        return bound
    }

    private func sockets(for listener: SiteListener, inherited: InheritedSocket?)
        throws(SystemError) -> [SocketHandover]
    {
        let address = listener.address
        var sockets: [SocketHandover] = []
        let first: ListeningSocket
        if let inherited {
            first = try ListeningSocket(inherited: inherited.descriptor)
        } else {
            let mode = listener.mode ?? SiteListener.defaultMode
            first = try ListeningSocket(binding: address, mode: mode)
        }
        // Port 0 is chosen once: the other workers share the port that the first one got.
        let actual = first.address
        var shared = inherited != nil
        if case .unix = address { shared = true }
        for _ in 1..<max(1, workers.count) {
            if shared {
                sockets.append(SocketHandover(try first.duplicate()))
            } else {
                sockets.append(SocketHandover(try ListeningSocket(binding: actual)))
            }
        }
        sockets.insert(SocketHandover(first), at: 0)
        return sockets
    }

    /// Gives unix sockets that stay over a reload the permissions that the file names now.
    ///
    /// Those that it names none for keep what they have: systemd may have made them.
    func adjustModes(_ configuration: Configuration) {
        for listener in configuration.listeners {
            guard let mode = listener.mode else { continue }
            do throws(SystemError) {
                try ListeningSocket.setMode(of: listener.address, mode)
            } catch { ProxyLog.cannotListen(listener.address, error) }
        }
    }

    /// Hands the sockets to the workers, in order with all else that they are told.
    func install(_ bound: [BoundListener]) {
        for listener in bound {
            for (worker, handover) in zip(workers, listener.sockets) {
                Task(executorPreference: worker.executor) {
                    await worker.listen(
                        on: handover,
                        proxyProtocol: listener.proxyProtocol,
                        as: listener.address
                    )
                }
            }
        }
    }

    /// Binds the metrics listener, if it is not the one that is there.
    func bindMetrics(_ address: SocketAddress?, known: SocketAddress?)
        throws(Failure) -> SocketHandover?
    {
        guard let address, address != known else { return nil }
        do {
            try ListeningSocket.checkFree(address)
            return SocketHandover(try ListeningSocket(binding: address))
        } catch { throw .cannotListen(address, error) }
    }

    /// Lets the first worker answer scrapes on the socket, and no longer on the one before.
    func install(metrics: SocketHandover?) {
        guard let worker = workers.first else { return }
        Task(executorPreference: worker.executor) {
            await worker.serveMetrics(on: metrics, of: self)
        }
    }
}
