/// The four ways to write a request target.
///
/// Source: RFC 9112 §3.2.
public enum TargetForm: UInt8, Sendable {
    /// `/path?query`.
    case origin
    /// `http://host/path?query`.
    case absolute
    /// `*`, with OPTIONS only.
    case asterisk
    /// `host:port`, with CONNECT only, which the HTTP/1 parser refuses.
    case authority
}

/// The request line and header section of a request, and what they mean for the connection.
///
/// Filled by a parser and used again for the next request: emptied, it keeps its memory.
public struct RequestHead: Sendable {
    /// The method.
    public package(set) var method = Method.get
    /// The version the client speaks.
    public package(set) var version = Version.http11
    /// How the target was written.
    public package(set) var targetForm = TargetForm.origin
    /// The header section, to be changed but not to be replaced by another.
    ///
    /// What this head says of itself stands in the section's storage.
    public var fields = FieldSection()
    /// How the content is delimited; never `untilClose`.
    public package(set) var framing = BodyFraming.none
    /// Whether the client lets the connection persist.
    ///
    /// Source: RFC 9112 §9.3.
    public package(set) var keepAlive = true
    /// Whether the client asks for another protocol: HTTP/1.1, an Upgrade field, and Connection
    /// names it.
    ///
    /// Source: RFC 9110 §7.8.
    public package(set) var upgradeRequested = false
    /// Whether the client waits for 100 (Continue) before it sends the content.
    ///
    /// Source: RFC 9110 §10.1.1; never true in HTTP/1.0.
    public package(set) var expectContinue = false
    /// Whether the target has a query, possibly an empty one.
    public package(set) var hasQuery = false
    /// The port that the authority names, or nil.
    public package(set) var port: UInt16?

    package var methodRange = ByteRange.empty
    package var targetRange = ByteRange.empty
    package var pathRange = ByteRange.empty
    package var queryRange = ByteRange.empty
    package var authorityRange = ByteRange.empty
    package var hostRange = ByteRange.empty

    /// An empty head.
    public init() {}

    /// The method as received.
    public var methodBytes: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { fields.bytes(in: methodRange) }
    }

    /// The target as received.
    public var target: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { fields.bytes(in: targetRange) }
    }

    /// The path as received, without the query; `/` for an absolute form without one, `*` for the
    /// asterisk form.
    public var path: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { fields.bytes(in: pathRange) }
    }

    /// What follows the first `?` of the target; empty if there is none.
    public var query: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { fields.bytes(in: queryRange) }
    }

    /// The host and port that count: those of an absolute target, else those of Host, as received.
    ///
    /// Empty for an HTTP/1.0 request without Host.
    ///
    /// Source: RFC 9112 §3.2.2.
    public var authority: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { fields.bytes(in: authorityRange) }
    }

    /// The authority's host in lower case, without port and without a final dot; an IPv6 address
    /// keeps its brackets.
    public var host: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { fields.bytes(in: hostRange) }
    }

    /// Empties the head and keeps its memory.
    public mutating func removeAll() {
        fields.reset()
        method = .get
        version = .http11
        targetForm = .origin
        framing = .none
        keepAlive = true
        upgradeRequested = false
        expectContinue = false
        hasQuery = false
        port = nil
        methodRange = .empty
        targetRange = .empty
        pathRange = .empty
        queryRange = .empty
        authorityRange = .empty
        hostRange = .empty
    }
}
