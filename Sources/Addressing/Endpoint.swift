/// Where an upstream server is: an address, or a host name that is still to be resolved.
public enum Endpoint: Hashable, Sendable {
    /// An address that can be connected to as it is.
    case address(SocketAddress)
    /// A host name, in lower case, with its port.
    case name(String, port: UInt16)

    /// The longest host name, in bytes, without the dot of the root.
    /// Source: RFC 1035 §2.3.4
    public static let maximumNameCount = 253
    /// The longest label of a host name, in bytes.
    public static let maximumLabelCount = 63

    /// Reads a server to connect to: `10.0.0.5:8000`, `[::1]:80`, `app.internal:8000`,
    /// `unix:/run/app.sock`, `unix:@name`.
    /// - Parameters:
    ///   - text: The text from the configuration.
    ///   - defaultPort: The port where none is written; without it a missing port is an error.
    /// - Throws: What is wrong with the text, or with the address as one to connect to.
    public init(_ text: String, defaultPort: UInt16? = nil) throws(AddressError) {
        if let path = try unixPath(text) {
            self = .address(.unix(path: path))
            return
        }
        let (host, port) = try splitPort(text, defaultPort: defaultPort, minimum: 1)
        if host.isEmpty { throw .missingHost(text) }
        guard let address = IPAddress(host) else {
            self = .name(try hostName(host), port: port)
            return
        }
        if address.isUnspecified { throw .unspecified(text) }
        self = .address(.ip(address, port: port))
    }
}

extension Endpoint: CustomStringConvertible {
    /// The endpoint as the configuration writes it.
    public var description: String {
        switch self {
        case .address(let address): address.description
        case .name(let name, let port): "\(name):\(port)"
        }
    }
}

// Checks a host name and puts it in lower case. Underscores are allowed: names of containers and
// services have them. Source: RFC 1123 §2.1, RFC 1035 §2.3.1
private func hostName(_ text: String) throws(AddressError) -> String {
    // A dot at the end only says that the name is complete.
    let name = text.hasSuffix(".") ? text.dropLast() : text[...]
    guard name.utf8.count <= Endpoint.maximumNameCount else {
        throw .hostName(text, reason: "it has more than \(Endpoint.maximumNameCount) bytes")
    }
    let labels = name.split(separator: ".", omittingEmptySubsequences: false)
    for label in labels {
        guard !label.isEmpty else { throw .hostName(text, reason: "a label is empty") }
        guard label.utf8.count <= Endpoint.maximumLabelCount else {
            throw .hostName(
                text,
                reason: "a label has more than \(Endpoint.maximumLabelCount) bytes"
            )
        }
        guard label.utf8.allSatisfy(isHostNameByte) else {
            throw .hostName(text, reason: "only letters, digits, '-', '_' and '.' belong in one")
        }
        guard !label.hasPrefix("-"), !label.hasSuffix("-") else {
            throw .hostName(text, reason: "a label starts or ends with '-'")
        }
    }
    // No top-level domain is a number, so this is an IPv4 address with a mistake in it.
    if let last = labels.last, last.utf8.allSatisfy({ $0 &- 48 < 10 }) {
        throw .notAnAddress(text)
    }
    return text.lowercased()
}

private func isHostNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
        true
    default: false
    }
}
