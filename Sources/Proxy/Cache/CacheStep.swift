import Addressing
import Bytes
import Caching
import Configuration
import EventLoop
import HTTP
import HTTP1
import Telemetry

/// Answering from what is stored, and deciding who fetches what is not.
extension Exchange {
    /// Times that a request looks again after another one's fetch came to nothing for it.
    private static let maximumLooks = 4
    /// Bytes of content that may be a part of a key.
    static let keyContentLimit = 64 * 1024

    /// Unix milliseconds.
    var wallMilliseconds: Int64 { context.reactor.wallNow / 1_000_000 }

    /// Answers with a stored response where one does, else lets the upstream answer.
    mutating func answer(through cache: CacheRuntime, _ upstream: UpstreamLoop)
        async throws(Failure)
    {
        var key: [UInt8] = []
        swap(&key, &context.cache.key)
        // Given back for the next request; what keeps it makes a copy of its own.
        defer { swap(&key, &context.cache.key) }
        if request.method == .other, request.methodBytes.equals("PURGE"),
            let rule = snapshot.configuration.cachePurge, !rule.networks.isEmpty
        {
            writeCacheKey(cache, content: nil, to: &key)
            try await purge(cache, rule, key: key)
            return
        }
        if case .none(let reason) = cacheUse(cache) {
            writeCacheKey(cache, content: nil, to: &key)
            try await goPast(cache, upstream, key: key, reason: reason)
            return
        }
        var content: [UInt8]?
        if request.method == .post || request.method == .query {
            content = try await keyContent()
            if content == nil {
                writeCacheKey(cache, content: nil, to: &key)
                try await goPast(cache, upstream, key: key, reason: .bypass)
                return
            }
        }
        writeCacheKey(cache, content: content, to: &key)
        try await look(cache, upstream, key: key, hash: cache.store.hash(key.span))
    }

    /// Looks up, and goes on by what is found.
    private mutating func look(
        _ cache: CacheRuntime,
        _ upstream: UpstreamLoop,
        key: [UInt8],
        hash: UInt64
    ) async throws(Failure) {
        let asked =
            cache.policy.ignoresRequest ? RequestDirectives() : RequestDirectives(request.fields)
        var isCollapsed = false
        var shared = SharedLook.notAsked
        for turn in 0..<Exchange.maximumLooks {
            let now = wallMilliseconds
            var found = findStored(cache, key: key, hash: hash)
            var isFromDisk = false
            if found == nil, let disk = cache.disk {
                found = await recall(disk, cache, key: key, hash: hash)
                isFromDisk = found != nil
            }
            var reuse = found.map { Reuse.decide($0.timing, request: asked, now: now) }
            // What another request has just fetched or validated is what this one waited for.
            if isCollapsed, case .validate(.request, _) = reuse { reuse = .fresh }
            if let found, let reuse {
                // Once is enough, whatever the others come to that this one waits for.
                if turn == 0 || reuse != .fresh {
                    refresh(ahead: reuse, cache, found, upstream, key: key, now: now)
                }
                if reuse.answers {
                    let source = isFromDisk ? "disk" : shared == .hit ? shared.detail : nil
                    try await send(found, cache, now: now, isCollapsed: isCollapsed, source)
                    return
                }
            }
            if asked.onlyIfCached { throw .refused(.notCached) }
            // Others may wait for what is fetched, or get it later: a handshake that never ends, or
            // a 425, is not theirs.
            if connection.isEarly { try await awaitHandshake() }
            if request.method == .head {
                let reason = missReason(found, reuse, cache, key: key, hash: hash)
                try await goPast(cache, upstream, key: key, reason: reason)
                return
            }
            guard let joined = join(cache, found, key: key, hash: hash, now: now) else {
                isCollapsed = true
                continue
            }
            let fill: Fill
            switch joined {
            case .follow(let other):
                switch try await follow(other, cache) {
                case .served: return
                case .again:
                    isCollapsed = true
                    continue
                case .alone:
                    fill = Fill(key: key, hash: hash, started: now, purges: cache.store.purgeCount)
                }
            case .lead(let own):
                if context.sharedCache != nil, shared == .notAsked {
                    shared = await lookShared(cache, key: key, own, found: found, reuse: reuse)
                    if shared == .hit { continue }
                }
                fill = own
            }
            let turn = makeTurn(fill, cache, stale: found, reuse: reuse)
            turn.shared = shared
            try await fetch(turn, upstream)
            return
        }
        try await goPast(cache, upstream, key: key, reason: .uriMiss)
    }

