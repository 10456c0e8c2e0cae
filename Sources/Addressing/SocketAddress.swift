/// Where a socket listens or connects: an IP address with a port, or a unix socket.
public enum SocketAddress: Hashable, Sendable {
    /// An IP address and a port. The address `::` as a listener means every address of the
    /// machine, IPv4 and IPv6 alike.
    case ip(IPAddress, port: UInt16)
    /// A unix socket: a path in the file system, or `@name` for an abstract one.
    case unix(path: String)

    /// The longest path of a unix socket, in bytes: `sun_path` less its NUL.
    public static let maximumPathCount = 107
    /// What introduces a unix socket in the configuration.
    static let unixPrefix = "unix:"

    /// Reads an address to listen on: `:443` (every address of the machine), `127.0.0.1:8080`,
    /// `[::1]:80`, `unix:/run/app.sock`, `unix:@name`.
    /// - Parameters:
    ///   - text: The text from the configuration.
    ///   - defaultPort: The port where none is written; without it a missing port is an error.
    /// - Throws: What is wrong with the text. Port 0 is allowed: the kernel then chooses one.
    public init(_ text: String, defaultPort: UInt16? = nil) throws(AddressError) {
        if let path = try unixPath(text) {
            self = .unix(path: path)
            return
        }
        let (host, port) = try splitPort(text, defaultPort: defaultPort, minimum: 0)
        if host.isEmpty {
            self = .ip(.unspecifiedIPv6, port: port)
        } else if let address = IPAddress(host) {
            self = .ip(address, port: port)
        } else {
            throw .notAnAddress(host)
        }
    }

    /// The port; nil for a unix socket.
    public var port: UInt16? {
        if case .ip(_, let port) = self { port } else { nil }
    }

    /// The IP address; nil for a unix socket.
    public var ipAddress: IPAddress? {
        if case .ip(let address, _) = self { address } else { nil }
    }
}

extension SocketAddress: CustomStringConvertible {
    /// The address as the configuration writes it: `127.0.0.1:80`, `[::1]:80`, `unix:/run/a.sock`.
    public var description: String {
        switch self {
        case .ip(let address, let port):
            address.isIPv4 ? "\(address):\(port)" : "[\(address)]:\(port)"
        case .unix(let path): SocketAddress.unixPrefix + path
        }
    }
}

/// The path behind `unix:`; nil if the text does not start with it.
func unixPath(_ text: String) throws(AddressError) -> String? {
    guard text.hasPrefix(SocketAddress.unixPrefix) else { return nil }
    let path = text.dropFirst(SocketAddress.unixPrefix.count)
    guard path.utf8.count > 1, path.hasPrefix("/") || path.hasPrefix("@"),
        !path.utf8.contains(0)
    else { throw .socketPath(text) }
    guard path.utf8.count <= SocketAddress.maximumPathCount else {
        throw .socketPathTooLong(text, maximum: SocketAddress.maximumPathCount)
    }
    return String(path)
}

/// Cuts `host:port`, `[address]:port`, `[address]` or `host`; takes off the brackets.
func splitPort(
    _ text: String,
    defaultPort: UInt16?,
    minimum: Int
) throws(AddressError) -> (host: String, port: UInt16) {
    if text.contains("/") { throw .url(text) }
    let host: Substring
    let rest: Substring
    if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
        host = text[text.index(after: text.startIndex)..<end]
        rest = text[text.index(after: end)...]
        // Brackets are for IPv6 only; `[app]:80` would be a typing mistake.
        guard IPAddress(String(host))?.isIPv4 == false else { throw .notAnAddress(String(host)) }
    } else {
        let colon = text.firstIndex(of: ":") ?? text.endIndex
        host = text[..<colon]
        rest = text[colon...]
        if rest.dropFirst().contains(":") {
            guard defaultPort != nil, IPAddress(text) != nil else {
                throw .missingBrackets(text)
            }
            return (text, defaultPort ?? 0)
        }
    }
    guard !rest.isEmpty else {
        guard let defaultPort else { throw .missingPort(text) }
        return (String(host), defaultPort)
    }
    guard rest.hasPrefix(":"), let port = decimal(rest.dropFirst().utf8, maximum: 65535),
        port >= minimum
    else {
        let written = rest.hasPrefix(":") ? rest.dropFirst() : rest
        throw .port(String(written), in: text, minimum: minimum)
    }
    return (String(host), UInt16(truncatingIfNeeded: port))
}
