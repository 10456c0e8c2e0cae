/// A block of addresses that share a prefix.
///
/// Invariants: `prefixLength` fits the family; all bits of `address` behind the prefix are 0; a
/// network inside `::ffff:0:0/96` is kept as the IPv4 network it stands for.
/// Source: RFC 4632 §3.1, RFC 4291 §2.3
public struct Network: Hashable, Sendable {
    /// The first address of the block.
    public let address: IPAddress
    /// Bits that all addresses of the block share: 0 to 32 or 128.
    public let prefixLength: Int

    /// The block of a given size that an address lies in.
    /// - Parameters:
    ///   - address: Any address of the block.
    ///   - prefixLength: Out of range gives nil.
    public init?(containing address: IPAddress, prefixLength: Int) {
        guard prefixLength >= 0, prefixLength <= address.bitWidth else { return nil }
        if address.isIPv4Mapped && prefixLength >= 96 {
            self.init(masking: address.unmapped, prefixLength: prefixLength - 96)
        } else {
            self.init(masking: address, prefixLength: prefixLength)
        }
    }

    /// The block that holds one address only.
    public init(_ address: IPAddress) {
        let plain = address.unmapped
        self.init(masking: plain, prefixLength: plain.bitWidth)
    }

    private init(masking address: IPAddress, prefixLength: Int) {
        let first = address.bits & ~hostMask(bits: address.bitWidth - prefixLength)
        self.address =
            address.isIPv4
            ? IPAddress(v4: UInt32(truncatingIfNeeded: first)) : IPAddress(v6: first)
        self.prefixLength = prefixLength
    }

    /// Reads `10.0.0.0/8`, `fd00::/8`, or one address alone.
    /// - Parameter text: The text from the configuration.
    /// - Throws: `notANetwork`, `prefixLength`, or `hostBits`: a network like `10.0.0.1/8` could
    ///   mean a block or a host, and a guess would be silently wrong.
    public init(_ text: String) throws(AddressError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(String(first)) else {
            throw .notANetwork(text)
        }
        guard parts.count == 2 else {
            self.init(address)
            return
        }
        guard let length = decimal(parts[1].utf8, maximum: address.bitWidth),
            let network = Network(containing: address, prefixLength: length)
        else { throw .prefixLength(text, maximum: address.bitWidth) }
        guard address.bits & hostMask(bits: address.bitWidth - length) == 0 else {
            throw .hostBits(text, network: network, host: Network(address))
        }
        self = network
    }

    /// The last address of the block.
    public var last: IPAddress {
        let bits = address.bits | hostMask(bits: address.bitWidth - prefixLength)
        return address.isIPv4
            ? IPAddress(v4: UInt32(truncatingIfNeeded: bits)) : IPAddress(v6: bits)
    }

    /// Whether an address lies in the block; an IPv4-mapped address counts as IPv4.
    public func contains(_ other: IPAddress) -> Bool {
        let plain = other.unmapped
        guard plain.isIPv4 == address.isIPv4 else { return false }
        return (plain.bits ^ address.bits) >> UInt128(address.bitWidth - prefixLength) == 0
    }
}

extension Network: CustomStringConvertible {
    /// The block in CIDR notation, with its prefix length always written.
    public var description: String { "\(address)/\(prefixLength)" }
}

/// A number whose lowest bits are set.
private func hostMask(bits: Int) -> UInt128 {
    bits >= 128 ? .max : (1 << UInt128(bits)) - 1
}

/// Reads a decimal number without sign and leading zeros; nil past the maximum.
func decimal(_ text: some Collection<UInt8>, maximum: Int) -> Int? {
    guard let first = text.first, text.count <= 5, text.count == 1 || first != 48 else {
        return nil
    }
    var value = 0
    for byte in text {
        guard byte &- 48 < 10 else { return nil }
        value = value &* 10 &+ Int(byte &- 48)  // At most 99,999: five digits.
    }
    return value <= maximum ? value : nil
}
