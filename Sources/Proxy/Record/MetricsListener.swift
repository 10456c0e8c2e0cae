import Bytes
import Caching
import Compression
import Configuration
import EventLoop
import HTTP
import HTTP1
import Synchronization
public import Telemetry

/// The listener that answers `/metrics`, `/livez` and `/readyz`: a small server of its own, so that
/// it answers when the sites' listeners are full, and no site can shadow it.
extension Worker {
    /// Answers scrapes on a socket from now on, and no longer on the one before.
    func serveMetrics(on handover: SocketHandover?, of gateway: Gateway) {
        metricsListener?.close()
        metricsListener = nil
        guard let socket = handover?.take() else { return }
        guard let listener = try? EventLoop.Listener(reactor: context.reactor, socket: socket)
        else { return }
        metricsListener = listener
        Task { await self.acceptScrapes(gateway) }
    }

    private func acceptScrapes(_ gateway: Gateway) async {
        guard let listener = metricsListener else { return }
        while let accepted = await listener.accept() {
            if scrapes.count >= ProxyLimits.scrapes {
                accepted.stream.close()
                continue
            }
            let slot = accepted.stream.slot
            scrapes[slot] = accepted.stream
            Task { await self.serveScrape(slot, gateway) }
        }
    }

    private func serveScrape(_ slot: Int, _ gateway: Gateway) async {
        guard let stream = scrapes[slot] else { return }
        let buffer = context.reactor.buffers.take()
        var request = RequestHead()
        while await answerScrape(stream, buffer, &request, gateway) {}
        await stream.closeLingering(
            deadline: context.reactor.now + ProxyLimits.lingerTime,
            limit: ProxyLimits.lingerBytes
        )
        context.reactor.buffers.give(buffer)
        scrapes[slot] = nil
    }

    /// - Returns: Whether the connection takes another request.
    private func answerScrape(
        _ stream: EventLoop.Stream,
        _ buffer: Buffer,
        _ request: inout RequestHead,
        _ gateway: Gateway
    ) async -> Bool {
        var parser = RequestParser()
        let limits = context.snapshot.limits
        let deadline = context.reactor.now + context.snapshot.configuration.connection.idleTimeout
        do throws(StreamError) {
            while true {
                switch parser.parse(
                    buffer.readable,
                    limits: limits,
                    into: &request
                )
                {
                case .complete(let count):
                    buffer.consume(count)
                    let keeps = request.keepAlive && request.framing == .none && !context.isDraining
                    let answer = await answer(request, gateway)
                    try await send(
                        answer,
                        keeps: keeps,
                        isHead: request.method == .head,
                        to: stream
                    )
                    return keeps
                case .invalid(let reason):
                    let answer = MetricsAnswer(
                        status: reason.status,
                        body: Array("bad request\n".utf8)
                    )
                    try await send(answer, keeps: false, isHead: false, to: stream)
                    return false
                case .incomplete: break
                }
                buffer.reserve(LoopLimits.smallBuffer / 2)
                if try await stream.read(into: buffer, deadline: deadline) == 0 { return false }
            }
        } catch {
            return false
        }
    }

    private func answer(_ request: RequestHead, _ gateway: Gateway) async -> MetricsAnswer {
        if request.path.count > 7, request.path.extracting(first: 7).equals("/cache/") {
            return await answerCache(request, gateway)
        }
        if request.path.count > 8, request.path.extracting(first: 8).equals("/limits/") {
            return await answerLimits(request)
        }
        guard request.method == .get || request.method == .head else {
            return MetricsAnswer(status: 405, body: Array("only GET\n".utf8))
        }
        if request.path.equals("/livez") {
            return MetricsAnswer(status: 200, body: Array("ok\n".utf8))
        }
        if request.path.equals("/readyz") {
            let isReady = gateway.isReady && !context.isDraining
            return MetricsAnswer(
                status: isReady ? 200 : 503,
                body: Array((isReady ? "ok\n" : "draining\n").utf8)
            )
        }
        guard request.path.equals("/metrics") else {
            return MetricsAnswer(status: 404, body: Array("try /metrics, /livez or /readyz\n".utf8))
        }
        let wantsOpen =
            MediaNegotiation.preferred(
                of: ["text/plain", "application/openmetrics-text"],
                accepting: request.fields
            ) == 1
        let format: MetricsFormat = wantsOpen ? .openMetrics : .prometheus
        // Detached: with thousands of series the text takes milliseconds, which no loop has to
        // spare.
        let body = await Task.detached { await gateway.metricsText(format) }.value
        return MetricsAnswer(status: 200, contentType: format.contentType, body: body)
    }

