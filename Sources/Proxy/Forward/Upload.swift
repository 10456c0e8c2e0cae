import Bytes
import Configuration
import EventLoop
import HTTP
import HTTP1
import Telemetry

/// Content on its way to the upstream: what is held here, and what is still coming from the client.
///
/// The upstream may begin to answer before it has all of it: then `stream` returns, and whoever
/// reads the response goes on with `stepUpload`, so that neither direction waits for the other.
extension Exchange {
    /// What the upload needs to go on.
    enum UploadNeed {
        case nothing
        case client
        case upstream
    }

    /// Passes the content on as the client sends it, with backpressure, until all of it is sent or
    /// the upstream begins to answer.
    mutating func stream(to target: UpstreamConnection) async throws(AttemptError) {
        if case .streaming = content {
            do throws(Failure) {
                try await sendContinue()
            } catch { throw .final(error) }
            requestBody.send(as: request.framing == .chunked ? .chunked : .identity)
        }
        gather(target.stream)
        defer { scatter(target.stream) }
        while true {
            let need = try stepUpload(to: target)
            if need == .nothing || target.stream.mayRead || target.stream.peerHasClosed { return }
            if need == .client && canSplice(to: target) {
                try await spliceContent(to: target)
                if uploadIsBroken { return }
                continue
            }
            try await waitForContent(need, target.stream)
        }
    }

    /// Passes on what can be passed on now.
    mutating func stepUpload(to target: UpstreamConnection) throws(AttemptError) -> UploadNeed {
        guard let out = upload, !uploadIsBroken else { return .nothing }
        guard case .streaming = content else { return stepHeld(out, to: target) }
        while true {
            try moveContent(to: out)
            guard send(out, to: target) else { return .nothing }
            if !out.isEmpty {
                if out.count >= ProxyLimits.pendingBytes || requestBody.isComplete {
                    return .upstream
                }
            } else if requestBody.isComplete {
                releaseUpload()
                return .nothing
            } else if canSplice(to: target) {
                return .client
            }
            guard connection.stream.mayRead, try receiveContent() else {
                return out.isEmpty ? .client : .upstream
            }
        }
    }

    /// Sends on what is here in whole: the rest of the buffer, then the file.
    private mutating func stepHeld(_ out: Buffer, to target: UpstreamConnection) -> UploadNeed {
        guard send(out, to: target) else { return .nothing }
        if !out.isEmpty { return .upstream }
        if case .spilled(let file) = content {
            let before = fileOffset
            do throws(StreamError) {
                try file.send(to: target.stream, from: &fileOffset)
            } catch {
                uploadIsBroken = true
                return .nothing
            }
            context.metrics.add(.bytesSent, server: target.series, fileOffset - before)
            if fileOffset < file.count { return .upstream }
        }
        releaseUpload()
        return .nothing
    }

    /// Sends what the upstream takes now.
    ///
    /// One that takes no more may have answered before it closed: whoever reads the response finds
    /// out, and reports the end if there is nothing else.
    /// - Returns: Whether the upload can go on.
    private mutating func send(_ out: Buffer, to target: UpstreamConnection) -> Bool {
        let before = out.count
        do throws(StreamError) {
            try target.stream.send(out)
        } catch {
            uploadIsBroken = true
            return false
        }
        context.metrics.add(.bytesSent, server: target.series, before - out.count)
        return true
    }

    /// Gives back the buffer of an upload that is over.
    mutating func releaseUpload() {
        guard let out = upload else { return }
        upload = nil
        context.reactor.buffers.give(out)
    }

    /// Lets news of the client and the upstream wake the exchange at one place.
    func gather(_ stream: EventLoop.Stream) {
        connection.stream.gather(at: gathering)
        stream.gather(at: gathering)
    }

    /// Ends that.
    func scatter(_ stream: EventLoop.Stream) {
        connection.stream.gather(at: nil)
        stream.gather(at: nil)
    }

    /// Takes content out of the connection's input.
    private mutating func moveContent(to out: Buffer) throws(AttemptError) {
        guard let input = connection.input else { return }
        do throws(RejectReason) {
            try requestBody.move(from: input, to: out, limits: snapshot.limits)
        } catch {
            throw .final(.rejected(error))
        }
        do throws(Failure) { try checkBodySize() } catch { throw .final(error) }
    }

    /// - Returns: Whether anything came.
    private mutating func receiveContent() throws(AttemptError) -> Bool {
        let input = connection.input ?? context.reactor.buffers.take()
        connection.input = input
        grow(input)
        do throws(StreamError) {
            guard let count = try connection.stream.receive(into: input) else { return false }
            if count == 0 { throw StreamError.closed }
            bytesReceived += count
            return true
        } catch {
            throw .final(.clientGone)
        }
    }

    private func canSplice(to target: UpstreamConnection) -> Bool {
        upload?.isEmpty ?? false && requestBody.isTransparent
            && requestBody.left >= ProxyLimits.spliceThreshold
            && connection.input?.isEmpty ?? true && context.reactor.simulation == nil
    }

    /// Waits until either side can go on.
    private mutating func waitForContent(_ need: UploadNeed, _ target: EventLoop.Stream)
        async throws(AttemptError)
    {
        let timeouts = route?.route.policy.timeouts
        let now = context.reactor.now
        let deadline: Int64
        do throws(StreamError) {
            try connection.stream.watch()
            try target.watch()
            if need == .upstream {
                try target.watchWrites()
                deadline = now + (timeouts?.upstreamSend ?? 30_000_000_000)
            } else {
                deadline = now + (timeouts?.body ?? 30_000_000_000)
            }
        } catch {
            throw .upstream(.closed, requestBytesSent: true, responseSeen: false)
        }
        switch await gathering.wait(until: deadline) {
        case .ready: return
        case .cancelled: throw .final(.clientGone)
        case .timedOut:
            if need == .client { throw .final(.refused(.bodyTimeout)) }
            throw .upstream(.responseTimeout, requestBytesSent: true, responseSeen: false)
        }
    }

    /// Moves a long content from socket to socket, until it is through or the upstream answers.
    private mutating func spliceContent(to target: UpstreamConnection) async throws(AttemptError) {
        guard
            var pump = SplicePump(
                from: connection.stream,
                to: target.stream,
                length: requestBody.left
            )
        else {
            throw .upstream(.requestIncomplete, requestBytesSent: true, responseSeen: false)
        }
        defer { pump.finish() }
        var counted = 0
        while true {
            let need: SplicePump.Need
            do throws(SpliceError) {
                need = try pump.step()
            } catch {
                switch error {
                case .source: throw .final(.clientGone)
                case .target:
                    // As in `send`: there may be a response.
                    uploadIsBroken = true
                    return
                }
            }
            let moved = pump.moved - counted
            counted = pump.moved
            requestBody.passed(moved)
            bytesReceived += moved
            context.metrics.add(.bytesSent, server: target.series, moved)
            context.metrics.add(.bytesSpliced, moved)
            switch need {
            case .done: return
            case .sourceEnded: throw .final(.clientGone)
            case .source:
                if target.stream.mayRead { return }
                try await waitForContent(.client, target.stream)
            case .target:
                if target.stream.mayRead {
                    // It answers and takes no more: what is in the pipe is lost.
                    uploadIsBroken = true
                    return
                }
                try await waitForContent(.upstream, target.stream)
            }
        }
    }
}
