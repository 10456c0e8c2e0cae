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

    /// The key of any limit.
    mutating func countingKey(_ recipe: KeyRecipe, _ secret: LimitSecret) -> Counted {
        var hasher = KeyHasher(secret)
        for index in recipe.parts.indices {
            if add(index, of: recipe, to: &hasher) { continue }
            switch recipe.missing {
            case .ignore: return .ignored
            case .refuse: return .refused
            case .clientAddress:
                // A value of its own in front, so that no value of the key is counted with it.
                var other = KeyHasher(secret)
                other.combine(UInt64.max)
                addAddress(recipe, to: &other)
                return .key(other.finish())
            }
        }
        return .key(hasher.finish())
    }

    /// - Returns: Whether the request has that part.
    private mutating func add(
        _ index: Int,
        of recipe: KeyRecipe,
        to hasher: inout KeyHasher
    ) -> Bool {
        switch recipe.parts[index].kind {
        case .clientAddress: addAddress(recipe, to: &hasher)
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
        case .header:
            let name = recipe.parts[index].name
            guard let field = request.fields.first(named: name.span) else { return false }
            hasher.combine(value: request.fields.value(at: field))
        case .cookie: return addCookie(recipe.parts[index].name, to: &hasher)
        case .query: return addParameter(recipe.parts[index].name, to: &hasher)
        }
        return true
    }

    private mutating func addAddress(_ recipe: KeyRecipe, to hasher: inout KeyHasher) {
        if let address = client.address {
            hasher.combine(recipe.words(address))
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

/// What a key is made of, prepared for the path of a request: no text is copied there, and no count
/// of references kept.
struct KeyRecipe: Sendable {
    /// A part without its name.
    enum Kind { case clientAddress, host, path, route, header, cookie, query }

    /// One part.
    struct Part {
        let kind: Kind
        /// Of the field, cookie or parameter; else empty.
        let name: [UInt8]

        init(_ part: CountingKey.Part) {
            var text = ""
            switch part {
            case .clientAddress: kind = .clientAddress
            case .host: kind = .host
            case .path: kind = .path
            case .route: kind = .route
            case .header(let field): (kind, text) = (.header, field)
            case .cookie(let cookie): (kind, text) = (.cookie, cookie)
            case .query(let parameter): (kind, text) = (.query, parameter)
            }
            name = Array(text.utf8)
        }
    }

    let parts: [Part]
    let missing: CountingKey.Missing
    /// Whether it is the client's address alone, with the usual prefixes.
    let isPlainAddress: Bool
    private let hasUsualPrefixes: Bool
    private let key: CountingKey

    init(_ key: CountingKey) {
        self.key = key
        parts = key.parts.map { Part($0) }
        missing = key.missing
        hasUsualPrefixes = key.ipv4Prefix == 32 && key.ipv6Prefix == 64
        isPlainAddress = hasUsualPrefixes && key.parts == [.clientAddress]
    }

    /// What an address is counted as.
    func words(_ address: IPAddress) -> (UInt64, UInt64, UInt64) {
        if hasUsualPrefixes { return KeyRecipe.words(address) }
        let masked = key.masked(address)
        return (masked.isIPv4 ? 4 : 6, masked.high, masked.low)
    }

    /// The same with the usual prefixes: all of an IPv4 address, and of others 64 bits, because
    /// whoever has one address of a /64 has them all.
    static func words(_ address: IPAddress) -> (UInt64, UInt64, UInt64) {
        let plain = address.unmapped
        return plain.isIPv4 ? (4, plain.high, plain.low) : (6, plain.high, 0)
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
