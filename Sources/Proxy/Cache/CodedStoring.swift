import Bytes
import Caching
import Compression
import Configuration
import EventLoop
import HTTP
import HTTP1
import Telemetry

/// Responses that go out in content codings while they are stored without one.
///
/// The one who asked has a coder of its own, as without a cache. Those who wait for the same fetch
/// share one for each coding: ten thousand of them cost no more than one.
extension Exchange {
    /// What is done to the content of a response that is being stored, for the one who asked; nil
    /// for nothing.
    ///
    /// `sets`: Whether it sets a cookie for this client alone.
    private func planStoring(_ draft: ResponseDraft, length: Int?, sets cookie: Bool)
        -> ContentCoder.Plan?
    {
        guard !Status.forbidsContent(draft.status),
            let wanted = wantedCoding(draft.traits, count: length),
            let policy = route?.route.policy.compression
        else { return nil }
        guard let level = context.load.level(policy.level) else {
            context.metrics.count(.compressionSkipped, reason: CodingObstacle.busy.index)
            return nil
        }
        if cookie, policy.breach == .skipCookies {
            context.metrics.count(.compressionSkipped, reason: CodingObstacle.breach.index)
            return nil
        }
        var plan = ContentCoder.Plan(level: level, length: length)
        plan.target = wanted
        plan.padding = padding(policy)
        return plan
    }

    /// Writes the head of a response that is being stored, and what goes out with it.
    ///
    /// `content`: Gets what came with the head of the upstream's response, so that a short content
    /// that is there already is coded in one go, and has a length.
    ///
    /// Returns What takes the content to the client; nil when all of it is in the output.
    mutating func beginStored(
        _ draft: ResponseDraft,
        _ fill: Fill,
        _ connection: UpstreamConnection,
        framing: (outgoing: BodyFlow.Outgoing, announced: BodyFraming),
        content: Buffer,
        to output: Buffer
    ) async throws(AttemptError) -> FillReader? {
        // Trailers are not stored, so that nobody gets them.
        response.fields.removeAll(.trailer)
        if draft.traits.contains(.ownVary) {
            response.fields.addToVary("accept-encoding", spelling: "Accept-Encoding")
        }
        let cookie = response.fields.contains(.setCookie)
        if let plan = planStoring(draft, length: fill.head?.length, sets: cookie) {
            if let input = connection.input, fill.count == 0 {
                try moveResponse(connection, from: input, to: content)
            }
            if responseBody.isComplete, content.count <= CompressionLimits.wholeBytes {
                await context.takeCodingTurn(content.count)
                if sendWhole(plan, content, to: output) { return nil }
            } else if request.version == .http11 {
                if let coder = ContentCoder(context: context, plan, mayCollect: false) {
                    coder.isChunked = true
                    applyCoding(plan)
                    writeResponseHead(framing: .chunked, to: output)
                    progress = .headSent(endsWithConnection: false)
                    return FillReader(fill: fill, coder)
                }
                context.metrics.count(.compressionSkipped, reason: CodingObstacle.memory.index)
            }
        }
        writeResponseHead(framing: framing.announced, to: output)
        progress = .headSent(endsWithConnection: framing.announced == .untilClose)
        return FillReader(fill: fill, isChunked: framing.outgoing == .chunked)
    }

    /// Codes a content that is there whole, and writes it behind its head.
    ///
    /// Returns False when it is to go out as it is.
    private mutating func sendWhole(
        _ plan: ContentCoder.Plan,
        _ content: Buffer,
        to output: Buffer
    ) -> Bool {
        guard let target = plan.target, let policy = route?.route.policy.compression,
            content.count >= max(1, policy.rules.minimumLength)
        else { return false }
        let coded = context.reactor.buffers.take()
        defer { context.reactor.buffers.give(coded) }
        let padding = plan.padding
        guard context.encodeWhole(content, to: coded, target, plan.level, padding: padding) else {
            return false
        }
        applyCoding(plan)
        writeResponseHead(framing: .length(coded.count), to: output)
        progress = .headSent(endsWithConnection: false)
        coding?.contentBytesSent = coded.count
        output.move(coded.count, from: coded)
        return true
    }

