public import Addressing

/// How the responses of a route are cached; times are seconds.
public struct CacheRule: Sendable, Equatable {
    /// What a stored response is found by.
    public enum Key: String, Sendable, CaseIterable {
        /// The whole URL.
        case uri
        /// The URL without its query.
        case path
        /// The whole URL, and for POST and QUERY the content.
        case body
    }

    /// What is not listened to.
    public enum Ignored: String, Sendable, CaseIterable {
        /// What responses say about caching.
        case cacheControl = "cache_control"
        /// What requests ask of a cache.
        case request
        /// That a request has cookies.
        case cookies
    }

    /// A request that the cache has no part in.
    public struct Condition: Sendable, Equatable {
        /// Where to look.
        public enum Source: String, Sendable, CaseIterable {
            case cookie, header, query
        }
        /// Where to look.
        public let source: Source
        /// What must be there; for a header in lower case.
        public let name: [UInt8]
    }

    /// A lifetime for some statuses.
    public struct StatusLifetime: Sendable, Equatable {
        /// The statuses.
        public let statuses: ClosedRange<Int>
        /// How long their responses stay fresh.
        public let seconds: Int64
    }

    /// Which parameters of the query are a part of the key.
    public enum Query: Sendable, Equatable {
        case all
        case none
        /// Those of these names; a name may end in `*`.
        case only([[UInt8]])
        /// All but those.
        case without([[UInt8]])
    }

    /// How much the Cache-Status field tells.
    public enum StatusField: String, Sendable, CaseIterable {
        case on, off
        /// The key as well.
        case key
    }

    /// How long responses stay fresh that do not say so.
    public let lifetime: Int64?
    /// The same by status; the first that fits.
    public let statusLifetimes: [StatusLifetime]
    /// How long past that a response is served while it is fetched anew.
    public let staleWhileRevalidate: Int64?
    /// How long past that a response is served when it cannot be fetched.
    public let staleIfError: Int64?
    /// How many requests for a key there must be before its response is stored.
    public let minimumUses: Int
    /// The methods whose responses are stored.
    public let methods: MethodSet
    /// What a response is found by.
    public let key: Key
    /// Which requests go past the cache.
    public let bypass: [Condition]
    /// What is not listened to.
    public let ignored: [Ignored]
    /// Request fields, in lower case, that responses vary by without saying so.
    public let vary: [[UInt8]]
    /// Milliseconds that a request waits for another one's fetch.
    public let patience: Int64
    /// What clients are told.
    public let statusField: StatusField
    /// Which parameters of the query count.
    public let query: Query
    /// Whether their order does not.
    public let sortsQuery: Bool
    /// Whether Set-Cookie is stored and sent to everybody.
    public let storesCookies: Bool
}

/// What all caches of the process share.
public struct CacheSettings: Sendable, Equatable {
    /// Bytes of memory in all.
    public let size: Int
    /// Bytes of content of one response at most.
    public let objectSize: Int
    /// Where they survive a restart; nil: nowhere.
    public let disk: DiskSettings?
}

/// The disk that stored responses survive a restart on.
public struct DiskSettings: Sendable, Equatable {
    /// The directory.
    public let path: String
    /// Bytes that its files may take.
    public let size: Int
    /// Bytes of content of one response at most.
    public let objectSize: Int
    /// Nanoseconds that a request waits for it.
    public let timeout: Int64

    /// One response takes at most the so-manieth part of the size.
    public static let objectShare = 4
}

/// How stored responses are shared with other gateways through Redis.
public struct CacheSharing: Sendable, Equatable {
    /// Nanoseconds that a request waits for Redis at most.
    public let timeout: Int64
    /// Bytes of content of one response at most.
    public let objectSize: Int
    /// Bytes on their way to Redis at most, of each event loop.
    public let writeBuffer: Int
    /// What the names of keys begin with; braces keep them together in a cluster.
    public let prefix: String
}

/// Who may remove stored responses.
public struct CachePurge: Sendable, Equatable {
    /// The clients that may send PURGE to the sites.
    public let networks: NetworkSet
    /// What requests to the metrics listener must show; nil: they are refused.
    public let token: [UInt8]?
}
