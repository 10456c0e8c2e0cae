/// Where each figure of a loop stands in its flat arrays.
///
/// All counts are fixed when the metrics are made; only the number of series grows. The reasons'
/// counts include the `other` that ends each list.
struct MetricsLayout: Sendable, Equatable {
    /// Reasons of each `ReasonCounter`, in the order of its cases.
    let reasonCounts: [Int]
    /// Reasons for which an attempt at an upstream fails.
    let failureCount: Int
    /// Content codings.
    let codingCount: Int

    init(names: MetricNames) {
        reasonCounts = ReasonCounter.allCases.map { names.names(of: $0).count }
        failureCount = names.upstreamFailures.count
        codingCount = names.codings.count
        var offsets: [Int] = []
        var next = Self.reasons
        for count in reasonCounts {
            offsets.append(next)
            next += count
        }
        reasonOffsets = offsets
        codings = next
        loopCount = next + CodingCounter.count * codingCount
        serverStride = Self.serverFailures + failureCount
    }

    // The loop's own figures.
    static var gauges: Int { LoopCounter.count }
    static var figures: Int { gauges + LoopGauge.count }
    static var iterations: Int { figures + LoopFigure.count }
    static var busy: Int { iterations + 1 }
    static var busyShare: Int { busy + 1 }
    static var lag: Int { busyShare + 1 }
    static var redis: Int { lag + DurationBuckets.stride }
    static var shared: Int { redis + DurationBuckets.stride }
    static var reasons: Int { shared + DurationBuckets.stride }
    /// Where each `ReasonCounter` starts.
    let reasonOffsets: [Int]
    /// Where the figures by content coding start, those of one `CodingCounter` after the other.
    let codings: Int
    /// Words of the loop's own figures.
    let loopCount: Int

    // The figures of one site and route.
    static var requests: Int { RouteCounter.count }
    static var histograms: Int { requests + MethodLabel.count * StatusClass.count }
    /// Words per site and route.
    static var routeStride: Int { histograms + RequestPhase.count * DurationBuckets.stride }

    // The figures of one server.
    static var serverGauges: Int { ServerCounter.count }
    static var serverHealth: Int { serverGauges + ServerGauge.count }
    static var serverStatuses: Int { serverHealth + 1 }
    static var serverDuration: Int { serverStatuses + StatusClass.count }
    static var serverFailures: Int { serverDuration + DurationBuckets.stride }
    /// Words per server.
    let serverStride: Int
}

/// What one loop had counted at one moment: a value that any thread may read.
public struct MetricsSnapshot: Sendable {
    let layout: MetricsLayout
    /// The loop's own figures.
    let loop: [UInt64]
    /// The figures by site and route; a series that the loop never recorded may lie past the end.
    let routes: [UInt64]
    /// The figures by server; likewise.
    let servers: [UInt64]
}
