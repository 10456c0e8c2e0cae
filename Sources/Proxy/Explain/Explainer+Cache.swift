import Bytes
import Caching
import Configuration
import HTTP

/// What the cache would make of the request, and of the response that it is told of.
extension Explainer {
    mutating func explainCache() {
        guard let cache = exchange.route?.cache else {
            return
        }
        var key: [UInt8] = []
        exchange.writeCacheKey(cache, content: nil, to: &key)
        let url = CacheKey.url(of: key.span).string()
        switch exchange.cacheUse(cache) {
        case .none(.method):
            let isSafe = exchange.request.method.isSafe
            add(
                "cache",
                "goes past it: \(exchange.request.methodBytes.string()) is not cached here",
                isSafe ? nil : "a response of 2xx or 3xx removes what is stored for \(url)"
            )
            return
        case .none:
            add("cache", "goes past it: what the request has must be judged by the application")
            return
        case .full: break
        }
        var lines = ["looked up by \(url)"]
        if cache.rule.key == .body, !exchange.requestBody.isComplete {
            lines.append("and by the content, up to \(size(Exchange.keyContentLimit))")
        }
        lines += requestLines(cache)
        if let disk = exchange.snapshot.configuration.cache?.disk {
            lines.append(
                "what memory has not is looked for in \(disk.path), for \(duration(disk.timeout))"
            )
        }
        add("cache", lines)
        explainStoring(cache)
    }

    /// What becomes of the content of hits on a route that compresses.
    ///
    /// Returns Whether it is compressed for who wants that.
    private mutating func explainForms(_ head: borrowing ResponseHead) -> Bool {
        guard let policy = exchange.route?.route.policy.compression else { return false }
        let decision = CodingDecision(
            accept: AcceptEncoding(),
            status: head.status,
            fields: head.fields,
            length: nil,
            rules: policy.rules
        )
        guard decision.action == .keep(.notAccepted), decision.varies else { return false }
        let accept = exchange.coding?.accept ?? AcceptEncoding()
        if let coding = accept.preferred(of: policy.rules.codings) {
            add(
                "hits",
                "compressed with \(coding.name) once, at level small, for the first hit",
                "kept beside the response and dropped with it"
            )
        } else {
            add("hits", "sent as stored: the client asks for no coding that is offered")
        }
        return true
    }

    /// Up to which size a response is stored, in bytes and in words.
    private func room(isCodable: Bool) -> (limit: Int, text: String)? {
        guard let settings = exchange.snapshot.configuration.cache else { return nil }
        let memory = "up to \(size(settings.objectSize)) of content"
        // What the route compresses does not go out from a file.
        guard let disk = settings.disk, !isCodable, disk.objectSize > settings.objectSize else {
            return (settings.objectSize, memory)
        }
        let text = "\(memory) in memory, up to \(size(disk.objectSize)) in \(disk.path)"
        return (disk.objectSize, text)
    }

    private mutating func requestLines(_ cache: CacheRuntime) -> [String] {
        var lines: [String] = []
        let asked = RequestDirectives(exchange.request.fields)
        if cache.policy.ignoresRequest {
            lines.append("what the request asks of a cache is not listened to")
        } else {
            if asked.noCache { lines.append("no-cache: what is stored is validated first") }
            if asked.noStore { lines.append("no-store: the response is not stored") }
            if asked.onlyIfCached { lines.append("only-if-cached: 504 if nothing is stored") }
        }
        if exchange.request.fields.contains(.authorization) {
            lines.append("asked for alone: it has Authorization")
        } else {
            lines.append(
                "waits for another one's fetch for \(duration(cache.rule.patience * 1_000_000))"
            )
        }
        if let sharing = exchange.snapshot.configuration.cacheSharing {
            lines.append(
                "else looked for in Redis for \(duration(sharing.timeout)), where up to "
                    + "\(size(sharing.objectSize)) of content is shared"
            )
        }
        if cache.rule.minimumUses > 1 {
            lines.append("stored from the request number \(cache.rule.minimumUses) on")
        }
        return lines
    }

    /// Decides as if the response had come that the person describes.
    private mutating func explainStoring(_ cache: CacheRuntime) {
        var head = ResponseHead()
        head.setStatus(request.responseStatus)
        for field in request.responseFields {
            let parts = field.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let value = parts[1].drop { $0 == " " }
            head.fields.append(name: Array(parts[0].utf8).span, value: Array(value.utf8).span)
        }
        var traits = RequestTraits()
        traits.hasAuthorization = exchange.request.fields.contains(.authorization)
        traits.hasCookie = exchange.request.fields.contains(.cookie)
        traits.directives = RequestDirectives(exchange.request.fields)
        let described =
            request.responseFields.isEmpty
            ? "a \(request.responseStatus) that says nothing of caching"
            : "a \(request.responseStatus) with \(request.responseFields.joined(separator: ", "))"
        switch Storability.decide(
            head,
            directives: ResponseDirectives(head.fields),
            request: traits,
            policy: cache.policy,
            now: exchange.wallMilliseconds / 1000
        ) {
        case .refuse(let reason):
            add("stored", "\(described): no, \(reason.rawValue)")
        case .store(let lifetime):
            let room = room(isCodable: explainForms(head))
            if let room, let count = request.responseSize, count > room.limit {
                add("stored", "\(described): no, \(size(count)) is too large", room.text)
                return
            }
            var line = "\(described): yes, fresh for \(lifetime.seconds)s"
            switch lifetime.basis {
            case .sharedMaxAge: line += " (s-maxage)"
            case .maxAge: line += " (max-age)"
            case .expires: line += " (Expires)"
            case .configured: line += " (the route's own)"
            case .heuristic: line += " (a tenth of the time since it changed)"
            case .none: line += ", then validated"
            }
            add(
                "stored",
                line,
                room?.text,
                lifetime.noCache ? "validated each time: no-cache" : nil,
                lifetime.staleWhileRevalidate > 0
                    ? "served \(lifetime.staleWhileRevalidate)s longer while it is fetched" : nil,
                lifetime.staleIfError > 0
                    ? "served \(lifetime.staleIfError)s longer when it cannot be fetched" : nil
            )
        }
    }
}
