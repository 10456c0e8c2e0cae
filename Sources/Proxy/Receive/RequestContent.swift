import Bytes
import Configuration
import EventLoop
import HTTP
import HTTP1
import Telemetry

/// Getting hold of the request's content before, or while, it is sent on.
extension Exchange {
    /// Decides how the content travels, and reads all of it first where the upstream wants that.
    mutating func prepareContent(for upstream: UpstreamLoop) async throws(Failure) {
        let buffering = route?.route.policy.buffering
        let memory = buffering?.memory ?? LoopLimits.smallBuffer
        let directory = buffering?.directory ?? "/tmp"
        if let decoding = route?.route.policy.requestDecoding, let coding = decodedCoding {
            let limit = route?.route.policy.bodyLimit
            guard
                let decoder = RequestDecoder(coding, decoding, limit: limit, context: context)
            else { throw .refused(.codecsBusy) }
            defer { decoder.finish() }
            try await buffer(memory: memory, directory: directory, through: decoder)
            forgetContentCoding()
            return
        }
        if case .length(let length) = request.framing, let input = connection.input,
            input.count >= length
        {
            content = .inInput(length)
            return
        }
        if readsContentFirst(for: upstream.runtime.configuration) {
            try await buffer(memory: memory, directory: directory, through: nil)
        } else {
            content = .streaming
            if request.framing == .chunked { try lookAhead() }
        }
    }

    /// Takes the coding off what has arrived of a chunked content before any server hears of the
    /// request: a broken one is refused here, and a short one goes on whole, with its length.
    private mutating func lookAhead() throws(Failure) {
        guard let input = connection.input, !input.isEmpty else { return }
        let held = context.reactor.buffers.take()
        do throws(RejectReason) {
            try requestBody.move(from: input, to: held, limits: snapshot.limits)
        } catch {
            context.reactor.buffers.give(held)
            throw .rejected(error)
        }
        if requestBody.isComplete {
            content = .buffered(held)
        } else {
            ahead = held
        }
        try checkBodySize()
    }

    /// Whether content that is still to come is read whole before any of the request is sent on:
    /// where the route says so, and where the upstream must be told a length that nobody knows yet.
    mutating func readsContentFirst(for upstream: Upstream) -> Bool {
        let mustKnowLength = request.framing == .chunked && upstream.needsContentLength
        return route?.route.policy.buffering.isOn ?? false || mustKnowLength
            || decodedCoding != nil
    }

    /// Reads the whole content, into memory up to a limit and into a file beyond it.
    ///
    /// `decoder`: Takes a coding off on the way.
    private mutating func buffer(
        memory: Int,
        directory: String,
        through decoder: RequestDecoder?
    ) async throws(Failure) {
        let held = context.reactor.buffers.take()
        var file: TemporaryFile?
        do throws(Failure) {
            try await sendContinue()
            while true {
                guard let input = connection.input else { throw .clientGone }
                do throws(RejectReason) {
                    let target = decoder?.source ?? held
                    try requestBody.move(from: input, to: target, limits: snapshot.limits)
                } catch {
                    throw .rejected(error)
                }
                try checkBodySize()
                while try decoder?.decode(to: held, contentHasEnded: requestBody.isComplete)
                    == false
                {
                    if held.count > memory { try spill(held, to: &file, in: directory) }
                    await context.reactor.yield()
                }
                if held.count > memory { try spill(held, to: &file, in: directory) }
                if requestBody.isComplete { break }
                try await readContent(into: input)
            }
            if file != nil { try spill(held, to: &file, in: directory) }
        } catch {
            context.reactor.buffers.give(held)
            throw error
        }
        if let file {
            context.reactor.buffers.give(held)
            content = .spilled(file)
        } else {
            content = .buffered(held)
        }
    }

    /// Puts what is held at the end of the file, which is made if there is none.
    private func spill(_ held: Buffer, to file: inout TemporaryFile?, in directory: String)
        throws(Failure)
    {
        if file == nil {
            file = context.reactor.makeTemporaryFile(in: directory)
            context.metrics.add(.requestBodiesSpilled)
        }
        guard let file, file.append(held) else {
            context.noteFailedSpill(directory)
            throw .refused(.spillFailed)
        }
    }

    /// Waits for more of the content from the client.
    mutating func readContent(into input: Buffer) async throws(Failure) {
        let timeout = timeouts.body
        grow(input)
        do throws(StreamError) {
            let count = try await connection.stream.read(
                into: input,
                deadline: context.reactor.now + timeout
            )
            if count == 0 { throw StreamError.closed }
            bytesReceived += count
        } catch .timedOut {
            throw .refused(.bodyTimeout)
        } catch {
            throw .clientGone
        }
    }

    /// Makes room for another receive: as large as the body has been fast so far.
    mutating func grow(_ buffer: Buffer) {
        if buffer.writableCount > 0 && !buffer.isEmpty { return }
        let size = min(
            max(buffer.capacity, LoopLimits.smallBuffer) * 2,
            LoopLimits.largeBuffer
        )
        buffer.reserve(buffer.isEmpty ? LoopLimits.smallBuffer : size - buffer.count)
    }

    /// Tells a waiting client to go on and send its content.
    ///
    /// Source: RFC 9110 §10.1.1.
    mutating func sendContinue() async throws(Failure) {
        guard request.expectContinue, bytesBeyondHead == 0, !sentContinue, let output else {
            return
        }
        sentContinue = true
        output.append("HTTP/1.1 100 Continue\r\n\r\n")
        try await flush(output)
    }

    /// Bytes of content that are already here.
    private var bytesBeyondHead: Int { connection.input?.count ?? 0 }

    /// Gives back what the content was kept in.
    mutating func releaseContent() {
        if case .inInput(let count) = content, let input = connection.input {
            input.consume(count)
            requestBody.passed(count)
        }
        if let held = ahead {
            ahead = nil
            context.reactor.buffers.give(held)
        }
        if case .buffered(let held) = content { context.reactor.buffers.give(held) }
        content = .none
    }
}
