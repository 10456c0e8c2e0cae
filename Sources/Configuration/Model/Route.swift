/// What happens to the requests for some paths and methods of a site.
public final class Route: Sendable {
    /// The pattern as it stands in the file: the route's label in metrics and logs.
    public let name: String
    /// The site it belongs to, as an index into `Configuration.sites`.
    public let site: Int
    /// Which paths it takes.
    public let pattern: PathPattern
    /// Which methods it takes.
    public let methods: MethodSet
    /// What answers.
    public let action: Action
    /// Changes to the path before the request is forwarded.
    public let rewriting: Rewriting
    /// Every setting that holds for its requests, inherited ones filled in.
    public let policy: Policy

    init(
        site: Int,
        pattern: PathPattern,
        methods: MethodSet,
        action: Action,
        rewriting: Rewriting,
        policy: Policy
    ) {
        self.name = pattern.description
        self.site = site
        self.pattern = pattern
        self.methods = methods
        self.action = action
        self.rewriting = rewriting
        self.policy = policy
    }
}

/// What answers a request.
public enum Action: Sendable {
    /// A server of an upstream, given as an index into `Configuration.upstreams`.
    case proxy(upstream: Int)
    /// A fixed response.
    case respond(FixedResponse)
    /// A redirection.
    case redirect(Redirection)
}

/// A response that stands in the file.
public struct FixedResponse: Sendable, Equatable {
    /// 200 to 599.
    public let status: Int
    /// The content; empty for none.
    public let body: [UInt8]
    /// The Content-Type; nil when there is no content.
    public let contentType: String?
}

/// A redirection.
public struct Redirection: Sendable, Equatable {
    /// 301, 302, 303, 307 or 308.
    public let status: Int
    /// The Location.
    public let target: Template
}

/// The paths a route takes.
public enum PathPattern: Sendable, Hashable, CustomStringConvertible {
    /// That path alone.
    case exact(String)
    /// A path that ends in `/`: everything below it, and the path itself with or without the slash.
    case prefix(String)
    /// Every path, and the asterisk of `OPTIONS *`.
    case any

    /// As it stands in the file.
    public var description: String {
        switch self {
        case .exact(let path): path
        case .prefix(let path): path + "*"
        case .any: "*"
        }
    }
}
