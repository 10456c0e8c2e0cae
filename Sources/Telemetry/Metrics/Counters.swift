// Each enumeration's `count` is written out: `allCases` would build an array on the path of a
// request. A test compares the two.

/// Counters that a loop keeps without labels.
///
/// Each has one row in `MetricTable`.
public enum LoopCounter: Int, Sendable, CaseIterable {
    case connectionsAccepted
    case acceptPauses
    case tunnelsOpened
    case requestBodiesSpilled
    case bytesSpliced
    case nameLookupFailures
    case redisAnswers
    case redisTimeouts
    case redisErrors
    case redisUnavailable
    case redisFallbacks
    case tlsHandshakes
    case tlsResumptions

    static var count: Int { 13 }
}

/// Figures of a loop that go up and down, summed over the loops.
public enum LoopGauge: Int, Sendable, CaseIterable {
    case requestsInFlight
    case connectionsParked
    case tunnelsOpen
    case bufferBytes
    case codecBytes

    static var count: Int { 5 }
}

/// Figures of one loop that make no sense summed; their series are labelled by loop.
public enum LoopFigure: Int, Sendable, CaseIterable {
    case timers
    case tasks
    case compressionLoad
    case redisConnections

    static var count: Int { 4 }
}

/// Counters by a reason whose names are given when the metrics are made (`MetricNames`).
public enum ReasonCounter: Int, Sendable, CaseIterable {
    case requestsRejected
    case connectionsClosed
    /// Responses that a route would have compressed.
    case compressionSkipped
    case tlsHandshakesFailed
    case tlsEarlyData
    case earlyRequests

    static var count: Int { 6 }
}

/// Figures by content coding, whose names are given when the metrics are made (`MetricNames`).
public enum CodingCounter: Int, Sendable, CaseIterable {
    /// Responses compressed.
    case responses
    /// Bytes of their content before.
    case bytesIn
    /// Bytes of it after.
    case bytesOut
    /// Nanoseconds that compressing took.
    case nanoseconds
    /// Bytes of content that was decoded, before.
    case decodedBytesIn
    /// Bytes of it after.
    case decodedBytesOut

    static var count: Int { 6 }
}

/// Counters by site and route.
public enum RouteCounter: Int, Sendable, CaseIterable {
    case bytesReceived
    case bytesSent
    case clientsRefused
    case retries
    case cacheHits
    case cacheStale
    case cacheRevalidated
    case cacheCollapsed
    case cacheMisses
    case cacheVaryMisses
    case cacheExpired
    case cacheRequestMisses
    case cacheBypassed
    case cacheStored
    case cacheUnstored
    case cacheCoded

    static var count: Int { 16 }
}

/// The parts of a request's duration, each with its histogram by site and route.
public enum RequestPhase: Int, Sendable, CaseIterable {
    /// From the first byte of the request to the last of the response.
    case total
    /// From choosing a server to the end of its response.
    case upstream
    /// From the first byte of the request to the first of the response.
    case firstByte

    static var count: Int { 3 }
}

/// Counters by upstream and server.
public enum ServerCounter: Int, Sendable, CaseIterable {
    case bytesSent
    case bytesReceived
    case connectionsOpened
    case connectionsReused
    case ejections
    case healthChecksPassed
    case healthChecksFailed

    static var count: Int { 7 }
}

/// Figures by upstream and server that go up and down, summed over the loops.
public enum ServerGauge: Int, Sendable, CaseIterable {
    case connectionsOpen
    case connectionsIdle
    case requestsInFlight

    static var count: Int { 3 }
}

/// The names of the reasons that other parts count by, in the order of their indices.
///
/// The parts own their enumerations; this module only needs their names. An index past the end of
/// its list counts as `other`, which is added to each list that lacks it.
public struct MetricNames: Sendable, Equatable {
    /// Why requests were rejected: those of `HTTP1.RejectReason`, then the proxy's own.
    public let requestsRejected: [String]
    /// Why client connections were closed.
    public let connectionsClosed: [String]
    /// Why an attempt at an upstream failed.
    public let upstreamFailures: [String]
    /// Why responses were not compressed.
    public let compressionSkipped: [String]
    /// The content codings.
    public let codings: [String]
    /// Why TLS handshakes with clients failed.
    public let tlsFailures: [String]
    /// What became of early data.
    public let earlyData: [String]
    /// What became of requests that came as early data.
    public let earlyRequests: [String]

    /// The failures of an attempt that the gateway tells apart.
    public static let defaultUpstreamFailures = [
        "connect_refused", "connect_timeout", "connect_failed", "reset", "closed",
        "response_timeout", "invalid_response", "body_incomplete", "body_timeout",
        "no_server",
    ]

    /// Names the reasons; an index into a list is what the recording calls take.
    public init(
        requestsRejected: [String],
        connectionsClosed: [String],
        upstreamFailures: [String] = MetricNames.defaultUpstreamFailures,
        compressionSkipped: [String] = [],
        codings: [String] = [],
        tlsFailures: [String] = [],
        earlyData: [String] = [],
        earlyRequests: [String] = []
    ) {
        self.requestsRejected = MetricNames.closed(requestsRejected)
        self.connectionsClosed = MetricNames.closed(connectionsClosed)
        self.upstreamFailures = MetricNames.closed(upstreamFailures)
        self.compressionSkipped = MetricNames.closed(compressionSkipped)
        self.codings = codings
        self.tlsFailures = MetricNames.closed(tlsFailures)
        self.earlyData = MetricNames.closed(earlyData)
        self.earlyRequests = MetricNames.closed(earlyRequests)
    }

    /// The names of one family.
    func names(of counter: ReasonCounter) -> [String] {
        switch counter {
        case .requestsRejected: requestsRejected
        case .connectionsClosed: connectionsClosed
        case .compressionSkipped: compressionSkipped
        case .tlsHandshakesFailed: tlsFailures
        case .tlsEarlyData: earlyData
        case .earlyRequests: earlyRequests
        }
    }

    /// A list with `other` at its end.
    ///
    /// A name that stands twice would be the same series twice, which no scraper accepts, so the
    /// second becomes unique by its index.
    private static func closed(_ names: [String]) -> [String] {
        var seen: Set<String> = ["other"]
        var list: [String] = []
        for (index, name) in names.enumerated() {
            list.append(seen.insert(name).inserted ? name : "\(name)_\(index)")
        }
        return list + ["other"]
    }
}
