import Bytes
import Caching
import Configuration
import EventLoop
import HTTP
import HTTP1
import Telemetry

/// Sending stored responses.
extension Exchange {
    /// Sends a stored response: all of it, the ranges asked for, or that it has not changed.
    mutating func send(
        _ stored: CachedResponse,
        _ cache: CacheRuntime,
        now: Int64,
        isCollapsed: Bool = false,
        _ detail: String? = nil
    ) async throws(Failure) {
        let remaining = stored.timing.remaining(now: now)
        var report = CacheReport()
        report.isHit = true
        // Rounded down, so that what is stale is negative.
        report.timeToLive = remaining >= 0 ? remaining / 1000 : -((999 - remaining) / 1000)
        report.isCollapsed = isCollapsed
        report.detail = detail
        context.metrics.count(remaining > 0 ? .cacheHits : .cacheStale, route: route)
        try await send(stored, cache, report: report, fields: nil, now: now)
    }

    /// Sends a stale response, as the upstream failed.
    mutating func sendStale(_ stored: CachedResponse, _ turn: CacheTurn) async throws(Failure) {
        let now = wallMilliseconds
        var report = CacheReport()
        report.isHit = true
        report.timeToLive = stored.timing.remaining(now: now) / 1000
        report.forwardStatus = upstreamStatus == 0 ? nil : upstreamStatus
        report.detail = "stale-if-error"
        context.metrics.count(.cacheStale, route: route)
        try await send(stored, turn.runtime, report: report, fields: turn.clientFields, now: now)
    }

    /// Sends a stored response.
    ///
    /// `fields`: The request's fields as the client sent them, where they were changed.
    mutating func send(
        _ stored: CachedResponse,
        _ cache: CacheRuntime,
        report: CacheReport,
        fields: FieldSection?,
        now: Int64
    ) async throws(Failure) {
        if output == nil { output = context.reactor.buffers.take() }
        guard let output else { return }
        let age = min(DeltaSeconds.maximum, stored.timing.age(now: now) / 1000)
        let asked = fields ?? request.fields
        if stored.status == 200 || stored.part != nil {
            if Preconditions.isConditional(asked, request.method),
                Preconditions.isNotModified(
                    asked,
                    etag: stored.etag,
                    modified: stored.modified,
                    now: now / 1000
                )
            {
                var head = StoredHead(
                    lines: validatorLines(stored.head),
                    status: 304,
                    age: age,
                    report: report
                )
                head.framing = .none
                write(head, cache, to: output)
                progress = .headSent(endsWithConnection: false)
                try await deliver(output)
                progress = .complete
                return
            }
            if asked.contains(.range), request.method == .get {
                if try await sendRanges(stored, cache, report: report, fields: asked, age: age) {
                    return
                }
            }
        }
        // From a file it goes out as it stands.
        if stored.traits.contains(.codable), !stored.isOnFile,
            try await sendCoded(stored, cache, report: report, age: age)
        {
            return
        }
        writeWhole(stored, cache, report: report, age: age, to: output)
        progress = .headSent(endsWithConnection: false)
        let hasContent = !Status.forbidsContent(stored.status) && request.method != .head
        if hasContent {
            try await sendContent(stored, 0..<stored.contentCount, output)
        }
        try await deliver(output)
        progress = .complete
    }

    /// Writes the head of a whole response; the usual case, which copies nothing twice.
    private mutating func writeWhole(
        _ stored: CachedResponse,
        _ cache: CacheRuntime,
        report: CacheReport,
        age: Int64,
        to output: Buffer
    ) {
        let framing: BodyFraming =
            Status.forbidsContent(stored.status) ? .none : .length(stored.contentCount)
        let rules = route?.route.policy.responseHeaders ?? []
        if rules.isEmpty, !changesStored(stored.head) {
            status = stored.status
            output.append(stored.head)
            var head = StoredHead(lines: [], status: stored.status, age: age, report: report)
            head.framing = framing
            writeRest(of: head, rules, cache, to: output)
            return
        }
        var head = StoredHead(
            lines: stored.head.bytes(),
            status: stored.status,
            age: age,
            report: report
        )
        head.framing = framing
        write(head, cache, to: output)
    }

    /// Sends a part of a stored content behind what is in the output.
    @inline(__always)
    mutating func sendContent(_ stored: CachedResponse, _ range: Range<Int>, _ output: Buffer)
        async throws(Failure)
    {
        if let large = stored.large {
            try await sendContent(large, range, output)
        } else {
            output.append(stored.inlineContent.extracting(range))
        }
    }

    /// Sends a part of a large content behind what is in the output.
    mutating func sendContent(_ large: LargeContent, _ range: Range<Int>, _ output: Buffer)
        async throws(Failure)
    {
        let pace = pace
        // Pages go as fast as they can.
        if pace == nil, connection.stream.takesPages, case .extent(let place) = large.place {
            if let extent = place as? PageExtent {
                try await sendPages(of: extent, range, behind: output)
                return
            }
            if let content = place as? DiskContent {
                try await sendFile(content, range, behind: output)
                return
            }
        }
        if connection.stream.takesPages { try await flush(output) }
        var offset = range.lowerBound
        var turnEnd = offset + ProxyLimits.bytesPerTurn
        var run: ContentRun?
        while offset < range.upperBound {
            var room = max(1, ProxyLimits.pendingBytes - output.count)
            if let pace {
                room = pace.room(sent: bytesSent, now: context.reactor.now) - output.count
                if room <= 0 {
                    // The head goes ahead of what has to wait.
                    try await flush(output)
                    try await holdBack(pace)
                    continue
                }
            }
            let wanted = min(room, range.upperBound - offset)
            var count = large.append(from: offset, wanted, to: output)
            if count > 0 { run = nil }
            if count == 0, let content = large.diskContent {
                count = run?.read(from: offset, atMost: wanted, into: output) ?? 0
                if count == 0 {
                    try await flush(output)
                    run = try await self.run(of: content, from: offset, DiskLimits.copiedRun)
                    continue
                }
            }
            // The content that the head has promised is not there.
            guard count > 0 else { throw .clientGone }
            offset += count
            if offset >= range.upperBound { return }
            try await flush(output)
            if offset >= turnEnd {
                turnEnd = offset + ProxyLimits.bytesPerTurn
                await context.reactor.yield()
            }
        }
    }