    /// Has fetched anew, away from the request, what is stale or is so soon.
    private mutating func refresh(
        ahead reuse: Reuse,
        _ cache: CacheRuntime,
        _ found: CachedResponse,
        _ upstream: UpstreamLoop,
        key: [UInt8],
        now: Int64
    ) {
        switch reuse {
        case .fresh: refreshEarly(cache, found, upstream, key: key, now: now)
        case .staleWhileRevalidate: refresh(cache, found, upstream, key: key, now: now)
        case .staleByRequest, .validate: break
        }
    }

    /// The stored response that fits, if the client may have it.
    mutating func findStored(_ cache: CacheRuntime, key: [UInt8], hash: UInt64)
        -> CachedResponse?
    {
        var scratch: [UInt8] = []
        swap(&scratch, &context.cache.scratch)
        defer { swap(&scratch, &context.cache.scratch) }
        let found = cache.store.find(
            key.span,
            hash: hash,
            request: request.fields,
            scratch: &scratch
        )
        guard let found else { return nil }
        if found.traits.contains(.withoutCookies), request.fields.contains(.cookie) { return nil }
        return found
    }

    /// Joins another one's fetch, or begins one that others may join.
    /// - Returns: nil when another loop has stored what it fetched since this one looked.
    private mutating func join(
        _ cache: CacheRuntime,
        _ found: CachedResponse?,
        key: [UInt8],
        hash: UInt64,
        now: Int64
    ) -> CacheStore.Turn? {
        // What is asked with credentials is asked for one client; a range is a part that others may
        // not want.
        let isAlone =
            request.fields.contains(.authorization)
            || (request.fields.contains(.range) && found == nil)
        if isAlone {
            return .lead(Fill(key: key, hash: hash, started: now, purges: cache.store.purgeCount))
        }
        let joined = cache.store.join(
            key.span,
            hash: hash,
            mayFollow: true,
            request: request.fields,
            patience: cache.rule.patience,
            now: now
        )
        if case .lead(let fill) = joined, let newer = findStored(cache, key: key, hash: hash),
            newer !== found
        {
            fill.end(.settled)
            cache.store.land(fill)
            return nil
        }
        return joined
    }

    private mutating func missReason(
        _ found: CachedResponse?,
        _ reuse: Reuse?,
        _ cache: CacheRuntime,
        key: [UInt8],
        hash: UInt64
    ) -> CacheForward {
        if found != nil {
            if case .validate(.request, _) = reuse { return .request }
            return .stale
        }
        return cache.store.variants(key.span, hash: hash).isEmpty ? .uriMiss : .varyMiss
    }

    /// Lets the upstream answer, with no part for the cache but to learn what became invalid.
    mutating func goPast(
        _ cache: CacheRuntime,
        _ upstream: UpstreamLoop,
        key: [UInt8],
        reason: CacheForward
    ) async throws(Failure) {
        let turn = CacheTurn(
            cache,
            key: key,
            hash: cache.store.hash(key.span),
            purpose: .none,
            reason: reason,
            fields: request.fields,
            now: wallMilliseconds
        )
        if !request.method.isSafe { turn.purpose = .unsafe }
        if request.method == .head { turn.purpose = .head }
        noteTraits(turn)
        caching = turn
        countCache(reason)
        try await pass(to: upstream)
    }

