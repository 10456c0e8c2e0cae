/// What an address is for. All of these look through an IPv4-mapped address.
extension IPAddress {
    /// Whether this is an IPv6 address that carries an IPv4 one.
    /// Source: RFC 4291 §2.5.5.2
    public var isIPv4Mapped: Bool { !isIPv4 && high == 0 && low >> 32 == 0xffff }

    /// Whether this is `0.0.0.0` or `::`, which name no host.
    public var isUnspecified: Bool {
        let plain = unmapped
        return plain.high == 0 && plain.low == 0
    }

    /// Whether packets to it never leave the machine: `127.0.0.0/8`, `::1`.
    /// Source: RFC 1122 §3.2.1.3, RFC 4291 §2.5.3
    public var isLoopback: Bool {
        if let v4 = unmapped.v4 { return v4 >> 24 == 127 }
        return high == 0 && low == 1
    }

    /// Whether it is for private networks: `10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16`,
    /// `fc00::/7`.
    /// Source: RFC 1918 §3, RFC 4193 §3.1
    public var isPrivate: Bool {
        if let v4 = unmapped.v4 {
            return v4 >> 24 == 10 || v4 >> 20 == 0xac1 || v4 >> 16 == 0xc0a8
        }
        return high >> 57 == 0x7e
    }

    /// Whether it is for the space between a carrier and its subscribers: `100.64.0.0/10`.
    /// Source: RFC 6598 §7
    public var isShared: Bool {
        guard let v4 = unmapped.v4 else { return false }
        return v4 >> 22 == 0x191
    }

    /// Whether it is valid on one link only: `169.254.0.0/16`, `fe80::/10`.
    /// Source: RFC 3927 §2.1, RFC 4291 §2.5.6
    public var isLinkLocal: Bool {
        if let v4 = unmapped.v4 { return v4 >> 16 == 0xa9fe }
        return high >> 54 == 0x3fa
    }

    /// Whether it is for measuring network devices: `198.18.0.0/15`, `2001:2::/48`.
    /// Source: RFC 2544 §11, RFC 5180 §8
    public var isBenchmarking: Bool {
        if let v4 = unmapped.v4 { return v4 >> 17 == 0x6309 }
        return high >> 16 == 0x2001_0002_0000
    }

    /// Whether it names a group: `224.0.0.0/4`, `ff00::/8`.
    /// Source: RFC 5771 §3, RFC 4291 §2.7
    public var isMulticast: Bool {
        if let v4 = unmapped.v4 { return v4 >> 28 == 0xe }
        return high >> 56 == 0xff
    }

    /// Whether no host on the public internet can have it as its own: what a proxy in front of
    /// the gateway has, and a visitor does not.
    public var isPrivateOrLocal: Bool {
        isPrivate || isLoopback || isLinkLocal || isShared || isBenchmarking
    }
}
