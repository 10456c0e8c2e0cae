import Balancing
import Bytes
import Configuration
import EventLoop
import HTTP
import HTTP1
import Telemetry

extension Exchange {
    /// The fields of a response that the gateway writes itself.
    private static let ownResponseFields: FieldNameSet = [
        .contentLength, .transferEncoding, .xRequestID,
    ]

    /// Passes the upstream's response on to the client.
    @inline(__always)
    mutating func passOn(_ upstream: UpstreamLoop, server: Balancing.Server, series: ServerSeries)
        async throws(Failure)
    {
        guard let connection = self.upstream, let output else { return }
        if response.status == 101 {
            try await openTunnel(upstream, connection)
            return
        }
        if let caching,
            try await cacheTakes(caching, upstream, server: server, series: series)
        {
            return
        }
        let framing = response.framing(forRequest: request.method)
        let plan = planContent(framing)
        defer { if case .coded(let coder) = plan { coder.finish() } }
        if case .coded = plan {
            responseBody.begin(framing, as: .identity)
        } else {
            announce(framing, plan, to: output)
        }
        let sentBefore = bytesSent
        let pace = route?.limits == nil ? nil : pace
        do throws(AttemptError) {
            if case .coded(let coder) = plan {
                try await relayCoded(coder, from: connection, output: output, at: pace)
            } else if try !relayAtOnce(from: connection, output: output) {
                if let pace {
                    try await relay(from: connection, output: output, at: pace)
                } else {
                    try await relay(from: connection, output: output)
                }
            }
        } catch {
            dropUpstream(upstream)
            // As long as none of the head has gone out, the client can still be told what happened.
            if bytesSent == sentBefore {
                output.removeAll()
                coding?.contentBytesSent = nil
                progress = .nothingSent
            }
            switch error {
            case .final(let failure): throw failure
            case .upstream(let failure, _, _):
                throw midwayFailure(failure, upstream, server: server, series: series)
            }
        }
        progress = .complete
        if case .coded(let coder) = plan, let capture = coder.plan.capture { keep(capture) }
        finishUpstream(upstream, series: series, framing: framing)
    }

    /// Counts a response that broke off, and says what that means for the client.
    mutating func midwayFailure(
        _ failure: UpstreamFailure,
        _ upstream: UpstreamLoop,
        server: Balancing.Server,
        series: ServerSeries
    ) -> Failure {
        context.metrics.countFailure(server: series, reason: failure.metricIndex)
        server.status.recordFailure(
            now: context.reactor.now,
            isTrial: false,
            policy: upstream.balancer.ejection
        )
        return Failure(
            status: failure.status,
            reason: .upstream(failure),
            closesConnection: true
        )
    }

    /// Counts a response that has come whole, and gives its connection back.
    mutating func finishUpstream(
        _ upstream: UpstreamLoop,
        series: ServerSeries,
        framing: BodyFraming
    ) {
        times.upstreamEnded = context.reactor.now
        context.metrics.recordResponse(
            server: series,
            status: response.status,
            duration: times.upstreamEnded - times.upstreamStarted
        )
        guard let connection = self.upstream else { return }
        release(connection, to: upstream, framing: framing)
    }

    /// Writes the head of a response whose content goes out as it came, or not at all.
    private mutating func announce(_ framing: BodyFraming, _ plan: ContentPlan, to output: Buffer) {
        var (outgoing, announced) = clientFraming(framing)
        if case .fieldsOnly = plan {
            // The length that a GET's content would have is not known.
            (outgoing, announced) = (.identity, .none)
        }
        responseBody.begin(framing, as: outgoing)
        writeResponseHead(framing: announced, to: output)
        progress = .headSent(endsWithConnection: announced == .untilClose)
    }

