import Bytes
import Caching
import Compression
import Configuration
import EventLoop
import HTTP
import Limiting
import Redis
import Telemetry

/// What became of looking into the store that gateways share; the raw value is what Cache-Status
/// says.
enum SharedLook: String {
    /// It was not asked: nothing of it could answer the request.
    case notAsked = ""
    case hit = "shared"
    case miss = "shared-miss"
    /// No answer in time, or the connection was lost.
    case failed = "shared-failed"
    /// Redis is left alone for now, or has too much to do.
    case skipped = "shared-skipped"

    /// What Cache-Status says.
    var detail: String? { self == .notAsked ? nil : rawValue }
}

/// Looking for stored responses in the store that gateways share.
extension Exchange {
    /// Sends what has been stored to the other gateways.
    mutating func share(_ object: CachedResponse?) {
        guard let loop = context.sharedCache, let object else { return }
        loop.write(object, now: wallMilliseconds)
    }

    /// Tells the other gateways that a key, or more, is to be removed.
    mutating func publish(_ purge: Purge, isSoft: Bool = false) {
        context.sharedCache?.shared.publish(purge, isSoft: isSoft)
    }

    /// Looks there for what is not in memory, or stale, and puts it into memory.
    ///
    /// Only who leads a fetch looks, so one for each key; the deadline is that of `cache_shared`. A
    /// hit ends the fetch.
    mutating func lookShared(
        _ cache: CacheRuntime,
        key: [UInt8],
        _ fill: Fill,
        found: CachedResponse?,
        reuse: Reuse?
    ) async -> SharedLook {
        guard let loop = context.sharedCache, request.method != .head else { return .notAsked }
        // What the client wants to be validated is asked for.
        if case .validate(.request, _) = reuse { return .notAsked }
        let asked = RequestDirectives(request.fields)
        if !cache.policy.ignoresRequest, asked.noCache || asked.maxAge == 0 { return .notAsked }
        let hash = loop.shared.hash(key.span)
        guard loop.shared.mayRead(hash) else {
            context.metrics.add(.sharedSkipped)
            return .skipped
        }
        let started = context.reactor.now
        let look = await lookShared(loop, cache, key: key, hash: hash, fill, found: found)
        switch look {
        case .notAsked: break
        case .hit:
            context.metrics.add(.sharedHits)
            // Those who follow look again, and find it as well.
            fill.end(.settled)
            cache.store.land(fill)
        case .miss: context.metrics.add(.sharedMisses)
        case .failed: context.metrics.add(.sharedFailures)
        case .skipped: context.metrics.add(.sharedSkipped)
        }
        if look != .skipped { context.metrics.recordShared(context.reactor.now - started) }
        return look
    }

    private mutating func lookShared(
        _ loop: SharedCacheLoop,
        _ cache: CacheRuntime,
        key: [UInt8],
        hash: LimitKey,
        _ fill: Fill,
        found: CachedResponse?
    ) async -> SharedLook {
        let deadline = context.reactor.now + loop.shared.settings.timeout
        let name = loop.shared.name(of: hash)
        let plain = loop.shared.fields(vary: Span<UInt8>())
        var fields = [plain.whole, plain.part]
        // Where responses vary, the first answer says by what, and the second has them.
        for round in 0..<2 {
            let outcome = await loop.read(name, fields, at: gathering, deadline: deadline)
            if case .unavailable = outcome { return round == 0 ? .skipped : .failed }
            guard let reply = outcome.reply,
                let reading = SharedReading(reply, fields: fields.count)
            else { return .failed }
            // Removed here while Redis was asked.
            guard loop.shared.mayRead(hash) else { return .miss }
            for value in reading.values {
                guard
                    let object = adoptable(value, reading, loop, cache, key: key, over: found)
                else { continue }
                let isStored = cache.store.adopt(object, by: fill)
                if object.part == nil || object.hasRange(of: request.fields) {
                    return isStored ? .hit : .miss
                }
                // A part of something else is what that may be put together with.
            }
            if round > 0 || reading.names.isEmpty { return .miss }
            fields = reading.names.flatMap { names in
                var lines: [UInt8] = []
                Vary.write(names, request: request.fields, to: &lines)
                let both = loop.shared.fields(vary: lines.span)
                return [both.whole, both.part]
            }
        }
        return .miss
    }

    /// The response that was read, as it is to be stored here; nil if it is damaged, purged, for
    /// other requests, or no newer than what is here.
    private mutating func adoptable(
        _ value: [UInt8],
        _ reading: SharedReading,
        _ loop: SharedCacheLoop,
        _ cache: CacheRuntime,
        key: [UInt8],
        over found: CachedResponse?
    ) -> CachedResponse? {
        guard let record = SharedRecord(value.span) else {
            context.metrics.add(.sharedDamaged)
            return nil
        }
        let now = wallMilliseconds
        let age = max(0, reading.now - record.received)
        let (made, form) = StoredRecord.read(
            whole: record.form,
            epoch: StoredRecord.Place.shared.epoch,
            checksum: { Checksum.crc32($0) },
            extent: { cache.store.makeExtent($0) }
        ) { draft in
            draft.hash = cache.store.hash(key.span)
            draft.timing.received = now - age
        }
        guard let object = made else {
            // What gateways of another version write is none of ours, and not damaged.
            if case .outdated = form { return nil }
            context.metrics.add(.sharedDamaged)
            return nil
        }
        guard object.key.equals(key.span) else { return nil }
        if object.traits.contains(.withoutCookies), request.fields.contains(.cookie) { return nil }
        if let found, object.timing.received <= found.timing.received { return nil }
        let draft = object.draft(timing: object.timing)
        guard CacheStore.fits(draft, request.fields),
            let verdict = loop.shared.verdict(on: record, reading, draft)
        else { return nil }
        switch verdict {
        case .unaffected: return object
        case .removed: return nil
        case .stale(let time):
            let since = max(0, reading.now - time)
            return object.expired(now: now - since)
        }
    }
}
