/// An IPv4 or IPv6 address.
///
/// IPv4 stays IPv4, and an IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) stays IPv6 until
/// `unmapped` is asked for: what a socket or a text said is kept, and rules that compare addresses
/// unmap first. Zone identifiers are not part of the value.
/// Source: RFC 4291, RFC 791
public struct IPAddress: Hashable, Sendable {
    /// The upper 64 bits of an IPv6 address; 0 for IPv4.
    public let high: UInt64
    /// The lower 64 bits of an IPv6 address; for IPv4 the address in its lower 32 bits.
    public let low: UInt64
    /// Whether this is an IPv4 address.
    public let isIPv4: Bool

    /// Makes an IPv4 address.
    /// - Parameter v4: The address as a number, first octet highest.
    public init(v4: UInt32) {
        high = 0
        low = UInt64(v4)
        isIPv4 = true
    }

    /// Makes an IPv4 address from its four octets, first one first.
    public init(_ first: UInt8, _ second: UInt8, _ third: UInt8, _ fourth: UInt8) {
        let upper = UInt32(first) << 24 | UInt32(second) << 16
        self.init(v4: upper | UInt32(third) << 8 | UInt32(fourth))
    }

    /// Makes an IPv6 address from its two halves, most significant first.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
        isIPv4 = false
    }

    /// Makes an IPv6 address from one number.
    init(v6: UInt128) {
        self.init(
            high: UInt64(truncatingIfNeeded: v6 >> 64),
            low: UInt64(truncatingIfNeeded: v6)
        )
    }

    /// The IPv4 address as a number, first octet highest; nil for IPv6.
    public var v4: UInt32? { isIPv4 ? UInt32(truncatingIfNeeded: low) : nil }

    /// All 128 bits of an IPv6 address, or the 32 bits of an IPv4 address.
    var bits: UInt128 { UInt128(high) << 64 | UInt128(low) }

    /// Bits in an address of this family: 32 or 128.
    public var bitWidth: Int { isIPv4 ? 32 : 128 }

    /// The IPv4 address inside an IPv4-mapped one; every other address as it is.
    /// Source: RFC 4291 §2.5.5.2
    public var unmapped: IPAddress {
        isIPv4Mapped ? IPAddress(v4: UInt32(truncatingIfNeeded: low)) : self
    }

    /// The IPv4-mapped IPv6 form of an IPv4 address, as a dual-stack socket wants it; an IPv6
    /// address as it is.
    public var mapped: IPAddress {
        isIPv4 ? IPAddress(high: 0, low: 0xffff_0000_0000 | low) : self
    }

    /// `0.0.0.0`.
    public static let unspecifiedIPv4 = IPAddress(v4: 0)
    /// `::`.
    public static let unspecifiedIPv6 = IPAddress(high: 0, low: 0)
    /// `127.0.0.1`.
    public static let loopbackIPv4 = IPAddress(127, 0, 0, 1)
    /// `::1`.
    public static let loopbackIPv6 = IPAddress(high: 0, low: 1)
}

extension IPAddress: Comparable {
    /// Orders IPv4 before IPv6, then by number.
    public static func < (left: IPAddress, right: IPAddress) -> Bool {
        if left.isIPv4 != right.isIPv4 { return left.isIPv4 }
        return (left.high, left.low) < (right.high, right.low)
    }
}
