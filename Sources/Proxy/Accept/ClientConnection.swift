import Addressing
import Bytes
import EventLoop
import TLS

/// A connection from a client: small, because thousands of them lie idle.
final class ClientConnection {
    let stream: EventLoop.Stream
    let local: SocketAddress
    /// Which of the configuration's listeners accepted it; the listener may be gone after a reload.
    let listener: ListenerIdentity
    /// Who is at the other end of the socket.
    let peer: Peer
    /// What a PROXY protocol header said, if the listener expects one.
    var proxyHeader: ProxyHeader?
    var needsProxyHeader: Bool
    /// Received and not yet understood; nil while there is nothing.
    var input: Buffer?
    /// Whether it waits for a request, so that it may be closed at any time.
    var isIdle = true
    /// Requests served.
    var requestCount = 0
    /// The snapshot in which the listener was looked up last, and its number there.
    var listenerGeneration = 0
    var listenerNumber = 0
    /// What the TLS handshake has established; nil where TLS is not terminated here.
    var tls: TLSInformation?
    /// Whether a TLS handshake is due before anything else.
    var needsHandshake = false
    /// Whether TLS is terminated here.
    var isSecure: Bool { tls != nil }
    /// Whether the handshake was not complete when this was looked at last, so that requests may
    /// be replays.
    var isEarly = false
    /// The snapshot in which `directedSite` was found to be one that the handshake was made for.
    var directedGeneration = 0
    var directedSite = 0
    /// When the present wait for a request began, in nanoseconds of the loop's clock.
    var idleSince: Int64

    convenience init(accepted: Listener.Accepted, listener: ListenerIdentity, now: Int64) {
        let peer: Peer =
            switch accepted.peer {
            case .ip(let address, let port): .ip(address, port: port)
            case .unix: .unix
            }
        self.init(
            stream: accepted.stream,
            local: accepted.local,
            listener: listener,
            peer: peer,
            now: now
        )
    }

    init(
        stream: EventLoop.Stream,
        local: SocketAddress,
        listener: ListenerIdentity,
        peer: Peer,
        now: Int64
    ) {
        self.stream = stream
        self.local = local
        self.listener = listener
        self.peer = peer
        needsProxyHeader = listener.proxyProtocol
        idleSince = now
    }
}

/// What a listener was configured as; the same after a reload if it is the same.
struct ListenerIdentity: Hashable, Sendable {
    let address: SocketAddress
    let proxyProtocol: Bool
}
