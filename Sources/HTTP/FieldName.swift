/// The field names that a gateway treats specially; every other name is `other`.
///
/// Raw values index `canonicalFieldNames` and fit a `FieldNameSet` of 128 bits.
@frozen
public enum FieldName: UInt8, Sendable, CaseIterable {
    case host
    case connection
    case contentLength
    case transferEncoding
    case te
    case trailer
    case upgrade
    case keepAlive
    case proxyConnection
    case proxyAuthenticate
    case proxyAuthorization
    case http2Settings
    case expect
    case date
    case server
    case via
    case forwarded
    case xForwardedFor
    case xForwardedProto
    case xForwardedHost
    case xForwardedPort
    case xForwardedPrefix
    case xRealIP
    case xRequestID
    case xAccelBuffering
    case userAgent
    case referer
    case origin
    case accept
    case acceptCharset
    case acceptEncoding
    case acceptLanguage
    case acceptRanges
    case authorization
    case authenticationInfo
    case wwwAuthenticate
    case cookie
    case setCookie
    case contentType
    case contentEncoding
    case contentLanguage
    case contentLocation
    case contentRange
    case contentDisposition
    case range
    case ifMatch
    case ifNoneMatch
    case ifModifiedSince
    case ifUnmodifiedSince
    case ifRange
    case etag
    case lastModified
    case cacheControl
    case cacheStatus
    case cdnCacheControl
    case age
    case expires
    case vary
    case pragma
    case warning
    case location
    case retryAfter
    case allow
    case link
    case maxForwards
    case earlyData
    case altSvc
    case priority
    case proxyStatus
    case traceparent
    case contentSecurityPolicy
    case strictTransportSecurity
    case secWebSocketKey
    case secWebSocketAccept
    case rateLimit
    case rateLimitPolicy
    case rateLimitLimit
    case rateLimitRemaining
    case rateLimitReset
    case xRateLimitLimit
    case xRateLimitRemaining
    case xRateLimitReset
    /// A name without special meaning; its bytes are in the section.
    case other

    /// The name as its RFC spells it; empty for `other`.
    public var canonical: StaticString { canonicalFieldNames[Int(rawValue)] }

    /// Whether the field concerns one connection only and never travels on, whether the Connection
    /// field names it or not.
    ///
    /// The two fields for proxy authentication are among them because this gateway takes no part in
    /// it, and credentials meant for a proxy are not the app's to see (RFC 9110 §11.7). Trailer is
    /// not: it describes the trailer section, which travels on.
    /// Source: RFC 9110 §7.6.1.
    @inlinable public var isHopByHop: Bool {
        switch self {
        case .connection, .keepAlive, .proxyConnection, .te, .transferEncoding, .upgrade,
            .proxyAuthenticate, .proxyAuthorization, .http2Settings:
            true
        default: false
        }
    }
}

/// In the order of the cases of `FieldName`; a test compares the two.
let canonicalFieldNames: [StaticString] = [
    "Host",
    "Connection",
    "Content-Length",
    "Transfer-Encoding",
    "TE",
    "Trailer",
    "Upgrade",
    "Keep-Alive",
    "Proxy-Connection",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "HTTP2-Settings",
    "Expect",
    "Date",
    "Server",
    "Via",
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Real-IP",
    "X-Request-ID",
    "X-Accel-Buffering",
    "User-Agent",
    "Referer",
    "Origin",
    "Accept",
    "Accept-Charset",
    "Accept-Encoding",
    "Accept-Language",
    "Accept-Ranges",
    "Authorization",
    "Authentication-Info",
    "WWW-Authenticate",
    "Cookie",
    "Set-Cookie",
    "Content-Type",
    "Content-Encoding",
    "Content-Language",
    "Content-Location",
    "Content-Range",
    "Content-Disposition",
    "Range",
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
    "If-Range",
    "ETag",
    "Last-Modified",
    "Cache-Control",
    "Cache-Status",
    "CDN-Cache-Control",
    "Age",
    "Expires",
    "Vary",
    "Pragma",
    "Warning",
    "Location",
    "Retry-After",
    "Allow",
    "Link",
    "Max-Forwards",
    "Early-Data",
    "Alt-Svc",
    "Priority",
    "Proxy-Status",
    "Traceparent",
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Accept",
    "RateLimit",
    "RateLimit-Policy",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "",
]
