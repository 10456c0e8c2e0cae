import HTTP
import HTTP1
import TLS
import Telemetry

/// What the reasons are called that the proxy counts by.
enum ProxyMetrics {
    static let names = MetricNames(
        requestsRejected: RejectReason.allCases.map(\.name) + Refusal.allCases.map(\.name),
        connectionsClosed: ConnectionEnd.allCases.map(\.rawValue),
        upstreamFailures: UpstreamFailure.allCases.map(\.rawValue),
        compressionSkipped: CodingObstacle.allCases.map(\.rawValue),
        codings: ContentCoding.allCases.map { "\($0.name)" },
        tlsFailures: TLSFailure.allCases.map(\.rawValue),
        dictionaries: DictionaryOutcome.allCases.map(\.rawValue),
        earlyData: EarlyDataOutcome.allCases.map(\.rawValue),
        earlyRequests: EarlyRequest.allCases.map(\.rawValue)
    )
}