    func noteTraits(_ turn: CacheTurn) {
        turn.traits.hasAuthorization = turn.clientFields.contains(.authorization)
        turn.traits.hasCookie = turn.clientFields.contains(.cookie)
        turn.traits.directives = RequestDirectives(turn.clientFields)
    }

    /// What there is to do with a response that is fetched for whoever waits for it.
    private mutating func makeTurn(
        _ fill: Fill,
        _ cache: CacheRuntime,
        stale: CachedResponse?,
        reuse: Reuse?
    ) -> CacheTurn {
        let key = fill.key
        var start: CachedResponse?
        if stale == nil, request.method == .get, !request.fields.contains(.range) {
            start = cache.store.findStart(key.span, hash: fill.hash, request: request.fields)
        }
        let reason =
            start == nil ? missReason(stale, reuse, cache, key: key, hash: fill.hash) : .partial
        let turn = CacheTurn(
            cache,
            key: fill.key,
            hash: fill.hash,
            purpose: .store,
            reason: reason,
            fields: request.fields,
            now: wallMilliseconds
        )
        turn.fill = fill
        turn.stale = stale
        turn.start = start
        if case .validate(_, let mayServe) = reuse { turn.mayServeStale = mayServe }
        noteTraits(turn)
        caching = turn
        return turn
    }

    /// Asks the upstream; whatever becomes of it, nobody is left waiting.
    mutating func fetch(_ turn: CacheTurn, _ upstream: UpstreamLoop) async throws(Failure) {
        setConditions(turn)
        setRange(turn)
        defer {
            if let fill = turn.fill {
                fill.end(.failed)
                turn.runtime.store.land(fill)
            }
        }
        do throws(Failure) {
            try await pass(to: upstream)
        } catch {
            guard case .nothingSent = progress, case .upstream = error.reason,
                let stale = turn.stale, mayServeUnreached(stale, turn)
            else {
                if upstreamStatus == 0, !turn.isRefresh { countCache(turn.reason) }
                throw error
            }
            failureName = error.reason.name
            try await sendStale(stale, turn)
        }
    }

    /// Whether a stale response may answer as nothing came from the upstream.
    private mutating func mayServeUnreached(_ stale: CachedResponse, _ turn: CacheTurn) -> Bool {
        turn.mayServeStale
            || Reuse.mayServeDisconnected(
                stale.timing,
                request: turn.traits.directives,
                now: wallMilliseconds
            )
    }

    /// Puts the cache's own conditions in the place of the client's.
    ///
    /// Without one of its own the cache asks for the whole, so that there is something to store.
    /// Source: RFC 9111 §4.3.1.
    mutating func setConditions(_ turn: CacheTurn) {
        request.fields.removeAll(.ifNoneMatch)
        request.fields.removeAll(.ifModifiedSince)
        guard let stale = turn.stale else { return }
        request.fields.removeAll(.range)
        request.fields.removeAll(.ifRange)
        if !stale.etag.isEmpty { request.fields.append(.ifNoneMatch, value: stale.etag) }
        if stale.traits.contains(.hasLastModified) {
            let date = Buffer()
            HTTPDate.write(stale.modified, to: date)
            request.fields.append(.ifModifiedSince, value: date.readable)
        }
    }

    /// The content of a request, as a part of its key; nil if it is too large, or of a length that
    /// nobody knows.
    private mutating func keyContent() async throws(Failure) -> [UInt8]? {
        if requestBody.isComplete { return [] }
        guard case .length(let length) = request.framing, length <= Exchange.keyContentLimit
        else { return nil }
        let input = connection.input ?? context.reactor.buffers.take()
        connection.input = input
        if input.count < length { try await sendContinue() }
        while input.count < length { try await readContent(into: input) }
        // Consumed when the exchange ends, also if nobody else reads it.
        content = .inInput(length)
        let bytes = input.readable
        return bytes.extracting(first: length).bytes()
    }
}
