public import Addressing
import Balancing
import Caching
import Compression
public import Configuration
import EventLoop
import HTTP1
import Limiting
import Synchronization
public import Telemetry
import TLS

/// A loaded configuration made ready to serve: immutable, shared by all loops, replaced whole.
///
/// An exchange keeps the snapshot that it started with, so a reload never changes a request midway.
public final class ServingSnapshot: Sendable {
    /// What was loaded.
    public let configuration: Configuration
    /// Counts the configurations of this process, from 1.
    public let generation: Int
    let limits: MessageLimits
    /// Certificates and contexts.
    let tls: TLSRuntime
    let upstreams: [UpstreamRuntime]
    /// By site, then by the site's own route numbers.
    let routes: [[RouteRuntime]]
    /// In the configuration's order.
    let listeners: [ListenerRuntime]
    /// How each site's routes are found, in the configuration's order.
    let sites: [SiteRuntime]
    /// For what happens before a route is known.
    let topRule: ClientAddressRule
    let topLog: LogDestination?
    let topLogFormat: AccessLogFormat
    /// What all routes with a cache share; it outlives a reload that does not change its size.
    let cacheStore: CacheStore?
    /// What gateways share of it; nil where they do not.
    let sharedCache: SharedCache?
    /// Contents by which others are compressed, where a route uses such; it outlives a reload.
    let dictionaryStore: DictionaryStore?
    /// What stands behind it on a disk.
    let disk: DiskTier?
    /// The counters of all limits; the same in all snapshots of a process.
    let limitStore: LimitStore

    /// Prepares a configuration.
    /// - Parameters:
    ///   - configuration: Loaded and valid.
    ///   - previous: What serves now: servers that stay keep their load, health and ejections.
    ///   - registry: Numbers the metrics' series.
    ///   - logs: Where each of the configuration's access logs goes, in its order; nil where it
    /// could not be opened.
    ///   - resolved: What host names are known to resolve to.
    ///   - tls: Certificates and contexts of the same configuration.
    ///   - seed: A number that no client knows, by which cache keys are hashed.
    ///   - disk: The disk that the configuration names, taken over.
    ///   - limitStore: The counters of all limits; without it those of `previous`, or new ones.
    public init(
        _ configuration: Configuration,
        previous: ServingSnapshot?,
        registry: SeriesRegistry,
        logs: [LogDestination?],
        resolved: [Endpoint: [IPAddress]],
        tls: TLSRuntime = .none,
        seed: UInt64 = 0,
        disk: DiskTier? = nil,
        limitStore: LimitStore? = nil
    ) {
        self.disk = disk
        let cacheStore = ServingSnapshot.store(configuration.cache, previous, disk, seed: seed)
        if let cacheStore { disk?.attach(cacheStore) }
        self.cacheStore = cacheStore
        sharedCache = ServingSnapshot.sharing(configuration, previous, seed: seed)
        dictionaryStore = ServingSnapshot.dictionaries(configuration, previous)
        self.configuration = configuration
        self.tls = tls
        let store = limitStore ?? previous?.limitStore ?? LimitStore(secret: LimitSecret(0, 0))
        self.limitStore = store
        store.names.withLock { $0 = resolved }
        let routeLimits = store.adopt(configuration)
        generation = (previous?.generation ?? 0) + 1
        limits = ServingSnapshot.messageLimits(configuration.connection)
        upstreams = configuration.upstreams.enumerated().map { number, upstream in
            UpstreamRuntime(
                upstream,
                previous: previous?.upstreams.first { $0.configuration.name == upstream.name },
                registry: registry,
                resolved: resolved,
                tls: number < tls.upstreams.count ? tls.upstreams[number] : nil
            )
        }
        listeners = configuration.listeners.enumerated().map { number, listener in
            ListenerRuntime(
                listener,
                tls: number < tls.servers.count ? tls.servers[number] : nil
            )
        }
        sites = ServingSnapshot.sites(configuration, logs)
        let names = configuration.sites.reduce(into: [:]) { $0[$1.name, default: 0] += 1 }
        routes = configuration.sites.enumerated().map { siteNumber, site in
            let cacheName = site.cacheName(isAlone: names[site.name] == 1)
            return site.routes.enumerated().map { number, route in
                let index = route.policy.accessLog
                return RouteRuntime(
                    route,
                    site: site.name,
                    clientCertificates: site.tls?.clientCertificates,
                    series: registry.route(site: site.name, route: route.name),
                    rule: ServingSnapshot.rule(route.policy.clientAddress),
                    log: index.flatMap { logs[$0] },
                    logFormat: ServingSnapshot.format(configuration, index),
                    limits: routeLimits[siteNumber][number],
                    cache: route.policy.cache.flatMap { rule in
                        cacheStore.map { CacheRuntime(rule, store: $0, site: cacheName) }
                    }
                )
            }
        }
        let index = configuration.policy.accessLog
        topRule = ServingSnapshot.rule(configuration.policy.clientAddress)
        topLog = index.flatMap { logs[$0] }
        topLogFormat = ServingSnapshot.format(configuration, index)
    }