    /// Answers who shows the token of `cache_purge`.
    private func answerCache(_ request: RequestHead, _ gateway: Gateway) async -> MetricsAnswer {
        let snapshot = context.snapshot
        guard let token = snapshot.configuration.cachePurge?.token,
            let store = snapshot.cacheStore
        else { return MetricsAnswer(status: 404, body: Array("no cache_purge token=\n".utf8)) }
        guard let index = request.fields.first(.authorization),
            isBearer(request.fields.value(at: index), token)
        else { return MetricsAnswer(status: 401, body: Array("a token is needed\n".utf8)) }
        let path = request.path.extracting(droppingFirst: 7).string()
        let query = request.query.bytes()
        let isPost = request.method == .post
        let shared = snapshot.sharedCache
        let now = context.reactor.wallNow / 1_000_000
        // Detached: looking at a million objects takes longer than a loop can spare.
        let prefixes = snapshot.cachePrefixes
        return await Task.detached {
            CacheCommands.answer(
                path: path,
                query: query,
                isPost: isPost,
                store: store,
                shared: shared,
                prefixes: prefixes,
                now: now
            )
        }.value
    }

    /// Answers who shows the token of `metrics`.
    private func answerLimits(_ request: RequestHead) async -> MetricsAnswer {
        let snapshot = context.snapshot
        guard let token = snapshot.configuration.controlToken else {
            return MetricsAnswer(status: 404, body: Array("no control_token=\n".utf8))
        }
        guard let index = request.fields.first(.authorization),
            isBearer(request.fields.value(at: index), token)
        else { return MetricsAnswer(status: 401, body: Array("a token is needed\n".utf8)) }
        let commands = LimitCommands(
            store: snapshot.limitStore,
            isShared: context.shared != nil,
            now: context.reactor.now
        )
        let path = request.path.extracting(droppingFirst: 8).string()
        let query = request.query.bytes()
        let isPost = request.method == .post
        // Detached: thousands of limits have more keys than a loop has time to sort.
        let outcome = await Task.detached {
            commands.answer(path: path, query: query, isPost: isPost)
        }.value
        for entry in outcome.forgotten { context.shared?.forget(entry.runtime, entry.key) }
        return outcome.answer
    }

    /// Compares all bytes whatever the first ones are, so that the time tells nothing.
    private func isBearer(_ value: Span<UInt8>, _ token: [UInt8]) -> Bool {
        guard value.count == token.count + 7,
            value.extracting(first: 7).equalsIgnoringCase("bearer ")
        else { return false }
        var difference: UInt8 = 0
        for index in token.indices { difference |= token[index] ^ value[index + 7] }
        return difference == 0
    }

    private func send(
        _ answer: MetricsAnswer,
        keeps: Bool,
        isHead: Bool,
        to stream: EventLoop.Stream
    ) async throws(StreamError) {
        let out = Buffer(capacity: answer.body.count + 512)
        out.writeStatusLine(answer.status)
        context.writeDate(to: out)
        out.writeField("Content-Type", value: answer.contentType)
        out.writeField("Content-Length", decimal: answer.body.count)
        out.append("Cache-Control: no-store\r\n")
        if answer.status == 405 { out.append("Allow: GET, HEAD\r\n") }
        if answer.status == 401 { out.append("WWW-Authenticate: Bearer\r\n") }
        if !keeps { out.append("Connection: close\r\n") }
        out.writeEndOfHead()
        if !isHead { out.append(answer.body) }
        try await stream.write(
            out,
            deadline: context.reactor.now + context.snapshot.configuration.policy.timeouts.send
        )
    }
}

/// A whole answer of the metrics listener.
struct MetricsAnswer {
    var status: Int
    var contentType: StaticString = "text/plain; charset=utf-8"
    var body: [UInt8]
}

extension Gateway {
    /// Whether requests are welcome: what `/readyz` says.
    var isReady: Bool { state.withLock { $0.isReady } }

    private var storeFigures: StoreFigures {
        let snapshot = state.withLock { $0.snapshot }
        var shown = StoreFigures()
        if let dictionaries = snapshot.dictionaryStore?.figures {
            shown.dictionaries = UInt64(max(0, dictionaries.count))
            shown.dictionaryBytes = UInt64(max(0, dictionaries.bytes))
            shown.dictionariesDropped = UInt64(max(0, dictionaries.dropped))
        }
        guard let store = snapshot.cacheStore else { return shown }
        let figures = store.figures
        shown.objects = UInt64(max(0, figures.objects))
        shown.bytes = UInt64(max(0, figures.bytes))
        shown.budget = UInt64(max(0, figures.budget))
        shown.evictions = UInt64(max(0, figures.evictions))
        shown.refusals = UInt64(max(0, figures.refusals))
        shown.disk = (store.tier as? DiskTier)?.figures.shown
        return shown
    }

    /// What a scrape shows: the sums over all workers.
    public func metricsText(_ format: MetricsFormat) async -> [UInt8] {
        var snapshots: [MetricsSnapshot] = []
        for worker in workers { snapshots.append(await worker.metrics()) }
        return MetricsText(
            snapshots,
            names: ProxyMetrics.names,
            series: registry,
            process: .current(),
            logs: logWriter.figures,
            configuration: figures(),
            build: build,
            cache: storeFigures,
            limits: state.withLock { $0.snapshot }.limitFigures
        ).render(format)
    }
}
