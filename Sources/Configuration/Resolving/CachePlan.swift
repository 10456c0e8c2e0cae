/// What all caches share, and whether there is any to share it.
extension Resolver {
    /// The settings of the store, if a route needs one.
    func cacheSettings(_ sites: [Site]) -> CacheSettings? {
        guard Resolver.caches(sites) else { return nil }
        let size = top.cacheSize?.value ?? Defaults.cacheSize
        return CacheSettings(
            size: size,
            objectSize: top.cacheObjectSize?.value ?? min(Defaults.cacheObjectSize, size / 4),
            disk: top.cachePath?.value
        )
    }

    /// How what is stored is shared.
    func cacheSharing() -> CacheSharing? {
        guard let draft = top.cacheShared?.value, let redis = top.redis?.value else { return nil }
        return CacheSharing(
            timeout: draft.timeout,
            objectSize: draft.objectSize,
            writeBuffer: draft.writeBuffer,
            prefix: draft.prefix ?? redis.prefix + "cache:"
        )
    }

    /// Reports settings of a cache that is not there.
    func checkCache(_ sites: [Site]) {
        guard isSound else { return }
        let size = top.cacheSize?.value ?? Defaults.cacheSize
        if let object = top.cacheObjectSize, object.value > size / 4 {
            report.error(
                object.mark,
                "cache_object_size: a quarter of 'cache_size' at most",
                hint: top.cacheSize == nil ? "write cache_size: without it that is 64m" : nil,
                notes: top.cacheSize.map { [($0.mark, "it stands here")] } ?? []
            )
        }
        if let purge = top.cachePurge, purge.value.token != nil, top.metrics?.value == nil {
            report.error(purge.mark, "cache_purge: 'token=' has no effect without 'metrics'")
        }
        if let shared = top.cacheShared, top.redis == nil {
            report.error(
                shared.mark,
                "cache_shared: there is no 'redis'",
                hint: "write redis redis://10.0.0.7:6379"
            )
        }
        if Resolver.caches(sites) { return }
        for (name, mark) in [
            ("cache_size", top.cacheSize?.mark), ("cache_object_size", top.cacheObjectSize?.mark),
            ("cache_purge", top.cachePurge?.mark), ("cache_path", top.cachePath?.mark),
            ("cache_shared", top.cacheShared?.mark),
        ] {
            guard let mark else { continue }
            report.error(mark, "\(name): has no effect: no site and no route has 'cache'")
        }
    }

    private static func caches(_ sites: [Site]) -> Bool {
        sites.contains { $0.routes.contains { $0.policy.cache != nil } }
    }
}

/// Reports `cache_key` and `cache_cookies` where nothing is cached.
func checkInertCache(_ layers: [Block], report: Report) {
    let isCached = layers.last { $0.cache != nil }?.cache?.value != nil
    guard !isCached, let block = layers.last else { return }
    for (name, mark) in [
        ("cache_key", block.cacheKey?.mark), ("cache_cookies", block.cacheCookies?.mark),
    ] {
        guard let mark else { continue }
        report.error(mark, "\(name): has no effect: nothing is cached here", hint: "write cache")
    }
}