    /// The number of a listener in this configuration, or nil when it is not there any more.
    func number(of listener: ListenerIdentity) -> Int? {
        listeners.firstIndex { $0.identity == listener }
    }

    /// What the keys of all caches begin with.
    var cachePrefixes: [[UInt8]] {
        var prefixes: [[UInt8]] = []
        for cache in routes.joined().compactMap(\.cache)
        where !prefixes.contains(cache.keyPrefix) {
            prefixes.append(cache.keyPrefix)
        }
        return prefixes
    }

    /// Lets the upstreams take in what names resolve to now.
    public func update(resolved: [Endpoint: [IPAddress]], registry: SeriesRegistry) {
        for upstream in upstreams { upstream.update(registry: registry, resolved: resolved) }
        limitStore.names.withLock { $0 = resolved }
    }

    /// The store of before, if it still fits.
    private static func store(
        _ settings: CacheSettings?,
        _ previous: ServingSnapshot?,
        _ disk: DiskTier?,
        seed: UInt64
    ) -> CacheStore? {
        guard let settings else { return nil }
        if let old = previous?.cacheStore, let before = previous?.configuration.cache,
            before.size == settings.size, before.objectSize == settings.objectSize,
            previous?.disk === disk
        {
            return old
        }
        var extents: (@Sendable (Int) -> (any ContentExtent)?)?
        // Where the system has no such file, large contents stand in memory and are copied.
        if let pages = PageFile() {
            extents = { capacity in pages.makeExtent(capacity: capacity) }
        }
        return CacheStore(
            budget: settings.size,
            objectLimit: settings.objectSize,
            seed: seed,
            tier: disk,
            extents: extents
        )
    }

    /// What gateways share of it, that of before if it still fits.
    private static func sharing(
        _ configuration: Configuration,
        _ previous: ServingSnapshot?,
        seed: UInt64
    ) -> SharedCache? {
        guard let settings = configuration.cacheSharing, let redis = configuration.redis else {
            return nil
        }
        if let old = previous?.sharedCache, old.settings == settings, old.redis == redis {
            return old
        }
        return SharedCache(settings, redis: redis, seed: seed, after: previous?.sharedCache)
    }

    /// The dictionaries of before, as many as there is room for now; nil where none are used.
    private static func dictionaries(
        _ configuration: Configuration,
        _ previous: ServingSnapshot?
    ) -> DictionaryStore? {
        let isUsed = configuration.sites.contains {
            $0.routes.contains { $0.policy.dictionaries != nil }
        }
        guard isUsed else { return nil }
        let limit = configuration.compression.dictionaries
        guard let old = previous?.dictionaryStore else { return DictionaryStore(limit: limit) }
        old.resize(to: limit)
        return old
    }

