public import Addressing
import CLinux

/// A socket that accepts connections for one loop.
///
/// Each loop has its own, bound with SO_REUSEPORT, so the kernel spreads connections and loops
/// share nothing; a unix socket or one handed over by systemd is one socket that the loops share.
public final class Listener {
    /// A connection and who it came from.
    public struct Accepted {
        /// The connection.
        public let stream: Stream
        /// The other end; a unix peer has the listener's own address.
        public let peer: SocketAddress
        /// The end that was connected to.
        public let local: SocketAddress
    }

    /// What it is bound to.
    public let address: SocketAddress
    private let reactor: Reactor
    private var descriptor: Int32
    private var token: UInt64 = 0
    private let point: WaitPoint
    private var mayAccept = true
    private var batch = AcceptBatch()
    private var offered: [Stream] = []
    /// Times that accepting paused because the process had no descriptor left.
    public private(set) var exhaustions: UInt64 = 0

    /// Starts to accept on a listening socket.
    ///
    /// `reactor`: The loop that accepts.
    ///
    /// `socket`: Listening and non-blocking; this listener closes it.
    ///
    /// `address`: What it is bound to.
    /// Throws The error of `epoll_ctl(2)`.
    public init(reactor: Reactor, socket: consuming ListeningSocket) throws(SystemError) {
        self.reactor = reactor
        address = socket.address
        var socket = socket
        descriptor = socket.take()
        point = WaitPoint(reactor: reactor)
        token = reactor.register(.listener(self))
        guard watch(EPOLL_CTL_ADD) else {
            let error = SystemError.current
            close()
            throw error
        }
    }

    /// Accepts connections of a simulation.
    public init(simulated address: SocketAddress, reactor: Reactor) {
        self.reactor = reactor
        self.address = address
        descriptor = -1
        point = WaitPoint(reactor: reactor)
        token = reactor.register(.listener(self))
        reactor.simulation?.listen(self, at: address.description)
    }

    /// Lets connections over TCP come when their first bytes are there, so that nobody is woken
    /// twice for them, or a second later without any; or else at once, as they do in the beginning.
    public func setDeferral(_ isOn: Bool) {
        if descriptor >= 0 { Sockets.setDeferral(descriptor, isOn) }
    }

    /// Has the kernel say in each turn that connections wait, as long as some do; or not any more.
    private func watch(_ operation: Int32) -> Bool {
        // A shared socket would otherwise wake every loop for each connection.
        let events = gateway_in | (address.isUnix ? gateway_exclusive : 0)
        return reactor.watch(descriptor, operation: operation, events: events, token: token)
    }

    /// Takes in that connections may wait.
    func handle() {
        mayAccept = true
        batch.begin(sleeps: reactor.sleeps)
        point.wake(.ready)
    }

    /// Takes a simulated connection.
    func offer(_ stream: Stream) {
        offered.append(stream)
        handle()
    }

    /// Whether `close` has not been called.
    public var isOpen: Bool { token != Reactor.wakeToken }

    /// Waits for the next connection.
    /// - Returns: A connection, or nil once the listener is closed.
    public func accept() async -> Accepted? {
        while isOpen {
            if let accepted = acceptOne() { return accepted }
            if !mayAccept { _ = await point.wait(until: WaitPoint.never) }
            if isPaused {
                _ = await point.wait(until: reactor.now + LoopLimits.acceptPauseNanoseconds)
                if isOpen && watch(EPOLL_CTL_ADD) {
                    isPaused = false
                    mayAccept = true
                }
            }
        }
        return nil
    }

    /// Accepts what is already there, without waiting: before closing, so that no queued connection
    /// is reset.
    public func acceptNow() -> Accepted? {
        mayAccept = true
        return acceptOne()
    }

    private func acceptOne() -> Accepted? {
        if descriptor < 0 {
            if offered.isEmpty {
                mayAccept = false
                return nil
            }
            return Accepted(stream: offered.removeFirst(), peer: Self.simulatedPeer, local: address)
        }
        while mayAccept && !isPaused {
            var storage = sockaddr_storage()
            let accepted = Sockets.accept(descriptor, peer: &storage)
            if accepted >= 0 {
                // The kernel tells again of those that are left.
                batch.take()
                if batch.left <= 0 { mayAccept = false }
                let stream = Stream(reactor: reactor, socket: accepted)
                let peer = Sockets.address(from: storage) ?? address
                return Accepted(stream: stream, peer: peer, local: address)
            }
            noteFailure(gateway_errno())
        }
        return nil
    }

    /// Set while accepting pauses because descriptors have run out.
    private var isPaused = false

    private func noteFailure(_ number: Int32) {
        switch number {
        case EAGAIN: mayAccept = false
        // The connection died in the queue, or a network error belongs to it (accept(2)): next one.
        case EINTR, ECONNABORTED, EPROTO, ENOPROTOOPT, ENETDOWN, ENETUNREACH, EHOSTDOWN,
            EHOSTUNREACH, ENONET, ETIMEDOUT, ECONNRESET:
            break
        // Out of descriptors, forbidden (EPERM), or a socket that never was a listener: not to be
        // asked at once again.
        default:
            exhaustions &+= 1
            isPaused = true
            _ = watch(EPOLL_CTL_DEL)
            // Nothing else ends a wait for the next connection, if `acceptNow` has come here.
            point.wake(.ready)
        }
    }

    /// Stops accepting and closes the socket.
    ///
    /// May be called again.
    public func close() {
        guard isOpen else { return }
        if descriptor >= 0 {
            // Another process may have the socket too, and then it would be told of for ever.
            _ = watch(EPOLL_CTL_DEL)
            CLinux.close(descriptor)
        } else {
            reactor.simulation?.stopListening(at: address.description)
            for stream in offered { stream.close(abruptly: true) }
            offered = []
        }
        descriptor = -1
        reactor.unregister(token)
        token = Reactor.wakeToken
        point.retire()
    }

    /// Who every simulated connection comes from.
    public static let simulatedPeer = SocketAddress.ip(IPAddress.loopbackIPv4, port: 40000)
}
