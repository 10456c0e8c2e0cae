import Bytes
import Caching
import Compression
import Configuration
import EventLoop
import HTTP
import HTTP1
import Telemetry

/// Stored responses in content codings.
///
/// The first hit that asks for a coding has it made: that there is a hit shows that the response is
/// wanted again, which the fetch before did not. What is made is kept beside the content, within
/// the store's budget, and goes with it; so it is worth a better level than on the fly.
extension Exchange {
    /// Notes that a response's content is one that the route compresses, and that it varies so.
    func noteCoding(
        _ head: borrowing ResponseHead,
        of length: Int?,
        _ traits: inout CachedResponse.Traits,
        _ lines: inout [UInt8]
    ) {
        guard let policy = route?.route.policy.compression else { return }
        let decision = CodingDecision(
            // A client that asks for nothing: what is left is what the response itself says.
            accept: AcceptEncoding(),
            status: head.status,
            fields: head.fields,
            length: length,
            rules: policy.rules
        )
        guard decision.varies, decision.action == .keep(.notAccepted) else { return }
        traits.insert(.codable)
        if head.fields.list(.vary, contains: "accept-encoding") { return }
        traits.insert(.ownVary)
        HeadLines.addOwnVary(to: &lines)
    }

    /// The coding that a response of the cache is to go out in; nil for none.
    ///
    /// `count`: Bytes of its content, if that is known.
    func wantedCoding(_ traits: CachedResponse.Traits, count: Int?) -> ContentCoding? {
        guard traits.contains(.codable), let coding,
            let policy = route?.route.policy.compression,
            count ?? .max >= max(1, policy.rules.minimumLength)
        else { return nil }
        if policy.breach == .skipCookies, coding.belongsToSomebody { return nil }
        return coding.accept.preferred(of: policy.rules.codings)
    }

    /// The lines of a 304 for a client that holds what this gateway coded: with the tag of that.
    func validatorLines(_ lines: Span<UInt8>) -> [UInt8] {
        guard let mark = coding?.mark else { return lines.bytes() }
        return HeadLines.coded(lines, mark)
    }

    /// Sends a stored response in the coding that the client wants.
    ///
    /// Returns False when it is to go out as it is stored.
    mutating func sendCoded(
        _ stored: CachedResponse,
        _ cache: CacheRuntime,
        report: CacheReport,
        age: Int64
    ) async throws(Failure) -> Bool {
        guard let output, let wanted = wantedCoding(stored.traits, count: stored.contentCount)
        else { return false }
        if let form = stored.form(wanted) ?? codeAtOnce(stored, wanted, cache) {
            guard form.isWorthIt, let (front, replaced) = front(of: form) else { return false }
            let count = front.count + form.contentCount - replaced
            context.metrics.count(.cacheCoded, route: route)
            var head = StoredHead(lines: form.head, status: stored.status, age: age, report: report)
            head.report.detail = wanted.detail
            head.framing = .length(count)
            write(head, cache, to: output)
            progress = .headSent(endsWithConnection: false)
            if request.method != .head {
                coding?.contentBytesSent = count
                output.append(front)
                try await sendContent(form.content, replaced..<form.contentCount, output)
            }
            try await deliver(output)
            progress = .complete
            return true
        }
        // Without chunks the end of the content would be that of the connection.
        guard request.version == .http11 else { return false }
        var fill: Fill?
        if request.method != .head {
            fill = making(stored, wanted, cache)
            guard fill != nil else { return false }
        }
        var head = StoredHead(
            lines: HeadLines.coded(stored.head, .coded(wanted)),
            status: stored.status,
            age: age,
            report: report
        )
        head.report.detail = wanted.detail
        head.framing = fill == nil ? .none : .chunked
        if let fill {
            try await sendMaking(fill, wanted, head, cache, output)
        } else {
            write(head, cache, to: output)
            progress = .headSent(endsWithConnection: false)
        }
        try await deliver(output)
        progress = .complete
        return true
    }