    /// Keeps the upstream's connection if both sides of it are clean, else closes it.
    private mutating func release(
        _ connection: UpstreamConnection,
        to upstream: UpstreamLoop,
        framing: BodyFraming
    ) {
        self.upstream = nil
        let hasRest = !(connection.input?.isEmpty ?? true)
        if requestIsUnsent {
            // The rest of the request was never sent, and the client may still be sending it.
            if !requestBody.isComplete { keepsConnection = false }
            releaseUpload()
            upstream.close(connection)
            return
        }
        if let input = connection.input {
            connection.input = nil
            context.reactor.buffers.give(input)
        }
        // Bytes behind the response belong to nothing that was asked for.
        if response.keepAlive && !hasRest && framing != .untilClose {
            if let index = response.fields.first(.keepAlive) {
                connection.history.keepAlive = KeepAliveField(response.fields.value(at: index))
            }
            upstream.giveIdle(connection)
        } else {
            upstream.close(connection)
        }
    }

    /// Whether the upstream waits for more of the request's content, and will take for that
    /// whatever it is sent.
    var requestIsUnsent: Bool {
        mutating get {
            if upload != nil || uploadIsBroken { return true }
            if case .streaming = content { return !requestBody.isComplete }
            return false
        }
    }

    /// How the response's content is framed for the client.
    mutating func clientFraming(_ framing: BodyFraming)
        -> (BodyFlow.Outgoing, BodyFraming)
    {
        switch framing {
        case .none:
            if let length = response.declaredLength,
                !Status.forbidsContent(response.status)
                    || response.status == 304
            {
                return (.identity, .length(length))
            }
            return (.identity, .none)
        case .length(let length): return (.identity, .length(length))
        case .chunked, .untilClose:
            if request.version == .http11 { return (.chunked, .chunked) }
            keepsConnection = false
            return (.identity, .untilClose)
        }
    }

    /// Writes the head of a response that is passed on.
    mutating func writeResponseHead(framing: BodyFraming, to output: Buffer) {
        status = response.status
        let start = output.count
        if limits != nil {
            noteCost()
            if response.fields.containsAny(of: .rateLimits) { reconcileLimitFields() }
        }
        // It was for this cache, and hits do not have it either. Source: RFC 9213 §3.1.
        if caching != nil { response.fields.removeAll(named: "gateway-cache-control") }
        let rules = route?.route.policy.responseHeaders ?? []
        if !rules.isEmpty { response.fields.remove(by: rules) }
        if response.reason.isEmpty {
            output.writeStatusLine(response.status)
        } else {
            output.writeStatusLine(response.status, reason: response.reason)
        }
        if let https = route?.https {
            writeSecured(https, to: output)
        } else {
            output.writeEndToEndFields(of: response.fields, skipping: Exchange.ownResponseFields)
        }
        if !response.fields.contains(.date) { context.writeDate(to: output) }
        output.append("X-Request-ID: ")
        requestID.write(to: output)
        output.append("\r\n")
        if let caching { writeCacheStatus(caching, to: output) }
        if limits != nil { writeLimitFields(to: output) }
        if !rules.isEmpty { apply(rules, to: output, from: start) }
        output.writeFraming(framing)
        if context.isDraining { keepsConnection = false }
        writePersistence(to: output)
        output.writeEndOfHead()
    }

    /// Writes the upstream's fields with what `https` and `cookies` change in them.
    private mutating func writeSecured(_ https: SecureResponses, to output: Buffer) {
        let isSecure = isSecure
        let replaced = https.replacedFields(isSecure: isSecure)
        output.writeEndToEndFields(
            of: response.fields,
            skipping: Exchange.ownResponseFields.union(replaced)
        )
        https.writeCookies(of: response.fields, isSecure: isSecure, to: output)
        https.write(isSecure: isSecure, to: output)
    }

    /// Says whether the connection goes on, where the version's default does not say it.
    ///
    /// Source: RFC 9112 §9.3.
    mutating func writePersistence(to output: Buffer) {
        if !keepsConnection {
            output.append("Connection: close\r\n")
        } else if request.version == .http10 {
            output.append("Connection: keep-alive\r\n")
        }
    }

    /// Passes on what came with the head: with a small response, all of it.
    /// - Returns: Whether that was all.
    private mutating func relayAtOnce(from connection: UpstreamConnection, output: Buffer)
        throws(AttemptError) -> Bool
    {
        guard let input = connection.input else { return true }
        try moveResponse(connection, from: input, to: output)
        guard responseBody.isComplete else { return false }
        if !keepsConnection { self.connection.stream.announceEnd() }
        try sendOutput(output)
        return output.isEmpty
    }

