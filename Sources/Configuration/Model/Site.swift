/// A set of hosts, and the routes their requests may take.
public final class Site: Sendable {
    /// The first host: the site's label in metrics and logs.
    public let name: String
    /// All hosts.
    public let hosts: [HostPattern]
    /// The routes, in the order of the file.
    public let routes: [Route]
    /// Chooses among the routes by path and method.
    public let table: RouteTable
    /// The listeners it is reachable on, as indices into `Configuration.listeners`.
    public let listeners: [Int]
    /// What holds for a request that no route takes.
    public let policy: Policy
    /// How TLS is spoken; nil when none of the listeners has it.
    public let tls: SiteTLS?

    init(
        hosts: [HostPattern],
        routes: [Route],
        table: RouteTable,
        listeners: [Int],
        policy: Policy,
        tls: SiteTLS?
    ) {
        self.name = hosts.first?.description ?? "*"
        self.hosts = hosts
        self.routes = routes
        self.table = table
        self.listeners = listeners
        self.policy = policy
        self.tls = tls
    }
}

/// A host in a `site` directive, lower-case and without a trailing dot.
public enum HostPattern: Sendable, Hashable, CustomStringConvertible {
    /// That host alone: a name in A-label form, an IPv4 address, or an IPv6 address in brackets.
    case exact(String)
    /// Every host below that name, at any depth, but not the name itself.
    case below(String)
    /// Every host, also none.
    case any

    /// As it stands in the file.
    public var description: String {
        switch self {
        case .exact(let name): name
        case .below(let name): "*." + name
        case .any: "*"
        }
    }
}
