public import Addressing
import CLinux

/// A bound, listening socket that no loop has taken yet: made before privileges and threads matter,
/// so that an address in use is an error at start and not in the middle of something.
public struct ListeningSocket: ~Copyable, Sendable {
    /// What it is bound to; with the port that the system chose, if it was left to it.
    public let address: SocketAddress
    private var descriptor: Int32

    /// Binds an address and listens on it.
    /// - Parameters:
    ///   - address: An IP address and port (0 lets the system choose), or a unix path, at which a
    ///     socket that nobody serves any more is replaced.
    ///   - mode: The permissions of a unix socket, whatever the umask says.
    /// - Throws: The system's error.
    public init(binding address: SocketAddress, mode: UInt16 = 0o660) throws(SystemError) {
        if case .unix(let path) = address { Sockets.removeStaleSocket(path) }
        var address = address
        let made: Int32
        do throws(SystemError) {
            made = try Sockets.open(for: address)
        } catch {
            // A kernel without IPv6: `::` means every address, which are the IPv4 ones then.
            guard error.number == EAFNOSUPPORT, case .ip(.unspecifiedIPv6, let port) = address
            else { throw error }
            address = .ip(IPAddress(v4: 0), port: port)
            made = try Sockets.open(for: address)
        }
        do throws(SystemError) {
            try Sockets.prepareListener(made, address: address)
            try Sockets.bind(made, to: address)
            // Before it listens, so that nobody connects whom the mode keeps out.
            if case .unix(let path) = address { try Sockets.setMode(of: path, mode) }
            guard listen(made, LoopLimits.listenBacklog) == 0 else { throw SystemError.current }
        } catch {
            close(made)
            throw error
        }
        descriptor = made
        self.address = Sockets.localAddress(of: made) ?? address
    }

    /// Makes sure that no other process serves an address.
    ///
    /// Loops share an address by SO_REUSEPORT, and so would a second gateway that was started by
    /// mistake: each would silently get some of the connections.
    /// - Throws: The error of `bind(2)`.
    public static func checkFree(_ address: SocketAddress) throws(SystemError) {
        // Port 0 is always free; without IPv6, the bind that follows finds another way.
        guard case .ip(_, let port) = address, port != 0,
            let probe = try? Sockets.open(for: address)
        else { return }
        defer { close(probe) }
        try Sockets.prepareListener(probe, address: address, sharesPort: false)
        try Sockets.bind(probe, to: address)
    }

    /// Changes the permissions of a unix socket that listens already; nothing else has any.
    /// - Throws: The error of `chmod(2)`.
    public static func setMode(of address: SocketAddress, _ mode: UInt16) throws(SystemError) {
        if case .unix(let path) = address { try Sockets.setMode(of: path, mode) }
    }

    /// Takes over a socket that was handed to the process, as systemd does.
    /// - Parameter descriptor: Bound and listening.
    /// - Throws: The system's error, when it is no such socket.
    public init(inherited descriptor: Int32) throws(SystemError) {
        guard let address = Sockets.localAddress(of: descriptor) else { throw SystemError.current }
        try Sockets.makeNonBlocking(descriptor)
        Sockets.setCloseOnExec(descriptor)
        self.descriptor = descriptor
        self.address = address
    }

    private init(descriptor: Int32, address: SocketAddress) {
        self.descriptor = descriptor
        self.address = address
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Another descriptor of the same socket, for another loop to share.
    /// - Throws: The error of `dup(2)`.
    public func duplicate() throws(SystemError) -> ListeningSocket {
        let copy = gateway_fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw SystemError.current }
        return ListeningSocket(descriptor: copy, address: address)
    }

    /// Gives the descriptor up: who gets it closes it.
    public consuming func release() -> Int32 {
        take()
    }

    /// Hands the descriptor to a listener, which closes it from now on.
    mutating func take() -> Int32 {
        defer { descriptor = -1 }
        return descriptor
    }
}
