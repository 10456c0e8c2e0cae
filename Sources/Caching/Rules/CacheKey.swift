import Bytes
import HTTP

/// What a stored response is found by: everything that the upstream is sent and that may decide
/// what it answers, but for what Vary names.
///
/// As bytes: a prefix of the route's site and upstream, LF, the URL, then LF and more for what else
/// counts. LF stands in none of them.
package enum CacheKey {
    package static let separator: UInt8 = 0x0A

    /// The URL in a key.
    @_lifetime(copy key)
    package static func url(of key: Span<UInt8>) -> Span<UInt8> {
        let start = min(key.firstIndex(of: separator, from: 0, to: key.count) + 1, key.count)
        let end = key.firstIndex(of: separator, from: start, to: key.count)
        return key.extracting(start..<end)
    }

    /// The host of a URL, with its port.
    @_lifetime(copy url)
    package static func host(ofURL url: Span<UInt8>) -> Span<UInt8> {
        let colon = url.firstIndex(of: 0x3A, from: 0, to: url.count)
        let start = min(colon + 3, url.count)
        let end = url.firstIndex(of: 0x2F, from: start, to: url.count)
        return url.extracting(start..<end)
    }

    /// Scheme and authority of a URL.
    @_lifetime(copy url)
    package static func origin(ofURL url: Span<UInt8>) -> Span<UInt8> {
        let colon = url.firstIndex(of: 0x3A, from: 0, to: url.count)
        let end = url.firstIndex(of: 0x2F, from: min(colon + 3, url.count), to: url.count)
        return url.extracting(first: end)
    }

    /// A key with another URL.
    package static func replacingURL(of key: Span<UInt8>, by url: [UInt8]) -> [UInt8] {
        let start = min(key.firstIndex(of: separator, from: 0, to: key.count) + 1, key.count)
        let end = key.firstIndex(of: separator, from: start, to: key.count)
        return key.extracting(first: start).bytes() + url
            + key.extracting(droppingFirst: end).bytes()
    }

    /// The URL that a reference means, if it is of the same origin.
    ///
    /// Source: RFC 3986 §5.2, RFC 9111 §4.4.
    package static func resolve(_ reference: Span<UInt8>, against base: Span<UInt8>) -> [UInt8]? {
        joined(reference, base).map(withoutDots)
    }

    /// A URL without `.` and `..` in its path, as who follows a reference asks for it.
    ///
    /// Source: RFC 3986 §5.2.4.
    private static func withoutDots(_ url: [UInt8]) -> [UInt8] {
        let all = url.span
        let start = origin(ofURL: all).count
        let end = all.firstIndex(of: 0x3F, from: start, to: all.count)
        var result = Array(url[..<start])
        var position = start
        // Each segment begins with its slash.
        while position < end {
            let next = all.firstIndex(of: 0x2F, from: position + 1, to: end)
            let segment = all.extracting((position + 1)..<next)
            let goesUp = segment.equals("..")
            if goesUp {
                while result.count > start, result.removeLast() != 0x2F {}
            } else if !segment.equals(".") {
                result += url[position..<next]
            }
            if next == end, goesUp || segment.equals(".") { result.append(0x2F) }
            position = next
        }
        return result + url[end...]
    }

    private static func joined(_ reference: Span<UInt8>, _ base: Span<UInt8>) -> [UInt8]? {
        let origin = origin(ofURL: base)
        let fragment = reference.firstIndex(of: 0x23, from: 0, to: reference.count)
        let text = reference.extracting(first: fragment)
        guard text.count > 0 else { return nil }
        let colon = text.firstIndex(of: 0x3A, from: 0, to: text.count)
        let slash = text.firstIndex(of: 0x2F, from: 0, to: text.count)
        if text[0] == 0x2F {
            if text.count > 1, text[1] == 0x2F {
                let schemeEnd = origin.firstIndex(of: 0x2F, from: 0, to: origin.count)
                return absolute(origin.extracting(first: schemeEnd).bytes() + text.bytes(), origin)
            }
            return origin.bytes() + text.bytes()
        }
        // A colon behind the query's start is part of that.
        let queryStart = text.firstIndex(of: 0x3F, from: 0, to: text.count)
        if colon < slash, colon < queryStart { return absolute(text.bytes(), origin) }
        let query = base.firstIndex(of: 0x3F, from: 0, to: base.count)
        if queryStart == 0 { return base.extracting(first: query).bytes() + text.bytes() }
        var end = query
        while end > origin.count, base[end - 1] != 0x2F { end -= 1 }
        return base.extracting(first: end).bytes() + text.bytes()
    }

    private static func absolute(_ url: [UInt8], _ origin: Span<UInt8>) -> [UInt8]? {
        let all = url.span
        // The authority ends at the path, or at a query without one before it.
        let query = all.firstIndex(of: 0x3F, from: 0, to: all.count)
        let own = Self.origin(ofURL: all.extracting(first: query))
        guard withoutPort(own).equalsIgnoringCase(withoutPort(origin)) else { return nil }
        let rest = all.extracting(droppingFirst: own.count)
        // Source: RFC 3986 §6.2.3, an empty path is the path `/`.
        let slash: [UInt8] = rest.count > 0 && rest[0] == 0x2F ? [] : [0x2F]
        return origin.bytes() + slash + rest.bytes()
    }

    /// An origin without a port that is its scheme's own anyway, or with none behind the colon.
    ///
    /// Source: RFC 3986 §6.2.3.
    @_lifetime(copy origin)
    private static func withoutPort(_ origin: Span<UInt8>) -> Span<UInt8> {
        let ports: [(scheme: StaticString, ports: [StaticString])] = [
            ("http:", [":80", ":"]), ("https:", [":443", ":"]),
        ]
        for (scheme, ports) in ports {
            let length = scheme.utf8CodeUnitCount
            guard origin.count > length,
                origin.extracting(first: length).equalsIgnoringCase(scheme)
            else { continue }
            for port in ports {
                let end = origin.count - port.utf8CodeUnitCount
                guard end > length, origin.extracting(droppingFirst: end).equals(port) else {
                    continue
                }
                return origin.extracting(first: end)
            }
        }
        return origin
    }

    /// The strings of a structured list of strings.
    ///
    /// Source: RFC 9875 §2.
    package static func strings(in value: Span<UInt8>) -> [[UInt8]] {
        var result: [[UInt8]] = []
        var list = CommaList()
        while let place = list.next(in: value) {
            let member = value.extracting(place)
            guard member.count >= 2, member[0] == 0x22 else { continue }
            let end = member.firstIndex(of: 0x22, from: 1, to: member.count)
            result.append(member.extracting(1..<end).bytes())
        }
        return result
    }

    /// How the query counts.
    package struct QueryRule: Sendable, Equatable {
        /// Which parameters count.
        package enum Selection: Sendable, Equatable {
            case all
            case none
            /// Only those of these names; a name may end in `*`.
            case only([[UInt8]])
            /// All but those.
            case without([[UInt8]])
        }
        package var selection = Selection.all
        package var isSorted = false

        package init() {}

        var isPlain: Bool { selection == .all && !isSorted }
    }

    /// Appends a query as it counts, with its question mark.
    package static func appendQuery(
        _ query: Span<UInt8>,
        by rule: QueryRule,
        to key: inout [UInt8]
    ) {
        if rule.isPlain {
            key.append(UInt8(ascii: "?"))
            append(query, to: &key)
            return
        }
        var parameters: [[UInt8]] = []
        var start = 0
        while start <= query.count {
            let end = query.firstIndex(of: UInt8(ascii: "&"), from: start, to: query.count)
            let parameter = query.extracting(start..<end)
            if counts(parameter, by: rule.selection) { parameters.append(parameter.bytes()) }
            start = end + 1
        }
        if rule.isSorted { sort(&parameters) }
        guard !parameters.isEmpty else { return }
        for (index, parameter) in parameters.enumerated() {
            key.append(index == 0 ? UInt8(ascii: "?") : UInt8(ascii: "&"))
            key += parameter
        }
    }

    /// By name; values of one name keep their order, in which they may mean different things.
    private static func sort(_ parameters: inout [[UInt8]]) {
        func name(_ parameter: [UInt8]) -> ArraySlice<UInt8> {
            parameter.prefix { $0 != UInt8(ascii: "=") }
        }
        let numbered = parameters.enumerated().sorted { left, right in
            let first = name(left.element)
            let second = name(right.element)
            return first == second
                ? left.offset < right.offset : first.lexicographicallyPrecedes(second)
        }
        parameters = numbered.map(\.element)
    }

    private static func counts(_ parameter: Span<UInt8>, by selection: QueryRule.Selection) -> Bool
    {
        let end = parameter.firstIndex(of: UInt8(ascii: "="), from: 0, to: parameter.count)
        let name = parameter.extracting(first: end)
        switch selection {
        case .all: return true
        case .none: return false
        case .only(let names): return names.contains { matches(name, $0) }
        case .without(let names): return !names.contains { matches(name, $0) }
        }
    }

    private static func matches(_ name: Span<UInt8>, _ pattern: [UInt8]) -> Bool {
        if pattern.last == UInt8(ascii: "*") {
            let prefix = pattern.dropLast()
            return name.count >= prefix.count
                && name.extracting(first: prefix.count).equals(Array(prefix).span)
        }
        return name.equals(pattern.span)
    }

    /// Appends bytes.
    package static func append(_ bytes: Span<UInt8>, to key: inout [UInt8]) {
        unsafe bytes.withUnsafeBufferPointer { unsafe key.append(contentsOf: $0) }
    }

    /// Appends bytes, ASCII letters in lower case.
    package static func appendLowercase(_ bytes: Span<UInt8>, to key: inout [UInt8]) {
        for index in bytes.indices { key.append(asciiLowercase(bytes[index])) }
    }
}
