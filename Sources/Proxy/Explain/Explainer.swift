import Addressing
import Bytes
import Configuration
import EventLoop
import HTTP
import HTTP1
import Telemetry

/// Takes one request through an exchange of its own and writes down what is decided.
///
/// The exchange is a real one, on a loop of which no turn ever runs, over a connection whose other
/// end nobody holds: it routes, admits and writes heads by the code of the data path.
struct Explainer: ~Copyable {
    let request: ExplainedRequest
    let configuration: Configuration
    /// What the parser said of the head.
    let parsed: HeadResult
    let headCount: Int
    let listener: ListenerChoice
    var exchange: Exchange
    private(set) var steps: [Explanation.Step] = []
    /// The status of the gateway's own response, once there is one.
    var status: Int?

    init(_ request: ExplainedRequest, _ configuration: Configuration)
        throws(ExplainedRequestError)
    {
        let context = try Explainer.makeContext(configuration)
        var head = RequestHead()
        var parser = RequestParser()
        let bytes = request.head
        let result = parser.parse(bytes.span, limits: context.snapshot.limits, into: &head)
        if case .complete = result {} else { head.removeAll() }
        let choice = try ListenerChoice(request, host: head.host, configuration)
        let connection = try Explainer.connect(request, choice.identity, context.reactor)
        if configuration.listeners[choice.number].isSecure, request.url.scheme == .https {
            let listener = context.snapshot.listeners[choice.number]
            connection.tls = Explainer.handshake(with: request) { name in
                listener.site(forServerName: name)
                    .flatMap { configuration.sites[$0].tls?.clientCertificates }
            }
        }
        // Nothing throws from here on: a value that cannot be copied is made whole or not at all.
        self.request = request
        self.configuration = configuration
        parsed = result
        headCount = bytes.count
        listener = choice
        exchange = Exchange(context: context, connection: connection)
        exchange.request = head
        exchange.begin()
    }

    /// A loop of its own, with everything in it that counts, so that nobody else's is touched.
    private static func makeContext(_ configuration: Configuration)
        throws(ExplainedRequestError) -> LoopContext
    {
        let reactor: Reactor
        do throws(SystemError) {
            // A simulation makes no system call, so nothing here can be refused by the system.
            reactor = try Reactor(
                executor: LoopExecutor(simulated: true),
                seed: 0,
                simulation: Simulation(seed: 0)
            )
        } catch { throw ExplainedRequestError("\(error)") }
        let snapshot = ServingSnapshot(
            configuration,
            previous: nil,
            registry: SeriesRegistry(),
            logs: configuration.accessLogs.map { _ in nil },
            resolved: [:]
        )
        return LoopContext(
            reactor: reactor,
            metrics: LoopMetrics(names: ProxyMetrics.names),
            log: nil,
            snapshot: snapshot
        )
    }

    /// A connection from the peer, whose other end is given up at once.
    private static func connect(
        _ request: ExplainedRequest,
        _ listener: ListenerIdentity,
        _ reactor: Reactor
    ) throws(ExplainedRequestError) -> ClientConnection {
        let acceptor = EventLoop.Listener(simulated: listener.address, reactor: reactor)
        defer { acceptor.close() }
        guard
            let stream = reactor.simulation?.connect(
                to: listener.address.description,
                reactor: reactor
            )
        else { throw ExplainedRequestError("no connection to \(listener.address)") }
        let connection = ClientConnection(
            stream: stream,
            local: listener.address,
            listener: listener,
            peer: request.peer,
            now: reactor.now
        )
        if let proxied = request.proxied, listener.proxyProtocol {
            connection.proxyHeader = .proxied(source: proxied, destination: .unix)
        }
        return connection
    }

    /// What has been written down.
    var explanation: Explanation {
        var title = "\(request.method) \(request.url.scheme.name)://\(request.url.authority)"
        title += "\(request.url.target) from \(text(request.peer))"
        return Explanation(title: title, steps: steps, status: status)
    }

    mutating func add(_ name: String, _ lines: String?...) {
        add(name, lines.compactMap { $0 })
    }

    mutating func add(_ name: String, _ lines: [String]) {
        if !lines.isEmpty { steps.append(Explanation.Step(name: name, lines: lines)) }
    }

    // MARK: The way of the request

    /// Goes the way of `Exchange.run`, as far as a request gets without anything being sent.
    mutating func run() {
        defer { exchange.connection.stream.close() }
        do throws(Failure) {
            add("listener", listener.lines)
            try secure()
            try receive()
            try route()
            if try !answerForHTTPS() {
                try admit()
                act()
            }
        } catch {
            // Without a connection nobody can be told anything.
            if error.status == 0 {
                add("answer", "none: the handshake fails")
                return
            }
            refuse(error)
        }
        addLog()
    }

    private mutating func receive() throws(Failure) {
        switch parsed {
        case .invalid(let reason):
            add("receive", "no valid request: \(reason.name)")
            throw .rejected(reason)
        case .incomplete:
            // A head that ends with an empty line is whole; only its size could be in the way.
            throw .rejected(.headTooLarge)
        case .complete: break
        }
        let limits = exchange.snapshot.limits
        let fields = exchange.request.fields.count
        add(
            "receive",
            "a valid head of \(headCount) bytes (at most \(size(limits.headSize))) and "
                + "\(fields) field\(fields == 1 ? "" : "s") (at most \(limits.fieldCount))",
            exchange.request.method == .other
                ? "the method is none that the gateway knows: it is passed on, and never repeated"
                : nil,
            contentAnnounced,
            exchange.request.expectContinue
                ? "the client waits for 100 (Continue), which comes when its content is wanted"
                : nil,
            exchange.request.upgradeRequested ? "the client asks for another protocol" : nil,
            exchange.request.keepAlive ? nil : "the client wants the connection closed afterwards",
            request.url.fragment.map { "'#\($0)' stays in the client" }
        )
    }

    private var contentAnnounced: String {
        switch exchange.request.framing {
        case .none, .untilClose: "no content"
        case .length(let count): "content of \(count) bytes"
        case .chunked: "content of a length that is not known beforehand (chunked)"
        }
    }

    private mutating func act() {
        guard let route = exchange.route?.route else { return }
        if route.policy.compression != nil { exchange.prepareCoding() }
        switch route.action {
        case .respond(let fixed):
            status = fixed.status
            let type = fixed.contentType.map { ", \($0)" } ?? ""
            add("answer", "\(reasoned(fixed.status))\(type), \(fixed.body.count) bytes")
            addResponseRules(ofUpstream: false)
            addCompression(of: fixed)
        case .redirect(let redirection):
            status = redirection.status
            let target = Buffer()
            exchange.expand(redirection.target, to: target)
            add("answer", "\(reasoned(redirection.status)) to \(target.readable.string())")
            addResponseRules(ofUpstream: false)
        case .proxy(let index):
            explainForwarding(to: exchange.context.upstreams[index])
        }
    }
}

/// A status with its reason phrase.
func reasoned(_ status: Int) -> String {
    let reason = "\(Status.reason(status))"
    return reason.isEmpty ? "\(status)" : "\(status) \(reason)"
}

func duration(_ nanoseconds: Int64) -> String { Configuration.text(duration: nanoseconds) }

func size(_ bytes: Int) -> String { Configuration.text(size: bytes) }

/// A peer without a port, which decides nothing.
func text(_ peer: Peer) -> String {
    switch peer {
    case .ip(let address, _): "\(address)"
    case .unix: "a unix socket"
    }
}
