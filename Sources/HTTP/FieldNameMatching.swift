extension FieldName {
    /// The known name that the bytes spell, letters compared without regard to case.
    ///
    /// The length and one or two bytes leave a single candidate; one comparison by words decides.
    ///
    /// - Parameter name: Any bytes, a valid token or not.
    /// - Returns: `other` if the bytes spell none of the known names.
    public static func match(_ name: Span<UInt8>) -> FieldName {
        let candidate: FieldName =
            switch name.count {
            case 0...7: short(name)
            case 8...12: medium(name)
            case 13...15: long(name)
            default: longest(name)
            }
        guard candidate != .other, name.spells(candidate.canonical) else { return .other }
        return candidate
    }

    private static func short(_ name: Span<UInt8>) -> FieldName {
        switch name.count {
        case 2: return .te
        case 3:
            switch name[0] | 0x20 {
            case 0x76: return .via  // v
            case 0x61: return .age  // a
            default: return .other
            }
        case 4:
            switch name[0] | 0x20 {
            case 0x68: return .host  // h
            case 0x64: return .date  // d
            case 0x65: return .etag  // e
            case 0x76: return .vary  // v
            case 0x6C: return .link  // l
            default: return .other
            }
        case 5:
            switch name[0] | 0x20 {
            case 0x72: return .range  // r
            case 0x61: return .allow  // a
            default: return .other
            }
        case 6:
            switch name[0] | 0x20 {
            case 0x65: return .expect  // e
            case 0x73: return .server  // s
            case 0x6F: return .origin  // o
            case 0x61: return .accept  // a
            case 0x63: return .cookie  // c
            case 0x70: return .pragma  // p
            default: return .other
            }
        case 7:
            switch name[0] | 0x20 {
            case 0x74: return .trailer  // t
            case 0x75: return .upgrade  // u
            case 0x72: return .referer  // r
            case 0x65: return .expires  // e
            case 0x77: return .warning  // w
            case 0x61: return .altSvc  // a
            default: return .other
            }
        default: return .other
        }
    }

    private static func medium(_ name: Span<UInt8>) -> FieldName {
        switch name.count {
        case 8:
            switch name[3] | 0x20 {
            case 0x6D: return .ifMatch  // m
            case 0x72: return .ifRange  // r
            case 0x61: return .location  // a
            case 0x6F: return .priority  // o
            default: return .other
            }
        case 9:
            switch name[0] | 0x20 {
            case 0x66: return .forwarded  // f
            case 0x78: return .xRealIP  // x
            default: return .other
            }
        case 10:
            switch name[0] | 0x20 {
            case 0x63: return .connection  // c
            case 0x6B: return .keepAlive  // k
            case 0x75: return .userAgent  // u
            case 0x73: return .setCookie  // s
            case 0x65: return .earlyData  // e
            default: return .other
            }
        case 11:
            switch name[0] | 0x20 {
            case 0x72: return .retryAfter  // r
            case 0x74: return .traceparent  // t
            default: return .other
            }
        case 12:
            switch name[2] | 0x20 {
            case 0x72: return .xRequestID  // r
            case 0x6E: return .contentType  // n
            case 0x63: return .cacheStatus  // c
            case 0x78: return .maxForwards  // x
            case 0x6F: return .proxyStatus  // o
            default: return .other
            }
        default: return .other
        }
    }

    private static func long(_ name: Span<UInt8>) -> FieldName {
        switch name.count {
        case 13:
            switch name[6] | 0x20 {
            case 0x2D: return .acceptRanges  // -
            case 0x69: return .authorization  // i
            case 0x74: return .contentRange  // t
            case 0x65: return .ifNoneMatch  // e
            case 0x6F: return .lastModified  // o
            case 0x63: return .cacheControl  // c
            default: return .other
            }
        case 14:
            switch name[0] | 0x20 {
            case 0x63: return .contentLength  // c
            case 0x68: return .http2Settings  // h
            case 0x61: return .acceptCharset  // a
            default: return .other
            }
        case 15:
            switch name[7] | 0x20 {
            case 0x72: return .xForwardedFor  // r
            case 0x65: return .acceptEncoding  // e
            case 0x6C: return .acceptLanguage  // l
            default: return .other
            }
        default: return .other
        }
    }

    private static func longest(_ name: Span<UInt8>) -> FieldName {
        switch name.count {
        case 16:
            switch (name[0] | 0x20, name[12] | 0x20) {
            case (0x70, 0x74): return .proxyConnection  // pt
            case (0x78, 0x68): return .xForwardedHost  // xh
            case (0x78, 0x70): return .xForwardedPort  // xp
            case (0x77, 0x63): return .wwwAuthenticate  // wc
            case (0x63, 0x64): return .contentEncoding  // cd
            case (0x63, 0x75): return .contentLanguage  // cu
            case (0x63, 0x74): return .contentLocation  // ct
            default: return .other
            }
        case 17:
            switch name[6] | 0x20 {
            case 0x65: return .transferEncoding  // e
            case 0x61: return .xForwardedProto  // a
            case 0x6C: return .xAccelBuffering  // l
            case 0x69: return .ifModifiedSince  // i
            case 0x63: return .cdnCacheControl  // c
            case 0x62: return .secWebSocketKey  // b
            default: return .other
            }
        case 18:
            switch name[0] | 0x20 {
            case 0x70: return .proxyAuthenticate  // p
            case 0x78: return .xForwardedPrefix  // x
            default: return .other
            }
        case 19:
            switch name[0] | 0x20 {
            case 0x70: return .proxyAuthorization  // p
            case 0x61: return .authenticationInfo  // a
            case 0x63: return .contentDisposition  // c
            case 0x69: return .ifUnmodifiedSince  // i
            default: return .other
            }
        case 20: return .secWebSocketAccept
        case 23: return .contentSecurityPolicy
        case 25: return .strictTransportSecurity
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
