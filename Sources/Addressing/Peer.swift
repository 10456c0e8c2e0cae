/// The other end of a connection, without the names that a unix socket may have.
public enum Peer: Hashable, Sendable {
    /// A host, with the port that the connection comes from.
    case ip(IPAddress, port: UInt16)
    /// A process on this machine, over a unix socket.
    case unix

    /// The IP address, an IPv4-mapped one as IPv4; nil for a unix socket.
    public var address: IPAddress? {
        if case .ip(let address, _) = self { address.unmapped } else { nil }
    }

    /// The port; nil for a unix socket.
    public var port: UInt16? {
        if case .ip(_, let port) = self { port } else { nil }
    }
}

/// The peers whose word about the client is believed.
public struct TrustedPeers: Hashable, Sendable {
    /// The networks that proxies in front of the gateway connect from.
    public let networks: NetworkSet
    /// Whether processes that connect over a unix socket are believed.
    public let trustsUnixPeers: Bool

    /// Makes the set of believed peers.
    public init(networks: NetworkSet, trustsUnixPeers: Bool = false) {
        self.networks = networks
        self.trustsUnixPeers = trustsUnixPeers
    }

    /// Believes nobody.
    public static let none = TrustedPeers(networks: .empty)

    /// Whether a peer is believed.
    public func contains(_ peer: Peer) -> Bool {
        switch peer {
        case .ip(let address, _): networks.contains(address)
        case .unix: trustsUnixPeers
        }
    }
}
