import Addressing
import Bytes
import Caching
import Configuration
import HTTP
import HTTP1

extension Exchange {
    /// Removes what is stored for the URL of a PURGE request, if its client may.
    mutating func purge(_ cache: CacheRuntime, _ rule: CachePurge, key: [UInt8])
        async throws(Failure)
    {
        guard let address = client.address, rule.networks.contains(address) else {
            throw .refused(.accessDenied)
        }
        let hash = cache.store.hash(key.span)
        let name = Array("soft-purge".utf8)
        let isSoft = request.fields.first(named: name.span) != nil
        let count =
            isSoft
            ? cache.store.expire(key.span, hash: hash, now: wallMilliseconds)
            : cache.store.invalidate(key.span, hash: hash)
        try await send(
            status: count > 0 ? 200 : 404,
            contentType: Array("application/json".utf8),
            body: Array("{\"purged\":\(count)}\n".utf8)
        )
    }
}

/// What the metrics listener answers about the cache.
enum CacheCommands {
    /// Objects that `top` lists at most.
    static let maximumListed = 1000

    /// Answers a request below `/cache/`.
    ///
    /// Scans the store, so it is not for a loop.
    ///
    /// `path`: What follows `/cache/`.
    ///
    /// `query`: The query.
    ///
    /// `isPost`: Whether something may be changed.
    ///
    /// `now`: Unix milliseconds.
    static func answer(
        path: String,
        query: [UInt8],
        isPost: Bool,
        store: CacheStore,
        now: Int64
    ) -> MetricsAnswer {
        let parameters = Self.parameters(query)
        switch path {
        case "purge":
            guard isPost else {
                return MetricsAnswer(status: 405, body: Array("only POST\n".utf8))
            }
            guard let purge = purge(parameters) else {
                return MetricsAnswer(
                    status: 400,
                    body: Array("expected one of url= prefix= host= tag= all=1\n".utf8)
                )
            }
            let count = store.purge(purge, soft: parameters["soft"] != nil, now: now)
            return json("{\"purged\":\(count)}\n")
        case "show":
            guard let url = parameters["url"] else {
                return MetricsAnswer(status: 400, body: Array("expected url=\n".utf8))
            }
            return show(store, url: url, now: now)
        case "top":
            let count = parameters["count"].flatMap { Int(text($0)) } ?? 20
            return top(store, count: min(max(1, count), maximumListed), now: now)
        default:
            return MetricsAnswer(status: 404, body: Array("try purge, show or top\n".utf8))
        }
    }

    private static func json(_ text: String) -> MetricsAnswer {
        MetricsAnswer(status: 200, contentType: "application/json", body: Array(text.utf8))
    }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private static func purge(_ parameters: [String: [UInt8]]) -> Purge? {
        if let url = parameters["url"] { return .url(url) }
        if let prefix = parameters["prefix"] { return .prefix(prefix) }
        if let host = parameters["host"] { return .host(host.map(asciiLowercase)) }
        if let tag = parameters["tag"] { return .tag(tag) }
        return parameters["all"] != nil ? .everything : nil
    }

    private static func show(_ store: CacheStore, url: [UInt8], now: Int64) -> MetricsAnswer {
        var found: [String] = []
        let wanted = Purge.url(url)
        store.scan { object, uses in
            guard wanted.means(object), found.count < maximumListed else { return }
            found.append(describe(object, uses: uses, now: now))
        }
        return json("[" + found.joined(separator: ",\n") + "]\n")
    }

    private static func top(_ store: CacheStore, count: Int, now: Int64) -> MetricsAnswer {
        var best: [(uses: Int, object: CachedResponse)] = []
        store.scan { object, uses in
            if best.count == count, let last = best.last, last.uses >= uses { return }
            let place = best.firstIndex { $0.uses < uses } ?? best.endIndex
            best.insert((uses, object), at: place)
            if best.count > count { best.removeLast() }
        }
        let lines = best.map { describe($0.object, uses: $0.uses, now: now) }
        return json("[" + lines.joined(separator: ",\n") + "]\n")
    }

    private static func describe(_ object: CachedResponse, uses: Int, now: Int64) -> String {
        let url = escaped(CacheKey.url(of: object.key).bytes())
        let vary = escaped(object.vary.bytes())
        let age = object.timing.age(now: now) / 1000
        let remaining = object.timing.remaining(now: now) / 1000
        return "{\"url\":\"\(url)\",\"status\":\(object.status),\"age\":\(age),"
            + "\"ttl\":\(remaining),\"bytes\":\(object.contentCount),\"uses\":\(uses),"
            + "\"vary\":\"\(vary)\",\"codings\":{\(codings(object))}}"
    }

    /// The bytes of each form in a coding.
    private static func codings(_ object: CachedResponse) -> String {
        let forms = ContentCoding.allCases.compactMap { object.form($0) }.filter(\.isWorthIt)
        let sizes = forms.map { "\"\($0.coding.name)\":\($0.contentCount)" }
        return sizes.joined(separator: ",")
    }

    private static func escaped(_ bytes: [UInt8]) -> String {
        var result = ""
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "\n": result += "\\n"
            case _ where scalar.value < 0x20: result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Names and values of a query, percent-decoded.
    static func parameters(_ query: [UInt8]) -> [String: [UInt8]] {
        var result: [String: [UInt8]] = [:]
        for pair in query.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1)
            guard let name = parts.first else { continue }
            result[text(Array(name))] = parts.count > 1 ? decoded(Array(parts[1])) : []
        }
        return result
    }

    private static func decoded(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let high = Characters.hexadecimalValue(bytes[index + 1]),
                let low = Characters.hexadecimalValue(bytes[index + 2])
            {
                result.append(high << 4 | low)
                index += 3
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }
}
