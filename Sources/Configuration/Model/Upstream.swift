public import Addressing

/// Servers that do the same work.
public final class Upstream: Sendable {
    /// Its label in metrics and logs: the name, or the address when `proxy` was given one.
    public let name: String
    /// At least one, the first ones not backups.
    public let servers: [UpstreamServer]
    /// How one is chosen.
    public let balance: Balance
    /// How idle connections are kept, for each loop and server; nil: they are not.
    public let keepAlive: KeepAlive?
    /// How servers are asked whether they are well; nil: they are not.
    public let healthCheck: HealthCheck?
    /// When a server that fails requests is set aside; nil: never.
    public let ejection: Ejection?
    /// How many servers one request may be tried on, at least 1.
    public let attempts: Int
    /// What the servers are.
    public let profile: Profile
    /// Whether content of unknown length is taken in whole and sent with a Content-Length, because
    /// the servers cannot read chunked content.
    public let needsContentLength: Bool
    /// How long health checks and requests wait for a connection, where no route says otherwise, in
    /// nanoseconds.
    public let connectTimeout: Int64
    /// Whether the gateway finds how many requests the servers work on at once, and keeps to it.
    public let adaptsConcurrency: Bool
    /// How the servers with TLS are verified; nil when none has it.
    public let tls: UpstreamTLS?

    init(
        name: String,
        servers: [UpstreamServer],
        balance: Balance,
        keepAlive: KeepAlive?,
        healthCheck: HealthCheck?,
        ejection: Ejection?,
        attempts: Int,
        profile: Profile,
        needsContentLength: Bool,
        connectTimeout: Int64,
        tls: UpstreamTLS?,
        adaptsConcurrency: Bool = false
    ) {
        self.name = name
        self.servers = servers
        self.balance = balance
        self.keepAlive = keepAlive
        self.healthCheck = healthCheck
        self.ejection = ejection
        self.attempts = attempts
        self.profile = profile
        self.needsContentLength = needsContentLength
        self.connectTimeout = connectTimeout
        self.adaptsConcurrency = adaptsConcurrency
        self.tls = tls
    }
}

/// One server of an upstream.
public struct UpstreamServer: Sendable {
    /// An address, a socket's path, or a name to resolve.
    public let endpoint: Endpoint
    /// Its share of the requests, 1 to 1000.
    public let weight: Int
    /// Whether it is used only when no other one is left.
    public let isBackup: Bool
    /// Connections open at once over all loops; nil: no limit.
    public let maximumConnections: Int?
    /// Whether it is left out.
    public let isDown: Bool
    /// Whether connections to it are encrypted.
    public let isSecure: Bool
}

/// How a server is chosen.
public enum Balance: Sendable, Equatable {
    /// In turn, by weight.
    case roundRobin
    /// The one with the fewest requests in flight for its weight.
    case leastConnections
    /// The less busy of two taken at random.
    case random
    /// The same key, the same server.
    case hash(HashKey)
}

/// What a request is known by when servers are chosen by hash.
public enum HashKey: Sendable, Equatable {
    case clientAddress
    case host
    case path
    /// The path with the query.
    case uri
    /// A field's value; the name lower-case.
    case header(String)
    /// A cookie's value; the name as it is.
    case cookie(String)
}

/// How idle connections to servers are kept.
public struct KeepAlive: Sendable, Equatable {
    /// Idle connections, for each loop and server.
    public let connections: Int
    /// How long one may stay idle and be used again, in nanoseconds.
    public let idle: Int64
    /// Requests over one connection; nil: no limit.
    public let requests: Int?
}

/// How servers are asked whether they are well.
public struct HealthCheck: Sendable, Equatable {
    /// The request target.
    public let path: String
    /// The Host field; nil: the server's address.
    public let host: String?
    /// From one check to the next, in nanoseconds.
    public let interval: Int64
    /// For the whole check, in nanoseconds.
    public let timeout: Int64
    /// Good answers in a row that bring a server back.
    public let passes: Int
    /// Bad ones in a row that take it out.
    public let fails: Int
    /// Which statuses are good.
    public let expected: [ClosedRange<Int>]

    /// Whether a status is a good answer.
    public func accepts(_ status: Int) -> Bool { expected.contains { $0.contains(status) } }
}

/// When a server that fails requests is set aside.
public struct Ejection: Sendable, Equatable {
    /// Failures in a row.
    public let fails: Int
    /// How long the first time, in nanoseconds; each time after that twice as long.
    public let time: Int64
    /// How long at most, in nanoseconds.
    public let maximum: Int64
}

/// What the servers of an upstream are, which decides some defaults.
public enum Profile: String, Sendable, CaseIterable {
    case gunicorn, uwsgi, uvicorn, node, generic
}
