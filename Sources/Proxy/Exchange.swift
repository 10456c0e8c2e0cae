import Addressing
import Bytes
import Configuration
import EventLoop
import HTTP
import HTTP1
import Telemetry

/// One request and its response, from the first byte in to the last byte out.
///
/// Methods on the path of every request are `mutating` even where they change nothing: a borrowed
/// struct of this size is copied to the callee's stack, an `inout` one is not.
///
/// This page is the life of a request. Each step is a folder beside this file:
/// receive, route, admit, forward, respond, record.
struct Exchange: ~Copyable {
    let context: LoopContext
    private(set) var connection: ClientConnection
    /// What this exchange is served by, whatever is loaded meanwhile.
    var snapshot: ServingSnapshot
    var parser = RequestParser()
    var request = RequestHead()
    var response = ResponseHead()
    /// What goes to the client next.
    var output: Buffer?
    /// One place to wait for the client and the upstream at once.
    let gathering: WaitPoint

    // Receive
    var requestBody = BodyFlow()
    var responseBody = BodyFlow()
    var content = RequestContent.none
    /// Content that was decoded before a server was chosen, the first of a stream.
    var ahead: Buffer?
    var sentContinue = false

    // Route
    var route: RouteRuntime?
    /// The site of a request that found no route in it.
    var unrouted: SiteRuntime?
    var client: ClientAddress
    var scheme = ForwardedScheme.http
    var normalizedPath: [UInt8] = []
    var pathIsNormal = true
    var requestID = RequestID.none

    // Admit
    /// What the limits of the route have been asked; nil where there are none.
    var limits: LimitTurn?
    /// The same, emptied, for the next request that meets limits.
    var spareTurn: LimitTurn?

    // Forward
    /// What goes to the upstream next; nil once all of the request has been sent.
    var upload: Buffer?
    /// How much of a spilled content has been sent.
    var fileOffset = 0
    /// Content was lost on its way to the upstream: its connection cannot be used again.
    var uploadIsBroken = false
    var upstream: UpstreamConnection?
    var attempts = 0
    /// The server was told `Early-Data: 1`, and not because the client said so.
    var wasSentEarly = false
    var serverName: [UInt8] = []

    // Cache
    /// What the cache has to do with the response to come; nil on every route without one.
    var caching: CacheTurn?

    // Respond
    /// What a route that compresses has to remember; nil as long as none was met.
    var coding: ResponseCoding?
    var progress = ResponseProgress.nothingSent
    var keepsConnection = true

    // Record
    var times = Times()
    var status = 0
    var upstreamStatus = 0
    var bytesReceived = 0
    var bytesSent = 0
    /// Bytes of the head of a response that the gateway made itself.
    var headBytes = 0
    var failureName: String?
    var end = ConnectionEnd.notPersistent

    init(context: LoopContext, connection: ClientConnection) {
        self.context = context
        self.connection = connection
        snapshot = context.snapshot
        gathering = WaitPoint(reactor: context.reactor)
        client = snapshot.topRule.start(peer: connection.peer, header: connection.proxyHeader)
    }

    /// Turns to another connection, and keeps nothing of the one before but memory: what one
    /// exchange leaves to the next is forgotten by `begin`, the rest here.
    mutating func turn(to next: ClientConnection) {
        connection = next
        snapshot = context.snapshot
        client = snapshot.topRule.start(peer: next.peer, header: next.proxyHeader)
        request.removeAll()
        requestBody = BodyFlow()
        route = nil
        unrouted = nil
        times = Times()
        bytesReceived = 0
        end = .notPersistent
    }

    /// Serves the request whose head has been received.
    /// - Returns: Whether the connection can take another one.
    @inline(__always)
    mutating func run() async -> Bool {
        begin()
        do throws(Failure) {
            try chooseRoute()
            var isAnswered = false
            if route?.https != nil { isAnswered = try await answerForHTTPS() }
            if !isAnswered {
                if connection.isEarly { try await passEarly() }
                try admit()
                if let limits = route?.limits {
                    // Without a frame of its own where nothing can be waited for.
                    if limits.gates.isEmpty, context.shared == nil {
                        try passRates(limits)
                    } else {
                        try await passLimits(limits)
                    }
                }
                try await act()
            }
        } catch {
            await answer(error)
        }
        finishConnection()
        record()
        return keepsConnection
    }

    /// The route's time limits, or those of the top level while no route is known.
    var timeouts: Timeouts {
        mutating get { (route?.route.policy ?? snapshot.configuration.policy).timeouts }
    }

    /// Does what the route says.
    @inline(__always)
    private mutating func act() async throws(Failure) {
        guard let route else { throw .refused(.noRoute) }
        if route.route.policy.compression != nil { prepareCoding() }
        switch route.route.action {
        case .respond(let fixed): try await respond(with: fixed)
        case .redirect(let redirection): try await redirect(redirection)
        case .proxy(let number):
            let upstream = context.upstreams[number]
            if let cache = route.cache {
                try await answer(through: cache, upstream)
            } else {
                try await pass(to: upstream)
            }
        }
    }

    /// Lets the upstream answer, once it has a place for the request.
    mutating func pass(to upstream: UpstreamLoop) async throws(Failure) {
        if let gate = upstream.runtime.gate {
            try await forward(to: upstream, through: gate)
        } else {
            try await forward(to: upstream)
        }
    }

    /// Forgets the exchange before, and keeps its memory.
    mutating func begin() {
        snapshot = context.snapshot
        route = nil
        unrouted = nil
        content = .none
        coding?.forget()
        sentContinue = false
        fileOffset = 0
        uploadIsBroken = false
        wasSentEarly = false
        caching = nil
        progress = .nothingSent
        keepsConnection = request.keepAlive && !context.isDraining
        scheme = .http
        pathIsNormal = true
        requestID = .none
        attempts = 0
        serverName = []
        status = 0
        upstreamStatus = 0
        bytesSent = 0
        headBytes = 0
        failureName = nil
        end = .notPersistent
        requestBody.begin(request.framing, as: .identity)
        context.exchangeCount += 1
        context.metrics.adjust(.requestsInFlight, by: 1)
        if output == nil { output = context.reactor.buffers.take() }
    }
}

/// When what happened, in nanoseconds of the loop's clock; 0 for what did not.
struct Times {
    /// The first byte of the request was seen.
    var started: Int64 = 0
    /// The same on the wall clock, in milliseconds since 1970.
    var startedUnixMilliseconds: Int64 = 0
    /// A server was chosen for the first time.
    var upstreamStarted: Int64 = 0
    /// The head of the upstream's response was read.
    var upstreamHead: Int64 = 0
    /// The upstream's response was complete.
    var upstreamEnded: Int64 = 0
    /// The first byte of the response was handed to the kernel.
    var firstByte: Int64 = 0
}

/// How far the response has come: what may still be said to the client follows from it.
enum ResponseProgress {
    case nothingSent
    /// The head is on its way, so a failure can only cut the response short.
    case headSent(endsWithConnection: Bool)
    case complete
    /// The connection has become a tunnel.
    case tunnelled
}

/// Where the content of the request is.
enum RequestContent {
    case none
    /// At the front of the connection's input, complete, so many bytes.
    case inInput(Int)
    /// Complete in memory.
    case buffered(Buffer)
    /// Complete in an unlinked file.
    case spilled(TemporaryFile)
    /// Still to come from the client, or a part of it.
    case streaming
}
