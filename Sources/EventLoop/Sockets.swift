import Addressing
import Bytes
import CLinux

/// The system calls on sockets, each with its options in one place.
enum Sockets {
    /// A new non-blocking stream socket of the address's family.
    static func open(for address: SocketAddress) throws(SystemError) -> Int32 {
        let family: Int32
        switch address {
        case .unix: family = AF_UNIX
        case .ip(let ip, _): family = ip.isIPv4 ? AF_INET : AF_INET6
        }
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(family, kind, 0)
        guard descriptor >= 0 else { throw SystemError.current }
        return descriptor
    }

    /// Sets what a listener needs and what the connections accepted from it inherit.
    static func prepareListener(
        _ descriptor: Int32,
        address: SocketAddress,
        sharesPort: Bool = true
    ) throws(SystemError) {
        guard case .ip(let ip, _) = address else { return }
        try set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
        if sharesPort { try set(descriptor, SOL_SOCKET, SO_REUSEPORT, 1) }
        // Inherited on accept: a small response must not wait for an acknowledgement.
        try set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        // `::` means every address of the machine, IPv4 ones too; any other address only itself.
        if !ip.isIPv4 {
            let only: Int32 = ip == .unspecifiedIPv6 ? 0 : 1
            try set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, only)
        }
    }

    /// Has a listening socket keep connections back until they have sent something, or not.
    ///
    /// What cannot do so, as a unix socket, goes on accepting at once.
    static func setDeferral(_ descriptor: Int32, _ isOn: Bool) {
        let seconds = isOn ? LoopLimits.acceptDelaySeconds : 0
        try? set(descriptor, Int32(IPPROTO_TCP), TCP_DEFER_ACCEPT, seconds)
    }

    /// Binds a socket.
    static func bind(_ descriptor: Int32, to address: SocketAddress) throws(SystemError) {
        // The pointer is lent for the call only.
        let result = try unsafe withAddress(address) { unsafe gateway_bind(descriptor, $0, $1) }
        guard result == 0 else { throw SystemError.current }
    }

    /// Starts to connect.
    /// - Returns: Whether the connection stands already.
    static func connect(_ descriptor: Int32, to address: SocketAddress) throws(SystemError) -> Bool
    {
        if case .ip = address { try set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1) }
        // The pointer is lent for the call only.
        let result = try unsafe withAddress(address) { unsafe gateway_connect(descriptor, $0, $1) }
        if result == 0 { return true }
        // A unix socket whose queue is full says EAGAIN and must be tried again, not waited for.
        if gateway_errno() == EINPROGRESS || gateway_errno() == EINTR { return false }
        throw SystemError.current
    }

    /// How a connection attempt ended.
    static func pendingError(of descriptor: Int32) -> Int32 {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        // `size` is the size of `value`.
        let result = unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &value, &size)
        return result == 0 ? value : gateway_errno()
    }

    /// Accepts a connection.
    /// - Returns: A non-blocking descriptor, or -1 with `errno` set.
    static func accept(_ descriptor: Int32, peer: inout sockaddr_storage) -> Int32 {
        // The shim passes the storage's own size.
        unsafe gateway_accept(descriptor, &peer)
    }

    /// What a socket is bound to.
    static func localAddress(of descriptor: Int32) -> SocketAddress? {
        var storage = sockaddr_storage()
        // The shim passes the storage's own size.
        let result = unsafe gateway_getsockname(descriptor, &storage)
        return result == 0 ? address(from: storage) : nil
    }

    /// Makes `close` send a reset instead of an orderly end.
    static func resetOnClose(_ descriptor: Int32) {
        var option = linger(l_onoff: 1, l_linger: 0)
        // A failure leaves an orderly close, which framing still reveals as truncated.
        _ = unsafe setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_LINGER,
            &option,
            socklen_t(MemoryLayout<linger>.size)
        )
    }

    static func makeNonBlocking(_ descriptor: Int32) throws(SystemError) {
        let flags = gateway_fcntl(descriptor, F_GETFL, 0)
        guard flags >= 0, gateway_fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) >= 0 else {
            throw SystemError.current
        }
    }

    static func setCloseOnExec(_ descriptor: Int32) {
        _ = gateway_fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    /// Sets the permissions of a unix socket; an abstract one has none.
    static func setMode(of path: String, _ mode: UInt16) throws(SystemError) {
        guard !path.hasPrefix("@") else { return }
        // The path is a Swift string, passed NUL-terminated.
        guard unsafe chmod(path, mode_t(mode)) == 0 else { throw SystemError.current }
    }

    /// Removes a unix socket that nobody listens on any more; a live one is left for bind to
    /// refuse.
    static func removeStaleSocket(_ path: String) {
        guard !path.hasPrefix("@"), let probe = try? open(for: .unix(path: path)) else { return }
        defer { close(probe) }
        do {
            _ = try connect(probe, to: .unix(path: path))
        } catch  where error.number == ECONNREFUSED {
            // A file that is no socket refuses connections as well, and is nobody's to remove.
            // The path is a Swift string, passed NUL-terminated.
            if unsafe gateway_is_socket(path) { _ = unsafe unlink(path) }
        } catch {
            return
        }
    }

    /// Receives what there is.
    /// - Returns: A count, 0 at the end, or a negated error number.
    @inline(__always)
    static func receive(_ descriptor: Int32, into buffer: Buffer, atMost limit: Int) -> Int {
        let received = retrying {
            // The kernel writes at most the space that the buffer lends.
            unsafe buffer.fill { unsafe recv(descriptor, $0.baseAddress, min($0.count, limit), 0) }
        }
        return received < 0 ? -Int(gateway_errno()) : received
    }

    /// Sends what the kernel takes.
    /// - Returns: A count, or a negated error number.
    @inline(__always)
    static func send(_ descriptor: Int32, from buffer: Buffer, flags: Int32 = 0) -> Int {
        let sent = retrying {
            // The kernel reads at most the bytes that the buffer lends.
            unsafe buffer.drain {
                unsafe CLinux.send(
                    descriptor,
                    $0.baseAddress,
                    $0.count,
                    Int32(MSG_NOSIGNAL) | flags
                )
            }
        }
        return sent < 0 ? -Int(gateway_errno()) : sent
    }

    /// Whether the kernel may spread what a socket sends over time by itself, as BBR does.
    static func isPaced(_ descriptor: Int32) -> Bool {
        // TCP_CA_NAME_MAX bytes, NUL-terminated.
        var name = [UInt8](repeating: 0, count: 16)
        var size = socklen_t(name.count)
        // `size` is the size of `name`.
        let result = unsafe getsockopt(
            descriptor,
            Int32(IPPROTO_TCP),
            TCP_CONGESTION,
            &name,
            &size
        )
        if result != 0 { return true }
        let text = String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
        return text != "cubic" && text != "reno"
    }

    private static func set(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32)
        throws(SystemError)
    {
        var value = value
        // The option's value is an int of the given size.
        let result = unsafe setsockopt(
            descriptor,
            level,
            name,
            &value,
            socklen_t(MemoryLayout<Int32>.size)
        )
        guard result == 0 else { throw SystemError.current }
    }
}
