import Caching
import EventLoop
import Redis
import Synchronization
import Telemetry

/// What runs on a loop for as long as it is connected to Redis.
extension Worker {
    /// Every client of this loop.
    private var redisClients: [RedisClient] {
        [context.shared?.client, context.sharedCache?.client, context.sharedFeed?.client]
            .compactMap { $0 }
    }

    /// Connects for the limits, if they are shared.
    func startSharedLimits() {
        guard let client = context.shared?.client else { return }
        prepare(client)
        Task { await self.runSharedLimits() }
    }

    private func runSharedLimits() async { await context.shared?.client.run() }

    /// Connects for stored responses, if they are shared.
    func startSharedCache() {
        guard let loop = context.sharedCache else { return }
        prepare(loop.client)
        Task { await self.runSharedCache() }
        guard let feed = context.sharedFeed else { return }
        prepare(feed.client)
        Task { await self.runFeed() }
        Task { await self.listen() }
        Task { await self.tellOthers() }
    }

    private func prepare(_ client: RedisClient) {
        client.resolved = context.snapshot.limitStore.names.withLock { $0 }
        client.startAside = { [weak self, executor] in
            Task(executorPreference: executor) { await self?.runAside() }
        }
    }

    private func runSharedCache() async { await context.sharedCache?.client.run() }
    private func runFeed() async { await context.sharedFeed?.client.run() }

    /// Keeps the connection to the other server while a cluster moves keys.
    private func runAside() async {
        for client in redisClients where client.wantsAside { await client.runAside() }
    }

    /// Removes what other gateways have removed.
    private func listen() async {
        let context = context
        let isCold = { !(context.snapshot.cacheStore?.keepsOverRestarts ?? false) }
        await context.sharedFeed?.listen(isCold: isCold) { news in
            guard let store = context.snapshot.cacheStore else { return }
            let now = context.reactor.wallNow / 1_000_000
            switch news {
            case .purge(let purge, let isSoft):
                context.metrics.add(.sharedPurgesReceived)
                context.cache.purge(purge, isSoft: isSoft, store, now)
            case .key(let key):
                context.metrics.add(.sharedPurgesReceived)
                store.invalidate(key.span, hash: store.hash(key.span))
            case .lost:
                context.metrics.add(.sharedLosses)
                ProxyLog.lostSharedPurges()
                context.cache.purge(.everything, store, now)
            }
        }
    }

    private func tellOthers() async {
        let context = context
        await context.sharedFeed?.tellOthers(context.cache.news) { context.cache.enroll($0) }
    }

    /// Waits a little for the purges that other gateways have not been told of yet: what was purged
    /// must not be served by them because this one has ended.
    func tellLastPurges() async {
        guard let shared = context.sharedFeed?.shared else { return }
        let deadline = context.reactor.now + SharedCache.Limits.farewell
        while shared.waiting > 0, context.reactor.now < deadline, !context.reactor.isShutDown {
            await context.reactor.sleep(until: context.reactor.now + SharedCache.Limits.glance)
        }
        if shared.waiting > 0 { ProxyLog.purgesAreUntold(shared.waiting) }
    }

    /// Lets the clients know what names resolve to now.
    func tellRedisNames() {
        let clients = redisClients
        if clients.isEmpty { return }
        let names = context.snapshot.limitStore.names.withLock { $0 }
        for client in clients { client.resolved = names }
    }

    /// What a scrape shows of the connections.
    func setRedisFigures() {
        let metrics = context.metrics
        metrics.set(.redisConnections, to: context.shared?.client.isUp ?? false ? 1 : 0)
        metrics.set(.sharedConnections, to: context.sharedCache?.client.isUp ?? false ? 1 : 0)
        let listening = context.sharedFeed?.isCurrent ?? false ? 1 : 0
        metrics.adjust(.sharedListening, by: listening - countedListening)
        countedListening = listening
        let waiting = context.sharedFeed?.shared.waiting ?? 0
        metrics.adjust(.sharedPurgesWaiting, by: waiting - countedWaiting)
        countedWaiting = waiting
    }
}
