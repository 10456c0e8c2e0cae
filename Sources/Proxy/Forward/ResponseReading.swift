import Bytes
import Configuration
import EventLoop
import HTTP
import HTTP1
import Telemetry

extension Exchange {
    /// Reads the head of the upstream's final response; interim ones are passed on or dropped.
    @inline(__always)
    mutating func readResponseHead(_ upstream: UpstreamLoop) async throws(AttemptError) {
        guard let connection = self.upstream else {
            throw .upstream(.closed, requestBytesSent: true, responseSeen: false)
        }
        let input = connection.input ?? context.reactor.buffers.take()
        connection.input = input
        var parser = ResponseParser()
        let timeout = timeouts.response
        var deadline = context.reactor.now + timeout
        var interim = 0
        while true {
            if input.isEmpty {
                if try receive(from: connection, into: input, seen: interim > 0) { continue }
                // Most responses come soon: this wait needs no second look at the client.
                if upload == nil && interim == 0 {
                    let patience = min(deadline, context.reactor.now + ProxyLimits.watchClientAfter)
                    do throws(StreamError) {
                        try await connection.stream.waitUntilReadable(deadline: patience)
                        continue
                    } catch .timedOut where context.reactor.now < deadline {
                        // Not soon: from here on both sides are watched.
                    } catch {
                        throw waitFailure(error, seen: false)
                    }
                }
                deadline = try await awaitResponse(
                    connection,
                    deadline: deadline,
                    seen: interim > 0
                )
                continue
            }
            switch parser.parse(input.readable, limits: snapshot.limits, into: &response) {
            case .complete(let count):
                input.consume(count)
                context.metrics.add(.bytesReceived, server: connection.series, count)
                if !response.isInterim {
                    upstreamStatus = response.status
                    // Source: RFC 9110 §7.8, the protocol changes once the request is complete.
                    if response.status == 101 && (!request.upgradeRequested || requestIsUnsent) {
                        throw .upstream(
                            .invalidResponse,
                            requestBytesSent: true,
                            responseSeen: true
                        )
                    }
                    return
                }
                interim += 1
                if interim > ProxyLimits.interimResponses {
                    throw .upstream(.invalidResponse, requestBytesSent: true, responseSeen: true)
                }
                try await passOnInterim()
                continue
            case .invalid:
                throw .upstream(.invalidResponse, requestBytesSent: true, responseSeen: true)
            case .incomplete: break
            }
            if try !receive(from: connection, into: input, seen: true) {
                deadline = try await awaitResponse(connection, deadline: deadline, seen: true)
            }
        }
    }

    /// - Returns: Whether anything came.
    private mutating func receive(
        from connection: UpstreamConnection,
        into input: Buffer,
        seen: Bool
    )
        throws(AttemptError) -> Bool
    {
        do throws(StreamError) {
            input.reserve(LoopLimits.smallBuffer / 2)
            guard let count = try connection.stream.receive(into: input) else { return false }
            if count == 0 { throw StreamError.closed }
            return true
        } catch {
            let failure: UpstreamFailure = error == .reset ? .reset : .closed
            throw .upstream(failure, requestBytesSent: true, responseSeen: seen)
        }
    }

    /// Passes on 103 and whatever else may help the client; 100 was answered here already.
    ///
    /// Source: RFC 9110 §15.2, RFC 8297.
    private mutating func passOnInterim() async throws(AttemptError) {
        guard response.status != 100, request.version == .http11, let output else { return }
        output.writeStatusLine(response.status)
        output.writeEndToEndFields(of: response.fields)
        output.writeEndOfHead()
        do throws(Failure) {
            try await flush(output)
        } catch {
            throw .final(error)
        }
    }

    private mutating func waitFailure(_ error: StreamError, seen: Bool) -> AttemptError {
        switch error {
        case .timedOut: .upstream(.responseTimeout, requestBytesSent: true, responseSeen: seen)
        case .cancelled: .final(.clientGone)
        default: .upstream(.closed, requestBytesSent: true, responseSeen: seen)
        }
    }

    /// Waits for bytes from the upstream, and watches whether the client stays.
    ///
    /// As long as content is on its way, the times for that count; the response's starts after it.
    /// - Returns: Until when to wait for the rest of the head.
    private mutating func awaitResponse(
        _ connection: UpstreamConnection,
        deadline: Int64,
        seen: Bool
    ) async throws(AttemptError) -> Int64 {
        let stream = connection.stream
        let reactor = context.reactor
        gather(stream)
        defer { scatter(stream) }
        var clientGoneAt: Int64?
        var deadline = deadline
        while !stream.mayRead {
            let need = try stepUpload(to: connection)
            if stream.mayRead { break }
            let end: Int64
            switch need {
            case .nothing: end = deadline
            case .turn:
                await context.reactor.yield()
                continue
            case .client: end = reactor.now + timeouts.body
            case .upstream: end = reactor.now + timeouts.upstreamSend
            }
            if need != .nothing { deadline = reactor.now + timeouts.response }
            do throws(StreamError) {
                try self.connection.stream.watch()
                try stream.watch()
                if need == .upstream { try stream.watchWrites() }
            } catch {
                throw .upstream(.closed, requestBytesSent: true, responseSeen: seen)
            }
            if self.connection.stream.isBroken { throw .final(.clientGone) }
            if self.connection.stream.peerHasClosed && clientGoneAt == nil {
                clientGoneAt = reactor.now + ProxyLimits.halfCloseGrace
            }
            switch await gathering.wait(until: min(end, clientGoneAt ?? .max)) {
            case .ready: continue
            case .cancelled: throw .final(.clientGone)
            case .timedOut:
                if reactor.now < end { throw .final(.clientGone) }
                if need == .client { throw .final(.refused(.bodyTimeout)) }
                throw .upstream(.responseTimeout, requestBytesSent: true, responseSeen: seen)
            }
        }
        return deadline
    }
}
