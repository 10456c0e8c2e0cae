public import Bytes
import CLinux

/// One connection, whatever carries it: reads and writes that suspend until ready or a deadline.
///
/// A read or write tries the system call first and waits only if it would block. After a short read
/// the socket is known to be empty, so no second call is made only to be told so.
public final class Stream {
    /// What carries the bytes.
    enum Transport {
        case socket(Int32)
        case memory(MemoryEnd)
        /// Nobody: nothing ever comes, and what is sent is dropped.
        case nobody
        /// One of the two, with TLS on top.
        case tls(TLSLayer)
        case closed
    }

    /// The loop that this stream belongs to.
    public let reactor: Reactor
    var transport: Transport
    private(set) var token: UInt64 = 0
    /// A receive may find something; edge-triggered, so only an empty receive clears it.
    public internal(set) var mayRead = true
    /// A send may find space.
    public internal(set) var mayWrite = true
    /// Whether the kernel reports this descriptor's events.
    private var isWatched = false
    private var watchesWrites = false
    /// Whether the kernel paces what the socket sends, once that has been asked.
    var isPaced: Bool?
    /// The peer has ended its side, or the connection is broken: nothing will follow what is
    /// unread.
    public private(set) var peerHasClosed = false
    /// The connection is broken in both directions.
    public private(set) var isBroken = false
    let readPoint: WaitPoint
    private var lateWritePoint: WaitPoint?
    /// Where one task waits for news of several streams at once, in place of the stream's own
    /// points.
    private var gatherPoint: WaitPoint?

    /// Takes over a connected socket.
    ///
    /// `socket`: Non-blocking; this stream closes it.
    init(reactor: Reactor, socket: Int32) {
        self.reactor = reactor
        transport = .socket(socket)
        readPoint = WaitPoint(reactor: reactor)
        token = reactor.register(.stream(self))
    }

    init(reactor: Reactor, memory: MemoryEnd) {
        self.reactor = reactor
        transport = .memory(memory)
        readPoint = WaitPoint(reactor: reactor)
        isWatched = true
        watchesWrites = true
        token = reactor.register(.stream(self))
        memory.stream = self
    }

    /// Makes a stream with nobody at the other end, for work that no client waits for.
    public init(toNobodyOn reactor: Reactor) {
        self.reactor = reactor
        transport = .nobody
        readPoint = WaitPoint(reactor: reactor)
        mayRead = false
        isWatched = true
        watchesWrites = true
        token = reactor.register(.stream(self))
    }

    deinit {
        // A stream is closed by who owns it; this only keeps a forgotten one from leaking its
        // descriptor.
        if let descriptor = carrier { CLinux.close(descriptor) }
    }

    /// The slot that this stream has in its loop as long as it is open: small, and used again.
    public var slot: Int { Int(truncatingIfNeeded: token & 0xFFFF_FFFF) }

    /// Whether `close` has not been called.
    public var isOpen: Bool {
        if case .closed = transport { return false }
        return true
    }

    /// The socket, for what only sockets can do.
    var descriptor: Int32? {
        if case .socket(let descriptor) = transport { return descriptor }
        return nil
    }

    /// Whether a `SplicePump` can have it as one of its ends.
    public var isPlainSocket: Bool { descriptor != nil }

    /// The socket, whatever it carries.
    private var carrier: Int32? {
        switch transport {
        case .socket(let descriptor): descriptor
        case .tls(let layer):
            if case .socket(let descriptor) = layer.carrier { descriptor } else { nil }
        case .memory, .nobody, .closed: nil
        }
    }

    var writePoint: WaitPoint {
        if let point = lateWritePoint { return point }
        let point = WaitPoint(reactor: reactor)
        lateWritePoint = point
        return point
    }

    // MARK: Events

    /// Takes in what the kernel reports.
    func handle(_ news: UInt32) {
        var flags = news
        if case .tls(let layer) = transport { flags = handleTLS(layer, news) }
        if flags & (gateway_err | gateway_hup) != 0 {
            isBroken = true
            peerHasClosed = true
        }
        if flags & gateway_rdhup != 0 { peerHasClosed = true }
        let readFlags = gateway_in | gateway_rdhup | gateway_hup | gateway_err
        if flags & readFlags != 0 {
            mayRead = true
            (gatherPoint ?? readPoint).wake(.ready)
        }
        if flags & (gateway_out | gateway_hup | gateway_err) != 0 {
            mayWrite = true
            (gatherPoint ?? lateWritePoint)?.wake(.ready)
        }
    }

