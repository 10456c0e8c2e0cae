import Balancing
import Bytes
import Caching
import Configuration
import EventLoop
import HTTP
import HTTP1
import Telemetry

/// What the cache makes of a response's head.
extension Exchange {
    /// Milliseconds for which a stale response answers after the upstream has failed, before the
    /// upstream is asked again.
    private static let errorHold: Int64 = 1000
    /// Milliseconds for which it is believed that what a key gives is not to be stored.
    private static let passHold: Int64 = 10_000

    /// Looks at the head of the upstream's final response.
    ///
    /// Returns Whether the response has been dealt with; if not, it is passed on as it is.
    mutating func cacheTakes(
        _ turn: CacheTurn,
        _ upstream: UpstreamLoop,
        server: Balancing.Server,
        series: ServerSeries
    ) async throws(Failure) -> Bool {
        // Takes out what only the limits were meant to read, before anything is stored.
        if limits != nil { noteCost() }
        switch turn.purpose {
        case .none: return false
        case .unsafe:
            await invalidate(turn)
            return try await storeAnswer(to: turn, upstream, server: server, series: series)
        case .head:
            freshen(turn)
            return false
        case .store: break
        }
        if response.status == 304, let stale = turn.stale {
            try await validated(stale, turn, upstream, series: series)
            return true
        }
        if response.status == 304, turn.isRepeated {
            // Nobody has asked whether it changed.
            dropUpstream(upstream)
            throw Failure(status: 502, reason: .upstream(.invalidResponse))
        }
        if response.status >= 500, turn.mayServeStale, let stale = turn.stale {
            dropUpstream(upstream)
            hold(stale, turn)
            turn.fill?.end(.settled)
            times.upstreamEnded = context.reactor.now
            try await sendStale(stale, turn)
            return true
        }
        if let start = turn.start,
            try await complete(start, turn, upstream, server: server, series: series)
        {
            return true
        }
        return try await store(turn, upstream, server: server, series: series)
    }

    /// Stores a response while it is passed on, if it may be stored.
    private mutating func store(
        _ turn: CacheTurn,
        _ upstream: UpstreamLoop,
        server: Balancing.Server,
        series: ServerSeries
    ) async throws(Failure) -> Bool {
        guard let fill = turn.fill else { return false }
        if !turn.isRefresh { countCache(turn.reason) }
        let length = response.declaredLength
        let made = makeDraft(response, turn, length: length)
        let known = response.framing(forRequest: request.method).knownLength
        guard let draft = made, beginStoring(draft, turn, fill, length: known) else {
            context.metrics.count(.cacheUnstored, route: route)
            // What it says replaces what was stored, unless it says only that something failed.
            if let stale = turn.stale, response.status < 500 {
                turn.runtime.store.remove(stale)
            }
            if turn.refusal != .usedTooSeldom {
                turn.runtime.store.notePass(
                    turn.hash,
                    until: wallMilliseconds + Exchange.passHold
                )
            }
            fill.end(.passed)
            return false
        }
        turn.isStored = true
        context.metrics.count(.cacheStored, route: route)
        try await passOnStoring(turn, fill, draft, upstream, server: server, series: series)
        return true
    }

    mutating func isUsedEnough(_ turn: CacheTurn) -> Bool {
        let minimum = turn.runtime.rule.minimumUses
        return minimum <= 1 || turn.runtime.store.countUse(turn.hash) >= minimum
    }

    /// What would be stored of a response; nil, with the reason in the turn, if it may not be.
    ///
    /// `part`: What a partial response is of the whole, where its head does not say it.
    ///
    /// `length`: Bytes of content, if they are known.
    mutating func makeDraft(
        _ head: borrowing ResponseHead,
        _ turn: CacheTurn,
        part known: CachedResponse.Part? = nil,
        length: Int?
    ) -> ResponseDraft? {
        let now = wallMilliseconds
        let policy = turn.runtime.policy
        let directives = ResponseDirectives(head.fields)
        let lifetime: Lifetime
        switch Storability.decide(
            head,
            directives: directives,
            request: turn.traits,
            policy: policy,
            now: now / 1000
        ) {
        case .refuse(let reason):
            turn.refusal = reason
            return nil
        case .store(let found): lifetime = found
        }
        var part = known
        if head.status == 206, part == nil {
            part = Exchange.part(of: head, length: length)
            guard part != nil, turn.purpose == .store else {
                turn.refusal = .status
                return nil
            }
        }
        guard let (vary, written) = storedLines(head, directives, turn, isPart: part != nil) else {
            turn.refusal = .varyStar
            return nil
        }
        let (modified, found) = Exchange.modified(head, now: now / 1000)
        var traits = found
        var lines = written
        if part == nil { noteCoding(head, of: length, &traits, &lines) }
        if lifetime.basis == .configured, !policy.ignoresCookies { traits.insert(.withoutCookies) }
        let age = Age.initial(head.fields, requested: turn.requested, received: now)
        return ResponseDraft(
            hash: turn.hash,
            key: turn.key,
            vary: vary,
            head: lines,
            status: head.status,
            timing: Timing(received: now, initialAge: age, lifetime: lifetime),
            part: part,
            fetchTime: max(0, now - turn.requested),
            traits: traits,
            modified: modified
        )
    }

