public import Addressing
import Bytes
public import EventLoop

/// One loop's connection to Redis: commands of many requests go out together and are answered in
/// order.
///
/// One task, `run`, connects, reads and reconnects; whoever has a command writes it to `output`,
/// and waits at a point of its own, up to a deadline. While Redis is gone nobody waits at all.
public final class RedisClient {
    /// A command on its way.
    private final class Call {
        /// Where somebody waits; nil when nobody does, or does any more.
        var point: WaitPoint?
        var reply: RedisReply?
        var isDone = false

        init(_ point: WaitPoint?) { self.point = point }
    }

    /// Why a connection ended.
    private enum Ended: Error { case failed, stopped }

    /// How Redis is reached.
    public let settings: RedisSettings
    private let reactor: Reactor
    private let scripts: [String]
    private var stream: EventLoop.Stream?
    private var reader: RedisReplyReader?
    /// Where `run` waits for bytes, and for something to send.
    private let point: WaitPoint
    private let output = Buffer()
    private var calls: [Call] = []
    /// Calls at the front that have been answered.
    private var answered = 0
    private var mustDrop = false
    private var isStopped = false
    /// Where a server said that the keys are, in a cluster.
    private var moved: SocketAddress?
    /// Whether commands are taken.
    public private(set) var isUp = false
    /// The names of the scripts on the server, in the order given.
    public private(set) var digests: [[UInt8]] = []
    /// What host names are known to resolve to.
    public var resolved: [Endpoint: [IPAddress]] = [:]

    /// Makes a client that is not connected; `run` does that.
    /// - Parameters:
    ///   - reactor: The loop.
    ///   - settings: How Redis is reached.
    ///   - scripts: Lua, loaded on each connection.
    public init(reactor: Reactor, settings: RedisSettings, scripts: [String]) {
        self.reactor = reactor
        self.settings = settings
        self.scripts = scripts
        point = WaitPoint(reactor: reactor)
    }

    // MARK: Commands

    /// Begins a command of so many arguments, its name included; they follow by `argument`.
    public func begin(_ count: Int) {
        output.append("*")
        output.append(decimal: count)
        output.append("\r\n")
    }

    /// Adds an argument.
    public func argument(_ bytes: Span<UInt8>) {
        output.append("$")
        output.append(decimal: bytes.count)
        output.append("\r\n")
        output.append(bytes)
        output.append("\r\n")
    }

    /// Adds an argument.
    public func argument(_ bytes: [UInt8]) { argument(bytes.span) }

    /// Adds a number.
    public func argument(_ number: Int64) { argument(Array(String(number).utf8)) }

    /// Whether there is room for another command.
    public var hasRoom: Bool {
        isUp && calls.count - answered < RedisLimits.pending
            && output.count < RedisLimits.outputBytes
    }

    /// Sends the command just written and waits for the answer.
    /// - Parameters:
    ///   - place: Where to wait; nobody else waits there.
    ///   - deadline: Nanoseconds of the loop's clock.
    /// - Returns: nil when none came in time; then Redis counts as gone.
    public func reply(at place: WaitPoint, deadline: Int64) async -> RedisReply? {
        let call = Call(place)
        calls.append(call)
        point.wake(.ready)
        while !call.isDone {
            switch await place.wait(until: deadline) {
            case .ready: continue
            case .timedOut:
                call.point = nil
                drop()
                return nil
            case .cancelled:
                call.point = nil
                return nil
            }
        }
        return call.reply
    }

    /// Sends the command just written; nobody waits for the answer.
    public func post() {
        calls.append(Call(nil))
        point.wake(.ready)
    }

    /// Takes the connection for dead: nobody waits for it any more.
    private func drop() {
        mustDrop = true
        isUp = false
        point.wake(.ready)
    }

    /// Ends `run`.
    public func stop() {
        isStopped = true
        drop()
    }

    // MARK: The connection

    /// Keeps a connection for as long as the loop runs, or until `stop`.
    public func run() async {
        var attempt = 0
        while !isStopped && !reactor.isShutDown {
            if let address = address(attempt) {
                do throws(Ended) {
                    try await connect(address)
                    try await serve()
                } catch {
                    // Told apart by nobody: whatever it was, the next server is tried.
                }
            }
            close()
            attempt &+= 1
            if isStopped || reactor.isShutDown { break }
            await reactor.sleep(until: reactor.now + RedisLimits.retryInterval)
        }
        point.retire()
    }

    private func address(_ attempt: Int) -> SocketAddress? {
        if let moved {
            self.moved = nil
            return moved
        }
        guard !settings.servers.isEmpty else { return nil }
        let server = settings.servers[attempt % settings.servers.count]
        switch server {
        case .address(let address): return address
        case .name(_, let port):
            guard let found = resolved[server], !found.isEmpty else { return nil }
            return .ip(found[(attempt / settings.servers.count) % found.count], port: port)
        }
    }

