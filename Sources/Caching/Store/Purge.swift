import Bytes
import HTTP

/// What a purge means.
package enum Purge: Sendable, Equatable {
    /// One URL, all of its variants, under whatever site it is served.
    case url([UInt8])
    /// All URLs that begin so.
    case prefix([UInt8])
    /// All URLs of a host.
    case host([UInt8])
    /// All responses whose Cache-Tag, Surrogate-Key or Cache-Groups names it.
    case tag([UInt8])
    /// The same within one origin: what a Cache-Group-Invalidation means.
    case group([UInt8], origin: [UInt8])
    /// One key, all of its variants: the URL as one site serves it.
    case key([UInt8])
    case everything

    /// Whether an object is meant.
    package func means(_ object: CachedResponse) -> Bool {
        means(key: object.key, head: object.head)
    }

    /// Whether a response of a key is meant, whose head has these lines.
    package func means(key: Span<UInt8>, head: Span<UInt8>) -> Bool {
        let url = CacheKey.url(of: key)
        switch self {
        case .everything: return true
        case .url(let bytes): return url.equalsByWords(bytes.span)
        case .prefix(let bytes):
            return url.count >= bytes.count
                && url.extracting(first: bytes.count).equalsByWords(bytes.span)
        case .host(let bytes): return CacheKey.host(ofURL: url).equals(bytes.span)
        case .tag(let bytes): return Purge.has(bytes.span, head, onlyGroups: false)
        case .key(let bytes): return key.equalsByWords(bytes.span)
        case .group(let bytes, let origin):
            return url.count >= origin.count
                && url.extracting(first: origin.count).equalsByWords(origin.span)
                && Purge.has(bytes.span, head, onlyGroups: true)
        }
    }

    /// Whether a head names a tag: Cache-Tag has commas between, Surrogate-Key spaces, and
    /// Cache-Groups is a list of strings (RFC 9875 §2).
    private static func has(_ tag: Span<UInt8>, _ head: Span<UInt8>, onlyGroups: Bool) -> Bool {
        var start = HeadLines.firstLine(of: head)
        while let line = HeadLines.line(at: start, in: head) {
            start = line.end
            let name = head.extracting(line.name)
            let isGroups = name.equalsIgnoringCase("cache-groups")
            let isTags =
                name.equalsIgnoringCase("cache-tag") || name.equalsIgnoringCase("surrogate-key")
            guard isGroups || (isTags && !onlyGroups) else { continue }
            if names(tag, in: head.extracting(line.value)) { return true }
        }
        return false
    }

    /// Whether one of the words between commas, spaces and quotes is the tag.
    private static func names(_ tag: Span<UInt8>, in value: Span<UInt8>) -> Bool {
        var start = 0
        while start < value.count {
            var end = start
            while end < value.count, !isSeparator(value[end]) { end += 1 }
            if end > start, value.extracting(start..<end).equals(tag) { return true }
            start = end + 1
        }
        return false
    }

    static func isSeparator(_ byte: UInt8) -> Bool {
        byte == 0x2C || byte == 0x20 || byte == 0x09 || byte == 0x22
    }
}

/// The last purges, for fetches that were under way when they came.
struct PurgeLog {
    private(set) var count = 0
    private var recent: [Purge] = []

    mutating func add(_ purge: Purge) {
        count += 1
        recent.append(purge)
        if recent.count > CacheStore.Limits.rememberedPurges { recent.removeFirst() }
    }

    /// Whether a purge since the first `number` of them meant an object; of those forgotten it is
    /// taken as so.
    func concerns(_ object: CachedResponse, since number: Int) -> Bool {
        let newer = count - number
        guard newer > 0 else { return false }
        guard newer <= recent.count else { return true }
        return recent.suffix(newer).contains { $0.means(object) }
    }
}
