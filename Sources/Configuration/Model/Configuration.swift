public import Addressing

/// Everything `gateway.conf` says, checked, with defaults and inherited settings filled in.
///
/// Immutable: a reload makes another one, and an exchange keeps the one it started with. All times
/// are nanoseconds (`Int64`), all sizes bytes (`Int`); `nil` in a limit means that there is none.
public struct Configuration: Sendable {
    /// The sites, in the order of the file.
    public let sites: [Site]
    /// The upstreams, named ones first in the order of the file, then those that stand for an
    /// address in a `proxy` directive.
    public let upstreams: [Upstream]
    /// The distinct addresses to listen on.
    public let listeners: [SiteListener]
    /// The distinct access logs; `Policy.accessLog` points in here.
    public let accessLogs: [AccessLog]
    /// What limits and stored responses are shared through; nil: nothing is shared.
    public let redis: RedisPolicy?
    /// How many event loops to run.
    public let workers: Workers
    /// Where `/metrics`, `/livez` and `/readyz` are served; nil when off.
    public let metrics: SocketAddress?
    /// What a person has to show there to look into limits and reset them; nil: nobody can.
    public let controlToken: [UInt8]?
    /// The gateway's own operational log.
    public let log: OperationalLog
    /// What holds for a connection before any request of it is understood.
    public let connection: ConnectionSettings
    /// Who may remove stored responses; nil: nobody.
    public let cachePurge: CachePurge?
    /// What the caches of all routes share; nil when no route has one.
    public let cache: CacheSettings?
    /// How they are shared with other gateways; nil: they are not.
    public let cacheSharing: CacheSharing?
    /// What holds for TLS in the whole process.
    public let tls: TLSProcessSettings
    /// Where settings of TLS stand that only the machine can judge.
    public let origins: TLSOrigins
    /// What holds for a request that no site answers: malformed, or for an unknown host.
    public let policy: Policy
    /// What compression may take of each event loop.
    public let compression: CompressionSettings
    /// How long a drain may take before what is left is cut, in nanoseconds.
    public let drainTimeout: Int64
    /// Legal but dangerous settings; they never fail a load.
    public let warnings: [Diagnostic]
}

/// How many event loops to run.
public enum Workers: Sendable, Equatable {
    /// One for each core that the process may run on.
    case automatic
    /// That many, 1 to 1024.
    case count(Int)
}

/// What holds for a client's connection, whatever site its requests are for.
public struct ConnectionSettings: Sendable, Equatable {
    /// Time for a whole request head, and for a PROXY protocol preamble, in nanoseconds.
    public let headerTimeout: Int64
    /// Time between requests before the first one names a site, in nanoseconds.
    public let idleTimeout: Int64
    /// Bytes of a request head: request line and fields together.
    public let headerSize: Int
    /// Number of fields in a request head.
    public let headerCount: Int
    /// Bytes of a request target.
    public let targetSize: Int
    /// Client connections open at once, over all listeners; nil: no limit but the system's.
    public let connections: Int?
}

/// The gateway's own operational log.
public struct OperationalLog: Sendable, Equatable {
    /// From the most talkative to the most silent.
    public enum Level: String, Sendable, CaseIterable {
        case trace, debug, info, notice, warning, error, critical
    }
    /// How a line looks.
    public enum Format: String, Sendable, CaseIterable { case text, json }
    /// The least level that is written.
    public let level: Level
    /// How a line looks.
    public let format: Format
}

/// One access log.
public struct AccessLog: Sendable, Hashable {
    /// Where lines go.
    public enum Destination: Sendable, Hashable {
        case standardOutput
        case standardError
        /// A path as it stands in the file; a relative one is seen from the working directory.
        case file(String)
    }
    /// How a line looks.
    public enum Format: String, Sendable, CaseIterable { case common, combined, json }
    /// Where lines go.
    public let destination: Destination
    /// How a line looks.
    public let format: Format
}
