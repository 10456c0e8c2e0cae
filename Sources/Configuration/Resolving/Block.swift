import Addressing

/// Something that stands in a file, with its place.
struct Placed<Value: Sendable>: Sendable {
    let value: Value
    let mark: Mark
}

/// What the directives of one block said: the model under construction.
///
/// A class, because directives fill it one after the other; it never leaves the load.
final class Block {
    let context: Context
    /// Where it begins; for the top, the first byte of the file.
    let mark: Mark
    /// Whether something in it was wrong, so that nothing can be said about what is missing.
    var isDamaged = false
    /// Where each directive stood first.
    var seen: [String: Mark] = [:]

    // What a block is.
    var name: Placed<String>?
    var hosts: [Placed<HostPattern>] = []
    var pattern: PathPattern = .any
    var methods: MethodSet = .all

    // What stands in it.
    var sites: [Block] = []
    var upstreams: [Block] = []
    var routes: [Block] = []

    // Settings of the top.
    var metrics: Placed<SocketAddress?>?
    var controlToken: [UInt8]?
    var log: OperationalLog?
    var workers: Workers?
    var cacheSize: Placed<Int>?
    var cacheObjectSize: Placed<Int>?
    var cachePath: Placed<DiskSettings>?
    var cachePurge: Placed<CachePurge>?
    var cacheShared: Placed<CacheSharingDraft>?
    var compressionSettings: CompressionSettings?

    // Settings of several contexts.
    var listens: [Placed<ListenDraft>] = []
    var trusted: Placed<TrustDraft>?
    var clientAddress: Placed<ClientAddressPolicy.Source>?
    var forwarded: Placed<Bool>?
    var accessLog: Placed<AccessLog?>?
    var timeouts: [String: Placed<Int64>] = [:]
    var limits: [String: Placed<Int?>] = [:]
    var buffer: Placed<BufferDraft>?
    /// nil inside: switched off.
    var cache: Placed<CacheDraft?>?
    var cacheKey: Placed<CacheKeyDraft>?
    var cacheCookies: Placed<Bool>?
    var compression: Placed<CompressionPolicy?>?
    /// nil inside: switched off.
    var dictionary: Placed<DictionaryPolicy?>?
    var decompression: Placed<RequestDecoding?>?
    var errorPages: [Placed<ErrorPage>] = []
    var headers: [Placed<HeaderDraft>] = []
    var access: [Placed<AccessDraft>] = []
    var action: Placed<ActionDraft>?
    var rewrites: [Placed<Rewriting.Rule>] = []
    var https: Placed<HTTPSDraft>?
    var cookies: Placed<CookieDraft>?

    // TLS.
    var certificates: [Placed<CertificateSource>] = []
    var tls: Placed<TLSDraft>?
    var clientCertificates: Placed<ClientCertificatePolicy>?
    var ticketKeys: Placed<String>?
    var state: Placed<String>?

    var redis: Placed<RedisPolicy>?
    var rateLimits: [Placed<RateLimitDraft>] = []
    var concurrencyLimits: [Placed<ConcurrencyDraft>] = []
    /// nil within: off.
    var bandwidth: Placed<BandwidthLimit?>?
    var rateLimitFields: Placed<RateLimitFields>?

    // Settings of an upstream.
    var adaptsConcurrency = false
    var upstreamTLS: Placed<UpstreamTLS>?
    var servers: [Placed<UpstreamServer>] = []
    var balance: Placed<Balance>?
    var keepAlive: Placed<KeepAliveDraft>?
    var healthCheck: HealthCheck?
    var ejection: Placed<Ejection?>?
    var attempts: Int?
    var profile: Placed<Profile>?

    init(_ context: Context, mark: Mark) {
        self.context = context
        self.mark = mark
    }
}

/// An address of a `listen`.
struct ListenDraft: Sendable {
    let address: SocketAddress
    let proxyProtocol: Bool
    let isSecure: Bool
    let mode: UInt16?
    let defers: Bool
}

/// What `trusted_proxies` lists.
struct TrustDraft: Sendable {
    var networks: [Network] = []
    var unix = false
}

/// What `buffer` says; nil is left to what is outside.
struct BufferDraft: Sendable {
    let isOn: Bool
    let memory: Int?
    let directory: String?
}

/// What `keepalive` says; nil is left to the profile.
struct KeepAliveDraft: Sendable {
    let isOff: Bool
    let connections: Int?
    let idle: Placed<Int64>?
    let requests: Int?
}

/// A rule of `header`, and which message it is for.
struct HeaderDraft: Sendable {
    let isRequest: Bool
    let rule: HeaderRule
}

/// One word of `allow` or `deny`.
struct AccessDraft: Sendable {
    enum Subject: Sendable, Hashable {
        case network(Network)
        case all
        case unix
    }
    let subject: Subject
    let isAllowed: Bool
}

/// What answers, before upstreams have numbers.
enum ActionDraft: Sendable {
    /// The name of an upstream.
    case proxyName(String)
    /// An address, which becomes an upstream of its own.
    case proxyEndpoint(Endpoint, isSecure: Bool)
    case respond(FixedResponse)
    case redirect(Redirection)

    /// The directive that says it.
    var directive: String {
        switch self {
        case .proxyName, .proxyEndpoint: "proxy"
        case .respond: "respond"
        case .redirect: "redirect"
        }
    }

    /// Whether requests are forwarded.
    var forwards: Bool {
        switch self {
        case .proxyName, .proxyEndpoint: true
        case .respond, .redirect: false
        }
    }
}