    private func connect(_ address: SocketAddress) async throws(Ended) {
        let deadline = reactor.now + RedisLimits.connectTime
        mustDrop = false
        do throws(StreamError) {
            stream = try await reactor.connect(to: address, deadline: deadline)
        } catch { throw .failed }
        reader = RedisReplyReader()
        output.removeAll()
        if !settings.password.isEmpty {
            begin(settings.user.isEmpty ? 2 : 3)
            argument(Array("AUTH".utf8))
            if !settings.user.isEmpty { argument(Array(settings.user.utf8)) }
            argument(Array(settings.password.utf8))
            guard case .status = try await handshake(deadline) else { throw .failed }
        }
        if settings.database != 0 {
            begin(2)
            argument(Array("SELECT".utf8))
            argument(Int64(settings.database))
            guard case .status = try await handshake(deadline) else { throw .failed }
        }
        // A replica takes no writes: the other server is the one that was promoted.
        begin(1)
        argument(Array("ROLE".utf8))
        if case .array(let role) = try await handshake(deadline), role.first != nil,
            role.first != .string(Array("master".utf8))
        {
            throw .failed
        }
        digests = []
        for script in scripts {
            begin(3)
            argument(Array("SCRIPT".utf8))
            argument(Array("LOAD".utf8))
            argument(Array(script.utf8))
            guard case .string(let digest) = try await handshake(deadline) else { throw .failed }
            digests.append(digest)
        }
        isUp = true
    }

    /// Sends what was written, and waits for the one answer to it.
    private func handshake(_ deadline: Int64) async throws(Ended) -> RedisReply {
        guard let stream, let reader else { throw .failed }
        let input = reactor.buffers.take()
        defer { reactor.buffers.give(input) }
        do {
            try await stream.write(output, deadline: deadline)
            while true {
                if let reply = try reader.next() { return reply }
                input.removeAll()
                input.reserve(LoopLimits.smallBuffer / 2)
                if try await stream.read(into: input, deadline: deadline) == 0 { break }
                try reader.feed(input.readable)
            }
        } catch {}
        throw .failed
    }

    /// Sends commands and hands answers out, until the connection ends.
    private func serve() async throws(Ended) {
        guard let stream, let reader else { throw .failed }
        let input = reactor.buffers.take()
        defer { reactor.buffers.give(input) }
        stream.gather(at: point)
        defer { stream.gather(at: nil) }
        while true {
            if isStopped { throw .stopped }
            if mustDrop { throw .failed }
            do {
                if !output.isEmpty { try stream.send(output) }
                input.removeAll()
                input.reserve(LoopLimits.smallBuffer / 2)
                if let count = try stream.receive(into: input) {
                    if count == 0 { throw Ended.failed }
                    try reader.feed(input.readable)
                    while let reply = try reader.next() { try answer(reply) }
                    continue
                }
                try stream.watch()
                if !output.isEmpty { try stream.watchWrites() }
            } catch { throw .failed }
            if mustDrop { continue }
            if await point.wait(until: WaitPoint.never) == .cancelled { throw .stopped }
        }
    }

    private func answer(_ reply: RedisReply) throws(Ended) {
        guard answered < calls.count else { throw .failed }
        let call = calls[answered]
        answered += 1
        if answered * 2 >= calls.count {
            calls.removeFirst(answered)
            answered = 0
        }
        if case .error(let text) = reply { try heed(text, call) }
        call.reply = reply
        call.isDone = true
        call.point?.wake(.ready)
    }

    /// What some errors mean: that another server is the right one, or that the scripts are gone.
    private func heed(_ error: String, _ call: Call) throws(Ended) {
        let words = error.split(separator: " ")
        guard let kind = words.first else { return }
        switch kind {
        case "MOVED", "ASK":
            if words.count >= 3 { moved = try? SocketAddress(String(words[2])) }
        case "READONLY", "NOSCRIPT", "LOADING", "MASTERDOWN", "CLUSTERDOWN": break
        default: return
        }
        // Who waits goes on without Redis this once.
        call.isDone = true
        call.point?.wake(.ready)
        throw .failed
    }

    /// Ends the connection; whoever waits goes on without an answer.
    private func close() {
        isUp = false
        stream?.close()
        stream = nil
        reader = nil
        output.removeAll()
        let waiting = calls[answered...]
        calls = []
        answered = 0
        for call in waiting {
            call.isDone = true
            call.point?.wake(.ready)
        }
    }
}
