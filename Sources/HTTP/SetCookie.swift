import Bytes

/// The attributes of a cookie that bound who sees it and when it is sent.
public struct CookieAttributes: OptionSet, Sendable {
    /// One bit for each attribute.
    public let rawValue: UInt8

    /// A set by its bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Sent over secure connections only.
    public static let secure = CookieAttributes(rawValue: 1)
    /// Out of reach of scripts.
    public static let httpOnly = CookieAttributes(rawValue: 2)
    /// What other sites may cause to be sent; whatever its value.
    public static let sameSite = CookieAttributes(rawValue: 4)

    /// The attributes that a Set-Cookie value has, in any case, as a browser reads it: the first
    /// piece is the cookie itself, whatever it looks like.
    ///
    /// Source: RFC 6265 §5.2.
    public init(of value: Span<UInt8>) {
        var found: CookieAttributes = []
        var start = value.firstIndex(of: UInt8(ascii: ";")).map { $0 + 1 } ?? value.count
        while start < value.count {
            var end = start
            var nameEnd = -1
            while end < value.count, value[end] != UInt8(ascii: ";") {
                if nameEnd < 0, value[end] == UInt8(ascii: "=") { nameEnd = end }
                end += 1
            }
            var nameStart = start
            if nameEnd < 0 { nameEnd = end }
            while nameStart < nameEnd, Characters.isBlank(value[nameStart]) { nameStart += 1 }
            while nameEnd > nameStart, Characters.isBlank(value[nameEnd - 1]) { nameEnd -= 1 }
            let name = value.extracting(nameStart..<nameEnd)
            if name.equalsIgnoringCase("secure") {
                found.insert(.secure)
            } else if name.equalsIgnoringCase("httponly") {
                found.insert(.httpOnly)
            } else if name.equalsIgnoringCase("samesite") {
                found.insert(.sameSite)
            }
            start = end + 1
        }
        self = found
    }
}