    /// What reads the coded form of a fetch that others wait for as well; nil when there is none
    /// for this client.
    mutating func shareCoding(
        _ fill: Fill,
        _ draft: ResponseDraft,
        length: Int?,
        _ store: CacheStore
    ) -> (reader: FillReader, coding: ContentCoding)? {
        guard request.version == .http11,
            let plan = planStoring(draft, length: length, sets: false),
            let wanted = plan.target
        else { return nil }
        let now = wallMilliseconds
        let made: Fill
        switch store.joinCoding(fill, wanted, now: now) {
        case .follow(let other):
            guard other.hasBegun else { return nil }
            made = other
        case .lead(let own):
            let first = Buffer()
            guard
                let encoder = context.codecs.takeEncoder(
                    wanted,
                    plan.level,
                    padding: plan.padding > 0 ? PaddedStart.base(wanted) : 0,
                    to: first
                )
            else {
                context.metrics.count(.compressionSkipped, reason: CodingObstacle.memory.index)
                own.end(.failed)
                store.endCoding(fill, wanted)
                return nil
            }
            // Before others see that it has begun.
            own.append(first.readable)
            own.begin(draft, length: nil)
            context.cache.codings.append(
                CodingJob(
                    source: .fetch(fill),
                    coding: wanted,
                    encoder: encoder,
                    fill: own,
                    store: store,
                    patience: plan.length == nil ? 0 : CompressionLimits.collectTime
                )
            )
            context.cache.startCoding()
            made = own
        }
        return (FillReader(fill: made, of: wanted, padding: plan.padding), wanted)
    }
}

extension CodingJob {
    /// Codes what a fetch brings, and sends it on whenever the fetch pauses.
    func run(following source: Fill, in context: LoopContext) async {
        let plain = context.reactor.buffers.take()
        let coded = context.reactor.buffers.take()
        let point = WaitPoint(reactor: context.reactor)
        let number = context.cache.enroll(point)
        let ticket = source.join(context.cache.news, number: number)
        var nanoseconds: Int64 = 0
        var offset = 0
        var flushAt: Int64?
        while !context.reactor.isShutDown {
            let most = CompressionLimits.bytesPerTurn
            let (count, stage) = source.read(from: offset, atMost: most, into: plain)
            offset += count
            guard stage == .streaming || stage == .complete else { break }
            let isLast = stage == .complete && offset >= source.count
            let isPause = count < most && !isLast
            await context.takeCodingTurn(count)
            if count > 0 { flushAt = nil }
            let now = context.reactor.now
            let isDue = isPause && (patience == 0 || flushAt.map { now >= $0 } ?? false)
            let operation: CodecOperation = isLast ? .finish : isDue ? .flush : .process
            let start = context.reactor.clock
            do throws(CodecError) {
                _ = try encoder.encode(plain, to: coded, operation)
            } catch {
                context.metrics.count(.compressionSkipped, reason: CodingObstacle.failed.index)
                break
            }
            nanoseconds += context.reactor.clock - start
            fill.append(coded.readable)
            coded.removeAll()
            if isLast { break }
            guard isPause else {
                await context.reactor.yieldLong()
                continue
            }
            if encoder.hasUnflushed, flushAt == nil { flushAt = now + patience }
            // The fetch ends in any case, within its own limits of time.
            let limit = encoder.hasUnflushed ? flushAt ?? WaitPoint.never : WaitPoint.never
            if await point.wait(until: limit) == .cancelled { break }
        }
        source.leave(ticket)
        context.cache.retire(number)
        point.retire()
        if encoder.isFinished { _ = fill.finish() } else { fill.end(.failed) }
        store.endCoding(source, coding)
        context.metrics.countCoding(coding, from: offset, to: fill.count, nanoseconds: nanoseconds)
        context.codecs.give(encoder)
        context.reactor.buffers.give(plain)
        context.reactor.buffers.give(coded)
    }
}
