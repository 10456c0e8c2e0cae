/// A request method, as far as a gateway must tell methods apart.
///
/// Source: RFC 9110 §9, RFC 5789 (PATCH), draft-ietf-httpbis-safe-method-w-body (QUERY).
public enum Method: UInt8, Sendable, CaseIterable {
    case get
    case head
    case post
    case put
    case delete
    case connect
    case options
    case trace
    case patch
    case query
    /// Any other method; its bytes are `RequestHead.methodBytes`.
    case other

    /// Whether the method asks for nothing to change.
    ///
    /// `other` is taken as unsafe.
    ///
    /// Source: RFC 9110 §9.2.1.
    public var isSafe: Bool {
        switch self {
        case .get, .head, .options, .trace, .query: true
        case .post, .put, .delete, .connect, .patch, .other: false
        }
    }

    /// Whether sending the request twice means the same as sending it once.
    ///
    /// Source: RFC 9110 §9.2.2.
    public var isIdempotent: Bool {
        switch self {
        case .get, .head, .options, .trace, .query, .put, .delete: true
        case .post, .connect, .patch, .other: false
        }
    }

    /// The method as it is written on the wire; `OTHER` for `other`, whose bytes are in the head.
    public var name: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .connect: "CONNECT"
        case .options: "OPTIONS"
        case .trace: "TRACE"
        case .patch: "PATCH"
        case .query: "QUERY"
        case .other: "OTHER"
        }
    }

    /// The method that the bytes name, which are case-sensitive.
    ///
    /// - Parameter bytes: A method token.
    /// - Returns: `other` for anything that is not listed here, garbage included.
    public static func match(_ bytes: Span<UInt8>) -> Method {
        let candidate: Method =
            switch bytes.count {
            case 3: bytes[0] == 0x47 ? .get : .put
            case 4: bytes[0] == 0x48 ? .head : .post
            case 5: bytes[0] == 0x50 ? .patch : bytes[0] == 0x54 ? .trace : .query
            case 6: .delete
            case 7: bytes[0] == 0x43 ? .connect : .options
            default: .other
            }
        return candidate != .other && equal(bytes, candidate.name) ? candidate : .other
    }

    /// Bytewise, because a call across modules would cost more than these few comparisons.
    private static func equal(_ bytes: Span<UInt8>, _ literal: StaticString) -> Bool {
        literal.withUTF8Buffer { expected in
            guard bytes.count == expected.count else { return false }
            // In bounds: both have the same count.
            for index in bytes.indices where unsafe bytes[index] != expected[index] {
                return false
            }
            return true
        }
    }
}

/// The minor version of an HTTP/1 message.
///
/// Source: RFC 9112 §2.3. Choice: 1.2 and above do not exist and are refused by the parser.
public enum Version: UInt8, Sendable {
    /// HTTP/1.0.
    case http10
    /// HTTP/1.1.
    case http11
}

/// How the content of a message is delimited.
///
/// Source: RFC 9112 §6.3.
public enum BodyFraming: Equatable, Sendable {
    /// There is no content.
    case none
    /// Exactly this many bytes follow, possibly 0.
    case length(Int)
    /// Chunks follow, up to the last one and the trailer section.
    case chunked
    /// Everything up to the close of the connection; responses only.
    case untilClose
}
