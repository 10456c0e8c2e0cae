/// One address that requests may be sent to, as configured or as resolved.
public struct ServerDescription: Sendable, Equatable {
    /// The address in its written form.
    ///
    /// Equal names are one server: they share health and load.
    public var name: String
    /// Share of the traffic, relative to the others.
    public var weight: Int
    /// Whether the server is used only while no other one can be.
    public var isBackup: Bool
    /// Whether the configuration takes the server out of use.
    public var isDown: Bool
    /// Most requests at a time, over all loops; 0 for no limit.
    public var maximumConnections: Int

    /// Describes a server.
    /// - Parameters:
    ///   - name: The address in its written form, such as `10.0.0.5:8000` or `unix:/run/app.sock`.
    ///   - weight: Brought into 1…65535.
    ///   - isBackup: Used only while no other server can be.
    ///   - isDown: Out of use by configuration.
    ///   - maximumConnections: Most requests at a time; 0 for no limit.
    public init(
        name: String,
        weight: Int = 1,
        isBackup: Bool = false,
        isDown: Bool = false,
        maximumConnections: Int = 0
    ) {
        self.name = name
        self.weight = min(max(1, weight), 65_535)
        self.isBackup = isBackup
        self.isDown = isDown
        self.maximumConnections = max(0, maximumConnections)
    }
}

/// A server and what all loops know about it.
public struct Server: Sendable {
    /// What was configured or resolved.
    public let description: ServerDescription
    /// Load and health, shared by all loops.
    public let status: ServerStatus
    /// The name as a number that is the same in every process and on every machine.
    public let identity: UInt64

    init(_ description: ServerDescription, status: ServerStatus) {
        self.description = description
        self.status = status
        self.identity = stableHash(of: description.name)
    }
}

/// What the choice of a server looks at: `Server` without its name, which would be retained and
/// released with every look.
struct Slot {
    let status: ServerStatus
    let identity: UInt64
    let weight: Int
    let maximumConnections: Int
    let isBackup: Bool
    let isDown: Bool

    init(_ server: Server) {
        status = server.status
        identity = server.identity
        weight = server.description.weight
        maximumConnections = server.description.maximumConnections
        isBackup = server.description.isBackup
        isDown = server.description.isDown
    }
}

/// The servers of one upstream at one moment: an immutable snapshot that all loops may hold.
///
/// Names resolve again and files are reloaded: `updated(to:)` makes the next snapshot, in which
/// every server that stays keeps its status, so that a reload does not forget who is ejected.
public struct ServerSet: Sendable {
    /// Most servers in a set; what a name resolves to beyond that is left out.
    public static let maximumCount = 1_024

    /// The servers in the order given.
    public let servers: [Server]

    /// Makes a set in which nothing is known about any server.
    public init(_ descriptions: [ServerDescription]) {
        self.init(descriptions, keeping: [:])
    }

    private init(_ descriptions: [ServerDescription], keeping old: [String: ServerStatus]) {
        var statuses = old
        var servers: [Server] = []
        for description in descriptions.prefix(ServerSet.maximumCount) {
            let status = statuses[description.name] ?? ServerStatus()
            statuses[description.name] = status
            servers.append(Server(description, status: status))
        }
        self.servers = servers
    }

    /// The next snapshot: servers that stay keep their status, new ones start afresh.
    public func updated(to descriptions: [ServerDescription]) -> ServerSet {
        var statuses: [String: ServerStatus] = [:]
        for server in servers { statuses[server.description.name] = server.status }
        return ServerSet(descriptions, keeping: statuses)
    }
}

/// The servers that one request has already been sent to, so that a retry goes elsewhere.
///
/// It holds identities, not indices: the set may be replaced while a request waits.
public struct TriedServers: Sendable {
    /// Most attempts of one request.
    public static let maximumCount = 8

    private var identities = InlineArray<8, UInt64>(repeating: 0)
    private var count = 0

    /// Makes an empty set.
    public init() {}

    /// Whether nothing has been tried.
    public var isEmpty: Bool { count == 0 }

    /// Whether no further attempt can be remembered, and so none may be made.
    public var isFull: Bool { count == TriedServers.maximumCount }

    /// Adds a server.
    /// - Returns: False if the set is full; then the request must not be sent again.
    @discardableResult
    public mutating func insert(_ server: Server) -> Bool {
        guard !isFull else { return false }
        identities[count] = server.identity
        count += 1
        return true
    }

    /// Whether a server has been tried.
    public func contains(_ server: Server) -> Bool {
        contains(server.identity)
    }

    func contains(_ identity: UInt64) -> Bool {
        for index in 0..<count where identities[index] == identity { return true }
        return false
    }
}
