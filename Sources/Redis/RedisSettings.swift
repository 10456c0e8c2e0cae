public import Addressing

/// How Redis is reached, and how long it may take.
public struct RedisSettings: Sendable, Equatable {
    /// One after the other, until one is found that takes writes.
    public var servers: [Endpoint]
    /// Empty for the default user.
    public var user: String
    /// Empty for none.
    public var password: String
    /// The number of the database.
    public var database: Int
    /// Nanoseconds that a command may take before Redis counts as gone.
    public var timeout: Int64

    /// Makes settings.
    public init(
        servers: [Endpoint],
        user: String,
        password: String,
        database: Int,
        timeout: Int64
    ) {
        self.servers = servers
        self.user = user
        self.password = password
        self.database = database
        self.timeout = timeout
    }
}

/// Bounds of the client.
public enum RedisLimits {
    /// Nanoseconds for a connection and what is said first.
    public static let connectTime: Int64 = 500_000_000
    /// Nanoseconds between two attempts to connect.
    public static let retryInterval: Int64 = 100_000_000
    /// Commands that wait for their answer at most; more are not sent.
    public static let pending = 16_384
    /// Bytes that wait to be sent at most.
    public static let outputBytes = 4 << 20
}
