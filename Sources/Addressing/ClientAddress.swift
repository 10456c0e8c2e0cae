public import Bytes

/// Who a request comes from, as far as that can be known, and how far the chain of proxies was
/// believed.
///
/// It is made once for a connection by `ClientAddressRule.start`, copied for each request, and
/// then fed the request's fields. A plain value: copying and feeding it allocates nothing.
public struct ClientAddress: Hashable, Sendable {
    /// Why reading the chain ended where it did.
    public enum Ending: UInt8, Sendable {
        /// Every entry so far was a believed proxy, and there are no more. While fields are
        /// left, they are wanted.
        case exhausted
        /// The last entry read is not a believed proxy: it is the client.
        case clientFound
        /// An entry is no address (`unknown`, `_hidden`, a name, garbage): the last good one is
        /// the best that is known.
        case unreadableEntry
        /// More believed entries than `ClientAddressRule.maximumHopCount`.
        case tooManyHops
        /// The peer is not believed, so no field was looked at.
        case peerUntrusted
        /// The configuration takes the address from the connection, not from fields.
        case fieldsUnused
    }

    /// Where fields are taken from; `ClientAddressRule.source`.
    public let source: ClientAddressRule.Source
    /// Who sent the request's fields: the peer of the socket, or the one that a believed PROXY
    /// protocol header named in its place.
    public let peer: Peer
    /// Whether `peer` is believed; if not, whatever the request says of a client is to be removed.
    public let peerIsTrusted: Bool
    /// The client's address, never IPv4-mapped; nil if only a unix socket is known.
    public internal(set) var address: IPAddress?
    /// The client's port, where it is known.
    public internal(set) var port: UInt16?
    /// Why reading ended.
    public internal(set) var ending: Ending
    /// How many entries of the fields were believed, the client's own included.
    public internal(set) var hopCount = 0
    /// The scheme that the client used towards the outermost believed proxy, where `Forwarded`
    /// says it.
    public internal(set) var scheme: ForwardedScheme?
    /// The host that the client asked the outermost believed proxy for, where `Forwarded` says it.
    public internal(set) var host: ForwardedHost?

    /// Fields read so far, counted from the last one of the request.
    var fieldsRead = 0
    /// The field, counted from the last one, that holds the client's entry, plus one; 0: none.
    var chainFieldCount = 0
    /// Where in that field the client's entry starts.
    var chainOffset = 0

    init(
        source: ClientAddressRule.Source,
        peer: Peer,
        peerIsTrusted: Bool,
        ending: Ending
    ) {
        self.source = source
        self.peer = peer
        self.peerIsTrusted = peerIsTrusted
        self.ending = ending
        address = peer.address
        port = peer.port
    }

    /// Whether one more field, if the request has one, is to be given to `ClientAddressRule.read`.
    public var wantsField: Bool { ending == .exhausted }
}

/// The scheme of a request as a proxy in front saw it.
public enum ForwardedScheme: UInt8, Sendable {
    /// Without TLS.
    case http
    /// With TLS.
    case https

    /// Reads `http`, `https`, `ws` or `wss` in any case; nil for anything else.
    /// Source: RFC 7239 §5.4
    public init?(_ text: Span<UInt8>) {
        if text.equalsIgnoringCase("https") || text.equalsIgnoringCase("wss") {
            self = .https
        } else if text.equalsIgnoringCase("http") || text.equalsIgnoringCase("ws") {
            self = .http
        } else {
            return nil
        }
    }

    /// The name in lower case.
    public var name: StaticString {
        switch self {
        case .http: "http"
        case .https: "https"
        }
    }
}

/// Where in a request's `Forwarded` fields a host stands.
public struct ForwardedHost: Hashable, Sendable {
    /// The field, counted from the request's last `Forwarded` field, which is 0.
    public let fieldIndexFromLast: Int
    /// The bytes of the value in that field, without quotes.
    public let range: Range<Int>
    /// Whether the value has backslashes that `write` takes off.
    public let isEscaped: Bool

    /// Appends the host; the result is as the peer sent it and still to be checked as a Host.
    /// - Parameters:
    ///   - field: The value of the field with index `fieldIndexFromLast`.
    ///   - buffer: Gets at most `range.count` bytes.
    public func write(from field: Span<UInt8>, to buffer: Buffer) {
        guard range.upperBound <= field.count else { return }
        let value = field.extracting(range)
        guard isEscaped else {
            buffer.append(value)
            return
        }
        var index = 0
        while index < value.count {
            if value[index] == UInt8(ascii: "\\") { index += 1 }
            if index < value.count { buffer.append(value[index]) }
            index += 1
        }
    }
}
