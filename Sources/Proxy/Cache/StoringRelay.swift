import Balancing
import Bytes
import Caching
import Configuration
import EventLoop
import HTTP
import HTTP1
import Telemetry

/// Passing a response on while it is stored.
///
/// What the upstream sends goes into the fetch as fast as it comes, and from there to the client as
/// fast as that takes it: a slow client delays nobody else who waits for the same response.
extension Exchange {
    /// Passes on what comes, behind what the fetch has already.
    ///
    /// `whole`: The head of the whole of which the response is the rest; nil for the response's.
    mutating func passOnStoring(
        _ turn: CacheTurn,
        _ fill: Fill,
        _ draft: ResponseDraft,
        _ upstream: UpstreamLoop,
        server: Balancing.Server,
        series: ServerSeries,
        of whole: ResponseHead? = nil
    ) async throws(Failure) {
        guard let connection = self.upstream, let output else { return }
        let framing = response.framing(forRequest: request.method)
        var (outgoing, announced) = clientFraming(framing)
        if let whole, let length = fill.head?.length {
            response.take(whole)
            (outgoing, announced) = (.identity, .length(length))
        }
        responseBody.begin(framing, as: .identity)
        let now = wallMilliseconds
        let isNotModified =
            response.status == 200 && Preconditions.isConditional(turn.clientFields, request.method)
            && Preconditions.isNotModified(
                turn.clientFields,
                etag: Exchange.etag(of: draft).span,
                modified: draft.modified,
                now: now / 1000
            )
        var reader: FillReader?
        let content = context.reactor.buffers.take()
        defer {
            context.reactor.buffers.give(content)
            reader?.coder?.finish()
        }
        do throws(AttemptError) {
            if isNotModified {
                writeNotModified(draft, turn, to: output)
            } else {
                reader = try await beginStored(
                    draft,
                    fill,
                    connection,
                    framing: (outgoing, announced),
                    content: content,
                    to: output
                )
            }
            try await relayStoring(turn, fill, draft, connection, &reader, content, output)
        } catch {
            fill.end(.failed)
            dropUpstream(upstream)
            switch error {
            case .final(let failure): throw failure
            case .upstream(let failure, _, _):
                throw midwayFailure(failure, upstream, server: server, series: series)
            }
        }
        progress = .complete
        // Nobody takes the rest of what is too large to be stored, where the client has it already.
        if !responseBody.isComplete { dropUpstream(upstream) }
        finishUpstream(upstream, series: series, framing: framing)
    }

    /// Says that the client has what is being stored.
    private mutating func writeNotModified(
        _ draft: ResponseDraft,
        _ turn: CacheTurn,
        to output: Buffer
    ) {
        var report = CacheReport()
        report.forward = turn.reason
        report.forwardStatus = 200
        report.isStored = true
        var head = StoredHead(
            lines: validatorLines(draft.head.span),
            status: 304,
            age: draft.timing.initialAge,
            report: report
        )
        head.framing = .none
        write(head, turn.runtime, to: output)
        progress = .headSent(endsWithConnection: false)
    }

    static func etag(of draft: ResponseDraft) -> [UInt8] {
        let place = HeadLines.value(of: "etag", in: draft.head.span)
        return place.map { draft.head.span.extracting($0).bytes() } ?? []
    }