    /// Ends the waits on this stream without closing it.
    public func cancel() {
        gatherPoint?.wake(.cancelled)
        readPoint.wake(.cancelled)
        lateWritePoint?.wake(.cancelled)
    }

    /// Has the kernel report when the peer goes away, even while nobody reads, and lets it have
    /// what was held back.
    public func watch() throws(StreamError) {
        // Whoever watches is about to wait, however long.
        releaseHeld()
        if isWatched { return }
        try register(events: gateway_in | gateway_rdhup, operation: EPOLL_CTL_ADD)
        isWatched = true
    }

    /// Has the kernel report when a write finds space, besides what `watch` reports.
    public func watchWrites() throws(StreamError) {
        if watchesWrites { return }
        try register(
            events: gateway_in | gateway_rdhup | gateway_out,
            operation: isWatched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD
        )
        isWatched = true
        watchesWrites = true
    }

    /// Asks for news, each of which is told once.
    private func register(events: UInt32, operation: Int32) throws(StreamError) {
        guard let descriptor = carrier else { throw .cancelled }
        let events = events | gateway_edge
        guard reactor.watch(descriptor, operation: operation, events: events, token: token) else {
            throw .system(SystemError.current)
        }
    }

    // MARK: Waiting

    /// Lets all news of this stream wake a point that several streams share; nil ends that.
    ///
    /// The one who waits there looks at `mayRead`, `mayWrite` and `peerHasClosed` itself, and calls
    /// `watch` or `watchWrites` before it waits for a side that it needs.
    public func gather(at point: WaitPoint?) { gatherPoint = point }

    /// Waits until a read may find something.
    public func waitUntilReadable(deadline: Int64) async throws(StreamError) {
        while !mayRead {
            guard isOpen else { throw .cancelled }
            try watch()
            // As `WaitPoint.wait`, without a frame of its own: each request waits here twice.
            if readPoint.prepare(until: deadline) { await reactor.door.enter() }
            try check(readPoint.reason)
        }
    }

    /// Waits until a write may find space.
    public func waitUntilWritable(deadline: Int64) async throws(StreamError) {
        while !mayWrite {
            guard isOpen else { throw .cancelled }
            try watchWrites()
            try check(await writePoint.wait(until: deadline))
        }
    }

    private func check(_ wake: Wake) throws(StreamError) {
        switch wake {
        case .ready: return
        case .timedOut: throw .timedOut
        case .cancelled: throw .cancelled
        }
    }

    /// Lets the stream wait without a task, until bytes arrive, the peer leaves or the deadline
    /// passes; then `Reactor.nextAwakened` hands it out.
    /// - Returns: False when there is something to read already.
    public func park(until deadline: Int64) throws(StreamError) -> Bool {
        if mayRead { return false }
        try watch()
        restTLS()
        readPoint.park(self, until: deadline)
        return true
    }

    // MARK: Bytes

    /// Receives what there is, without waiting.
    /// - Parameters:
    ///   - buffer: Has free space: call `reserve` first.
    ///   - limit: Bytes at most, where what follows belongs elsewhere.
    /// - Returns: A count, 0 at the end of the stream, or nil when nothing is there yet.
    /// - Throws: `reset`, `cancelled` on a closed stream, or the system's error.
    public func receive(into buffer: Buffer, atMost limit: Int = .max) throws(StreamError) -> Int? {
        guard mayRead else { return nil }
        let space = min(buffer.writableCount, limit)
        let result: Int
        switch transport {
        case .closed: throw .cancelled
        case .nobody: return nil
        case .tls(let layer): return try receiveTLS(layer, into: buffer, atMost: space)
        case .memory(let end): result = end.receive(into: buffer, atMost: space)
        case .socket(let descriptor):
            result = Sockets.receive(descriptor, into: buffer, atMost: space)
        }
        if result > 0 {
            // Source: epoll(7), a short read on a stream socket has drained it. An end that was
            // reported together with the bytes will not be reported again.
            if result < space && !peerHasClosed { mayRead = false }
            return result
        }
        if result == 0 { return 0 }
        if result == -Int(EAGAIN) {
            mayRead = false
            return nil
        }
        throw StreamError(errno: Int32(truncatingIfNeeded: -result))
    }

