/// Many networks, compiled so that one look-up tells whether any of them holds an address.
public struct NetworkSet: Sendable {
    /// The networks as they were given, for messages.
    public let networks: [Network]
    private let v4: RangeTable<UInt32>
    private let v6: RangeTable<UInt128>

    /// Compiles a set; networks may overlap and repeat.
    public init(_ networks: [Network]) {
        self.networks = networks
        // One payload for all, so that overlapping and adjacent networks melt into one range.
        v4 = RangeTable(
            networks.compactMap { network in
                guard let first = network.address.v4, let last = network.last.v4 else {
                    return nil
                }
                return .init(first: first, last: last, payload: 0)
            }
        )
        v6 = RangeTable(
            networks.compactMap { network in
                guard !network.address.isIPv4 else { return nil }
                return .init(
                    first: network.address.bits,
                    last: network.last.bits,
                    payload: 0
                )
            }
        )
    }

    /// A set that holds nothing.
    public static let empty = NetworkSet([])

    /// Whether there is no network in the set.
    public var isEmpty: Bool { networks.isEmpty }

    /// Whether one of the networks holds an address; an IPv4-mapped address counts as IPv4.
    public func contains(_ address: IPAddress) -> Bool {
        let plain = address.unmapped
        if let number = plain.v4 { return v4.payload(at: number) >= 0 }
        return v6.payload(at: plain.bits) >= 0
    }
}

extension NetworkSet: Hashable {
    /// Compares the networks as they were given.
    public static func == (left: NetworkSet, right: NetworkSet) -> Bool {
        left.networks == right.networks
    }

    /// Feeds the networks as they were given.
    public func hash(into hasher: inout Hasher) { hasher.combine(networks) }
}
