/// What the limits have decided and hold, for the metrics.
public struct LimitFigures: Sendable, Equatable {
    /// A limit of requests in a time.
    public struct Rate: Sendable, Equatable {
        /// Its name.
        public var policy: String
        /// Where it stands.
        public var scope: String
        /// Decisions for a request.
        public var allowed: UInt64 = 0
        /// Decisions against one.
        public var refused: UInt64 = 0
        /// Decisions against one that was let through all the same.
        public var observed: UInt64 = 0
        /// Counters held.
        public var keys = 0
        /// Bytes that they take.
        public var bytes = 0
        /// Counters dropped that said nothing any more.
        public var decayed: UInt64 = 0
        /// Counters dropped that did.
        public var forgotten: UInt64 = 0

        /// A limit that was never asked.
        public init(policy: String, scope: String) {
            self.policy = policy
            self.scope = scope
        }
    }

    /// A limit of requests at once.
    public struct Gate: Sendable, Equatable {
        /// Its name.
        public var policy: String
        /// Where it stands.
        public var scope: String
        /// Requests that got a place.
        public var entered: UInt64 = 0
        /// Requests that found no room to wait.
        public var full: UInt64 = 0
        /// Requests that waited in vain.
        public var timedOut: UInt64 = 0
        /// Requests inside now.
        public var inside = 0
        /// Requests that wait now.
        public var waiting = 0
        /// For an upstream: how many may be inside now.
        public var limit = 0

        /// A limit that was never asked.
        public init(policy: String, scope: String) {
            self.policy = policy
            self.scope = scope
        }
    }

    /// The limits of requests in a time.
    public var rates: [Rate] = []
    /// The limits of requests at once.
    public var gates: [Gate] = []
    /// The upstreams that adapt, by their names as policies.
    public var upstreams: [Gate] = []

    /// No limits.
    public init() {}
}

/// Families of the limits.
enum LimitMetric: Sendable {
    case decisions, keys, bytes, evictions
    case gateRequests, gateInside, gateWaiting
    case upstreamLimit, upstreamInside, upstreamWaiting, upstreamRequests
}

extension MetricTable {
    private static let policy = ["policy", "scope"]

    static let limits = ownLimits + sharedLimits

    private static let sharedLimits: [MetricDescription] = [
        .init(
            "gateway_redis_answers",
            .counter,
            .loopCounter(.redisAnswers),
            "Questions to Redis that were answered in time."
        ),
        .init(
            "gateway_redis_timeouts",
            .counter,
            .loopCounter(.redisTimeouts),
            "Questions to Redis without an answer in time, or whose connection was lost."
        ),
        .init(
            "gateway_redis_errors",
            .counter,
            .loopCounter(.redisErrors),
            "Questions to Redis that it answered with an error."
        ),
        .init(
            "gateway_redis_unavailable",
            .counter,
            .loopCounter(.redisUnavailable),
            "Questions not asked, because Redis was gone."
        ),
        .init(
            "gateway_redis_duration_seconds",
            .histogram,
            .redisDuration,
            "How long requests waited for Redis."
        ),
        .init(
            "gateway_redis_fallbacks",
            .counter,
            .loopCounter(.redisFallbacks),
            "Requests that were decided without Redis, as on_failure says."
        ),
        .init(
            "gateway_redis_connections",
            .gauge,
            labels: ["loop"],
            .loopFigure(.redisConnections),
            "Whether an event loop is connected to Redis."
        ),
    ]

