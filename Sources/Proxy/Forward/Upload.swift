import Bytes
import Configuration
import EventLoop
import HTTP
import HTTP1
import Telemetry

/// Content on its way to the upstream: what is held here, and what is still coming from the client.
///
/// The upstream may begin to answer before it has all of it: then `sendContent` returns, and
/// whoever
/// reads the response goes on with `stepUpload`, so that neither direction waits for the other.
extension Exchange {
    /// What the upload needs to go on.
    enum UploadNeed {
        case nothing
        case client
        case upstream
        /// Nothing but a turn for the loop's other connections.
        case turn
    }

    /// Passes the content on, as the client sends it or from where it is kept, with backpressure,
    /// until all of it is sent or the upstream begins to answer.
    mutating func sendContent(to target: UpstreamConnection) async throws(AttemptError) {
        gather(target.stream)
        defer { scatter(target.stream) }
        var splices = true
        while true {
            let need = try stepUpload(to: target, leavesToSplice: splices)
            if need == .nothing || target.stream.mayRead || target.stream.peerHasClosed { return }
            if need == .turn {
                await context.reactor.yield()
            } else if splices && need == .client && canSplice(to: target) {
                splices = try await spliceContent(to: target)
            } else {
                try await waitForContent(need, target.stream)
            }
        }
    }

    /// Passes on what can be passed on now.
    ///
    /// Only a caller that splices what is long leaves that to itself; another one would wait for
    /// news of bytes that have long been there.
    mutating func stepUpload(to target: UpstreamConnection, leavesToSplice: Bool = false)
        throws(AttemptError) -> UploadNeed
    {
        guard let out = upload, !uploadIsBroken else { return .nothing }
        guard case .streaming = content else { return stepHeld(out, to: target) }
        var sent = 0
        while true {
            try moveContent(to: out)
            let before = out.count
            do throws(StreamError) {
                try target.stream.send(out)
            } catch {
                // It may have answered before it closed: whoever reads the response finds out.
                uploadIsBroken = true
                return .nothing
            }
            sent += before - out.count
            context.metrics.add(.bytesSent, server: target.series, before - out.count)
            if !out.isEmpty {
                if out.count >= ProxyLimits.pendingBytes || requestBody.isComplete {
                    return .upstream
                }
            } else if requestBody.isComplete {
                releaseUpload()
                return .nothing
            } else if leavesToSplice && canSplice(to: target) {
                return .client
            }
            if sent >= ProxyLimits.bytesPerTurn { return .turn }
            guard connection.stream.mayRead, try receiveContent() else {
                return out.isEmpty ? .client : .upstream
            }
        }
    }

    /// Passes on what can be passed on now of a request that is here whole.
    private mutating func stepHeld(_ out: Buffer, to target: UpstreamConnection) -> UploadNeed {
        let before = out.count
        let offset = fileOffset
        defer {
            context.metrics.add(
                .bytesSent,
                server: target.series,
                before - out.count + fileOffset - offset
            )
        }
        do throws(StreamError) {
            try target.stream.send(out)
            if !out.isEmpty { return .upstream }
            if case .spilled(let file) = content {
                try file.send(to: target.stream, from: &fileOffset)
                if fileOffset < file.count { return .upstream }
            }
        } catch {
            // It may have answered before it closed: whoever reads the response finds out.
            uploadIsBroken = true
            return .nothing
        }
        releaseUpload()
        return .nothing
    }

    /// Gives back the buffer of an upload that is over.
    mutating func releaseUpload() {
        guard let out = upload else { return }
        upload = nil
        context.reactor.buffers.give(out)
    }

    /// Lets news of the client and the upstream wake the exchange at one place.
    mutating func gather(_ stream: EventLoop.Stream) {
        connection.stream.gather(at: gathering)
        stream.gather(at: gathering)
    }

    /// Ends that.
    mutating func scatter(_ stream: EventLoop.Stream) {
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

    private mutating func canSplice(to target: UpstreamConnection) -> Bool {
        upload?.isEmpty ?? false && requestBody.isTransparent
            && requestBody.left >= ProxyLimits.spliceThreshold
            && connection.input?.isEmpty ?? true
            && connection.stream.isPlainSocket && target.stream.isPlainSocket
    }

    /// Waits until either side can go on.
    private mutating func waitForContent(_ need: UploadNeed, _ target: EventLoop.Stream)
        async throws(AttemptError)
    {
        let now = context.reactor.now
        let deadline: Int64
        do throws(StreamError) {
            try connection.stream.watch()
            try target.watch()
            if need == .upstream {
                try target.watchWrites()
                deadline = now + timeouts.upstreamSend
            } else {
                deadline = now + timeouts.body
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
    /// - Returns: Whether there was a pipe for it; if not, it has to be copied.
    private mutating func spliceContent(to target: UpstreamConnection)
        async throws(AttemptError) -> Bool
    {
        guard let out = upload,
            var pump = SplicePump(
                from: connection.stream,
                to: target.stream,
                length: requestBody.left
            )
        else { return false }
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
                    // As in `stepUpload`: it may have answered.
                    uploadIsBroken = true
                    return true
                }
            }
            let moved = pump.moved - counted
            counted = pump.moved
            requestBody.passed(moved)
            bytesReceived += moved
            context.metrics.add(.bytesSent, server: target.series, moved)
            context.metrics.add(.bytesSpliced, moved)
            switch need {
            case .done: return true
            case .sourceEnded: throw .final(.clientGone)
            case .turn: await context.reactor.yield()
            case .source:
                if target.stream.mayRead { return true }
                try await waitForContent(.client, target.stream)
            case .target:
                if target.stream.mayRead {
                    // It answers while it still may take more: what is in the pipe goes on by copy.
                    let rest = pump.recover(into: out)
                    requestBody.passed(rest)
                    bytesReceived += rest
                    uploadIsBroken = pump.inPipe > 0
                    return true
                }
                try await waitForContent(.upstream, target.stream)
            }
        }
    }
}
