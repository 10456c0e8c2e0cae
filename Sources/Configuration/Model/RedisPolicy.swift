public import Addressing

/// The Redis that several gateways share their limits and stored responses by.
public struct RedisPolicy: Sendable, Equatable {
    /// How limits are kept together.
    public enum Sync: String, Sendable, CaseIterable {
        /// Every request asks.
        case exact
        /// Units are fetched in batches, and spent without asking.
        case lease
    }

    /// What happens while Redis does not answer.
    public enum Failing: String, Sendable, CaseIterable {
        /// Each gateway counts by itself, at its share of the rates.
        case local
        /// Nothing is limited.
        case open
        /// Every request that a limit holds for is refused with 503.
        case closed
    }

    /// Sentinels, and whom to ask them for.
    public struct Sentinel: Sendable, Equatable {
        /// The master's name, as the sentinels have it.
        public let master: String
        /// The sentinels' own password; empty for none.
        public let password: String
    }

    /// The servers, one after the other; sentinels where there are some.
    public let servers: [Endpoint]
    /// nil: the servers are Redis themselves.
    public let sentinel: Sentinel?
    /// How connections are encrypted; nil: they are not.
    public let tls: UpstreamTLS?
    /// Empty for the default user.
    public let user: String
    /// Empty for none.
    public let password: String
    /// The number of the database.
    public let database: Int
    /// Nanoseconds that a request waits for an answer at most.
    public let timeout: Int64
    /// How limits are kept together.
    public let sync: Sync
    /// What happens while Redis does not answer.
    public let failing: Failing
    /// How many gateways share the limits: each has that part of them while Redis is gone.
    public let gateways: Int
    /// What the names of keys begin with; braces keep them together in a cluster.
    public let prefix: String
}
