/// A set of known field names: one bit per name, compared and tested without a loop.
@frozen
public struct FieldNameSet: Sendable, Equatable, ExpressibleByArrayLiteral {
    @usableFromInline var low: UInt64 = 0
    @usableFromInline var high: UInt64 = 0

    /// The empty set.
    @inlinable public init() {}

    /// The set of the names listed.
    public init(arrayLiteral names: FieldName...) {
        for name in names { insert(name) }
    }

    /// Whether the set has no member.
    public var isEmpty: Bool { low | high == 0 }

    /// Whether a name is a member.
    @inlinable
    public func contains(_ name: FieldName) -> Bool {
        let bit = UInt64(name.rawValue & 63)
        return ((name.rawValue < 64 ? low : high) >> bit) & 1 != 0
    }

    /// Adds a name.
    @inlinable
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

    /// Whether the sets have a member in common.
    @inlinable
    public func intersects(_ other: FieldNameSet) -> Bool {
        (low & other.low) | (high & other.high) != 0
    }

    /// The fields by which a server tells a client what it may still ask for: those of the IETF's
    /// draft, of its older versions, and those that were in use before.
    public static let rateLimits: FieldNameSet = [
        .rateLimit, .rateLimitPolicy, .rateLimitLimit, .rateLimitRemaining, .rateLimitReset,
        .xRateLimitLimit, .xRateLimitRemaining, .xRateLimitReset,
    ]

    /// The names of which `FieldName.isHopByHop` holds.
    public static let hopByHop: FieldNameSet = {
        var names = FieldNameSet()
        for name in FieldName.allCases where name.isHopByHop { names.insert(name) }
        return names
    }()

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
