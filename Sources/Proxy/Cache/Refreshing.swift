import Bytes
import Caching
import Configuration
import EventLoop
import HTTP
import HTTP1
import Telemetry

/// Fetching what is stored anew with nobody waiting for it.
extension Exchange {
    /// Fetches anew what is hot and will soon be stale, by chance.
    mutating func refreshEarly(
        _ cache: CacheRuntime,
        _ stored: CachedResponse,
        _ upstream: UpstreamLoop,
        key: [UInt8],
        now: Int64
    ) {
        let lifetime = stored.timing.lifetime.seconds &* 1000
        let remaining = stored.timing.remaining(now: now)
        // Nearly every hit ends here.
        guard remaining < lifetime / 10 else { return }
        let isDue = EarlyRefresh.isDue(
            remaining: remaining,
            lifetime: lifetime,
            fetchTime: stored.fetchTime,
            random: context.reactor.random.next()
        )
        if isDue { refresh(cache, stored, upstream, key: key, now: now) }
    }

    /// Starts a fetch of what is stored, unless there is one under way.
    mutating func refresh(
        _ cache: CacheRuntime,
        _ stored: CachedResponse,
        _ upstream: UpstreamLoop,
        key: [UInt8],
        now: Int64
    ) {
        guard let route, request.method == .get, requestBody.isComplete,
            !request.fields.contains(.authorization),
            context.cache.refreshes.count < ProxyLimits.refreshes
        else { return }
        let joined = cache.store.join(
            key.span,
            hash: stored.hash,
            mayFollow: true,
            request: request.fields,
            patience: cache.rule.patience,
            now: now
        )
        guard case .lead(let fill) = joined else { return }
        context.cache.refreshes.append(
            Refresh(
                request: request,
                route: route,
                scheme: scheme,
                client: client,
                normalizedPath: normalizedPath,
                pathIsNormal: pathIsNormal,
                snapshot: snapshot,
                listener: connection,
                cache: cache,
                stale: stored,
                fill: fill
            )
        )
        context.cache.startRefresh()
    }

    /// Makes an exchange of its own for a refresh, and carries it out.
    static func run(_ refresh: Refresh, in context: LoopContext) async {
        let origin = refresh.listener
        let nobody = ClientConnection(
            stream: EventLoop.Stream(toNobodyOn: context.reactor),
            local: origin.local,
            listener: origin.listener,
            peer: origin.peer,
            now: context.reactor.now
        )
        var exchange = Exchange(context: context, connection: nobody)
        exchange.request = refresh.request
        exchange.begin()
        exchange.route = refresh.route
        exchange.snapshot = refresh.snapshot
        exchange.scheme = refresh.scheme
        exchange.client = refresh.client
        exchange.normalizedPath = refresh.normalizedPath
        exchange.pathIsNormal = refresh.pathIsNormal
        exchange.makeRequestID()
        exchange.times.started = context.reactor.now
        await exchange.refetch(refresh)
        exchange.releaseContent()
        exchange.releaseUpload()
        exchange.releaseBuffers()
        exchange.gathering.retire()
        nobody.stream.close()
        context.exchangeCount -= 1
        context.metrics.adjust(.requestsInFlight, by: -1)
    }

    private mutating func refetch(_ refresh: Refresh) async {
        guard case .proxy(let number) = refresh.route.route.action,
            number < context.upstreams.count
        else {
            refresh.fill.end(.failed)
            refresh.cache.store.land(refresh.fill)
            return
        }
        request.fields.removeAll(.range)
        request.fields.removeAll(.ifRange)
        let turn = CacheTurn(
            refresh.cache,
            key: refresh.fill.key,
            hash: refresh.fill.hash,
            purpose: .store,
            reason: .stale,
            fields: request.fields,
            now: wallMilliseconds
        )
        turn.clientFields.removeAll(.ifNoneMatch)
        turn.clientFields.removeAll(.ifModifiedSince)
        turn.fill = refresh.fill
        turn.stale = refresh.stale
        turn.isRefresh = true
        noteTraits(turn)
        caching = turn
        do throws(Failure) {
            try await fetch(turn, context.upstreams[number])
        } catch {
            // What is stored stays as it is; the next request tries again.
            dropUpstream(context.upstreams[number])
        }
    }
}