    private static func messageLimits(_ settings: ConnectionSettings) -> MessageLimits {
        MessageLimits(
            headSize: settings.headerSize,
            fieldCount: settings.headerCount,
            targetSize: settings.targetSize
        )
    }

    private static func sites(_ configuration: Configuration, _ logs: [LogDestination?])
        -> [SiteRuntime]
    {
        configuration.sites.map { site in
            SiteRuntime(
                site,
                rule: rule(site.policy.clientAddress),
                log: site.policy.accessLog.flatMap { logs[$0] },
                logFormat: format(configuration, site.policy.accessLog)
            )
        }
    }

    private static func format(_ configuration: Configuration, _ index: Int?) -> AccessLogFormat {
        guard let index else { return .combined }
        return AccessLogFormat(rawValue: configuration.accessLogs[index].format.rawValue)
            ?? .combined
    }

    private static func rule(_ policy: ClientAddressPolicy) -> ClientAddressRule {
        let source: ClientAddressRule.Source =
            switch policy.source {
            case .forwardedFor: .xForwardedFor
            case .forwarded: .forwarded
            case .proxyProtocol: .proxyProtocol
            case .peer: .peer
            }
        return ClientAddressRule(
            source: source,
            trusted: TrustedPeers(networks: policy.trusted, trustsUnixPeers: policy.trustsUnix)
        )
    }
}

/// What the path of a request reads of one route, all of it decided at load.
///
/// A class, so that an exchange holds it by one reference.
final class RouteRuntime: Sendable {
    let route: Route
    let series: RouteSeries
    let rule: ClientAddressRule
    /// The destination of its access log, or nil.
    let log: LogDestination?
    let logFormat: AccessLogFormat
    /// What is done so that clients come by https; nil: nothing.
    let https: SecureResponses?
    /// Whether clients of the site may show certificates; nil: they are not asked.
    let clientCertificates: ClientCertificatePolicy?
    /// Bytes of the site's and the route's names, for the access log.
    let site: [UInt8]
    let name: [UInt8]
    /// How its responses are cached, or nil.
    let cache: CacheRuntime?
    /// Every limit that its requests have to pass; nil for none.
    let limits: RouteLimits?

    init(
        _ route: Route,
        site: String,
        clientCertificates: ClientCertificatePolicy?,
        series: RouteSeries,
        rule: ClientAddressRule,
        log: LogDestination?,
        logFormat: AccessLogFormat,
        limits: RouteLimits?,
        cache: CacheRuntime?
    ) {
        self.cache = cache
        self.route = route
        self.series = series
        self.rule = rule
        self.log = log
        self.logFormat = logFormat
        self.limits = limits
        self.clientCertificates = clientCertificates
        https = route.policy.https.map { SecureResponses($0) }
        self.site = Array(site.utf8)
        name = Array(route.name.utf8)
    }
}

/// The routes of one site, found by path and method.
///
/// A class, so that looking into it copies nothing.
final class SiteRuntime: Sendable {
    let table: RouteTable
    /// What holds for a request that finds no route here.
    let policy: Policy
    let rule: ClientAddressRule
    let log: LogDestination?
    let logFormat: AccessLogFormat

    init(
        _ site: Site,
        rule: ClientAddressRule,
        log: LogDestination?,
        logFormat: AccessLogFormat
    ) {
        table = site.table
        policy = site.policy
        self.rule = rule
        self.log = log
        self.logFormat = logFormat
    }
}

/// The sites of one listener, found by host.
final class ListenerRuntime: Sendable {
    let identity: ListenerIdentity
    let table: SiteTable
    /// The site whose certificate clients are shown that ask for no name, or for none of ours.
    let defaultSite: Int?
    /// Whether connections are encrypted.
    let isSecure: Bool
    let tls: TLSServer?

    init(_ listener: SiteListener, tls: TLSServer?) {
        isSecure = listener.isSecure
        self.tls = tls
        identity = ListenerIdentity(
            address: listener.address,
            proxyProtocol: listener.proxyProtocol
        )
        table = listener.table
        defaultSite = listener.sites.first
    }
}
