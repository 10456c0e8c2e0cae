import Addressing
import Bytes
import Caching
import Configuration
import HTTP

extension Exchange {
    /// Writes the key of the request: everything of it that the upstream sees and may answer by,
    /// but for the fields that Vary is for.
    mutating func writeCacheKey(_ cache: CacheRuntime, content: [UInt8]?, to key: inout [UInt8]) {
        key.removeAll(keepingCapacity: true)
        key += cache.keyPrefix
        CacheKey.append(
            scheme == .https ? Exchange.httpsStart.span : Exchange.httpStart.span,
            to: &key
        )
        CacheKey.appendLowercase(request.authority, to: &key)
        CacheKey.append(request.path, to: &key)
        if request.hasQuery { CacheKey.appendQuery(request.query, by: cache.query, to: &key) }
        // A trusted peer's word on these reaches the upstream.
        if client.peerIsTrusted {
            for name in [FieldName.xForwardedHost, .xForwardedPort, .xForwardedPrefix] {
                guard let index = request.fields.first(name) else { continue }
                key.append(CacheKey.separator)
                key.append(name.rawValue)
                CacheKey.append(request.fields.value(at: index), to: &key)
            }
        }
        if let content {
            key.append(CacheKey.separator)
            CacheKey.append(request.methodBytes, to: &key)
            for name in [FieldName.contentType, .contentEncoding] {
                key.append(CacheKey.separator)
                guard let index = request.fields.first(name) else { continue }
                CacheKey.append(request.fields.value(at: index), to: &key)
            }
            key.append(CacheKey.separator)
            key += content
        }
    }

    private static let httpStart = Array("http://".utf8)
    private static let httpsStart = Array("https://".utf8)

    /// What the cache can do for the request.
    enum CacheUse {
        /// Look up, and store.
        case full
        /// Nothing: the upstream answers.
        case none(CacheForward)
    }

    /// Looks whether the request is one that the cache has a part in.
    mutating func cacheUse(_ cache: CacheRuntime) -> CacheUse {
        guard cache.rule.methods.contains(MethodSet(request.method)) else { return .none(.method) }
        let hasContent = !requestBody.isComplete
        switch request.method {
        case .post, .query: break
        default:
            // Content of a GET is no part of the key, but some applications read it.
            if hasContent { return .none(.bypass) }
        }
        if request.upgradeRequested || request.targetForm == .asterisk { return .none(.bypass) }
        // Source: RFC 9111 §4.3.2, these are for the upstream to evaluate.
        if request.fields.contains(.ifMatch) || request.fields.contains(.ifUnmodifiedSince) {
            return .none(.bypass)
        }
        if hasOverride() { return .none(.bypass) }
        for condition in cache.rule.bypass where isMet(condition) { return .none(.bypass) }
        return .full
    }

    /// Whether a field asks the application to take the request for another one.
    private mutating func hasOverride() -> Bool {
        for index in request.fields.indices {
            guard request.fields.known(at: index) == .other, request.fields.isPresent(at: index)
            else { continue }
            let name = request.fields.name(at: index)
            guard name.count >= 13, name[0] | 0x20 == 0x78 else { continue }
            if name.equalsIgnoringCase("x-http-method-override")
                || name.equalsIgnoringCase("x-http-method")
                || name.equalsIgnoringCase("x-method-override")
                || name.equalsIgnoringCase("x-original-url")
                || name.equalsIgnoringCase("x-rewrite-url")
                || name.equalsIgnoringCase("x-forwarded-scheme")
            {
                return true
            }
        }
        return false
    }

    private mutating func isMet(_ condition: CacheRule.Condition) -> Bool {
        switch condition.source {
        case .header: return request.fields.first(named: condition.name.span) != nil
        case .cookie:
            var index = request.fields.first(.cookie)
            while let number = index {
                let value = request.fields.value(at: number)
                if cookieValue(named: condition.name.span, in: value) != nil { return true }
                index = request.fields.next(.cookie, from: number + 1)
            }
            return false
        case .query:
            let query = request.query
            var start = 0
            while start < query.count {
                let end = query.firstIndex(of: UInt8(ascii: "&"), from: start, to: query.count)
                let name = query.firstIndex(of: UInt8(ascii: "="), from: start, to: end)
                if query.extracting(start..<name).equals(condition.name.span) { return true }
                start = end + 1
            }
            return false
        }
    }
}
