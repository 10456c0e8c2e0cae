public import Addressing

/// Which clients are served: the most specific network that holds the client's address decides.
public struct AccessRules: Sendable {
    /// What is said about each network.
    let networks: NetworkMap<Bool>
    /// Whether clients are served that no network holds: as long as nothing is allowed by name.
    public let allowsOthers: Bool
    /// Whether clients are served that have no address, because they came over a unix socket.
    public let allowsUnix: Bool

    /// Whether a client is served.
    /// - Parameter address: The client's address as it was resolved; nil when all that is known is
    ///   that it came over a unix socket.
    /// - Returns: Whether it is; otherwise the answer is 403.
    public func allows(_ address: IPAddress?) -> Bool {
        guard let address else { return allowsUnix }
        return networks.value(for: address) ?? allowsOthers
    }
}
