/// A set of known field names: one bit per name, compared and tested without a loop.
public struct FieldNameSet: Sendable, Equatable, ExpressibleByArrayLiteral {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    /// The empty set.
    public init() {}

    /// The set of the names listed.
    public init(arrayLiteral names: FieldName...) {
        for name in names { insert(name) }
    }

    /// Whether the set has no member.
    public var isEmpty: Bool { low | high == 0 }

    /// Whether a name is a member.
    @inline(__always)
    public func contains(_ name: FieldName) -> Bool {
        let bit = UInt64(name.rawValue & 63)
        return ((name.rawValue < 64 ? low : high) >> bit) & 1 != 0
    }

    /// Adds a name.
    @inline(__always)
    public mutating func insert(_ name: FieldName) {
        let bit = UInt64(1) << UInt64(name.rawValue & 63)
        if name.rawValue < 64 { low |= bit } else { high |= bit }
    }

    /// Takes a name out.
    public mutating func remove(_ name: FieldName) {
        let bit = UInt64(1) << UInt64(name.rawValue & 63)
        if name.rawValue < 64 { low &= ~bit } else { high &= ~bit }
    }

    /// The names in either set.
    public func union(_ other: FieldNameSet) -> FieldNameSet {
        var result = self
        result.low |= other.low
        result.high |= other.high
        return result
    }

    /// The fields that concern one connection only and never travel on, whether the Connection
    /// field names them or not.
    ///
    /// Source: RFC 9110 §7.6.1. The two fields for proxy authentication are among them because this
    /// gateway takes no part in it, and credentials meant for a proxy are not the app's to see
    /// (RFC 9110 §11.7). Trailer is not: it describes the trailer section that travels on.
    public static let hopByHop: FieldNameSet = [
        .connection, .keepAlive, .proxyConnection, .te, .transferEncoding, .upgrade,
        .proxyAuthenticate, .proxyAuthorization, .http2Settings,
    ]

    /// The fields that must not be in a trailer section: framing, routing, authentication, request
    /// modifiers, response control, and how to process the content.
    ///
    /// Source: RFC 9110 §6.5.1.
    public static let forbiddenInTrailers: FieldNameSet = [
        .host, .connection, .contentLength, .transferEncoding, .te, .trailer, .upgrade, .keepAlive,
        .proxyConnection, .proxyAuthenticate, .proxyAuthorization, .http2Settings, .expect, .date,
        .forwarded, .via, .xForwardedFor, .xForwardedProto, .xForwardedHost, .xForwardedPort,
        .xForwardedPrefix, .xRealIP, .xRequestID, .xAccelBuffering, .authorization,
        .authenticationInfo, .wwwAuthenticate, .cookie, .setCookie, .contentType, .contentEncoding,
        .contentLanguage, .contentLocation, .contentRange, .range, .ifMatch, .ifNoneMatch,
        .ifModifiedSince, .ifUnmodifiedSince, .ifRange, .cacheControl, .cdnCacheControl,
        .cacheStatus, .age, .expires, .vary, .pragma, .location, .retryAfter, .maxForwards,
        .earlyData, .proxyStatus, .strictTransportSecurity, .contentSecurityPolicy,
    ]
}
