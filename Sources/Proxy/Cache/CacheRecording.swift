import Bytes
import Caching
import Configuration
import HTTP
import Telemetry

extension Exchange {
    /// Counts a request that went on to the upstream.
    mutating func countCache(_ reason: CacheForward) {
        switch reason {
        case .uriMiss: context.metrics.count(.cacheMisses, route: route)
        case .varyMiss: context.metrics.count(.cacheVaryMisses, route: route)
        case .stale, .partial: context.metrics.count(.cacheExpired, route: route)
        case .request: context.metrics.count(.cacheRequestMisses, route: route)
        case .bypass, .method: context.metrics.count(.cacheBypassed, route: route)
        }
    }

    /// Says what the cache did with a response that came from the upstream.
    mutating func writeCacheStatus(_ turn: CacheTurn, to output: Buffer) {
        guard turn.runtime.rule.statusField != .off else { return }
        var report = CacheReport()
        report.forward = turn.reason
        report.isStored = turn.isStored
        report.detail = turn.refusal?.rawValue ?? turn.shared.detail
        if turn.runtime.rule.statusField == .key {
            let key = turn.key
            report.write(key: CacheKey.url(of: key.span), to: output)
        } else {
            report.write(key: nil, to: output)
        }
    }
}

extension LoopMetrics {
    /// Counts one more of a route.
    func count(_ counter: RouteCounter, route: RouteRuntime?) {
        guard let route else { return }
        add(counter, route: route.series)
    }
}
