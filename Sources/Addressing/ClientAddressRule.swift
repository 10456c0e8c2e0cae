import Bytes

/// The rule that finds the client behind a chain of proxies.
///
/// The chain is read from right to left, because each proxy appends at the right: the peer vouches
/// for the last entry, that entry, if it is a believed proxy, for the one before it, and so on. The
/// first entry that is not a believed proxy is the client; everything to its left could have been
/// written by the client itself and is never looked at. An entry that cannot be read ends the
/// chain too, and the last good address counts.
///
/// ```
/// var client = rule.start(peer: peer)            // once for a connection
/// for value in forwardedFor.reversed() {         // for each request, the last field first
///     guard client.wantsField else { break }
///     rule.read(value, into: &client)
/// }
/// ```
public struct ClientAddressRule: Hashable, Sendable {
    /// Where the client's address is taken from.
    public enum Source: UInt8, Sendable, CaseIterable {
        /// `X-Forwarded-For`.
        case xForwardedFor
        /// `Forwarded`, RFC 7239.
        case forwarded
        /// The PROXY protocol header of the connection.
        case proxyProtocol
        /// The socket, whatever anybody says.
        case peer
    }

    /// More believed proxies than this in one chain are a loop or an attack.
    public static let maximumHopCount = 64

    /// Where the client's address is taken from.
    public let source: Source
    /// Whose word is believed.
    public let trusted: TrustedPeers

    /// Makes a rule.
    public init(source: Source, trusted: TrustedPeers) {
        self.source = source
        self.trusted = trusted
    }

    /// Starts with what the connection tells.
    ///
    /// A PROXY protocol header counts only if the socket's peer is believed. With the source
    /// `proxyProtocol` it names the client; with a field as source it names who sent the fields,
    /// so a load balancer that speaks the PROXY protocol may stand behind one that speaks HTTP.
    /// - Parameters:
    ///   - peer: The peer of the socket.
    ///   - header: The PROXY protocol header, if the connection began with one.
    /// - Returns: What to copy for each request of the connection.
    public func start(peer: Peer, header: ProxyHeader? = nil) -> ClientAddress {
        var sender = peer
        var isTrusted = trusted.contains(peer)
        if source != .peer, isTrusted, case .proxied(let named, _) = header {
            sender = named
            isTrusted = trusted.contains(named)
        }
        let ending: ClientAddress.Ending =
            switch source {
            case .peer, .proxyProtocol: .fieldsUnused
            case .xForwardedFor, .forwarded: isTrusted ? .exhausted : .peerUntrusted
            }
        return ClientAddress(
            source: source,
            peer: sender,
            peerIsTrusted: isTrusted,
            ending: ending
        )
    }

    /// Reads one more field of a request.
    /// - Parameters:
    ///   - field: The value of the next field to the left: the request's last field first.
    ///   - client: What is known so far; nothing happens unless it `wantsField`.
    public func read(_ field: Span<UInt8>, into client: inout ClientAddress) {
        guard client.wantsField else { return }
        client.fieldsRead += 1
        var end = field.count
        while true {
            let start: Int
            let node: ForwardedNode?
            if source == .forwarded {
                start = startOfLastElement(field, end: end)
                node = readElement(field.extracting(start..<end), at: start, into: &client)
            } else {
                start = startOfLastEntry(field, end: end)
                node = ForwardedNode(trimmed(field.extracting(start..<end)))
            }
            guard let node else {
                client.ending = .unreadableEntry
                return
            }
            guard client.hopCount < ClientAddressRule.maximumHopCount else {
                client.ending = .tooManyHops
                return
            }
            client.accept(node, at: start)
            guard trusted.networks.contains(node.address) else {
                client.ending = .clientFound
                return
            }
            if start == 0 { return }
            end = start - 1  // The comma.
        }
    }

    /// The entries of a field as `read` meets them, for whoever explains what it did.
    /// - Parameter field: The value of one field.
    /// - Returns: Where each entry stands, blanks included, from right to left; at least one.
    public func entries(of field: Span<UInt8>) -> [Range<Int>] {
        var entries: [Range<Int>] = []
        var end = field.count
        while true {
            let start =
                source == .forwarded
                ? startOfLastElement(field, end: end) : startOfLastEntry(field, end: end)
            entries.append(start..<end)
            if start == 0 { return entries }
            end = start - 1  // The comma.
        }
    }

    /// Takes an element's scheme and host, which a believed proxy vouches for even where it does
    /// not know the address; returns the address.
    private func readElement(
        _ text: Span<UInt8>,
        at offset: Int,
        into client: inout ClientAddress
    ) -> ForwardedNode? {
        guard let element = ForwardedElement(text) else { return nil }
        if let scheme = element.scheme { client.scheme = scheme }
        if let host = element.host {
            let range = offset + host.range.lowerBound..<offset + host.range.upperBound
            client.host = ForwardedHost(
                fieldIndexFromLast: client.fieldsRead - 1,
                range: range,
                isEscaped: host.isEscaped
            )
        }
        return element.node
    }
}

extension ClientAddress {
    /// Moves one hop to the left.
    fileprivate mutating func accept(_ node: ForwardedNode, at offset: Int) {
        address = node.address
        port = node.port
        hopCount += 1
        chainFieldCount = fieldsRead
        chainOffset = offset
    }
}

/// Where the entry of a comma-separated list starts that ends at an index.
func startOfLastEntry(_ field: Span<UInt8>, end: Int) -> Int {
    var start = end
    while start > 0 && field[start - 1] != UInt8(ascii: ",") { start -= 1 }
    return start
}

/// The text without spaces and tabs around it.
@_lifetime(copy text)
func trimmed(_ text: Span<UInt8>) -> Span<UInt8> {
    var start = 0
    var end = text.count
    while start < end && isBlank(text[start]) { start += 1 }
    while end > start && isBlank(text[end - 1]) { end -= 1 }
    return text.extracting(start..<end)
}

/// Whether a byte is a space or a tab.
func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