    /// The lines of Vary and of the head as they are stored; nil when the response varies by too
    /// much.
    private func storedLines(
        _ head: borrowing ResponseHead,
        _ directives: ResponseDirectives,
        _ turn: CacheTurn,
        isPart: Bool
    ) -> (vary: [UInt8], head: [UInt8])? {
        var vary: [UInt8] = []
        guard
            Vary.write(
                head.fields,
                extra: turn.runtime.rule.vary,
                request: turn.clientFields,
                to: &vary
            )
        else { return nil }
        var lines: [UInt8] = []
        HeadLines.write(
            head,
            without: directives.unstoredFields + (isPart ? [Exchange.contentRange] : [])
                + Exchange.limitFields(head),
            storesCookies: turn.runtime.policy.storesCookies,
            to: &lines
        )
        if !head.fields.contains(.date) {
            // Source: RFC 9110 §6.6.1.
            let date = Buffer()
            context.writeDate(to: date)
            lines += date.readable.bytes()
        }
        return (vary, lines)
    }

    /// The names of fields that tell what one client may still ask for: no other one's business.
    private static func limitFields(_ head: borrowing ResponseHead) -> [[UInt8]] {
        guard head.fields.containsAny(of: .rateLimits) else { return [] }
        return FieldName.allCases.filter { FieldNameSet.rateLimits.contains($0) }.map { name in
            name.canonical.withUTF8Buffer { unsafe $0.map(asciiLowercase) }
        }
    }

    /// When a response was changed, as far as it says, and whether it says it by Last-Modified.
    private static func modified(_ head: borrowing ResponseHead, now: Int64)
        -> (Int64, CachedResponse.Traits)
    {
        if let date = date(.lastModified, head, now: now) { return (date, .hasLastModified) }
        return (date(.date, head, now: now) ?? now, [])
    }

    private static let contentRange = Array("content-range".utf8)

    /// What a partial response is of the whole; nil if it has several ranges, does not say, or has
    /// more bytes than it says.
    private static func part(of head: borrowing ResponseHead, length: Int?) -> CachedResponse.Part?
    {
        guard let index = head.fields.first(.contentRange),
            let range = ContentRange(head.fields.value(at: index)), let total = range.total,
            length ?? 0 <= range.last - range.first + 1
        else { return nil }
        return CachedResponse.Part(start: range.first, total: total)
    }

    private static func date(_ name: FieldName, _ head: borrowing ResponseHead, now: Int64)
        -> Int64?
    {
        guard let index = head.fields.first(name) else { return nil }
        return HTTPDate.parse(head.fields.value(at: index), now: now)
    }

    // MARK: Validation

    /// What is stored is still right: brings it up to date, and answers with it.
    ///
    /// Source: RFC 9111 §4.3.3 and §4.3.4.
    private mutating func validated(
        _ stale: CachedResponse,
        _ turn: CacheTurn,
        _ upstream: UpstreamLoop,
        series: ServerSeries
    ) async throws(Failure) {
        finishUpstream(upstream, series: series, framing: .none)
        if let index = response.fields.first(.etag), !stale.etag.isEmpty,
            !EntityTag.validates(response.fields.value(at: index), stale.etag)
        {
            try await askAgain(turn, upstream)
            return
        }
        let merged = merge(stale, response)
        let draft = makeDraft(merged, turn, part: stale.part, length: stale.contentCount)
        let updated: CachedResponse
        if var draft {
            draft.fetchTime = max(draft.fetchTime, stale.fetchTime)
            updated = CachedResponse(draft, contentOf: stale)
            if turn.fill?.mayStore ?? true {
                let since = turn.fill?.purges ?? turn.runtime.store.purgeCount
                turn.isStored = turn.runtime.store.renew(stale, as: updated, since: since)
                if turn.isStored { share(updated) }
            }
        } else {
            turn.runtime.store.remove(stale)
            updated = unstored(merged, stale, turn)
        }
        turn.fill?.end(draft == nil ? .passed : .settled)
        if !turn.isRefresh { context.metrics.count(.cacheRevalidated, route: route) }
        let now = wallMilliseconds
        var report = CacheReport()
        report.forward = turn.reason
        report.forwardStatus = 304
        report.isStored = turn.isStored
        report.timeToLive = updated.timing.remaining(now: now) / 1000
        try await send(updated, turn.runtime, report: report, fields: turn.clientFields, now: now)
    }

