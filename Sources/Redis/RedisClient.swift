public import Addressing
import Bytes
public import EventLoop
import TLS

/// What became of a question.
public enum RedisOutcome: Sendable {
    /// It was not asked: Redis is gone, or has too much to do.
    case unavailable
    /// No answer came in time.
    case lost
    case reply(RedisReply)

    /// The answer, where there is one that is no error.
    public var reply: RedisReply? {
        guard case .reply(let reply) = self else { return nil }
        if case .error = reply { return nil }
        return reply
    }
}

/// One loop's way to Redis: commands of many requests go out together over one connection.
///
/// One task, `run`, finds the server that takes writes, connects, reads and reconnects; whoever has
/// a question waits at a point of its own, up to a deadline. While Redis is gone nobody waits at
/// all.
public final class RedisClient {
    /// How Redis is reached.
    public let settings: RedisSettings
    private let reactor: Reactor
    private let scripts: [String]
    private let home: RedisLink
    /// To the server that some keys are being moved to; made when the first is met.
    private var aside: RedisLink?
    private var asideTarget: RedisTarget?
    private var asideIsRunning = false
    private var circuit: RedisCircuit
    private var moved: RedisTarget?
    private var hops = 0
    private var lastHop: Int64 = 0
    private var isStopped = false
    /// The names of the scripts on the server, in the order given.
    public private(set) var digests: [[UInt8]] = []
    /// What host names are known to resolve to.
    public var resolved: [Endpoint: [IPAddress]] = [:]
    /// Starts a task that calls `runAside`.
    public var startAside: () -> Void = {}

    /// Makes a client that is not connected; `run` does that.
    /// - Parameters:
    ///   - reactor: The loop.
    ///   - settings: How Redis is reached.
    ///   - scripts: Lua, loaded on each connection.
    public init(reactor: Reactor, settings: RedisSettings, scripts: [String]) {
        self.reactor = reactor
        self.settings = settings
        self.scripts = scripts
        circuit = RedisCircuit(settings.pace)
        home = RedisLink(reactor: reactor, settings: settings)
    }

    // MARK: Commands

    /// Whether commands are taken.
    public var isUp: Bool { home.isUp }
    /// Whether there is room for another command.
    public var hasRoom: Bool { home.hasRoom && digests.count == scripts.count }
    /// Bytes of commands that have no answer yet.
    public var pendingBytes: Int { home.pendingBytes }

    /// Asks, and waits for the answer.
    /// - Parameters:
    ///   - place: Where to wait; nobody else waits there.
    ///   - deadline: Nanoseconds of the loop's clock.
    ///   - body: Writes one command; called again where it has to be asked elsewhere.
    /// - Returns: The answer, errors included, or why there is none.
    public func ask(at place: WaitPoint, deadline: Int64, _ body: (RedisCommand) -> Void) async
        -> RedisOutcome
    {
        guard hasRoom, circuit.admit() else { return .unavailable }
        guard let reply = await home.ask(at: place, deadline: deadline, body) else {
            if home.isUp, circuit.failed() { home.drop() }
            return .lost
        }
        circuit.succeeded()
        guard case .error(let text) = reply, let elsewhere = RedisRedirect(text),
            elsewhere.isOnce, let found = await askAside(elsewhere, place, deadline, body)
        else { return .reply(reply) }
        return .reply(found)
    }

    /// Sends a command; nobody waits for the answer.
    /// - Parameters:
    ///   - body: Writes it.
    ///   - note: Told of the answer; nil when the connection was lost.
    /// - Returns: Whether it was sent.
    @discardableResult
    public func post(_ body: (RedisCommand) -> Void, note: ((RedisReply?) -> Void)? = nil) -> Bool {
        guard hasRoom, !circuit.isOnTrial else { return false }
        home.post(body, note: note)
        return true
    }

    /// Ends `run`.
    public func stop() {
        isStopped = true
        home.stop()
        aside?.stop()
    }

    // MARK: The server

    /// Keeps a connection for as long as the loop runs, or until `stop`.
    public func run() async {
        var attempt = 0
        while !isStopped && !reactor.isShutDown {
            do throws(RedisEnd) {
                let target = try await findServer(attempt)
                try await greet(home, target, isHome: true)
                try await home.serve()
            } catch {
                // Told apart by nobody: whatever it was, the next server is tried.
            }
            let from = home.target
            let redirect = home.redirect
            home.close()
            if isStopped || reactor.isShutDown { break }
            if let redirect, follow(redirect, from: from) { continue }
            attempt &+= 1
            let pause = circuit.open()
            await reactor.sleep(until: reactor.now + pause)
        }
        home.retire()
    }

    /// Takes a server's word on where the keys are.
    /// - Returns: Whether to go there at once.
    private func follow(_ redirect: RedisRedirect, from: RedisTarget?) -> Bool {
        moved = target(redirect, from: from)
        if reactor.now - lastHop > RedisLimits.hopTime { hops = 0 }
        lastHop = reactor.now
        hops += 1
        return moved != nil && hops <= RedisLimits.hops
    }

    private func target(_ redirect: RedisRedirect, from: RedisTarget?) -> RedisTarget? {
        if redirect.host.isEmpty, let from, case .ip(let address, _) = from.address {
            return RedisTarget(address: .ip(address, port: redirect.port), name: from.name)
        }
        return target(host: redirect.host, port: redirect.port, attempt: 0)
    }

