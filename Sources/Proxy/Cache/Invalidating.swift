import Balancing
import Bytes
import Caching
import HTTP
import HTTP1
import Telemetry

/// What requests that change something make of what is stored.
extension Exchange {
    /// Removes what a successful unsafe request has made wrong: its URL, and those of the same
    /// origin that Location and Content-Location name.
    ///
    /// Source: RFC 9111 §4.4, RFC 9875 §3.
    mutating func invalidate(_ turn: CacheTurn) {
        guard (200..<400).contains(response.status) else { return }
        let store = turn.runtime.store
        let key = turn.key
        let url = CacheKey.url(of: key.span).bytes()
        remove(url, turn)
        for name in [FieldName.location, .contentLocation] {
            guard let index = response.fields.first(name),
                let other = CacheKey.resolve(response.fields.value(at: index), against: url.span),
                other != url
            else { continue }
            remove(other, turn)
        }
        if let index = response.fields.first(named: Exchange.groupInvalidation.span) {
            let origin = CacheKey.origin(ofURL: url.span).bytes()
            for group in CacheKey.strings(in: response.fields.value(at: index)) {
                context.cache.purge(.group(group, origin: origin), store, wallMilliseconds)
            }
        }
    }

    private static let groupInvalidation = Array("cache-group-invalidation".utf8)

    private func remove(_ url: [UInt8], _ turn: CacheTurn) {
        let own = turn.key
        let key = CacheKey.replacingURL(of: own.span, by: url)
        turn.runtime.store.invalidate(key.span, hash: turn.runtime.store.hash(key.span))
    }

    /// Stores what a POST has answered, where it says that this is what GET would have got.
    ///
    /// Source: RFC 9110 §9.3.3.
    mutating func storeAnswer(
        to turn: CacheTurn,
        _ upstream: UpstreamLoop,
        server: Balancing.Server,
        series: ServerSeries
    ) async throws(Failure) -> Bool {
        guard request.method == .post, response.status == 200, request.targetForm != .asterisk,
            let index = response.fields.first(.contentLocation)
        else { return false }
        let key = turn.key
        let url = CacheKey.url(of: key.span).bytes()
        guard CacheKey.resolve(response.fields.value(at: index), against: url.span) == url,
            response.declaredLength ?? 0 <= turn.runtime.store.objectLimit,
            let draft = makeDraft(response, turn, length: response.declaredLength),
            draft.timing.lifetime.basis.saysResponse,
            draft.vary.isEmpty
        else { return false }
        let fill = Fill(
            key: turn.key,
            hash: turn.hash,
            started: wallMilliseconds,
            purges: turn.runtime.store.purgeCount
        )
        turn.isStored = true
        let length = response.declaredLength
        fill.begin(draft, length: length, extent: turn.runtime.store.makeExtent(length))
        try await passOnStoring(turn, fill, draft, upstream, server: server, series: series)
        return true
    }
}

extension Lifetime.Basis {
    /// Whether the response itself says how long it lasts.
    var saysResponse: Bool {
        switch self {
        case .sharedMaxAge, .maxAge, .expires: true
        case .configured, .heuristic, .none: false
        }
    }
}