    /// Moves content until upstream and client are done.
    private mutating func relayStoring(
        _ turn: CacheTurn,
        _ fill: Fill,
        _ draft: ResponseDraft,
        _ connection: UpstreamConnection,
        _ reader: inout FillReader?,
        _ content: Buffer,
        _ output: Buffer
    ) async throws(AttemptError) {
        guard let input = connection.input else { return }
        var isClientGone = false
        var flushAt: Int64?
        var isComplete = false
        var spool = DiskSpool(fill, draft, turn.runtime)
        listen(&spool)
        defer { end(spool) }
        var turnEnd = ProxyLimits.bytesPerTurn
        let pace = pace
        while true {
            if !isComplete {
                try moveResponse(connection, from: input, to: content)
                isComplete = take(content, turn, fill)
                if !isComplete, !keeps(&spool, responseBody.contentBytes) {
                    try await overflow(turn, fill, connection, &reader, output)
                    return
                }
            }
            if !isClientGone {
                isClientGone = await !bringOn(&reader, &flushAt, output, room(pace))
                if isClientGone { output.removeAll() }
            }
            let isServed = isClientGone || (output.isEmpty && reader?.isDone ?? true)
            if isComplete, isServed { break }
            if responseBody.contentBytes >= turnEnd {
                turnEnd = responseBody.contentBytes + ProxyLimits.bytesPerTurn
                await context.reactor.yield()
                // News that came meanwhile nobody has heard.
                continue
            }
            let isHeld = !isComplete && spool.holdsBack(now: context.reactor.now)
            if !isComplete, !isHeld, connection.stream.mayRead {
                try receiveContent(connection, into: input, content, fill)
                continue
            }
            let isHeldBack = !isClientGone && output.isEmpty && reader?.hasMore ?? false
            if isHeldBack, room(pace) > 0 {
                if reader?.coder != nil { await context.reactor.yieldLong() }
                continue
            }
            var next = WaitPoint.never
            if isHeldBack {
                next = pace?.next(sent: bytesSent, now: context.reactor.now) ?? next
            } else if !isClientGone, let reader, let coder = reader.coder, output.isEmpty {
                next = reader.pauseEnd(coder, &flushAt, now: context.reactor.now)
                if next <= context.reactor.now {
                    isClientGone = !reader.flush(coder, to: output)
                    continue
                }
            }
            isClientGone =
                try await waitStoring(
                    isComplete || isHeld ? nil : connection,
                    output: isClientGone ? nil : output,
                    atMostUntil: min(next, spool.patience(now: context.reactor.now))
                ) || isClientGone
        }
        if let coder = reader?.coder { coding?.contentBytesSent = coder.bytesOut }
        if isClientGone { throw .final(.clientGone) }
    }

    /// Takes what has come on to the client.
    ///
    /// Returns False when that cannot go on: the client is gone, or a coder or a file has failed
    /// and leaves nothing to be sent that would be whole.
    private mutating func bringOn(
        _ reader: inout FillReader?,
        _ flushAt: inout Int64?,
        _ output: Buffer,
        _ room: Int
    ) async -> Bool {
        await context.takeCodingTurn(reader?.work(output, limit: room) ?? 0)
        let before = reader?.position
        if reader?.step(to: output, limit: room) == .failed { return false }
        if reader?.position != before { flushAt = nil }
        return sendToClient(output)
    }

    /// Stores what has come of the content.
    ///
    /// Returns Whether that was all.
    private mutating func take(_ content: Buffer, _ turn: CacheTurn, _ fill: Fill) -> Bool {
        fill.append(content.readable)
        content.removeAll()
        guard responseBody.isComplete else { return false }
        turn.isStored = turn.runtime.store.complete(fill)
        if turn.isStored { share(fill.object) } else { fill.giveUpFile() }
        turn.runtime.store.land(fill)
        return true
    }

    /// Receives more; an end that completes the content is taken note of.
    private mutating func receiveContent(
        _ connection: UpstreamConnection,
        into input: Buffer,
        _ content: Buffer,
        _ fill: Fill
    ) throws(AttemptError) {
        grow(input)
        do throws(StreamError) {
            guard let count = try connection.stream.receive(into: input) else { return }
            if count == 0, !responseBody.sourceEnded(to: content) { throw StreamError.closed }
        } catch {
            throw .upstream(.bodyIncomplete, requestBytesSent: true, responseSeen: true)
        }
    }