    private func target(host: String, port: UInt16, attempt: Int) -> RedisTarget? {
        if let address = IPAddress(host) {
            return RedisTarget(address: .ip(address, port: port), name: host)
        }
        // Names that are told by servers are known where the configuration has them too.
        let found = resolved.first { endpoint, addresses in
            if case .name(host.lowercased(), _) = endpoint { !addresses.isEmpty } else { false }
        }
        guard let addresses = found?.value else { return nil }
        let address = addresses[attempt % addresses.count]
        return RedisTarget(address: .ip(address, port: port), name: host)
    }

    private func target(of server: Endpoint, attempt: Int) -> RedisTarget? {
        switch server {
        case .address(.ip(let address, let port)):
            return RedisTarget(address: .ip(address, port: port), name: "\(address)")
        case .address(let address): return RedisTarget(address: address, name: "localhost")
        case .name(let name, let port):
            return target(host: name, port: port, attempt: attempt)
        }
    }

    private func findServer(_ attempt: Int) async throws(RedisEnd) -> RedisTarget {
        if let moved {
            self.moved = nil
            return moved
        }
        guard !settings.servers.isEmpty else { throw .failed }
        let server = settings.servers[attempt % settings.servers.count]
        let round = attempt / settings.servers.count
        guard let target = target(of: server, attempt: round) else { throw .failed }
        guard let sentinel = settings.sentinel else { return target }
        let deadline = deadline
        try await home.open(target, deadline: deadline)
        defer { home.close() }
        if !sentinel.password.isEmpty {
            try await expectStatus(home, deadline) { command in
                command.begin("AUTH", 2)
                command.argument(sentinel.password)
            }
        }
        let reply = try await home.converse(deadline: deadline) { command in
            command.begin("SENTINEL", 3)
            command.argument("get-master-addr-by-name")
            command.argument(sentinel.master)
        }
        guard let words = reply.items, words.count == 2, let host = words[0].text,
            let port = words[1].text.flatMap({ UInt16($0) }),
            let master = self.target(host: host, port: port, attempt: round)
        else { throw .failed }
        return master
    }

    private var deadline: Int64 {
        let time =
            settings.tls == nil ? RedisLimits.connectTime : RedisLimits.secureConnectTime
        return reactor.now + time
    }

    private func expectStatus(
        _ link: RedisLink,
        _ deadline: Int64,
        _ body: (RedisCommand) -> Void
    ) async throws(RedisEnd) {
        guard case .status = try await link.converse(deadline: deadline, body) else {
            throw .failed
        }
    }

    /// Connects, and says what is said first.
    private func greet(_ link: RedisLink, _ target: RedisTarget, isHome: Bool)
        async throws(RedisEnd)
    {
        let deadline = deadline
        try await link.open(target, deadline: deadline)
        if !settings.password.isEmpty {
            try await expectStatus(link, deadline) { command in
                command.begin("AUTH", settings.user.isEmpty ? 2 : 3)
                if !settings.user.isEmpty { command.argument(settings.user) }
                command.argument(settings.password)
            }
        }
        if settings.database != 0 {
            try await expectStatus(link, deadline) { command in
                command.begin("SELECT", 2)
                command.argument(Int64(settings.database))
            }
        }
        if isHome {
            // A replica takes no writes: the other server is the one that was promoted.
            let role = try await link.converse(deadline: deadline) { $0.begin("ROLE", 1) }
            if let first = role.items?.first?.text, first != "master" { throw .failed }
            // In a cluster, what is another server's is told here and not to the first request.
            let probe = try await link.converse(deadline: deadline) { command in
                command.begin("EXISTS", 2)
                command.argument(settings.probe)
            }
            if case .error = probe, let redirect = link.redirect, !redirect.isOnce {
                throw .failed
            }
        }
        var loaded: [[UInt8]] = []
        for script in scripts {
            let reply = try await link.converse(deadline: deadline) { command in
                command.begin("SCRIPT", 3)
                command.argument("LOAD")
                command.argument(script)
            }
            guard case .string(let digest) = reply else { throw .failed }
            loaded.append(digest)
        }
        digests = loaded
    }

    // MARK: The other server of a migration

    /// Asks the server that a key has been moved to already.
    private func askAside(
        _ redirect: RedisRedirect,
        _ place: WaitPoint,
        _ deadline: Int64,
        _ body: (RedisCommand) -> Void
    ) async -> RedisReply? {
        guard let target = target(redirect, from: home.target) else { return nil }
        guard let aside, aside.hasRoom, asideTarget == target else {
            // The next question finds the connection; this one goes on without.
            asideTarget = target
            aside?.drop()
            if !asideIsRunning {
                asideIsRunning = true
                startAside()
            }
            return nil
        }
        aside.post({ $0.begin("ASKING", 1) }, note: nil)
        return await aside.ask(at: place, deadline: deadline, body)
    }

    /// Whether somebody waits for `runAside` to be called.
    public var wantsAside: Bool { asideIsRunning && aside == nil }

    /// Keeps the connection to the other server while it is of use.
    public func runAside() async {
        let link = RedisLink(reactor: reactor, settings: settings)
        aside = link
        while let target = asideTarget, !isStopped, !reactor.isShutDown {
            do throws(RedisEnd) {
                try await greet(link, target, isHome: false)
                try await link.serve(idle: RedisLimits.asideTime)
            } catch {}
            link.close()
            // Asked for another one meanwhile, or of no more use.
            if asideTarget == target { asideTarget = nil }
        }
        link.retire()
        aside = nil
        asideIsRunning = false
    }
}
