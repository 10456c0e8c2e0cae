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
        releaseUpload()
        let out = context.reactor.buffers.take()
        upload = out
        fileOffset = 0
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
        guard let connection = self.upstream, upload != nil else { return }
        if case .streaming = content {
            do throws(Failure) {
                try await sendContinue()
            } catch { throw .final(error) }
            requestBody.send(as: request.framing == .chunked ? .chunked : .identity)
        }
        try await sendContent(to: connection)
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

    private mutating func sendFailure(_ error: StreamError, sent: Bool) -> AttemptError {
        let failure: UpstreamFailure =
            switch error {
            case .timedOut: .responseTimeout
            case .reset: .reset
            default: .closed
            }
        return .upstream(failure, requestBytesSent: sent, responseSeen: false)
    }
}
