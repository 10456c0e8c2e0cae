import Addressing
import Bytes
import Configuration
import HTTP
import HTTP1
import Limiting

/// What a request is counted by.
extension Exchange {
    /// The key of a limit, or what to do instead.
    enum Counted {
        case key(LimitKey)
        /// It has no such key, and is not counted.
        case ignored
        /// It has no such key, and is refused.
        case refused
    }

    /// The key of the client's address alone, which most limits go by.
    mutating func addressKey(_ secret: LimitSecret) -> LimitKey {
        if let address = client.address {
            let plain = address.unmapped
            // Whoever has one address of a /64 has them all.
            let low = plain.isIPv4 ? plain.low : 0
            return KeyHasher.key(secret, (plain.isIPv4 ? 4 : 6, plain.high, low))
        }
        var hasher = KeyHasher(secret)
        hasher.combine(0)
        return hasher.finish()
    }

    /// The key of any limit.
    mutating func countingKey(_ key: CountingKey, _ secret: LimitSecret) -> Counted {
        var hasher = KeyHasher(secret)
        for part in key.parts {
            if add(part, of: key, to: &hasher) { continue }
            switch key.missing {
            case .ignore: return .ignored
            case .refuse: return .refused
            case .clientAddress:
                // A value of its own in front, so that no value of the key is counted with it.
                var other = KeyHasher(secret)
                other.combine(UInt64.max)
                addAddress(key, to: &other)
                return .key(other.finish())
            }
        }
        return .key(hasher.finish())
    }

    /// - Returns: Whether the request has that part.
    private mutating func add(
        _ part: CountingKey.Part,
        of key: CountingKey,
        to hasher: inout KeyHasher
    ) -> Bool {
        switch part {
        case .clientAddress: addAddress(key, to: &hasher)
        case .host: hasher.combine(value: request.host)
        case .path:
            if pathIsNormal {
                hasher.combine(value: request.path)
            } else {
                hasher.combine(value: normalizedPath.span)
            }
        case .route:
            guard let route else { return false }
            let (site, name) = (route.site, route.name)
            hasher.combine(value: site.span)
            hasher.combine(value: name.span)
        case .header(let name):
            let bytes = Array(name.utf8)
            guard let index = request.fields.first(named: bytes.span) else { return false }
            hasher.combine(value: request.fields.value(at: index))
        case .cookie(let name): return addCookie(Array(name.utf8), to: &hasher)
        case .query(let name): return addParameter(Array(name.utf8), to: &hasher)
        }
        return true
    }

    private mutating func addAddress(_ key: CountingKey, to hasher: inout KeyHasher) {
        if let address = client.address {
            hasher.combine(key.masked(address))
        } else {
            hasher.combine(0)
        }
    }

    private mutating func addCookie(_ name: [UInt8], to hasher: inout KeyHasher) -> Bool {
        for index in request.fields.indices where request.fields.known(at: index) == .cookie {
            let value = request.fields.value(at: index)
            if let range = cookieValue(named: name.span, in: value) {
                hasher.combine(value: value.extracting(range))
                return true
            }
        }
        return false
    }

    private mutating func addParameter(_ name: [UInt8], to hasher: inout KeyHasher) -> Bool {
        let query = request.query
        guard let range = parameterValue(named: name.span, in: query) else { return false }
        hasher.combine(decoding: query.extracting(range))
        return true
    }
}

/// Where the value of the first parameter of a name stands in a query.
///
/// Source: WHATWG URL, application/x-www-form-urlencoded.
func parameterValue(named name: Span<UInt8>, in query: Span<UInt8>) -> Range<Int>? {
    var start = 0
    while start < query.count {
        var end = start
        while end < query.count && query[end] != UInt8(ascii: "&") { end += 1 }
        let afterName = start + name.count
        if afterName < end, query[afterName] == UInt8(ascii: "="),
            query.extracting(start..<afterName).equals(name)
        {
            return afterName + 1..<end
        }
        start = end + 1
    }
    return nil
}
