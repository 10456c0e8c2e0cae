import Logging
import TLS
import Telemetry

/// How often one loop tells of handshakes that fail: of each reason once a minute, so that those
/// that anybody causes, such as scanners, leave room for those that matter.
struct HandshakeLog {
    private var limits = [RateLimitedLog](
        repeating: RateLimitedLog(),
        count: TLSFailure.allCases.count
    )

    /// Decides whether a failure is told of.
    /// - Parameters:
    ///   - failure: Why a handshake came to nothing.
    ///   - now: Nanoseconds of the loop's clock.
    /// - Returns: How many for the same reason were not told of since; nil: nor is this one.
    mutating func admit(_ failure: TLSFailure, now: Int64) -> Int? {
        limits[failure.metricIndex].admit(now: now)
    }
}

extension TLSFailure {
    /// How loudly a client's failure is told of: what is the operator's to mend, what he wants to
    /// know when a client complains, and what every open port sees all day.
    var logLevel: Logger.Level {
        switch self {
        case .limit: .warning
        case .unsupportedVersion, .noSharedCipher, .noApplicationProtocol, .noClientCertificate,
            .invalidCertificate, .refusedByPeer, .unknownName:
            .info
        case .plainHTTP, .notTLS, .closed, .timedOut, .protocolError: .debug
        }
    }
}