    private static let ownLimits: [MetricDescription] = [
        .init(
            "gateway_rate_limit_decisions",
            .counter,
            labels: policy + ["outcome"],
            .limit(.decisions),
            "Requests that a rate limit allowed, refused, or would have refused (observed)."
        ),
        .init(
            "gateway_rate_limit_keys",
            .gauge,
            labels: policy,
            .limit(.keys),
            "Keys that a rate limit counts by now."
        ),
        .init(
            "gateway_rate_limit_table_bytes",
            .gauge,
            labels: policy,
            .limit(.bytes),
            "Memory that the counters of a rate limit take."
        ),
        .init(
            "gateway_rate_limit_evictions",
            .counter,
            labels: policy + ["state"],
            .limit(.evictions),
            "Counters dropped: decayed ones said nothing any more, live ones had to make room."
        ),
        .init(
            "gateway_concurrency_limit_requests",
            .counter,
            labels: policy + ["outcome"],
            .limit(.gateRequests),
            "Requests that got a place, found the queue full, or waited in vain."
        ),
        .init(
            "gateway_concurrency_limit_in_flight",
            .gauge,
            labels: policy,
            .limit(.gateInside),
            "Requests that have a place now."
        ),
        .init(
            "gateway_concurrency_limit_waiting",
            .gauge,
            labels: policy,
            .limit(.gateWaiting),
            "Requests that wait for a place now."
        ),
        .init(
            "gateway_upstream_concurrency_limit",
            .gauge,
            labels: ["upstream"],
            .limit(.upstreamLimit),
            "Requests that an upstream with concurrency=auto is given at once now."
        ),
        .init(
            "gateway_upstream_concurrency_in_flight",
            .gauge,
            labels: ["upstream"],
            .limit(.upstreamInside),
            "Requests that such an upstream works on now."
        ),
        .init(
            "gateway_upstream_concurrency_waiting",
            .gauge,
            labels: ["upstream"],
            .limit(.upstreamWaiting),
            "Requests that wait for such an upstream now."
        ),
        .init(
            "gateway_upstream_concurrency_requests",
            .counter,
            labels: ["upstream", "outcome"],
            .limit(.upstreamRequests),
            "Requests that such an upstream took, found the queue full, or waited in vain."
        ),
    ]
}

extension LimitFigures {
    /// Writes the samples of one family.
    func write(_ metric: LimitMetric, to writer: SampleWriter) {
        switch metric {
        case .decisions, .keys, .bytes, .evictions:
            for rate in rates {
                let labels = LabelText.pairs([("policy", rate.policy), ("scope", rate.scope)])
                LimitFigures.write(rate, labels, metric, to: writer)
            }
        case .gateRequests, .gateInside, .gateWaiting:
            for gate in gates {
                let labels = LabelText.pairs([("policy", gate.policy), ("scope", gate.scope)])
                LimitFigures.write(gate, labels, metric, to: writer)
            }
        case .upstreamLimit, .upstreamInside, .upstreamWaiting, .upstreamRequests:
            for gate in upstreams {
                let labels = LabelText.pairs([("upstream", gate.policy)])
                LimitFigures.write(gate, labels, metric, to: writer)
            }
        }
    }

    private static func write(
        _ rate: Rate,
        _ labels: [UInt8],
        _ metric: LimitMetric,
        to writer: SampleWriter
    ) {
        switch metric {
        case .decisions:
            writer.sample(labels, ("outcome", "allowed"), value: rate.allowed)
            writer.sample(labels, ("outcome", "refused"), value: rate.refused)
            writer.sample(labels, ("outcome", "observed"), value: rate.observed)
        case .keys: writer.sample(labels, value: UInt64(max(0, rate.keys)))
        case .bytes: writer.sample(labels, value: UInt64(max(0, rate.bytes)))
        default:
            writer.sample(labels, ("state", "decayed"), value: rate.decayed)
            writer.sample(labels, ("state", "live"), value: rate.forgotten)
        }
    }

    private static func write(
        _ gate: Gate,
        _ labels: [UInt8],
        _ metric: LimitMetric,
        to writer: SampleWriter
    ) {
        switch metric {
        case .gateInside, .upstreamInside: writer.sample(labels, value: UInt64(max(0, gate.inside)))
        case .gateWaiting, .upstreamWaiting:
            writer.sample(labels, value: UInt64(max(0, gate.waiting)))
        case .upstreamLimit: writer.sample(labels, value: UInt64(max(0, gate.limit)))
        default:
            writer.sample(labels, ("outcome", "entered"), value: gate.entered)
            writer.sample(labels, ("outcome", "full"), value: gate.full)
            writer.sample(labels, ("outcome", "timed_out"), value: gate.timedOut)
        }
    }
}