    /// What a validation made of a stored response for the one who asked: what it says may not be
    /// stored, such as a cookie for him.
    private func unstored(
        _ head: borrowing ResponseHead,
        _ stale: CachedResponse,
        _ turn: CacheTurn
    )
        -> CachedResponse
    {
        let now = wallMilliseconds
        let age = Age.initial(head.fields, requested: turn.requested, received: now)
        var timing = stale.timing
        (timing.received, timing.initialAge) = (now, age)
        var draft = stale.draft(timing: timing)
        var lines: [UInt8] = []
        HeadLines.write(head, without: [], storesCookies: true, to: &lines)
        draft.traits.subtract([.codable, .ownVary])
        if draft.part == nil { noteCoding(head, of: stale.contentCount, &draft.traits, &lines) }
        draft.head = lines
        return CachedResponse(draft, contentOf: stale)
    }

    /// The 304 is about something that is not stored: asks for the whole, once.
    private mutating func askAgain(_ turn: CacheTurn, _ upstream: UpstreamLoop)
        async throws(Failure)
    {
        turn.runtime.store.remove(turn.stale)
        turn.stale = nil
        guard !turn.isRepeated else {
            throw Failure(status: 502, reason: .upstream(.invalidResponse))
        }
        turn.isRepeated = true
        request.fields.removeAll(.ifNoneMatch)
        request.fields.removeAll(.ifModifiedSince)
        try await forward(to: upstream)
    }

    /// The head that a validation makes of a stored one.
    func merge(_ stored: CachedResponse, _ fresh: borrowing ResponseHead) -> ResponseHead {
        var lines: [UInt8] = []
        HeadLines.write(fresh, without: [], storesCookies: true, to: &lines)
        if !fresh.fields.contains(.date) {
            // Source: RFC 9110 §6.6.1, it was made about now.
            let date = Buffer()
            context.writeDate(to: date)
            lines += date.readable.bytes()
        }
        let count =
            stored.traits.contains(.ownVary)
            ? HeadLines.countWithoutOwnVary(stored.head) : stored.head.count
        let merged = HeadLines.updated(stored.head.extracting(first: count), by: lines.span)
        var head = ResponseHead()
        head.setStatus(stored.status)
        HeadLines.forEach(merged.span) { name, value, _ in
            head.fields.append(name: name, value: value)
        }
        // Its age is what the validation says, not what the stored one had.
        if let index = fresh.fields.first(.age) {
            head.fields.append(.age, value: fresh.fields.value(at: index))
        }
        return head
    }

    /// Lets a stale response answer for a moment, so that a failing upstream is not asked by all.
    private mutating func hold(_ stale: CachedResponse, _ turn: CacheTurn) {
        var timing = stale.timing
        timing.heldUntil = wallMilliseconds + Exchange.errorHold
        let held = CachedResponse(stale.draft(timing: timing), contentOf: stale)
        turn.runtime.store.replace(stale, by: held)
    }

    // MARK: HEAD

    /// Brings what is stored for GET up to date by the response to HEAD, or removes it.
    ///
    /// Source: RFC 9111 §4.3.5.
    private mutating func freshen(_ turn: CacheTurn) {
        guard response.status == 200 else { return }
        var scratch: [UInt8] = []
        let purges = turn.runtime.store.purgeCount
        let key = turn.key
        let stored = turn.runtime.store.find(
            key.span,
            hash: turn.hash,
            request: turn.clientFields,
            scratch: &scratch
        )
        guard let stored, stored.status == 200, stored.part == nil else { return }
        let isSame =
            agrees(.etag, with: stored) && agrees(.lastModified, with: stored)
            && (response.declaredLength ?? stored.contentCount) == stored.contentCount
        let merged = isSame ? merge(stored, response) : ResponseHead()
        guard isSame, let draft = makeDraft(merged, turn, length: stored.contentCount) else {
            turn.runtime.store.remove(stored)
            return
        }
        turn.runtime.store.remove(stored)
        turn.runtime.store.insert(CachedResponse(draft, contentOf: stored), since: purges)
    }

    private func agrees(_ name: FieldName, with stored: CachedResponse) -> Bool {
        guard let index = response.fields.first(name) else { return true }
        let value = response.fields.value(at: index)
        let literal: StaticString = name == .etag ? "etag" : "last-modified"
        guard let place = HeadLines.value(of: literal, in: stored.head) else { return false }
        return stored.head.extracting(place).equals(value)
    }
}

extension BodyFraming {
    /// Bytes of content, where they are known.
    var knownLength: Int? {
        switch self {
        case .none: 0
        case .length(let length): length
        case .chunked, .untilClose: nil
        }
    }
}