    /// Whether nothing waits to be read and the peer has not closed, as far as the kernel knows
    /// now.
    ///
    /// After a splice, or a receive that stopped at a limit, nobody has seen the socket empty.
    public func isQuiet() -> Bool {
        if peerHasClosed { return false }
        if case .tls(let layer) = transport { return isQuietTLS(layer) }
        if case .memory(let end) = transport { mayRead = !end.isQuiet }
        guard mayRead, case .socket(let descriptor) = transport else { return !mayRead && isOpen }
        var byte: UInt8 = 0
        let flags = Int32(MSG_PEEK | MSG_DONTWAIT)
        // One byte, into one byte.
        let result = retrying { unsafe recv(descriptor, &byte, 1, flags) }
        guard result < 0, gateway_errno() == EAGAIN else { return false }
        mayRead = false
        return true
    }

    /// Receives at least one byte.
    /// - Parameters:
    ///   - buffer: Has free space: call `reserve` first.
    ///   - deadline: Nanoseconds of the loop's clock.
    /// - Returns: How many bytes came; 0 at the end of the stream.
    /// - Throws: `timedOut` at the deadline, and what `receive` throws.
    public func read(into buffer: Buffer, deadline: Int64) async throws(StreamError) -> Int {
        while true {
            if let count = try receive(into: buffer) { return count }
            try await waitUntilReadable(deadline: deadline)
        }
    }

    /// Sends what the kernel takes now, without waiting.
    public func send(_ buffer: Buffer) throws(StreamError) {
        while mayWrite && !buffer.isEmpty {
            let result: Int
            switch transport {
            case .closed: throw .cancelled
            case .nobody:
                buffer.removeAll()
                return
            case .tls(let layer): return try sendTLS(layer, buffer)
            case .memory(let end): result = end.send(buffer)
            case .socket(let descriptor): result = Sockets.send(descriptor, from: buffer)
            }
            if result == -Int(EAGAIN) {
                mayWrite = false
            } else if result < 0 {
                // The peer is gone, but what it said before it left is still there to be read.
                mayRead = true
                throw StreamError(errno: Int32(truncatingIfNeeded: -result))
            }
        }
    }

    /// Sends everything in the buffer.
    ///
    /// Ends at the deadline, in nanoseconds of the loop's clock, whatever has been sent by then.
    public func write(_ buffer: Buffer, deadline: Int64) async throws(StreamError) {
        while true {
            try send(buffer)
            if buffer.isEmpty { return try await flush(deadline: deadline) }
            try await waitUntilWritable(deadline: deadline)
        }
    }

    // MARK: The end

    /// Says that nothing more will be sent; the peer reads to an orderly end.
    public func shutdownWrite() {
        switch transport {
        case .closed, .nobody: return
        case .tls(let layer): shutdownTLS(layer)
        case .memory(let end): end.shutdownWrite()
        case .socket(let descriptor): _ = shutdown(descriptor, Int32(SHUT_WR))
        }
    }

    /// Closes the connection and ends its waits.
    ///
    /// May be called again.
    /// - Parameter abruptly: With a reset, so that the peer cannot take what it has for complete.
    public func close(abruptly: Bool = false) {
        switch transport {
        case .closed: return
        case .nobody: break
        case .tls(let layer): closeTLS(layer, abruptly: abruptly)
        case .memory(let end): end.close(abruptly: abruptly)
        case .socket(let descriptor):
            if abruptly { Sockets.resetOnClose(descriptor) }
            CLinux.close(descriptor)
        }
        transport = .closed
        reactor.unregister(token)
        readPoint.retire()
        lateWritePoint?.retire()
    }

    /// Ends the connection so that the last bytes sent reach a peer that is still sending: without
    /// this, unread input makes the kernel send a reset, which can overtake and erase a response.
    ///
    /// Source: RFC 9112 §9.6.
    /// - Parameters:
    ///   - deadline: When to close in any case, in nanoseconds of the loop's clock.
    ///   - limit: Bytes to read and drop at most.
    public func closeLingering(deadline: Int64, limit: Int) async {
        shutdownWrite()
        let scratch = reactor.buffers.take()
        var rest = limit
        do {
            while rest > 0 {
                scratch.removeAll()
                let count = try await read(into: scratch, deadline: deadline)
                if count == 0 { break }
                rest -= count
            }
        } catch {
            // Whatever ended the wait, the connection is closed below.
        }
        reactor.buffers.give(scratch)
        close()
    }
}