    mutating func moveResponse(
        _ connection: UpstreamConnection,
        from input: Buffer,
        to output: Buffer
    ) throws(AttemptError) {
        let before = input.count
        do throws(RejectReason) {
            try responseBody.move(from: input, to: output, limits: snapshot.limits)
        } catch {
            throw .upstream(.invalidResponse, requestBytesSent: true, responseSeen: true)
        }
        context.metrics.add(.bytesReceived, server: connection.series, before - input.count)
    }

    /// Passes the content on, with backpressure, until it is complete.
    mutating func relay(from connection: UpstreamConnection, output: Buffer)
        async throws(AttemptError)
    {
        guard let input = connection.input else { return }
        var turnEnd = responseBody.contentBytes + ProxyLimits.bytesPerTurn
        while true {
            try moveResponse(connection, from: input, to: output)
            if responseBody.isComplete { break }
            if responseBody.contentBytes >= turnEnd {
                turnEnd = responseBody.contentBytes + ProxyLimits.bytesPerTurn
                await context.reactor.yield()
            }
            try sendOutput(output)
            if output.isEmpty && input.isEmpty && canSpliceResponse(from: connection) {
                try await spliceResponse(from: connection)
                if responseBody.isComplete { break }
            }
            if output.count < ProxyLimits.pendingBytes && connection.stream.mayRead {
                try receiveResponse(connection, input: input, output: output)
                continue
            }
            if try stepUpload(to: connection) == .turn {
                await context.reactor.yield()
                continue
            }
            if output.count < ProxyLimits.pendingBytes && connection.stream.mayRead { continue }
            try await waitForResponse(connection, output: output)
        }
        do throws(Failure) {
            try await flush(output)
        } catch {
            throw .final(error)
        }
    }

    /// Receives more of the content, directly into the output where nothing has to be looked at.
    mutating func receiveResponse(
        _ connection: UpstreamConnection,
        input: Buffer,
        output: Buffer
    ) throws(AttemptError) {
        let isDirect = responseBody.isTransparent && input.isEmpty && output.isEmpty
        let target = isDirect ? output : input
        grow(target)
        do throws(StreamError) {
            var limit = Int.max
            if isDirect, case .length = responseBody.incoming { limit = responseBody.left }
            guard let count = try connection.stream.receive(into: target, atMost: limit) else {
                return
            }
            if count == 0 {
                if responseBody.sourceEnded(to: output) { return }
                throw StreamError.closed
            }
            if isDirect {
                responseBody.passed(count)
                context.metrics.add(.bytesReceived, server: connection.series, count)
            }
        } catch {
            throw .upstream(.bodyIncomplete, requestBytesSent: true, responseSeen: true)
        }
    }

    /// Sends what the client takes now.
    mutating func sendOutput(_ output: Buffer) throws(AttemptError) {
        let before = output.count
        do throws(StreamError) {
            try connection.stream.send(output)
        } catch {
            throw .final(.clientGone)
        }
        noteSent(before - output.count)
    }

    /// Waits until the upstream has more, or the client takes more, whichever is in the way.
    ///
    /// `pending`: Bytes that wait for the client, from which on the upstream is not read.
    ///
    /// `limit`: When the caller wants to go on whatever has happened.
    ///
    /// Returns whether that time has come.
    @discardableResult
    mutating func waitForResponse(
        _ connection: UpstreamConnection,
        output: Buffer,
        pending: Int = ProxyLimits.pendingBytes,
        atMostUntil limit: Int64 = WaitPoint.never
    ) async throws(AttemptError) -> Bool {
        let client = self.connection.stream
        let now = context.reactor.now
        let needsClient = !output.isEmpty && !client.mayWrite
        let needsUpstream = output.count < pending
        gather(connection.stream)
        defer { scatter(connection.stream) }
        var deadline = WaitPoint.never
        do throws(StreamError) {
            try client.watch()
            if needsClient {
                try client.watchWrites()
                deadline = min(deadline, now + timeouts.send)
            }
        } catch { throw .final(.clientGone) }
        if needsUpstream {
            do throws(StreamError) {
                try connection.stream.watch()
                if upload != nil { try connection.stream.watchWrites() }
            } catch {
                throw .upstream(.closed, requestBytesSent: true, responseSeen: true)
            }
            deadline = min(deadline, now + timeouts.response)
        }
        switch await gathering.wait(until: min(deadline, limit)) {
        case .ready:
            // A client that left cannot be told anything more; one that only ended its side may
            // still read, but for a response that goes on and on that is as good as gone.
            if client.isBroken
                || (client.peerHasClosed && output.isEmpty && !connection.stream.mayRead)
            {
                throw .final(.clientGone)
            }
            return false
        case .cancelled: throw .final(.clientGone)
        case .timedOut:
            if limit <= deadline { return true }
            if needsClient { throw .final(.clientGone) }
            throw .upstream(.bodyTimeout, requestBytesSent: true, responseSeen: true)
        }
    }