    /// What goes out in front of a form, and how many of its bytes that stands for: padding of its
    /// own for every response, where the route wants it.
    ///
    /// Returns nil when the form has no room for it.
    private func front(of form: CodedForm) -> (bytes: [UInt8], replaced: Int)? {
        let padding = route?.route.policy.compression.map { self.padding($0) } ?? 0
        if padding == 0 { return ([], 0) }
        let needed = min(PaddedStart.neededBytes, form.contentCount)
        let first = Buffer()
        guard form.content.append(from: 0, needed, to: first) == needed else { return nil }
        let front = Buffer()
        guard
            let replaced = PaddedStart.write(
                padding,
                inPlaceOf: first.readable,
                form.coding,
                to: front
            )
        else { return nil }
        return (front.readable.bytes(), replaced)
    }

    /// Bytes of padding that a form is made with, so that each response can have its own.
    private func basePadding(_ wanted: ContentCoding) -> Int {
        route?.route.policy.compression?.breach == .pad ? PaddedStart.base(wanted) : 0
    }

    /// Sends coded content as it is made.
    private mutating func sendMaking(
        _ fill: Fill,
        _ wanted: ContentCoding,
        _ head: StoredHead,
        _ cache: CacheRuntime,
        _ output: Buffer
    ) async throws(Failure) {
        let number = context.cache.enroll(gathering)
        let ticket = fill.join(context.cache.news, number: number)
        connection.stream.gather(at: gathering)
        defer {
            connection.stream.gather(at: nil)
            fill.leave(ticket)
            context.cache.retire(number)
        }
        do throws(StreamError) { try connection.stream.watch() } catch { throw .clientGone }
        context.metrics.count(.cacheCoded, route: route)
        write(head, cache, to: output)
        progress = .headSent(endsWithConnection: false)
        let padding = route?.route.policy.compression.map { self.padding($0) } ?? 0
        var reader = FillReader(fill: fill, of: wanted, padding: padding)
        try await send(&reader, output)
        coding?.contentBytesSent = fill.count
    }

    /// Compresses a content that is short enough to be done at once, and keeps what comes out.
    private mutating func codeAtOnce(
        _ stored: CachedResponse,
        _ wanted: ContentCoding,
        _ cache: CacheRuntime
    ) -> CodedForm? {
        guard stored.contentCount <= ProxyLimits.codedPerTurn, mayCode() else { return nil }
        let now = wallMilliseconds
        guard case .lead = cache.store.joinCoding(stored, wanted, mayLead: true, now: now) else {
            return nil
        }
        let source = context.reactor.buffers.take()
        let target = context.reactor.buffers.take()
        defer {
            context.reactor.buffers.give(source)
            context.reactor.buffers.give(target)
        }
        _ = stored.append(from: 0, atMost: stored.contentCount, to: source)
        let padding = basePadding(wanted)
        guard context.encodeWhole(source, to: target, wanted, .small, padding: padding) else {
            _ = cache.store.endCoding(stored, wanted, .failed)
            return nil
        }
        let made = CachedResponse(
            stored.draft(timing: stored.timing),
            content: [target.readable.bytes()],
            contentCount: target.count
        )
        let ended = cache.store.endCoding(stored, wanted, .made(made))
        if let amended = ended?.stored { context.sharedCache?.amend(amended) }
        return ended?.form
    }