    /// Sends pages of memory as they are, behind what is in the output.
    private mutating func sendPages(
        of extent: PageExtent,
        _ range: Range<Int>,
        behind output: Buffer
    ) async throws(Failure) {
        let stream = connection.stream
        if !range.isEmpty {
            let total = output.count
            defer { noteSent(total - output.count) }
            do throws(StreamError) {
                try stream.send(aheadOfPages: output)
            } catch { throw .clientGone }
        }
        if !output.isEmpty { try await flush(output) }
        var offset = range.lowerBound
        while offset < range.upperBound {
            let end = min(range.upperBound, offset + ProxyLimits.bytesPerTurn)
            var rest = offset..<end
            while !rest.isEmpty {
                try await sendOnce(&rest) { stream, rest throws(StreamError) in
                    try extent.send(to: stream, &rest)
                }
            }
            offset = end
            if offset < range.upperBound { await context.reactor.yield() }
        }
    }

    /// Sends what the client takes now, and waits until it takes more, should that not be all.
    mutating func sendOnce(
        _ rest: inout Range<Int>,
        by send: (EventLoop.Stream, inout Range<Int>) throws(StreamError) -> Void
    ) async throws(Failure) {
        let stream = connection.stream
        do throws(StreamError) {
            let before = rest.lowerBound
            try send(stream, &rest)
            noteSent(rest.lowerBound - before)
            if rest.isEmpty { return }
            try await stream.waitUntilWritable(deadline: context.reactor.now + timeouts.send)
        } catch { throw .clientGone }
    }

    /// Answers a Range field from what is stored.
    ///
    /// Returns False when the whole is to be sent instead.
    private mutating func sendRanges(
        _ stored: CachedResponse,
        _ cache: CacheRuntime,
        report: CacheReport,
        fields: FieldSection,
        age: Int64
    ) async throws(Failure) -> Bool {
        guard let output else { return false }
        let modified = stored.traits.contains(.hasLastModified) ? stored.modified : nil
        guard
            Preconditions.allowsRange(
                fields,
                etag: stored.etag,
                lastModified: modified,
                sent: sentDate(of: stored),
                now: wallMilliseconds / 1000
            )
        else { return false }
        let total = stored.part?.total ?? stored.contentCount
        let start = stored.part?.start ?? 0
        var head = StoredHead(lines: stored.head.bytes(), status: 206, age: age, report: report)
        switch ByteRanges(fields, total: total) {
        case .whole: return false
        case .unsatisfiable:
            head.status = 416
            head.contentRange = Array("bytes */\(total)".utf8)
            head.framing = .length(0)
            write(head, cache, to: output)
        case .parts(let ranges):
            if ranges.count == 1 {
                let range = ranges[0]
                let text = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(total)"
                head.contentRange = Array(text.utf8)
                head.framing = .length(range.count)
                write(head, cache, to: output)
                progress = .headSent(endsWithConnection: false)
                try await sendContent(
                    stored,
                    (range.lowerBound - start)..<(range.upperBound - start),
                    output
                )
            } else {
                try await sendParts(stored, ranges, &head, cache, output)
            }
        }
        progress = .headSent(endsWithConnection: false)
        try await deliver(output)
        progress = .complete
        return true
    }

    private func sentDate(of stored: CachedResponse) -> Int64? {
        guard let place = HeadLines.value(of: "date", in: stored.head) else { return nil }
        return HTTPDate.parse(stored.head.extracting(place), now: wallMilliseconds / 1000)
    }

    /// Source: RFC 9110 §14.6.
    private mutating func sendParts(
        _ stored: CachedResponse,
        _ ranges: [Range<Int>],
        _ head: inout StoredHead,
        _ cache: CacheRuntime,
        _ output: Buffer
    ) async throws(Failure) {
        let boundary = Buffer()
        boundary.append(paddedHexadecimal: context.reactor.random.next())
        boundary.append(paddedHexadecimal: context.reactor.random.next())
        head.boundary = boundary.readable.bytes()
        let type = HeadLines.value(of: "content-type", in: stored.head)
        let media = type.map { stored.head.extracting($0).bytes() }
        var starts: [[UInt8]] = []
        var length = 0
        for (index, range) in ranges.enumerated() {
            var start = Array((index == 0 ? "--" : "\r\n--").utf8) + head.boundary
            if let media { start += Array("\r\nContent-Type: ".utf8) + media }
            let place = "\(range.lowerBound)-\(range.upperBound - 1)/\(stored.contentCount)"
            start += Array("\r\nContent-Range: bytes \(place)\r\n\r\n".utf8)
            length += start.count + range.count
            starts.append(start)
        }
        let end = Array("\r\n--".utf8) + head.boundary + Array("--\r\n".utf8)
        head.framing = .length(length + end.count)
        write(head, cache, to: output)
        progress = .headSent(endsWithConnection: false)
        for (index, range) in ranges.enumerated() {
            output.append(starts[index])
            try await sendContent(stored, range, output)
        }
        output.append(end)
    }
}
