/// Why a text of the configuration is no address or network, as a sentence for its author.
public enum AddressError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Not an IP address.
    case notAnAddress(String)
    /// Not a network in CIDR notation.
    case notANetwork(String)
    /// A prefix length that is no number or longer than the address.
    case prefixLength(String, maximum: Int)
    /// Bits behind the prefix are set, so it is unclear what was meant.
    case hostBits(String, network: Network, host: Network)
    /// A port is missing where there is no default.
    case missingPort(String)
    /// A port that is no number from `minimum` to 65535.
    case port(String, in: String, minimum: Int)
    /// An IPv6 address with a port needs brackets.
    case missingBrackets(String)
    /// There is no host in front of the port.
    case missingHost(String)
    /// Not a host name, with the reason.
    case hostName(String, reason: String)
    /// An address that cannot be connected to.
    case unspecified(String)
    /// A path of a unix socket that is missing, relative, or holds a NUL byte.
    case socketPath(String)
    /// A path of a unix socket that is longer than the kernel takes.
    case socketPathTooLong(String, maximum: Int)
    /// A URL where an address belongs.
    case url(String)

    /// A sentence that says what is wrong and what was probably meant.
    public var description: String {
        switch self {
        case .notAnAddress(let text):
            "'\(text)' is not an IP address"
        case .notANetwork(let text):
            "'\(text)' is not a network; write it like 10.0.0.0/8 or fd00::/8"
        case .prefixLength(let text, let maximum):
            "'\(text)' has no valid prefix length; a number from 0 to \(maximum) belongs behind '/'"
        case .hostBits(let text, let network, let host):
            "'\(text)' has bits set behind its prefix; write \(network) for the whole network"
                + " or \(host) for the one address"
        case .missingPort(let text):
            "'\(text)' has no port; write \(text.isEmpty ? "HOST" : text):PORT"
        case .port(let port, let text, let minimum):
            "'\(port)' in '\(text)' is not a port from \(minimum) to 65535"
        case .missingBrackets(let text):
            "'\(text)' is unclear: an IPv6 address with a port is written [ADDRESS]:PORT"
        case .missingHost(let text):
            "'\(text)' names no host; 127.0.0.1\(text) is this machine"
        case .hostName(let text, let reason):
            "'\(text)' is not a host name: \(reason)"
        case .unspecified(let text):
            "'\(text)' cannot be connected to; 127.0.0.1 or [::1] is this machine"
        case .socketPath(let text):
            "'\(text)' needs an absolute path, like unix:/run/app.sock, or unix:@name"
        case .socketPathTooLong(let text, let maximum):
            "'\(text)' is too long: the path of a unix socket has at most \(maximum) bytes"
        case .url(let text):
            "'\(text)' is a URL; only the address belongs here, without the scheme and the path"
        }
    }
}
