/// What the access log says of one request: figures, and spans that the caller lends for the call.
///
/// An empty span and a nil mean that there is no such thing; the formats write `-` or leave it out.
/// The spans may hold anything that a client sent: formatting escapes them.
public struct AccessRecord: ~Escapable {
    /// When the request began, in milliseconds since 1970.
    public var unixMilliseconds: Int64
    /// The status of the final response, or 0 when none went out.
    public var status: Int
    /// Bytes of the request as received, head and framing included.
    public var bytesReceived = 0
    /// Bytes of the response as sent, head and framing included.
    public var bytesSent = 0
    /// Bytes of the response's content alone: what the common format counts.
    public var contentBytesSent = 0
    /// Nanoseconds from the first byte of the request to the last of the response.
    public var total: Int64 = 0
    /// Nanoseconds spent with upstreams.
    public var upstreamDuration: Int64?
    /// Nanoseconds from the first byte of the request to the first of the response.
    public var firstByte: Int64?
    /// Nanoseconds that the request waited for its turn, such as for an upstream connection.
    public var queue: Int64?
    /// The status that the upstream answered with, or 0.
    public var upstreamStatus = 0
    /// Attempts made at upstreams.
    public var attempts = 0

    /// The client's address, as the rules on trusted proxies found it.
    public var client: Span<UInt8>
    /// The address at the other end of the connection.
    public var peer: Span<UInt8>
    /// The request method.
    public var method: Span<UInt8>
    /// The request target as received.
    public var target: Span<UInt8>
    /// The host that was asked for.
    public var host: Span<UInt8>
    /// The protocol's name and version, such as `HTTP/1.1`.
    public var protocolVersion: Span<UInt8>
    /// The site's name as configured.
    public var site: Span<UInt8>
    /// The route's pattern as configured.
    public var route: Span<UInt8>
    /// The upstream's name as configured.
    public var upstream: Span<UInt8>
    /// The server that answered, or was tried last.
    public var server: Span<UInt8>
    /// The request's id.
    public var requestID: Span<UInt8>
    /// The `Referer` field.
    public var referer: Span<UInt8>
    /// The `User-Agent` field.
    public var userAgent: Span<UInt8>
    /// Why the gateway itself answered, or the exchange ended early.
    public var error: Span<UInt8>

    /// A record without texts, which are then set one by one.
    /// - Parameters:
    ///   - unixMilliseconds: When the request began.
    ///   - status: The status of the final response, or 0.
    @_lifetime(immortal)
    public init(unixMilliseconds: Int64, status: Int) {
        self.unixMilliseconds = unixMilliseconds
        self.status = status
        client = Span()
        peer = Span()
        method = Span()
        target = Span()
        host = Span()
        protocolVersion = Span()
        site = Span()
        route = Span()
        upstream = Span()
        server = Span()
        requestID = Span()
        referer = Span()
        userAgent = Span()
        error = Span()
    }
}
