import Caching
import Configuration
import EventLoop

/// What the path of a request reads of a route's cache, all of it decided at load.
final class CacheRuntime: Sendable {
    let rule: CacheRule
    let policy: CachePolicy
    let store: CacheStore
    let query: CacheKey.QueryRule
    /// What keys begin with, so that two sites never share a response.
    let keyPrefix: [UInt8]

    init(_ rule: CacheRule, store: CacheStore, site: String) {
        self.rule = rule
        self.store = store
        keyPrefix = Array(site.utf8) + [CacheKey.separator]
        var policy = CachePolicy()
        policy.lifetime = rule.lifetime
        policy.statusLifetimes = rule.statusLifetimes.map {
            CachePolicy.StatusLifetime(statuses: $0.statuses, seconds: $0.seconds)
        }
        policy.staleWhileRevalidate = rule.staleWhileRevalidate
        policy.staleIfError = rule.staleIfError
        policy.ignoresResponse = rule.ignored.contains(.cacheControl)
        policy.ignoresRequest = rule.ignored.contains(.request)
        policy.ignoresCookies = rule.ignored.contains(.cookies)
        policy.storesCookies = rule.storesCookies
        policy.keyIncludesContent = rule.key == .body
        self.policy = policy
        var query = CacheKey.QueryRule()
        query.isSorted = rule.sortsQuery
        query.selection =
            switch rule.query {
            case .all: .all
            case .none: .none
            case .only(let names): .only(names)
            case .without(let names): .without(names)
            }
        self.query = query
    }
}

extension PageExtent: ContentExtent {}

/// What one loop needs for its exchanges' part in the cache.
final class LoopCache {
    /// Memory for the key of the present request; swapped out while in use.
    var key: [UInt8] = []
    /// Memory for comparing Vary values.
    var scratch: [UInt8] = []
    /// What other loops have to tell this one's waiters.
    let news: WakeList
    /// Who waits for a fetch, by number.
    private var waiters: [UInt64: WaitPoint] = [:]
    private var lastNumber: UInt64 = 0
    /// Requests to be fetched anew with nobody waiting, and what starts one.
    var refreshes: [Refresh] = []
    var startRefresh: () -> Void = {}
    /// Contents to be compressed with nobody waiting, and what starts one.
    var codings: [CodingJob] = []
    var startCoding: () -> Void = {}
    /// Of those, how many have been started and have not ended.
    var codingsUnderWay = 0

    init(news: WakeList) { self.news = news }

    /// Whom news of a number is for.
    func enroll(_ point: WaitPoint) -> UInt64 {
        lastNumber += 1
        waiters[lastNumber] = point
        return lastNumber
    }

    func retire(_ number: UInt64) { waiters[number] = nil }

    /// Removes what a purge means, away from the loop.
    func purge(_ purge: Purge, _ store: CacheStore, _ now: Int64) {
        Task.detached { store.purge(purge, soft: false, now: now) }
    }

    /// Wakes those that have news.
    func deliver() {
        guard news.hasNews else { return }
        for number in news.take() { waiters[number]?.wake(.ready) }
    }
}

extension Site {
    /// What tells the site's stored responses from those of others: its host, and its listeners, as
    /// the same host may be served differently on another one.
    var cacheName: String { name + " " + listenerNames.joined(separator: " ") }
}
