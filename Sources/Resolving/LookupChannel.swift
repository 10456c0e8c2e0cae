import Addressing
import CCares
import Glibc

/// The only file that calls c-ares: asks for names and collects the answers.
///
/// Belongs to one thread. A name is looked for in /etc/hosts first and in DNS then, each with a
/// channel of its own, so that it is known whether an answer has a TTL.
@safe final class LookupChannel {
    /// A name that is being asked for; the library holds one reference until it calls back.
    private final class Query {
        let id: Int
        let origin: Origin
        let channel: LookupChannel

        init(id: Int, origin: Origin, channel: LookupChannel) {
            self.id = id
            self.origin = origin
            self.channel = channel
        }
    }

    private enum Origin { case hosts, dns }

    /// Answers that have not been taken yet, with the number that `ask` was given.
    private(set) var finished: [(id: Int, outcome: Result<ResolvedAnswer, ResolutionError>)] = []
    /// Invariant: both are open from `init` to `close`, and nil after it.
    private var hosts: ares_channel?
    private var dns: ares_channel?

    /// `ares_library_init` counts its calls without a lock; a static is initialised once.
    private static let libraryStatus = ares_library_init(ARES_LIB_INIT_ALL)

    /// Opens the channels, with the name servers of /etc/resolv.conf as it is now.
    /// - Parameters:
    ///   - servers: Other name servers, as `address:port,…`, and no search domains.
    ///   - limits: Timeout and tries.
    /// - Throws: `system`.
    init(servers: String?, limits: ResolverLimits) throws(ResolutionError) {
        try LookupChannel.check(LookupChannel.libraryStatus)
        let isolated: Int32 = servers == nil ? 0 : 1
        // The pointers are to properties of this object, and only used during the calls.
        try LookupChannel.check(
            unsafe gateway_ares_open(
                &hosts,
                "f",
                limits.queryTimeoutMilliseconds,
                limits.tries,
                isolated
            )
        )
        try LookupChannel.check(
            unsafe gateway_ares_open(
                &dns,
                "b",
                limits.queryTimeoutMilliseconds,
                limits.tries,
                isolated
            )
        )
        if let servers {
            try LookupChannel.check(unsafe ares_set_servers_ports_csv(dns, servers))
        }
    }

    deinit { close() }

    /// Ends everything; queries that still run are forgotten.
    func close() {
        // Each channel is destroyed once: it is taken out first. The library calls back for every
        // query that still runs, which gives its reference back.
        if let channel = unsafe hosts {
            unsafe hosts = nil
            unsafe ares_destroy(channel)
        }
        if let channel = unsafe dns {
            unsafe dns = nil
            unsafe ares_destroy(channel)
        }
    }

    /// Asks for a name; the answer comes into `finished`, maybe before this returns.
    func ask(_ name: String, id: Int) {
        // The library sends queries for some addresses.
        if let address = IPAddress(name) {
            let answer = ResolvedAnswer(addresses: [address.unmapped], origin: .hosts)
            finished.append((id, .success(answer)))
            return
        }
        ask(name, id: id, origin: .hosts)
        // /etc/hosts is read at once; what it does not know is asked of DNS.
        guard let last = finished.last, last.id == id else { return }
        if case .failure(let error) = last.outcome, error != .badName {
            finished.removeLast()
            ask(name, id: id, origin: .dns)
        }
    }

    /// Takes the answers that have come.
    func takeFinished() -> [(id: Int, outcome: Result<ResolvedAnswer, ResolutionError>)] {
        defer { finished.removeAll() }
        return finished
    }

    private func ask(_ name: String, id: Int, origin: Origin) {
        guard let channel = unsafe origin == .hosts ? hosts : dns else { return }
        let query = Query(id: id, origin: origin, channel: self)
        // The library calls back exactly once for each query, at the latest from ares_destroy; the
        // callback takes over the reference.
        unsafe gateway_ares_ask(
            channel,
            name,
            { argument, status, _, answer in
                guard let argument = unsafe argument else { return }
                let query = unsafe Unmanaged<Query>.fromOpaque(argument).takeRetainedValue()
                let outcome = unsafe LookupChannel.outcome(status, answer, query.origin)
                // Ours to free, also where it holds no addresses.
                unsafe ares_freeaddrinfo(answer)
                if status != ARES_EDESTRUCTION {
                    query.channel.finished.append((query.id, outcome))
                }
            },
            Unmanaged.passRetained(query).toOpaque()
        )
    }