    /// Sends what the client takes now.
    ///
    /// Returns False when it is gone.
    private mutating func sendToClient(_ output: Buffer) -> Bool {
        let before = output.count
        do throws(StreamError) {
            try connection.stream.send(output)
        } catch {
            return false
        }
        noteSent(before - output.count)
        return true
    }

    /// Waits for news of the upstream, if it is given, and of the client, if it has to take more.
    ///
    /// `limit`: When the caller wants to go on whatever has happened.
    ///
    /// Returns Whether the client is gone.
    private mutating func waitStoring(
        _ connection: UpstreamConnection?,
        output: Buffer?,
        atMostUntil limit: Int64
    ) async throws(AttemptError) -> Bool {
        let client = self.connection.stream
        let now = context.reactor.now
        var deadline = WaitPoint.never
        if let connection {
            gather(connection.stream)
            do throws(StreamError) {
                try connection.stream.watch()
            } catch {
                scatter(connection.stream)
                throw .upstream(.closed, requestBytesSent: true, responseSeen: true)
            }
            deadline = now + timeouts.response
        } else {
            client.gather(at: gathering)
        }
        defer {
            if let connection { scatter(connection.stream) } else { client.gather(at: nil) }
        }
        let needsClient = !(output?.isEmpty ?? true)
        if let output {
            do throws(StreamError) {
                try client.watch()
                if !output.isEmpty {
                    try client.watchWrites()
                    deadline = min(deadline, now + timeouts.send)
                }
            } catch { return true }
        }
        switch await gathering.wait(until: min(deadline, limit)) {
        case .ready: return output != nil && client.isBroken
        case .cancelled: return true
        case .timedOut:
            if limit <= deadline { return false }
            if needsClient { return true }
            throw .upstream(.bodyTimeout, requestBytesSent: true, responseSeen: true)
        }
    }

    /// The content is larger than may be stored: what has come goes to the client, and the rest
    /// straight to it.
    private mutating func overflow(
        _ turn: CacheTurn,
        _ fill: Fill,
        _ connection: UpstreamConnection,
        _ reader: inout FillReader?,
        _ output: Buffer
    ) async throws(AttemptError) {
        turn.isStored = false
        turn.runtime.store.land(fill)
        turn.runtime.store.notePass(turn.hash, until: wallMilliseconds + 10_000)
        let pace = pace
        do throws(Failure) {
            // Who has it already waits for nothing more, and nobody takes the rest.
            if reader == nil { try await flush(output) }
            repeat {
                if let pace, room(pace) == 0 { try await holdBack(pace) }
                await context.takeCodingTurn(reader?.work(output, limit: room(pace)) ?? 0)
                if reader?.step(to: output, limit: room(pace)) == .failed { throw .clientGone }
                try await awaitDisk(reader, fill, output)
                try await flush(output)
            } while reader?.hasMore ?? false || reader?.position ?? .max < fill.count
        } catch { throw .final(error) }
        // Who reads along has what there is; what is to come nobody keeps.
        fill.end(.failed)
        fill.giveUpFile()
        guard let reader else { return }
        if let coder = reader.coder {
            coding?.contentBytesSent = coder.bytesOut
            try await relayCoded(coder, from: connection, output: output, at: pace)
            return
        }
        responseBody.send(as: reader.isChunked ? .chunked : .identity)
        if let pace {
            try await relay(from: connection, output: output, at: pace)
        } else {
            try await relay(from: connection, output: output)
        }
    }

    /// Waits for what is on its way from the disk, where there is nothing else to be sent.
    private mutating func awaitDisk(_ reader: FillReader?, _ fill: Fill, _ output: Buffer)
        async throws(Failure)
    {
        guard let reader, !reader.hasMore, reader.position < fill.count, output.isEmpty
        else { return }
        let end = context.reactor.now + DiskLimits.runTime
        do throws(AttemptError) {
            let isGone = try await waitStoring(nil, output: output, atMostUntil: end)
            if !isGone { return }
        } catch {}
        throw .clientGone
    }
}
