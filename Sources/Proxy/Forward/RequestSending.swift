import Balancing
import Bytes
import Configuration
import EventLoop
import HTTP
import HTTP1
import Telemetry

extension Exchange {
    /// Sends the request as far as it is here and the upstream takes it: nearly always all of it.
    /// - Returns: Whether nothing is left to send.
    mutating func sendAtOnce(_ upstream: UpstreamLoop) throws(AttemptError) -> Bool {
        guard let connection = self.upstream else {
            throw .upstream(.connectFailed, requestBytesSent: false, responseSeen: false)
        }
        let out = context.reactor.buffers.take()
        upload = out
        writeUpstreamHead(
            to: out,
            framing: upstreamFraming,
            keepsConnection: upstream.keepsConnections
        )
        connection.history.requests += 1
        switch content {
        case .none: break
        case .inInput(let length):
            if let input = self.connection.input {
                let bytes = input.readable
                out.append(bytes.extracting(first: length))
            }
        case .buffered(let held): out.append(held.readable)
        case .streaming:
            if let ahead, !ahead.isEmpty {
                out.writeChunkHeader(size: ahead.count)
                out.append(ahead.readable)
                out.writeChunkEnd()
            }
        case .spilled: break
        }
        let total = out.count
        do throws(StreamError) {
            try connection.stream.send(out)
        } catch {
            throw sendFailure(error, sent: out.count < total)
        }
        context.metrics.add(.bytesSent, server: connection.series, total - out.count)
        guard out.isEmpty else { return false }
        switch content {
        case .spilled, .streaming: return false
        case .none, .inInput, .buffered:
            releaseUpload()
            return true
        }
    }

    /// Sends what `sendAtOnce` left.
    ///
    /// Returns early when the upstream starts to answer before it has all of it.
    mutating func sendRest() async throws(AttemptError) {
        guard let connection = self.upstream, let out = upload else { return }
        try await write(out, to: connection)
        switch content {
        case .spilled(let file): try await send(file, to: connection)
        case .streaming:
            try await stream(to: connection)
            return
        case .none, .inInput, .buffered: break
        }
        releaseUpload()
    }

    /// How the content is framed for the upstream.
    var upstreamFraming: BodyFraming {
        mutating get {
            switch content {
            case .none: request.framing == .length(0) ? .length(0) : .none
            case .inInput(let length): .length(length)
            case .buffered(let held): .length(held.count)
            case .spilled(let file): .length(file.count)
            case .streaming: request.framing
            }
        }
    }

    /// Sends what is left in a buffer.
    private mutating func write(_ out: Buffer, to connection: UpstreamConnection)
        async throws(AttemptError)
    {
        if out.isEmpty { return }
        let total = out.count
        let timeout = route?.route.policy.timeouts.upstreamSend ?? 30_000_000_000
        do throws(StreamError) {
            try await connection.stream.write(out, deadline: context.reactor.now + timeout)
            context.metrics.add(.bytesSent, server: connection.series, total)
        } catch {
            throw sendFailure(error, sent: true)
        }
    }

    private mutating func send(_ file: TemporaryFile, to connection: UpstreamConnection)
        async throws(AttemptError)
    {
        var offset = 0
        let timeout = route?.route.policy.timeouts.upstreamSend ?? 30_000_000_000
        do throws(StreamError) {
            while true {
                try file.send(to: connection.stream, from: &offset)
                if offset == file.count || connection.stream.mayRead { break }
                try await connection.stream.waitUntilWritable(
                    deadline: context.reactor.now + timeout
                )
            }
            context.metrics.add(.bytesSent, server: connection.series, offset)
        } catch {
            throw sendFailure(error, sent: true)
        }
    }

    private func sendFailure(_ error: StreamError, sent: Bool) -> AttemptError {
        let failure: UpstreamFailure =
            switch error {
            case .timedOut: .responseTimeout
            case .reset: .reset
            default: .closed
            }
        return .upstream(failure, requestBytesSent: sent, responseSeen: false)
    }
}