    private mutating func canSpliceResponse(from connection: UpstreamConnection) -> Bool {
        guard case .length = responseBody.incoming, responseBody.isTransparent, upload == nil,
            self.connection.stream.isPlainSocket, connection.stream.isPlainSocket
        else { return false }
        return responseBody.left >= ProxyLimits.spliceThreshold
    }

    /// Moves a long content from socket to socket.
    private mutating func spliceResponse(from connection: UpstreamConnection)
        async throws(AttemptError)
    {
        guard
            var pump = SplicePump(
                from: connection.stream,
                to: self.connection.stream,
                length: responseBody.left
            )
        else { return }
        defer { pump.finish() }
        var counted = 0
        while true {
            let need: SplicePump.Need
            do throws(SpliceError) {
                need = try pump.step()
            } catch {
                switch error {
                case .source:
                    throw .upstream(.bodyIncomplete, requestBytesSent: true, responseSeen: true)
                case .target: throw .final(.clientGone)
                }
            }
            let moved = pump.moved - counted
            counted = pump.moved
            responseBody.passed(moved)
            noteSent(moved)
            context.metrics.add(.bytesReceived, server: connection.series, moved)
            context.metrics.add(.bytesSpliced, moved)
            switch need {
            case .done: return
            case .turn: await context.reactor.yield()
            case .sourceEnded:
                throw .upstream(.bodyIncomplete, requestBytesSent: true, responseSeen: true)
            case .source: try await waitToSplice(connection, forClient: false)
            case .target: try await waitToSplice(connection, forClient: true)
            }
        }
    }

    private mutating func waitToSplice(_ connection: UpstreamConnection, forClient: Bool)
        async throws(AttemptError)
    {
        let now = context.reactor.now
        if forClient {
            do throws(StreamError) {
                try await self.connection.stream.waitUntilWritable(
                    deadline: now + timeouts.send
                )
            } catch { throw .final(.clientGone) }
            return
        }
        do throws(StreamError) {
            try await connection.stream.waitUntilReadable(
                deadline: now + timeouts.response
            )
        } catch .timedOut {
            throw .upstream(.bodyTimeout, requestBytesSent: true, responseSeen: true)
        } catch {
            throw .upstream(.bodyIncomplete, requestBytesSent: true, responseSeen: true)
        }
    }

    // MARK: To the client

    /// Sends everything in the output.
    mutating func flush(_ output: Buffer) async throws(Failure) {
        let total = output.count
        do throws(StreamError) {
            try connection.stream.send(output)
            if !output.isEmpty {
                let timeout = timeouts.send
                // The deadline moves on with what the client takes.
                while !output.isEmpty {
                    try await connection.stream.waitUntilWritable(
                        deadline: context.reactor.now + timeout
                    )
                    try connection.stream.send(output)
                }
            }
        } catch {
            noteSent(total - output.count)
            throw .clientGone
        }
        noteSent(total)
    }

    /// Counts bytes that went to the client, and remembers when the first did.
    mutating func noteSent(_ count: Int) {
        if bytesSent == 0 && count > 0 { times.firstByte = context.reactor.now }
        bytesSent += count
    }
}
