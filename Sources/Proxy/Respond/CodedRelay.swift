import Bytes
import Compression
import EventLoop
import HTTP
import HTTP1

/// The way of content that is compressed or decoded here.
extension Exchange {
    /// Passes the content on through codecs, with backpressure, until it is complete.
    ///
    /// The head goes out with the first of it: before, a short content is waited for, which is then
    /// coded in one go and has a length.
    mutating func relayCoded(
        _ coder: ContentCoder,
        from connection: UpstreamConnection,
        output: Buffer,
        at pace: Pace?
    ) async throws(AttemptError) {
        guard let input = connection.input else { return }
        var turnEnd = responseBody.contentBytes + CompressionLimits.bytesPerTurn
        while true {
            try moveResponse(connection, from: input, to: coder.content)
            let isFull = !coder.isCollecting && output.count >= CompressionLimits.pendingBytes
            // While the client has no room nothing is coded.
            let cost = isFull ? 0 : coder.work(contentHasEnded: responseBody.isComplete)
            await context.takeCodingTurn(cost)
            let need = try code(coder, output: output)
            if let pace { try await send(output, at: pace) }
            if need == .nothing { break }
            try sendOutput(output)
            if need == .turn || responseBody.contentBytes >= turnEnd {
                turnEnd = responseBody.contentBytes + CompressionLimits.bytesPerTurn
                await context.reactor.yieldLong()
            }
            if need == .turn { continue }
            let hasRoom = output.count < CompressionLimits.pendingBytes
            if need == .content && hasRoom && connection.stream.mayRead {
                try receiveResponse(connection, input: input, output: coder.content)
                continue
            }
            if need == .room && hasRoom { continue }
            if try stepUpload(to: connection) == .turn {
                await context.reactor.yield()
                continue
            }
            if hasRoom && connection.stream.mayRead { continue }
            // A pause of the upstream: what it has sent so far is for the client to see.
            if hasRoom && coder.patience == 0 && coder.hasUnflushed {
                try flush(coder, output: output)
                continue
            }
            try await pause(coder, connection, output: output)
        }
        do throws(Failure) {
            try await flush(output)
        } catch {
            throw .final(error)
        }
    }

    /// Waits for more content, and no longer than what is held back may be.
    private mutating func pause(
        _ coder: ContentCoder,
        _ connection: UpstreamConnection,
        output: Buffer
    ) async throws(AttemptError) {
        var end = WaitPoint.never
        if let until = coder.collectsUntil {
            end = until
        } else if coder.hasUnflushed && output.count < CompressionLimits.pendingBytes {
            end = context.reactor.now + coder.patience
        }
        let timeIsUp = try await waitForResponse(
            connection,
            output: output,
            pending: CompressionLimits.pendingBytes,
            atMostUntil: end
        )
        guard timeIsUp else { return }
        if coder.isCollecting {
            coder.stopCollecting()
            writeCodedHead(coder, length: nil, to: output)
        } else {
            try flush(coder, output: output)
        }
    }

    /// Codes what is there and puts it into the output, framed for the client.
    private mutating func code(_ coder: ContentCoder, output: Buffer)
        throws(AttemptError) -> ContentCoder.Need
    {
        if coder.isCollecting {
            if responseBody.isComplete {
                coder.codeWhole()
                // Trailers need chunks to follow.
                let isFramed = responseBody.hasTrailers && request.version == .http11
                writeCodedHead(coder, length: isFramed ? nil : coder.coded.count, to: output)
                write(coder.coded.count, of: coder, to: output)
                if coder.isChunked { responseBody.writeLastChunk(to: output) }
                return .nothing
            }
            if coder.waitsForMore { return .content }
            coder.stopCollecting()
        }
        if case .nothingSent = progress { writeCodedHead(coder, length: nil, to: output) }
        if output.count >= CompressionLimits.pendingBytes { return .room }
        let need: ContentCoder.Need
        do throws(CodecError) {
            need = try coder.code(contentHasEnded: responseBody.isComplete)
        } catch {
            throw .upstream(.invalidResponse, requestBytesSent: true, responseSeen: true)
        }
        write(coder.coded.count, of: coder, to: output)
        if need == .nothing && coder.isChunked {
            responseBody.writeLastChunk(to: output)
        }
        return need
    }

    private mutating func flush(_ coder: ContentCoder, output: Buffer) throws(AttemptError) {
        do throws(CodecError) {
            try coder.flush()
        } catch {
            throw .upstream(.invalidResponse, requestBytesSent: true, responseSeen: true)
        }
        write(coder.coded.count, of: coder, to: output)
    }

    /// Moves coded bytes to the output.
    private mutating func write(_ count: Int, of coder: ContentCoder, to output: Buffer) {
        if count == 0 { return }
        coding?.contentBytesSent = (coding?.contentBytesSent ?? 0) + count
        if coder.isChunked { output.writeChunkHeader(size: count) }
        output.move(count, from: coder.coded)
        if coder.isChunked { output.writeChunkEnd() }
        coder.took(count)
    }

    /// Writes the head, now that it is known what becomes of the content.
    ///
    /// `length`: Bytes of coded content, if all of it is there.
    private mutating func writeCodedHead(_ coder: ContentCoder, length: Int?, to output: Buffer) {
        applyCoding(coder.plan)
        let framing: BodyFraming
        if let length = length ?? coder.passedLength {
            framing = .length(length)
        } else if request.version == .http11 {
            framing = .chunked
        } else {
            keepsConnection = false
            framing = .untilClose
        }
        coder.isChunked = framing == .chunked
        writeResponseHead(framing: framing, to: output)
        progress = .headSent(endsWithConnection: framing == .untilClose)
    }
}