    /// The making of a stored content's form: another one's, or one that begins now; nil when there
    /// is no room for it.
    private mutating func making(
        _ stored: CachedResponse,
        _ wanted: ContentCoding,
        _ cache: CacheRuntime
    ) -> Fill? {
        let mayBegin = context.cache.codingsUnderWay < ProxyLimits.codings && mayCode()
        let now = wallMilliseconds
        switch cache.store.joinCoding(stored, wanted, mayLead: mayBegin, now: now) {
        case .none: return nil
        case .follow(let fill): return fill.hasBegun ? fill : nil
        case .lead(let fill):
            let first = Buffer()
            let base = basePadding(wanted)
            let taken = context.codecs.takeEncoder(wanted, .small, padding: base, to: first)
            guard let encoder = taken else {
                context.metrics.count(.compressionSkipped, reason: CodingObstacle.memory.index)
                fill.end(.failed)
                _ = cache.store.endCoding(stored, wanted, .failed)
                return nil
            }
            // What is no smaller than the content is of no use, so that is all the room there is.
            // Before others see that it has begun.
            fill.append(first.readable)
            fill.begin(
                stored.draft(timing: stored.timing),
                length: nil,
                extent: cache.store.makeExtent(stored.contentCount)
            )
            context.cache.codingsUnderWay += 1
            context.cache.codings.append(
                CodingJob(
                    source: .stored(stored),
                    coding: wanted,
                    encoder: encoder,
                    fill: fill,
                    store: cache.store,
                    patience: 0
                )
            )
            context.cache.startCoding()
            return fill
        }
    }

    /// Whether the loop has time for it.
    private mutating func mayCode() -> Bool {
        guard let policy = route?.route.policy.compression, context.load.level(policy.level) != nil
        else {
            context.metrics.count(.compressionSkipped, reason: CodingObstacle.busy.index)
            return false
        }
        return true
    }
}

/// The making of a stored content's form in a coding, whoever reads along, and at whatever pace.
struct CodingJob {
    /// Where the content comes from.
    enum Source {
        /// It stands there, and so will its form.
        case stored(CachedResponse)
        /// It is arriving, and its form is for those who wait for it.
        case fetch(Fill)
    }

    let source: Source
    let coding: ContentCoding
    let encoder: StreamEncoder
    let fill: Fill
    let store: CacheStore
    /// Nanoseconds that a pause of the source lasts before what came so far is sent on.
    let patience: Int64

    /// Codes all there is.
    func run(in context: LoopContext) async {
        switch source {
        case .stored(let object): await run(object, in: context)
        case .fetch(let source): await run(following: source, in: context)
        }
    }

    /// Codes piece by piece, and lets the loop's other tasks run in between.
    private func run(_ object: CachedResponse, in context: LoopContext) async {
        let plain = context.reactor.buffers.take()
        let coded = context.reactor.buffers.take()
        var nanoseconds: Int64 = 0
        var offset = 0
        while offset < object.contentCount, !context.reactor.isShutDown {
            let start = context.reactor.clock
            let count = object.append(from: offset, atMost: ProxyLimits.codedPerTurn, to: plain)
            offset += count
            let isLast = offset >= object.contentCount
            do throws(CodecError) {
                if count == 0 { throw .failed }
                _ = try encoder.encode(plain, to: coded, isLast ? .finish : .process)
            } catch {
                context.metrics.count(.compressionSkipped, reason: CodingObstacle.failed.index)
                break
            }
            fill.append(coded.readable)
            coded.removeAll()
            nanoseconds += context.reactor.clock - start
            if !isLast { await context.reactor.yieldLong() }
        }
        let bytesOut = fill.count
        let outcome: CodingOutcome
        if !encoder.isFinished {
            // For those who read along.
            fill.end(.failed)
            outcome = .failed
        } else if let made = fill.finish() {
            outcome = .made(made)
        } else {
            // It did not fit where something smaller than the content would have.
            outcome = .useless
        }
        let amended = store.endCoding(object, coding, outcome)?.stored
        if let amended { context.sharedCache?.amend(amended) }
        context.metrics.countCoding(
            coding,
            from: offset,
            to: bytesOut,
            nanoseconds: nanoseconds
        )
        context.codecs.give(encoder)
        context.reactor.buffers.give(plain)
        context.reactor.buffers.give(coded)
        context.cache.codingsUnderWay -= 1
    }
}

extension ContentCoding {
    /// What Cache-Status calls a form.
    fileprivate var detail: String { "coded-" + String(describing: name) }
}
