import Bytes
import Configuration
import EventLoop
import HTTP
import TLS
import Telemetry

/// What became of a request that came as early data; the raw value is the metric's label.
enum EarlyRequest: String, CaseIterable {
    /// It was served before the end of the handshake.
    case served
    /// It was held until then.
    case held
    /// The server answered 425 and was asked again then.
    case retried

    /// Where it stands among the results of the metric.
    var metricIndex: Int { EarlyRequest.allCases.firstIndex(of: self) ?? 0 }
}

/// Requests that come before the end of the handshake (0-RTT): whoever recorded one can send it
/// again. The strike register keeps that from this process; what is served early is safe besides,
/// and the app is told.
///
/// Source: RFC 8470.
extension Exchange {
    /// Lets a request that came as early data go on, now or after the handshake.
    mutating func passEarly() async throws(Failure) {
        guard connection.stream.isEarly else {
            connection.isEarly = false
            return
        }
        if mayBeServedEarly {
            context.metrics.count(.earlyRequests, reason: EarlyRequest.served.metricIndex)
        } else {
            context.metrics.count(.earlyRequests, reason: EarlyRequest.held.metricIndex)
            try await awaitHandshake()
        }
    }

    /// Whether nothing can come of serving the request twice: a safe method, without content, and
    /// no tunnel behind it.
    ///
    /// Source: RFC 8470 §4.
    var mayBeServedEarly: Bool {
        request.method.isSafe && requestBody.isComplete && !request.upgradeRequested
    }

    /// Whether a request that is sent now is sent before the handshake has ended.
    var isEarly: Bool { connection.isEarly && connection.stream.isEarly }

    /// Waits for the end of the handshake, which proves that this client sends the request now.
    ///
    /// What follows the request meanwhile is kept in the connection's input.
    mutating func awaitHandshake() async throws(Failure) {
        guard connection.isEarly else { return }
        connection.isEarly = false
        let input = connection.input ?? context.reactor.buffers.take()
        connection.input = input
        let timeout = context.snapshot.configuration.tls.handshakeTimeout
        do throws(TLSFailure) {
            try await connection.stream.completeHandshake(
                into: input,
                deadline: context.reactor.now + timeout
            )
        } catch {
            context.metrics.count(.tlsHandshakesFailed, reason: error.metricIndex)
            throw .clientGone
        }
    }

    /// Whether a server that answered 425 is to be asked again, after the handshake: when it was
    /// told that the request was early, and by nobody but the gateway.
    ///
    /// Source: RFC 8470 §5.2.
    mutating func shouldAskAgain(_ upstream: UpstreamLoop) async throws(Failure) -> Bool {
        guard response.status == 425, wasSentEarly else { return false }
        context.metrics.count(.earlyRequests, reason: EarlyRequest.retried.metricIndex)
        // Its content is not wanted: a connection more costs less than to wait for its end.
        dropUpstream(upstream)
        releaseUpload()
        try await awaitHandshake()
        return true
    }
}