    /// What the library waits for.
    func descriptors() -> [pollfd] {
        guard let dns = unsafe dns else { return [] }
        var sockets = [ares_socket_t](repeating: -1, count: Int(ARES_GETSOCK_MAXNUM))
        // The array has the room that is passed.
        let bits = unsafe ares_getsock(dns, &sockets, ARES_GETSOCK_MAXNUM)
        var result: [pollfd] = []
        for index in 0..<ARES_GETSOCK_MAXNUM {
            var events: Int16 = 0
            if gateway_ares_wants_read(bits, index) != 0 { events |= Int16(POLLIN) }
            if gateway_ares_wants_write(bits, index) != 0 { events |= Int16(POLLOUT) }
            guard events != 0 else { continue }
            result.append(pollfd(fd: sockets[Int(index)], events: events, revents: 0))
        }
        return result
    }

    /// Milliseconds until `process` must be called; nil if nothing runs.
    func timeoutMilliseconds() -> Int32? {
        guard let dns = unsafe dns else { return nil }
        let timeout = unsafe gateway_ares_timeout(dns)
        return timeout < 0 ? nil : timeout
    }

    /// Reads what has come, and gives up what has taken too long.
    /// - Parameter ready: What `poll` made of `descriptors()`.
    func process(_ ready: some Sequence<pollfd>) {
        guard let dns = unsafe dns else { return }
        for entry in ready where entry.revents != 0 {
            // An error is read to be seen.
            let mayRead = entry.revents & Int16(POLLIN | POLLERR | POLLHUP) != 0
            let mayWrite = entry.revents & Int16(POLLOUT) != 0
            unsafe ares_process_fd(
                dns,
                mayRead ? entry.fd : ARES_SOCKET_BAD,
                mayWrite ? entry.fd : ARES_SOCKET_BAD
            )
        }
        unsafe ares_process_fd(dns, ARES_SOCKET_BAD, ARES_SOCKET_BAD)
    }

    private static func outcome(
        _ status: Int32,
        _ answer: UnsafeMutablePointer<ares_addrinfo>?,
        _ origin: Origin
    ) -> Result<ResolvedAnswer, ResolutionError> {
        if let error = error(status) { return .failure(error) }
        var addresses: [IPAddress] = []
        var ttl = Int64.max
        // A list that the library made and that lives until it is freed by the caller.
        var next = unsafe answer?.pointee.nodes
        while let node = unsafe next {
            if let address = unsafe address(node.pointee) { addresses.append(address) }
            unsafe ttl = min(ttl, Int64(node.pointee.ai_ttl))
            unsafe next = node.pointee.ai_next
        }
        if addresses.isEmpty { return .failure(.noAddress) }
        return .success(
            ResolvedAnswer(
                addresses: addresses,
                origin: origin == .hosts ? .hosts : .dns(ttlSeconds: max(ttl, 0))
            )
        )
    }

    private static func address(_ node: ares_addrinfo_node) -> IPAddress? {
        guard let raw = unsafe UnsafeRawPointer(node.ai_addr) else { return nil }
        switch unsafe (node.ai_family, Int(node.ai_addrlen)) {
        case (AF_INET, MemoryLayout<sockaddr_in>.size...):
            // The library says by family and length that a whole sockaddr_in stands there.
            let socket = unsafe raw.loadUnaligned(as: sockaddr_in.self)
            return IPAddress(v4: UInt32(bigEndian: socket.sin_addr.s_addr))
        case (AF_INET6, MemoryLayout<sockaddr_in6>.size...):
            // As above; the address is its bytes 8 to 23.
            let high = unsafe raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            let low = unsafe raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
            return IPAddress(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low)).unmapped
        default:
            return nil
        }
    }

    private static func check(_ status: Int32) throws(ResolutionError) {
        if let error = error(status) { throw error }
    }

    /// What a status of the library means; nil for success.
    private static func error(_ status: Int32) -> ResolutionError? {
        switch status {
        case ARES_SUCCESS: nil
        case ARES_ENOTFOUND: .notFound
        case ARES_ENODATA: .noAddress
        case ARES_ETIMEOUT: .timeout
        // The first is also what is left when all servers have answered with one of the others.
        case ARES_ECONNREFUSED, ARES_ESERVFAIL, ARES_EREFUSED, ARES_ENOTIMP,
            ARES_EFORMERR:
            .serverFailure
        case ARES_EBADRESP: .malformedAnswer
        case ARES_EBADNAME, ARES_EBADQUERY: .badName
        case ARES_EDESTRUCTION, ARES_ECANCELLED: .shutDown
        // A C string that lives as long as the library.
        default: .system(unsafe String(cString: ares_strerror(status)))
        }
    }
}
