import Bytes
import Caching
import Configuration
import HTTP
import HTTP1

/// The head of a response that is made from a stored one.
struct StoredHead {
    /// Status line and fields as stored.
    var lines: [UInt8]
    var status: Int
    var age: Int64
    var report: CacheReport
    var framing = BodyFraming.none
    /// The Content-Range, without its name, of a 206 or 416.
    var contentRange: [UInt8] = []
    /// The boundary of several ranges.
    var boundary: [UInt8] = []

    init(lines: [UInt8], status: Int, age: Int64, report: CacheReport) {
        self.lines = lines
        self.status = status
        self.age = age
        self.report = report
    }
}

extension Exchange {
    /// Writes the head of a response that is made from a stored one.
    mutating func write(_ head: StoredHead, _ cache: CacheRuntime, to output: Buffer) {
        status = head.status
        let start = output.count
        let rules = route?.route.policy.responseHeaders ?? []
        let lines = head.lines.span
        let isPlain =
            rules.isEmpty && !changesStored(lines) && head.status != 304
            && head.contentRange.isEmpty
            && head.boundary.isEmpty
        if isPlain {
            output.append(lines)
        } else {
            let firstLine = HeadLines.firstLine(of: lines)
            if head.status == 304 || head.status == 206 || head.status == 416 {
                output.writeStatusLine(head.status)
            } else {
                output.append(lines.extracting(first: firstLine))
            }
            writeLines(lines, of: head, rules, to: output)
        }
        writeRest(of: head, rules, cache, to: output, from: start)
    }

    /// Whether `https` or `cookies` put something else in the place of a stored line.
    func changesStored(_ lines: Span<UInt8>) -> Bool {
        guard route?.https != nil else { return false }
        return HeadLines.value(of: "set-cookie", in: lines) != nil
            || HeadLines.value(of: "strict-transport-security", in: lines) != nil
    }

    /// Writes what follows the stored lines.
    ///
    /// `start`: Where the head begins in the output.
    mutating func writeRest(
        of head: StoredHead,
        _ rules: [HeaderRule],
        _ cache: CacheRuntime,
        to output: Buffer,
        from start: Int = 0
    ) {
        output.append("Age: ")
        output.append(decimal: Int(head.age))
        output.append("\r\nX-Request-ID: ")
        requestID.write(to: output)
        output.append("\r\n")
        if cache.rule.statusField != .off {
            if cache.rule.statusField == .key {
                var key: [UInt8] = []
                writeCacheKey(cache, content: nil, to: &key)
                head.report.write(key: CacheKey.url(of: key.span), to: output)
            } else {
                head.report.write(key: nil, to: output)
            }
        }
        if let https = route?.https { https.write(isSecure: isSecure, to: output) }
        if limits != nil { writeLimitFields(to: output) }
        if !rules.isEmpty { apply(rules, to: output, from: start) }
        output.writeFraming(head.framing)
        if context.isDraining { keepsConnection = false }
        writePersistence(to: output)
        output.writeEndOfHead()
    }

    /// Writes stored lines but for those that rules replace, that a 304 does not need, or that say
    /// something of another content.
    private mutating func writeLines(
        _ lines: Span<UInt8>,
        of head: StoredHead,
        _ rules: [HeaderRule],
        to output: Buffer
    ) {
        let isPart = !head.contentRange.isEmpty
        let isSecure = isSecure
        let replaced = route?.https?.replacedFields(isSecure: isSecure) ?? FieldNameSet()
        var cookies = FieldSection()
        HeadLines.forEach(lines) { name, value, line in
            if !replaced.isEmpty, replaced.contains(FieldName.match(name)) {
                if name.equalsIgnoringCase("set-cookie") {
                    cookies.append(.setCookie, value: value)
                }
                return
            }
            for rule in rules {
                if case .add = rule.operation { continue }
                if name.equalsIgnoringCase(rule.lowercaseName.span) { return }
            }
            if head.status == 304 && isContentMetadata(name) { return }
            if isPart || !head.boundary.isEmpty {
                if name.equalsIgnoringCase("content-range") { return }
            }
            if !head.boundary.isEmpty, name.equalsIgnoringCase("content-type") { return }
            if head.status == 416, isOfRepresentation(name) { return }
            output.append(line)
        }
        route?.https?.writeCookies(of: cookies, isSecure: isSecure, to: output)
        if isPart {
            output.append("Content-Range: ")
            output.append(head.contentRange)
            output.append("\r\n")
        }
        if !head.boundary.isEmpty {
            output.append("Content-Type: multipart/byteranges; boundary=")
            output.append(head.boundary)
            output.append("\r\n")
        }
    }

    /// What a stored response says of its content and of its own storing: in a 416 it would let
    /// the next cache keep that in the place of the content.
    ///
    /// Source: RFC 9110 §15.5.17, RFC 9111 §3.
    private func isOfRepresentation(_ name: Span<UInt8>) -> Bool {
        let names: [StaticString] = [
            "cache-control", "cdn-cache-control", "expires", "etag", "last-modified",
            "content-type", "content-encoding", "content-language", "content-location",
            "content-disposition", "content-md5", "digest", "content-digest", "repr-digest",
        ]
        return names.contains { name.equalsIgnoringCase($0) }
    }

    /// Source: RFC 9110 §15.4.5, what a 304 leaves out.
    private func isContentMetadata(_ name: Span<UInt8>) -> Bool {
        name.equalsIgnoringCase("content-type") || name.equalsIgnoringCase("content-encoding")
            || name.equalsIgnoringCase("content-language")
            || name.equalsIgnoringCase("content-range")
            || name.equalsIgnoringCase("content-md5")
    }
}
