import Addressing
import Bytes
import EventLoop
import TLS

/// Why a connection ended.
enum RedisEnd: Error { case failed, stopped }

/// A server to connect to.
struct RedisTarget: Equatable {
    var address: SocketAddress
    /// What its certificate must say.
    var name: String
}

/// Where a command is written to.
public struct RedisCommand {
    let output: Buffer

    /// Begins a command of so many arguments, its name included; they follow by `argument`.
    public func begin(_ name: StaticString, _ count: Int) {
        output.append("*")
        output.append(decimal: count)
        output.append("\r\n$")
        output.append(decimal: name.utf8CodeUnitCount)
        output.append("\r\n")
        output.append(name)
        output.append("\r\n")
    }

    /// Writes a whole command, its name first.
    public func write(_ words: [[UInt8]]) {
        output.append("*")
        output.append(decimal: words.count)
        output.append("\r\n")
        for word in words { argument(word) }
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

    /// Adds an argument.
    public func argument(_ text: String) { argument(Array(text.utf8)) }

    /// Adds a number.
    public func argument(_ number: Int64) { argument(String(number)) }
}

/// One connection to one server: commands go out together and are answered in order.
///
/// One task opens it, serves it and closes it; whoever has a command writes it to `output` and
/// waits at a point of its own.
final class RedisLink {
    /// A command on its way.
    final class Call {
        /// Where somebody waits; nil when nobody does, or does any more.
        var point: WaitPoint?
        var reply: RedisReply?
        var isDone = false
        /// When it was written, and how many bytes it has.
        let time: Int64
        let count: Int
        /// Told of the answer, or of its loss.
        let note: ((RedisReply?) -> Void)?

        init(_ point: WaitPoint?, time: Int64, count: Int, note: ((RedisReply?) -> Void)? = nil) {
            self.point = point
            self.time = time
            self.count = count
            self.note = note
        }
    }

    private let reactor: Reactor
    private let settings: RedisSettings
    private var stream: EventLoop.Stream?
    private var reader: RedisReplyReader?
    /// Where the connection's task waits for bytes, and for something to send.
    private let point: WaitPoint
    private let output = Buffer()
    private let sessions = ClientSessions()
    private var calls: [Call] = []
    /// Calls at the front that have been answered.
    private var answered = 0
    /// Bytes received since the last whole answer.
    private var unanswered = 0
    private var mustDrop = false
    private var isStopped = false
    /// Bytes of commands that have no answer yet.
    private(set) var pendingBytes = 0
    private(set) var target: RedisTarget?
    /// Where a server said that the keys are.
    private(set) var redirect: RedisRedirect?
    /// Whether commands are taken.
    private(set) var isUp = false
    /// When the last command was written.
    private(set) var lastUse: Int64 = 0

    init(reactor: Reactor, settings: RedisSettings) {
        self.reactor = reactor
        self.settings = settings
        point = WaitPoint(reactor: reactor)
    }

    /// Ends its timers: call when its task ends.
    func retire() { point.retire() }

    // MARK: Commands

    /// Whether there is room for another command.
    var hasRoom: Bool {
        isUp && calls.count - answered < RedisLimits.pending
            && output.count < RedisLimits.outputBytes
    }

    /// Writes a command.
    private func write(_ body: (RedisCommand) -> Void) -> Int {
        let before = output.count
        body(RedisCommand(output: output))
        return output.count - before
    }

    private func add(_ call: Call) {
        calls.append(call)
        pendingBytes += call.count
        lastUse = call.time
        point.wake(.ready)
    }

    /// Sends a command and waits for the answer.
    /// - Returns: nil when none came in time, or the connection was lost.
    func ask(at place: WaitPoint, deadline: Int64, _ body: (RedisCommand) -> Void) async
        -> RedisReply?
    {
        let call = Call(place, time: reactor.now, count: write(body))
        add(call)
        while !call.isDone {
            switch await place.wait(until: deadline) {
            case .ready: continue
            case .timedOut, .cancelled:
                call.point = nil
                return nil
            }
        }
        return call.reply
    }

    /// Sends a command; nobody waits for the answer.
    func post(_ body: (RedisCommand) -> Void, note: ((RedisReply?) -> Void)?) {
        add(Call(nil, time: reactor.now, count: write(body), note: note))
    }

    /// Takes the connection for dead: nobody waits for it any more.
    func drop() {
        mustDrop = true
        isUp = false
        point.wake(.ready)
    }

    func stop() {
        isStopped = true
        drop()
    }

    // MARK: The connection

