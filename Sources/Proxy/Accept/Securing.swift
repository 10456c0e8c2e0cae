import Addressing
import Bytes
import Configuration
import EventLoop
import HTTP
import TLS
import Telemetry

/// How a connection to a TLS listener begins.
enum Securing {
    /// The handshake is complete.
    case done
    /// The client speaks HTTP without TLS; what it sent is in the connection's input.
    case plainHTTP
    /// The connection is over.
    case failed(TLSFailure)
}

extension Exchange {
    /// Carries out the handshake of a connection to a TLS listener.
    mutating func secure(_ server: TLSServer) async -> Securing {
        let stream = connection.stream
        let settings = context.snapshot.configuration.tls
        let deadline = context.reactor.now + settings.handshakeTimeout
        do throws(TLSFailure) {
            // Nothing is made for a client before it has said something.
            try await awaitClientHello(deadline: deadline)
            guard let input = connection.input, !input.isEmpty else { throw .closed }
            let first = input.readable[0]
            if first != Exchange.handshakeRecord {
                guard first >= UInt8(ascii: "A"), first <= UInt8(ascii: "Z") else { throw .notTLS }
                return .plainHTTP
            }
            guard context.handshakes < settings.handshakes else { throw .limit }
            context.handshakes += 1
            defer { context.handshakes -= 1 }
            guard let session = server.accept() else { throw .limit }
            let received = connection.input
            connection.input = nil
            stream.startTLS(session, received: received)
            try await takeTurn(deadline: deadline)
            // Also of a handshake that comes to nothing, as those of replays do.
            defer { countEarlyData(of: stream) }
            try await stream.handshake(deadline: deadline)
        } catch {
            context.metrics.count(.tlsHandshakesFailed, reason: error.metricIndex)
            noteFailure(error)
            return .failed(error)
        }
        connection.tls = stream.tlsInformation
        connection.isEarly = stream.isEarly
        connection.idleSince = context.reactor.now
        context.metrics.add(.tlsHandshakes)
        if connection.tls?.isResumed == true { context.metrics.add(.tlsResumptions) }
        return .done
    }

    /// Tells the operator of a handshake that came to nothing, seldom enough that nobody can fill a
    /// disk by it.
    private func noteFailure(_ failure: TLSFailure) {
        let now = context.reactor.now
        guard let more = context.handshakeLog.admit(failure, now: now) else { return }
        let rule = context.snapshot.topRule
        ProxyLog.handshakeFailed(
            failure,
            client: rule.start(peer: connection.peer, header: connection.proxyHeader).peer,
            name: connection.stream.requestedName,
            problem: connection.stream.tlsProblem ?? failure.words,
            more: more
        )
    }

    private mutating func countEarlyData(of stream: EventLoop.Stream) {
        guard let outcome = stream.earlyDataOutcome else { return }
        context.metrics.count(.tlsEarlyData, reason: outcome.metricIndex)
    }

    /// The first byte of a TLS record with a handshake message.
    ///
    /// Source: RFC 8446 §5.1.
    private static let handshakeRecord: UInt8 = 22

    /// Waits for the first byte.
    private mutating func awaitClientHello(deadline: Int64) async throws(TLSFailure) {
        while connection.input?.isEmpty ?? true {
            do throws(StreamError) {
                if connection.stream.mayRead {
                    let input = connection.input ?? context.reactor.buffers.take()
                    connection.input = input
                    if let count = try connection.stream.receive(into: input) {
                        if count == 0 { throw StreamError.closed }
                        continue
                    }
                }
                releaseBuffers()
                try await connection.stream.waitUntilReadable(deadline: deadline)
            } catch {
                throw error == .timedOut ? .timedOut : .closed
            }
        }
    }

    /// Lets the loop's other connections go first when many handshakes come at once: each keeps
    /// the processor for as long as a dozen requests.
    private mutating func takeTurn(deadline: Int64) async throws(TLSFailure) {
        if context.handshakeTurns.admits(1) { return }
        let point = WaitPoint(reactor: context.reactor)
        context.handshakeTurns.wait(at: point, for: 1)
        let wake = await point.wait(until: deadline)
        point.retire()
        switch wake {
        // `beginTurn` has counted it.
        case .ready: return
        case .timedOut: throw .timedOut
        case .cancelled: throw .closed
        }
    }

    /// Answers who speaks HTTP to a TLS listener, without TLS.
    mutating func rejectPlainHTTP() async {
        context.metrics.count(.tlsHandshakesFailed, reason: TLSFailure.plainHTTP.metricIndex)
        receiveRefused()
        await reject(.refused(.plainHTTP))
    }
}
