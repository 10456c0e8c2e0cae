/// What a store of responses holds and has done.
public struct StoreFigures: Sendable, Equatable {
    /// Responses in it.
    public var objects: UInt64 = 0
    /// Bytes that they cost.
    public var bytes: UInt64 = 0
    /// Bytes that they may cost.
    public var budget: UInt64 = 0
    /// Responses that gave way to others.
    public var evictions: UInt64 = 0
    /// Responses that were too large.
    public var refusals: UInt64 = 0

    /// Nothing at all.
    public init() {}
}

extension MetricsText {
    /// What the cache can do with a request, and how it is called.
    static let cacheResults: [(RouteCounter, String)] = [
        (.cacheHits, "hit"), (.cacheStale, "stale"), (.cacheRevalidated, "revalidated"),
        (.cacheCollapsed, "collapsed"), (.cacheMisses, "miss"), (.cacheVaryMisses, "vary_miss"),
        (.cacheExpired, "expired"), (.cacheRequestMisses, "request"), (.cacheBypassed, "bypass"),
    ]

    /// What becomes of a response that the cache looks at.
    static let cacheStorings: [(RouteCounter, String)] = [
        (.cacheStored, "stored"), (.cacheUnstored, "not_stored"),
    ]
}

extension MetricTable {
    static let cache: [MetricDescription] = [
        .init(
            "gateway_cache_requests",
            .counter,
            labels: route + ["result"],
            .cacheRequests,
            "Requests on routes with a cache, by what the cache did."
        ),
        .init(
            "gateway_cache_responses",
            .counter,
            labels: route + ["result"],
            .cacheResponses,
            "Responses of upstreams looked at for storing, by whether they were stored."
        ),
        .init(
            "gateway_cache_coded_responses",
            .counter,
            labels: route,
            .route(.cacheCoded),
            "Stored responses sent in a content coding that was made once and kept."
        ),
        .init(
            "gateway_cache_objects",
            .gauge,
            .cacheObjects,
            "Responses stored in memory."
        ),
        .init(
            "gateway_cache_used_bytes",
            .gauge,
            .cacheBytes,
            "Memory that stored responses take, overhead included."
        ),
        .init(
            "gateway_cache_size_bytes",
            .gauge,
            .cacheSize,
            "Memory that stored responses may take."
        ),
        .init(
            "gateway_cache_evictions",
            .counter,
            .cacheEvictions,
            "Stored responses that gave way to others."
        ),
        .init(
            "gateway_cache_admission_refusals",
            .counter,
            .cacheRefusals,
            "Responses that were too large to be stored."
        ),
    ]
}