    /// Connects; TLS included.
    func open(_ target: RedisTarget, deadline: Int64) async throws(RedisEnd) {
        mustDrop = false
        redirect = nil
        unanswered = 0
        output.removeAll()
        reader = RedisReplyReader()
        self.target = target
        do throws(StreamError) {
            stream = try await reactor.connect(to: target.address, deadline: deadline)
        } catch { throw .failed }
        guard let tls = settings.tls, let stream else { return }
        let name = tls.name ?? target.name
        guard
            let session = tls.context.current.connect(
                name: name,
                isAddress: IPAddress(name) != nil,
                sessions: sessions
            )
        else { throw .failed }
        stream.startTLS(session, received: nil)
        do throws(TLSFailure) {
            try await stream.handshake(deadline: deadline)
        } catch { throw .failed }
    }

    /// Sends one command and waits for its answer: only before `serve`.
    func converse(deadline: Int64, _ body: (RedisCommand) -> Void) async throws(RedisEnd)
        -> RedisReply
    {
        guard let stream, let reader else { throw .failed }
        let input = reactor.buffers.take()
        defer { reactor.buffers.give(input) }
        _ = write(body)
        do {
            try await stream.write(output, deadline: deadline)
            while true {
                if let reply = try reader.next() {
                    unanswered = 0
                    if case .error(let text) = reply { redirect = RedisRedirect(text) }
                    return reply
                }
                input.removeAll()
                input.reserve(settings.receiveBytes)
                if try await stream.read(into: input, deadline: deadline) == 0 { break }
                try take(input.readable, reader)
            }
        } catch {}
        throw .failed
    }

    /// Hands bytes to the reader, of one answer not more than is expected.
    private func take(_ bytes: Span<UInt8>, _ reader: RedisReplyReader)
        throws(RedisReplyReader.Invalid)
    {
        unanswered += bytes.count
        guard unanswered <= settings.replyBytes + settings.receiveBytes else {
            throw RedisReplyReader.Invalid()
        }
        try reader.feed(bytes)
    }

    /// Sends commands and hands answers out, until the connection ends.
    func serve(idle: Int64? = nil) async throws(RedisEnd) {
        guard let stream, let reader else { throw .failed }
        let input = reactor.buffers.take()
        defer { reactor.buffers.give(input) }
        stream.gather(at: point)
        defer { stream.gather(at: nil) }
        isUp = true
        lastUse = reactor.now
        while true {
            if isStopped { throw .stopped }
            if mustDrop { throw .failed }
            do {
                if !output.isEmpty { try stream.send(output) }
                shrink()
                input.removeAll()
                input.reserve(settings.receiveBytes)
                if let count = try stream.receive(into: input) {
                    if count == 0 { throw RedisEnd.failed }
                    try take(input.readable, reader)
                    while let reply = try reader.next() { try answer(reply) }
                    continue
                }
                try stream.watch()
                if !output.isEmpty { try stream.watchWrites() }
            } catch { throw .failed }
            if mustDrop { continue }
            var deadline = WaitPoint.never
            if answered < calls.count { deadline = calls[answered].time + settings.stall }
            if let idle { deadline = min(deadline, lastUse + idle) }
            if deadline <= reactor.now { throw .failed }
            if await point.wait(until: deadline) == .cancelled { throw .stopped }
        }
    }

    /// Gives memory back that a large command needed.
    private func shrink() {
        if output.isEmpty, output.capacity > RedisLimits.idleOutputBytes {
            output.resize(to: LoopLimits.smallBuffer)
        }
    }

    private func answer(_ reply: RedisReply) throws(RedisEnd) {
        unanswered = 0
        guard answered < calls.count else { throw .failed }
        let call = calls[answered]
        answered += 1
        pendingBytes -= call.count
        if answered * 2 >= calls.count {
            calls.removeFirst(answered)
            answered = 0
        }
        var isElsewhere = false
        if case .error(let text) = reply, RedisErrorKind(text) == .elsewhere {
            redirect = RedisRedirect(text)
            isElsewhere = true
        } else {
            call.reply = reply
        }
        // Who waits for a server that is not the right one goes on without Redis this once.
        finish(call)
        if isElsewhere { throw .failed }
    }

    private func finish(_ call: Call) {
        call.isDone = true
        call.note?(call.reply)
        call.point?.wake(.ready)
    }

    /// Ends the connection; whoever waits goes on without an answer.
    func close() {
        isUp = false
        stream?.close()
        stream = nil
        reader = nil
        output.removeAll()
        shrink()
        let waiting = calls[answered...]
        calls = []
        answered = 0
        pendingBytes = 0
        for call in waiting { finish(call) }
    }
}
