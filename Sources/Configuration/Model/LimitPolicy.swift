public import Addressing
public import Limiting

/// A limit of how many requests there may be in a time.
///
/// A class, so that all routes that it holds for share one, and with it the counters.
public final class RateLimit: Sendable {
    /// What a refused request costs.
    public enum Cost: Sendable, Equatable {
        /// So many units.
        case fixed(Int)
        /// What this field of the response says, lower-case; one unit until then.
        case response(String)
    }

    /// The name, in response fields and metrics: letters, digits and a few marks.
    public let name: String
    /// Where it stands, for metrics: empty at the top and for limits with a name of their own.
    public let scope: String
    /// What is allowed.
    public let rate: LimitRate
    /// How it is counted.
    public let algorithm: LimitAlgorithm
    /// What requests are counted by.
    public let key: CountingKey
    /// What a request takes.
    public let cost: Cost
    /// The statuses of responses that count; empty when every request does.
    public let counted: [ClosedRange<Int>]
    /// The methods that count.
    public let methods: MethodSet
    /// Whether it only counts what it would refuse.
    public let observes: Bool
    /// Clients that it does not hold for.
    public let allowed: NetworkSet
    /// The status of a refusal.
    public let status: Int
    /// Keys at most; nil for as many as a table holds by itself.
    public let capacity: Int?
    /// The file of other rates for some keys, watched; nil without one.
    public let ratesFile: String?
    /// What it said when the configuration was loaded.
    public let overrides: [RateOverride]
    /// Equal for limits of the same meaning, whose counters live on over a reload.
    public let identity: String

    init(_ draft: RateLimitDraft, name: String, scope: String) {
        self.name = name
        self.scope = scope
        rate = draft.rate
        algorithm = draft.algorithm
        key = draft.key
        cost = draft.cost
        counted = draft.counted
        methods = draft.methods
        observes = draft.observes
        allowed = draft.allowed
        status = draft.status
        capacity = draft.capacity
        ratesFile = draft.ratesFile
        overrides = draft.overrides
        identity = "\(scope)\n\(name)\n\(draft.meaning)"
    }

    /// Whether the outcome of a request is needed before it is known what it costs.
    public var isSettledLater: Bool {
        if case .response = cost { return true }
        return !counted.isEmpty
    }

    /// As the file would write it, without what stands by itself.
    public var description: String {
        let rate = Configuration.text(rate: rate)
        let burst = algorithm == .tokenBucket ? " burst=\(self.rate.burst)" : ""
        return "\(rate)\(burst) algorithm=\(algorithm.rawValue) key=\(key.description)"
    }
}

/// What requests are counted by: one part, or several together.
public struct CountingKey: Sendable, Hashable {
    /// One part of a key.
    public enum Part: Sendable, Hashable {
        case clientAddress
        case host
        case path
        case route
        /// The field's name, lower-case.
        case header(String)
        case cookie(String)
        /// A parameter of the query.
        case query(String)

        /// As it stands in the file.
        public var description: String {
            switch self {
            case .clientAddress: "client_address"
            case .host: "host"
            case .path: "path"
            case .route: "route"
            case .header(let name): "header:\(name)"
            case .cookie(let name): "cookie:\(name)"
            case .query(let name): "query:\(name)"
            }
        }

        /// Whether a client can send another value with each request, unless the application
        /// checks it.
        var isSpoofable: Bool {
            switch self {
            case .header, .cookie, .query: true
            case .clientAddress, .route, .host, .path: false
            }
        }
    }

    /// What happens to a request that lacks a part.
    public enum Missing: String, Sendable, CaseIterable {
        /// It is counted by the client's address instead.
        case clientAddress = "client_address"
        /// It is refused.
        case refuse
        /// It is not counted.
        case ignore
    }

    /// At least one for rates; none where all requests are counted together.
    public let parts: [Part]
    /// What happens to a request that lacks one.
    public let missing: Missing
    /// Bits of an IPv4 address that count.
    public let ipv4Prefix: Int
    /// Bits of an IPv6 address that count: whoever has one address of a /64 has all of them.
    public let ipv6Prefix: Int

    /// As it stands in the file.
    public var description: String { parts.map(\.description).joined(separator: "+") }

    /// The bits of an address that count, the others zero.
    public func masked(_ address: IPAddress) -> IPAddress {
        let plain = address.unmapped
        let prefix = plain.isIPv4 ? ipv4Prefix : ipv6Prefix
        return Network(containing: plain, prefixLength: prefix)?.address ?? plain
    }
}

/// Another rate for one key.
public struct RateOverride: Sendable, Hashable {
    /// The values of the key's parts, in their order.
    public let values: [String]
    /// What is allowed; nil for no limit.
    public let rate: LimitRate?
}

/// A limit of how many requests are served at once.
public final class ConcurrencyLimit: Sendable {
    /// The name, in metrics and problem documents.
    public let name: String
    /// Where it stands, for metrics; empty at the top.
    public let scope: String
    /// Requests at once.
    public let limit: Int
    /// What requests are counted by; no parts for all together.
    public let key: CountingKey
    /// Requests that wait.
    public let queue: Int
    /// How long one waits, nanoseconds.
    public let wait: Int64
    /// Equal for limits of the same meaning, which go on over a reload.
    public let identity: String

    init(
        name: String,
        scope: String,
        limit: Int,
        key: CountingKey,
        queue: Int,
        wait: Int64
    ) {
        self.name = name
        self.scope = scope
        self.limit = limit
        self.key = key
        self.queue = queue
        self.wait = wait
        identity = "\(scope)\n\(name)\n\(limit) \(queue) \(wait) \(key)"
    }
}

/// How fast one response is sent.
public struct BandwidthLimit: Sendable, Equatable {
    /// Bytes in a second.
    public let rate: Int
    /// Bytes that go out as fast as they can before.
    public let after: Int
}

/// Which fields tell a client how much is left.
public enum RateLimitFields: String, Sendable, CaseIterable {
    /// RateLimit-Policy and RateLimit.
    ///
    /// Source: draft-ietf-httpapi-ratelimit-headers-10.
    case standard
    /// X-RateLimit-Limit, -Remaining and -Reset, as Flask-Limiter sends them.
    case legacy
    /// None.
    case off
}

/// Every limit that a request has to pass, outermost first.
public struct LimitPolicy: Sendable {
    /// Requests in a time.
    public let rates: [RateLimit]
    /// Requests at once.
    public let concurrency: [ConcurrencyLimit]
    /// Bytes of a response in a time; nil: no limit.
    public let bandwidth: BandwidthLimit?
    /// What is told of the rates.
    public let fields: RateLimitFields

    /// Whether there is nothing to ask.
    public var isEmpty: Bool { rates.isEmpty && concurrency.isEmpty && bandwidth == nil }
}

extension Configuration {
    /// A rate as the file writes it, such as `100/s`.
    public static func text(rate: LimitRate) -> String {
        let period = Literals.text(duration: rate.period)
        // One of a unit stands without the number: `/s`, not `/1s`.
        let isOne = period.hasPrefix("1") && period.dropFirst().allSatisfy(\.isLetter)
        return "\(rate.count)/\(isOne ? String(period.dropFirst()) : period)"
    }
}
