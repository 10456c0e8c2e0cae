import Bytes
import Caching
import Configuration
import EventLoop
import HTTP
import HTTP1
import Telemetry

/// Waiting for another request's fetch, and reading it while it arrives.
extension Exchange {
    /// What became of waiting.
    enum Followed {
        case served
        /// Look again: what was stored has changed, or nobody fetches it any more.
        case again
        /// The response is for the one who asked: ask as well.
        case alone
    }

    /// Waits for a fetch, and passes on what it brings if this request may have it.
    mutating func follow(_ fill: Fill, _ cache: CacheRuntime) async throws(Failure) -> Followed {
        let number = context.cache.enroll(gathering)
        let ticket = fill.join(context.cache.news, number: number)
        connection.stream.gather(at: gathering)
        defer {
            connection.stream.gather(at: nil)
            fill.leave(ticket)
            context.cache.retire(number)
        }
        let deadline = context.reactor.now + cache.rule.patience * 1_000_000
        do throws(StreamError) { try connection.stream.watch() } catch { throw .clientGone }
        while fill.stage == .waiting {
            switch await gathering.wait(until: deadline) {
            case .cancelled: throw .clientGone
            case .timedOut: return .alone
            case .ready:
                if connection.stream.isBroken { throw .clientGone }
            }
        }
        switch fill.stage {
        case .waiting, .passed: return .alone
        case .settled, .failed: return .again
        case .streaming, .complete: break
        }
        guard let head = fill.head, CacheStore.fits(head.draft, request.fields) else {
            return .again
        }
        if head.draft.traits.contains(.withoutCookies), request.fields.contains(.cookie) {
            return .alone
        }
        if request.fields.contains(.range) { return .alone }
        if fill.stage == .complete, wantedCoding(head.draft.traits, count: head.length) != nil,
            let stored = findStored(cache, key: fill.key, hash: fill.hash)
        {
            // It is wanted more than once, so that its form is worth keeping.
            let now = wallMilliseconds
            context.metrics.count(.cacheCollapsed, route: route)
            let report = CacheReport(collapsedWith: stored.timing, now: now)
            try await send(stored, cache, report: report, fields: nil, now: now)
            return .served
        }
        try await passOn(fill, head.draft, length: head.length, cache, number)
        return .served
    }

    /// Sends a response that is still arriving for another request.
    private mutating func passOn(
        _ fill: Fill,
        _ draft: ResponseDraft,
        length: Int?,
        _ cache: CacheRuntime,
        _ number: UInt64
    ) async throws(Failure) {
        guard let output else { return }
        let now = wallMilliseconds
        context.metrics.count(.cacheCollapsed, route: route)
        let report = CacheReport(collapsedWith: draft.timing, now: now)
        var head = StoredHead(
            lines: draft.head,
            status: draft.status,
            age: draft.timing.age(now: now) / 1000,
            report: report
        )
        let etag = HeadLines.value(of: "etag", in: draft.head.span)
        let isNotModified =
            draft.status == 200 && Preconditions.isConditional(request.fields, request.method)
            && Preconditions.isNotModified(
                request.fields,
                etag: draft.head.span.extracting(etag ?? 0..<0),
                modified: draft.modified,
                now: now / 1000
            )
        var shared: FillReader?
        if isNotModified {
            head.lines = validatorLines(draft.head.span)
            head.status = 304
            head.framing = .none
        } else if let (reader, coding) = shareCoding(fill, draft, length: length, cache.store) {
            shared = reader
            head.lines = HeadLines.coded(draft.head.span, .coded(coding))
            head.framing = .chunked
        } else if Status.forbidsContent(draft.status) {
            head.framing = .none
        } else if let length {
            head.framing = .length(length)
        } else if request.version == .http11 {
            head.framing = .chunked
        } else {
            head.framing = .untilClose
            keepsConnection = false
        }
        write(head, cache, to: output)
        progress = .headSent(endsWithConnection: head.framing == .untilClose)
        if head.framing != .none, request.method != .head {
            var reader =
                shared ?? FillReader(fill: fill, isChunked: head.framing == .chunked)
            let ticket = shared == nil ? nil : reader.fill.join(context.cache.news, number: number)
            defer { if let ticket { reader.fill.leave(ticket) } }
            try await send(&reader, output)
            if shared != nil { coding?.contentBytesSent = reader.position }
        }
        try await flush(output)
        progress = .complete
    }

    /// Sends content as it arrives, until it is complete.
    mutating func send(_ reader: inout FillReader, _ output: Buffer)
        async throws(Failure)
    {
        let pace = pace
        while true {
            let stage = reader.step(to: output, limit: room(pace))
            let before = output.count
            do throws(StreamError) {
                try connection.stream.send(output)
            } catch { throw .clientGone }
            noteSent(before - output.count)
            if reader.isDone, output.isEmpty { return }
            if stage != .streaming, stage != .complete {
                throw Failure(
                    status: 502,
                    reason: .upstream(.bodyIncomplete),
                    closesConnection: true
                )
            }
            if output.isEmpty, reader.hasMore {
                if let pace, room(pace) == 0 {
                    try await holdBack(pace)
                    connection.stream.gather(at: gathering)
                }
                continue
            }
            var deadline = context.reactor.now + timeouts.response
            if !output.isEmpty {
                do throws(StreamError) {
                    try connection.stream.watchWrites()
                } catch { throw .clientGone }
                deadline = context.reactor.now + timeouts.send
            }
            if !output.isEmpty, connection.stream.mayWrite { continue }
            switch await gathering.wait(until: deadline) {
            case .ready: if connection.stream.isBroken { throw .clientGone }
            case .cancelled: throw .clientGone
            case .timedOut:
                if !output.isEmpty { throw .clientGone }
                throw Failure(status: 504, reason: .upstream(.bodyTimeout), closesConnection: true)
            }
        }
    }
}
