import Balancing
import Bytes
import Configuration
import EventLoop
import HTTP
import HTTP1
import Telemetry

extension Exchange {
    /// Sends the request's head and content to the upstream.
    ///
    /// Returns early when the upstream starts to answer before it has all of it.
    mutating func sendRequest(_ upstream: UpstreamLoop) async throws(AttemptError) {
        guard let connection = self.upstream else {
            throw .upstream(.connectFailed, requestBytesSent: false, responseSeen: false)
        }
        let out = context.reactor.buffers.take()
        upload = out
        writeUpstreamHead(
            to: out, framing: upstreamFraming, keepsConnection: upstream.keepsConnections)
        connection.history.requests += 1
        switch content {
        case .none: break
        case .inInput(let length):
            if let input = self.connection.input {
                let bytes = input.readable
                out.append(bytes.extracting(first: length))
            }
        case .buffered(let held): out.append(held.readable)
        case .spilled, .streaming: break
        }
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
        switch content {
        case .none: request.framing == .length(0) ? .length(0) : .none
        case .inInput(let length): .length(length)
        case .buffered(let held): .length(held.count)
        case .spilled(let file): .length(file.count)
        case .streaming: request.framing
        }
    }

    /// Sends a buffer, unless the upstream answers first or fails.
    private mutating func write(_ out: Buffer, to connection: UpstreamConnection)
        async throws(AttemptError)
    {
        let total = out.count
        do throws(StreamError) {
            try connection.stream.send(out)
            if out.isEmpty {
                context.metrics.add(.bytesSent, server: connection.series, total)
                return
            }
            let timeout = route?.route.policy.timeouts.upstreamSend ?? 30_000_000_000
            try await connection.stream.write(out, deadline: context.reactor.now + timeout)
            context.metrics.add(.bytesSent, server: connection.series, total)
        } catch {
            throw sendFailure(error, sent: out.count < total)
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
                    deadline: context.reactor.now + timeout)
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
