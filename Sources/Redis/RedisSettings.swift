public import Addressing
public import TLS

/// How Redis is reached, and how patient its client is.
public struct RedisSettings: Sendable {
    /// One after the other, until one is found that takes writes; or the sentinels.
    public var servers: [Endpoint]
    /// Whom the servers are asked for when they are sentinels; nil: they are Redis themselves.
    public var sentinel: RedisSentinel?
    /// Empty for the default user.
    public var user: String
    /// Empty for none.
    public var password: String
    /// The number of the database.
    public var database: Int
    /// How connections are encrypted; nil: they are not.
    public var tls: RedisTLS?
    /// A key, or the beginning of all keys: in a cluster, its server is the right one.
    public var probe: [UInt8]
    /// When a server is left alone, and for how long.
    public var pace: RedisPace
    /// Nanoseconds after which a connection is given up that owes an answer.
    public var stall = RedisLimits.stall
    /// Bytes that are received in one go.
    public var receiveBytes = RedisLimits.receiveBytes
    /// Bytes of one answer at most.
    public var replyBytes = RedisLimits.replyBytes

    /// Makes settings.
    public init(
        servers: [Endpoint],
        sentinel: RedisSentinel? = nil,
        user: String,
        password: String,
        database: Int,
        tls: RedisTLS? = nil,
        probe: [UInt8],
        pace: RedisPace
    ) {
        self.servers = servers
        self.sentinel = sentinel
        self.user = user
        self.password = password
        self.database = database
        self.tls = tls
        self.probe = probe
        self.pace = pace
    }
}

/// The master that sentinels are asked for.
public struct RedisSentinel: Sendable, Equatable {
    /// Its name, as the sentinels have it.
    public var master: String
    /// The password of the sentinels; empty for none.
    public var password: String

    /// Names a master.
    public init(master: String, password: String) {
        self.master = master
        self.password = password
    }
}

/// How connections to Redis are encrypted.
public struct RedisTLS: Sendable {
    /// Whom to believe, and what to show.
    public var context: Slot<ClientContext>
    /// The name in the servers' certificates; nil: that by which each server is known.
    public var name: String?

    /// Joins the two.
    public init(context: Slot<ClientContext>, name: String?) {
        self.context = context
        self.name = name
    }
}

/// Bounds of the client.
public enum RedisLimits {
    /// Nanoseconds for a connection and what is said first.
    public static let connectTime: Int64 = 500_000_000
    /// Nanoseconds for the handshake of TLS and what is said then: a full one of RSA takes a while
    /// on a busy machine.
    public static let secureConnectTime: Int64 = 2_000_000_000
    /// Commands that wait for their answer at most; more are not sent.
    public static let pending = 16_384
    /// Bytes that wait to be sent at most.
    public static let outputBytes = 4 << 20
    /// Bytes of the output's memory that are kept while there is nothing to send.
    public static let idleOutputBytes = 64 << 10
    /// Nanoseconds after which a connection is given up that owes an answer nobody waits for.
    public static let stall: Int64 = 2_000_000_000
    /// Bytes that are received in one go.
    public static let receiveBytes = 8 << 10
    /// Bytes of an answer at most: those of the scripts for limits have some dozens.
    public static let replyBytes = 1 << 20
    /// Times in a row that a server's word on where the keys are is followed at once.
    static let hops = 5
    /// Nanoseconds after which that count begins anew.
    static let hopTime: Int64 = 1_000_000_000
    /// Nanoseconds that a connection to the other server of a migration is kept without use.
    static let asideTime: Int64 = 10_000_000_000
}
