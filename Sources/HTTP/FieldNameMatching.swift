extension FieldName {
    /// The known name that the bytes spell, letters compared without regard to case.
    ///
    /// The length and one or two bytes leave a single candidate; one comparison by words decides.
    ///
    /// - Parameter name: Any bytes, a valid token or not.
    /// - Returns: `other` if the bytes spell none of the known names.
    public static func match(_ name: Span<UInt8>) -> FieldName {
        switch name.count {
        case 0...7: short(name)
        case 8...12: medium(name)
        case 13...15: long(name)
        default: longest(name)
        }
    }

    private static func short(_ name: Span<UInt8>) -> FieldName {
        switch name.count {
        case 2: return name.spells("TE") ? .te : .other
        case 3:
            switch name[0] | 0x20 {
            case 0x76: return name.spells("Via") ? .via : .other
            case 0x61: return name.spells("Age") ? .age : .other
            default: return .other
            }
        case 4:
            switch name[0] | 0x20 {
            case 0x68: return name.spells("Host") ? .host : .other
            case 0x64: return name.spells("Date") ? .date : .other
            case 0x65: return name.spells("ETag") ? .etag : .other
            case 0x76: return name.spells("Vary") ? .vary : .other
            case 0x6C: return name.spells("Link") ? .link : .other
            default: return .other
            }
        case 5:
            switch name[0] | 0x20 {
            case 0x72: return name.spells("Range") ? .range : .other
            case 0x61: return name.spells("Allow") ? .allow : .other
            default: return .other
            }
        case 6:
            switch name[0] | 0x20 {
            case 0x65: return name.spells("Expect") ? .expect : .other
            case 0x73: return name.spells("Server") ? .server : .other
            case 0x6F: return name.spells("Origin") ? .origin : .other
            case 0x61: return name.spells("Accept") ? .accept : .other
            case 0x63: return name.spells("Cookie") ? .cookie : .other
            case 0x70: return name.spells("Pragma") ? .pragma : .other
            default: return .other
            }
        case 7:
            switch name[0] | 0x20 {
            case 0x74: return name.spells("Trailer") ? .trailer : .other
            case 0x75: return name.spells("Upgrade") ? .upgrade : .other
            case 0x72: return name.spells("Referer") ? .referer : .other
            case 0x65: return name.spells("Expires") ? .expires : .other
            case 0x77: return name.spells("Warning") ? .warning : .other
            case 0x61: return name.spells("Alt-Svc") ? .altSvc : .other
            default: return .other
            }
        default: return .other
        }
    }

    private static func medium(_ name: Span<UInt8>) -> FieldName {
        switch name.count {
        case 8:
            switch name[3] | 0x20 {
            case 0x6D: return name.spells("If-Match") ? .ifMatch : .other
            case 0x72: return name.spells("If-Range") ? .ifRange : .other
            case 0x61: return name.spells("Location") ? .location : .other
            case 0x6F: return name.spells("Priority") ? .priority : .other
            default: return .other
            }
        case 9:
            switch name[0] | 0x20 {
            case 0x66: return name.spells("Forwarded") ? .forwarded : .other
            case 0x78: return name.spells("X-Real-IP") ? .xRealIP : .other
            case 0x72: return name.spells("RateLimit") ? .rateLimit : .other
            default: return .other
            }
        case 10:
            switch name[0] | 0x20 {
            case 0x63: return name.spells("Connection") ? .connection : .other
            case 0x6B: return name.spells("Keep-Alive") ? .keepAlive : .other
            case 0x75: return name.spells("User-Agent") ? .userAgent : .other
            case 0x73: return name.spells("Set-Cookie") ? .setCookie : .other
            case 0x65: return name.spells("Early-Data") ? .earlyData : .other
            default: return .other
            }
        case 11:
            switch name[0] | 0x20 {
            case 0x72: return name.spells("Retry-After") ? .retryAfter : .other
            case 0x74: return name.spells("Traceparent") ? .traceparent : .other
            default: return .other
            }
        case 12:
            switch name[2] | 0x20 {
            case 0x72: return name.spells("X-Request-ID") ? .xRequestID : .other
            case 0x6E: return name.spells("Content-Type") ? .contentType : .other
            case 0x63: return name.spells("Cache-Status") ? .cacheStatus : .other
            case 0x78: return name.spells("Max-Forwards") ? .maxForwards : .other
            case 0x6F: return name.spells("Proxy-Status") ? .proxyStatus : .other
            default: return .other
            }
        default: return .other
        }
    }

    private static func long(_ name: Span<UInt8>) -> FieldName {
        switch name.count {
        case 13:
            switch name[6] | 0x20 {
            case 0x2D: return name.spells("Accept-Ranges") ? .acceptRanges : .other
            case 0x69: return name.spells("Authorization") ? .authorization : .other
            case 0x74: return name.spells("Content-Range") ? .contentRange : .other
            case 0x65: return name.spells("If-None-Match") ? .ifNoneMatch : .other
            case 0x6F: return name.spells("Last-Modified") ? .lastModified : .other
            case 0x63: return name.spells("Cache-Control") ? .cacheControl : .other
            default: return .other
            }
        case 14:
            switch name[0] | 0x20 {
            case 0x63: return name.spells("Content-Length") ? .contentLength : .other
            case 0x68: return name.spells("HTTP2-Settings") ? .http2Settings : .other
            case 0x61: return name.spells("Accept-Charset") ? .acceptCharset : .other
            default: return .other
            }
        case 15:
            switch name[7] | 0x20 {
            case 0x72: return name.spells("X-Forwarded-For") ? .xForwardedFor : .other
            case 0x65: return name.spells("Accept-Encoding") ? .acceptEncoding : .other
            case 0x6C: return name.spells("Accept-Language") ? .acceptLanguage : .other
            case 0x69:
                if name.spells("RateLimit-Limit") { return .rateLimitLimit }
                return name.spells("RateLimit-Reset") ? .rateLimitReset : .other
            default: return .other
            }
        default: return .other
        }
    }

    private static func longest(_ name: Span<UInt8>) -> FieldName {
        switch name.count {
        case 16:
            switch (name[0] | 0x20, name[12] | 0x20) {
            case (0x70, 0x74): return name.spells("Proxy-Connection") ? .proxyConnection : .other
            case (0x78, 0x68): return name.spells("X-Forwarded-Host") ? .xForwardedHost : .other
            case (0x78, 0x70): return name.spells("X-Forwarded-Port") ? .xForwardedPort : .other
            case (0x77, 0x63): return name.spells("WWW-Authenticate") ? .wwwAuthenticate : .other
            case (0x63, 0x64): return name.spells("Content-Encoding") ? .contentEncoding : .other
            case (0x63, 0x75): return name.spells("Content-Language") ? .contentLanguage : .other
            case (0x63, 0x74): return name.spells("Content-Location") ? .contentLocation : .other
            case (0x72, 0x6C): return name.spells("RateLimit-Policy") ? .rateLimitPolicy : .other
            default: return .other
            }
        case 17:
            switch name[6] | 0x20 {
            case 0x65: return name.spells("Transfer-Encoding") ? .transferEncoding : .other
            case 0x61: return name.spells("X-Forwarded-Proto") ? .xForwardedProto : .other
            case 0x6C:
                if name.spells("X-Accel-Buffering") { return .xAccelBuffering }
                if name.spells("X-RateLimit-Limit") { return .xRateLimitLimit }
                return name.spells("X-RateLimit-Reset") ? .xRateLimitReset : .other
            case 0x69: return name.spells("If-Modified-Since") ? .ifModifiedSince : .other
            case 0x63: return name.spells("CDN-Cache-Control") ? .cdnCacheControl : .other
            case 0x62: return name.spells("Sec-WebSocket-Key") ? .secWebSocketKey : .other
            default: return .other
            }
        case 18:
            switch name[0] | 0x20 {
            case 0x70: return name.spells("Proxy-Authenticate") ? .proxyAuthenticate : .other
            case 0x78: return name.spells("X-Forwarded-Prefix") ? .xForwardedPrefix : .other
            default: return .other
            }
        case 19:
            switch name[0] | 0x20 {
            case 0x70: return name.spells("Proxy-Authorization") ? .proxyAuthorization : .other
            case 0x61: return name.spells("Authentication-Info") ? .authenticationInfo : .other
            case 0x63: return name.spells("Content-Disposition") ? .contentDisposition : .other
            case 0x69: return name.spells("If-Unmodified-Since") ? .ifUnmodifiedSince : .other
            case 0x72: return name.spells("RateLimit-Remaining") ? .rateLimitRemaining : .other
            default: return .other
            }
        case 20: return name.spells("Sec-WebSocket-Accept") ? .secWebSocketAccept : .other
        case 21: return name.spells("X-RateLimit-Remaining") ? .xRateLimitRemaining : .other
        case 23: return name.spells("Content-Security-Policy") ? .contentSecurityPolicy : .other
        case 25: return name.spells("Strict-Transport-Security") ? .strictTransportSecurity : .other
        default: return .other
        }
    }

}

extension Span where Element == UInt8 {
    /// Whether the bytes equal a literal of letters, digits and hyphens, without regard to case.
    ///
    /// Two bytes may differ in bit 5 alone, and only where the literal has a letter: exactly the
    /// literal's bytes with bit 6 set.
    package func spells(_ literal: StaticString) -> Bool {
        literal.withUTF8Buffer { expected in
            let count = self.count
            guard count == expected.count else { return false }
            guard count >= 8 else {
                for index in indices {
                    // In bounds: both have the same count.
                    let letter = unsafe expected[index]
                    if (self[index] ^ letter) & ~((letter & 0x40) >> 1) != 0 { return false }
                }
                return true
            }
            let raw = UnsafeRawBufferPointer(expected)
            var offset = 0
            while true {
                // The last word overlaps the one before it, so that there is no remainder.
                let start = min(offset, count - 8)
                let letters = unsafe UInt64(
                    littleEndian: raw.loadUnaligned(fromByteOffset: start, as: UInt64.self)
                )
                let caseBits = (letters & 0x4040_4040_4040_4040) >> 1
                if (word(at: start) ^ letters) & ~caseBits != 0 {
                    return false
                }
                offset += 8
                if offset >= count { return true }
            }
        }
    }
}
