public import Addressing

/// Every setting that holds for one request, inherited ones filled in.
///
/// There is one for the whole gateway, one for each site and one for each route; whoever serves a
/// request holds the most specific one that is known so far, and looks nowhere else.
public final class Policy: Sendable {
    /// How the client's address is found.
    public let clientAddress: ClientAddressPolicy
    /// Whether an RFC 7239 `Forwarded` field is sent upstream beside X-Forwarded-For.
    public let sendsForwarded: Bool
    /// Changes to the request's fields before it is forwarded, in the order to apply.
    public let requestHeaders: [HeaderRule]
    /// Changes to the response's fields before it is sent, in the order to apply.
    public let responseHeaders: [HeaderRule]
    /// Which clients are served; nil: all.
    public let access: AccessRules?
    /// How long each wait may take.
    public let timeouts: Timeouts
    /// Bytes of a request's content; nil: no limit.
    public let bodyLimit: Int?
    /// Whether a request is taken in whole before it is forwarded.
    public let buffering: RequestBuffering
    /// How responses are cached; nil: they are not.
    public let cache: CacheRule?
    /// How responses are compressed; nil: they are not.
    public let compression: CompressionPolicy?
    /// Which contents become dictionaries; nil: none.
    public let dictionaries: DictionaryPolicy?
    /// How requests with a content coding are decoded; nil: they are not.
    public let requestDecoding: RequestDecoding?
    /// Files in place of the gateway's own error content.
    public let errorPages: [ErrorPage]
    /// Every limit that a request has to pass, outermost first.
    public let limits: LimitPolicy
    /// An index into `Configuration.accessLogs`; nil: requests are not logged.
    public let accessLog: Int?
    /// How clients are brought to https, and what is done to cookies; nil: nothing.
    public let https: HTTPSPolicy?

    init(
        clientAddress: ClientAddressPolicy,
        sendsForwarded: Bool,
        requestHeaders: [HeaderRule],
        responseHeaders: [HeaderRule],
        access: AccessRules?,
        timeouts: Timeouts,
        bodyLimit: Int?,
        buffering: RequestBuffering,
        cache: CacheRule?,
        compression: CompressionPolicy?,
        dictionaries: DictionaryPolicy?,
        requestDecoding: RequestDecoding?,
        errorPages: [ErrorPage],
        limits: LimitPolicy,
        accessLog: Int?,
        https: HTTPSPolicy?
    ) {
        self.clientAddress = clientAddress
        self.sendsForwarded = sendsForwarded
        self.requestHeaders = requestHeaders
        self.responseHeaders = responseHeaders
        self.access = access
        self.timeouts = timeouts
        self.bodyLimit = bodyLimit
        self.buffering = buffering
        self.cache = cache
        self.compression = compression
        self.dictionaries = dictionaries
        self.requestDecoding = requestDecoding
        self.errorPages = errorPages
        self.limits = limits
        self.accessLog = accessLog
        self.https = https
    }

    /// The page for a status, if there is one.
    ///
    /// Not on the path of a good request.
    public func errorPage(for status: Int) -> ErrorPage? {
        errorPages.first { $0.status == status }
    }
}

/// How the client's address is found.
public struct ClientAddressPolicy: Sendable {
    /// What is believed, when it comes over trusted hops.
    public enum Source: String, Sendable, CaseIterable {
        /// The X-Forwarded-For fields.
        case forwardedFor = "x-forwarded-for"
        /// The Forwarded fields. Source: RFC 7239.
        case forwarded = "forwarded"
        /// The PROXY protocol preamble of the connection.
        case proxyProtocol = "proxy_protocol"
        /// Nothing: the peer of the connection is the client.
        case peer = "peer"
    }
    /// What is believed.
    public let source: Source
    /// The peers whose word is believed.
    public let trusted: NetworkSet
    /// Whether peers on a unix socket are believed as well.
    public let trustsUnix: Bool
}

/// How long each wait of a request may take, in nanoseconds.
public struct Timeouts: Sendable, Equatable {
    /// Between two pieces of a request's content.
    public let body: Int64
    /// Between two requests of a connection.
    public let idle: Int64
    /// For the client to take the next piece of a response.
    public let send: Int64
    /// For a connection to a server of the upstream.
    public let connect: Int64
    /// For the next piece of the server's response, its head included.
    public let response: Int64
    /// For the server to take the next piece of a request.
    public let upstreamSend: Int64
    /// Without a byte in either direction of an upgraded connection.
    public let tunnel: Int64
}

/// Whether and how a request's content is taken in whole before it is forwarded.
public struct RequestBuffering: Sendable, Equatable {
    /// Whether it is.
    public let isOn: Bool
    /// Bytes kept in memory; what is beyond goes to an unlinked temporary file.
    public let memory: Int
    /// Where that file is made.
    public let directory: String
}

/// A file in place of the gateway's own content for a status.
public struct ErrorPage: Sendable, Equatable {
    /// 400 to 599.
    public let status: Int
    /// The content, read when the configuration was loaded.
    public let body: [UInt8]
    /// By the file's extension.
    public let contentType: String
}
