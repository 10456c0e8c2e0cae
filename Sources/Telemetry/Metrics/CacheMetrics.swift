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
