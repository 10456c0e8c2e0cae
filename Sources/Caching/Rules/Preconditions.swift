import Bytes
package import HTTP

/// Whether a stored response is what a client has already.
///
/// Source: RFC 9110 §13.2.2, RFC 9111 §4.3.2.
package enum Preconditions {
    /// Whether a request asks for the content only if it changed.
    ///
    /// To other methods these conditions mean something else, or nothing.
    /// Source: RFC 9110 §13.1.2 and §13.1.3; RFC 10008 for QUERY.
    package static func isConditional(_ request: borrowing FieldSection, _ method: Method) -> Bool {
        guard method == .get || method == .head || method == .query else { return false }
        return request.contains(.ifNoneMatch) || request.contains(.ifModifiedSince)
    }

    /// Whether the answer to a conditional request is 304.
    ///
    /// `request`: Its header section.
    ///
    /// `etag`: The entity tag of what is stored, or empty.
    ///
    /// `modified`: When what is stored was changed, in Unix seconds.
    ///
    /// `now`: Unix seconds.
    package static func isNotModified(
        _ request: borrowing FieldSection,
        etag: Span<UInt8>,
        modified: Int64,
        now: Int64
    ) -> Bool {
        var index = request.first(.ifNoneMatch)
        guard index != nil else {
            // Source: RFC 9110 §13.1.3, more than one is none.
            guard request.count(of: .ifModifiedSince) == 1,
                let since = request.date(.ifModifiedSince, now: now)
            else { return false }
            return modified <= since
        }
        while let number = index {
            if EntityTag.list(request.value(at: number), names: etag) { return true }
            index = request.next(.ifNoneMatch, from: number + 1)
        }
        return false
    }

    /// Whether a request's If-Range lets a range of what is stored be sent.
    ///
    /// `lastModified`: When what is stored was changed, in Unix seconds, if it says so.
    ///
    /// `sent`: When it was sent, as its Date says.
    ///
    /// Source: RFC 9110 §13.1.5: an entity tag by strong comparison, or exactly the date where
    /// that is a strong validator (§8.8.2.2): the content cannot have changed once more within the
    /// second that it names.
    package static func allowsRange(
        _ request: borrowing FieldSection,
        etag: Span<UInt8>,
        lastModified: Int64?,
        sent: @autoclosure () -> Int64?,
        now: Int64
    ) -> Bool {
        guard let index = request.first(.ifRange) else { return true }
        guard request.count(of: .ifRange) == 1 else { return false }
        let value = request.value(at: index)
        if value.count > 0, value[0] == 0x22 {
            return etag.count > 0 && etag[0] == 0x22 && value.equals(etag)
        }
        guard let date = HTTPDate.parse(value, now: now), let sent = sent() else { return false }
        return date == lastModified && date < sent
    }
}

/// Entity tags.
///
/// Source: RFC 9110 §8.8.3.
package enum EntityTag {
    /// Whether a list of tags names one by weak comparison, or is `*`.
    ///
    /// Tags without quotes, which some servers send, are compared as they are.
    static func list(_ value: Span<UInt8>, names etag: Span<UInt8>) -> Bool {
        if value.equals("*") { return true }
        guard etag.count > 0 else { return false }
        var start = 0
        while start < value.count {
            if value[start] == 0x2C || Characters.isBlank(value[start]) {
                start += 1
                continue
            }
            let end = memberEnd(value, from: start)
            let comma = value.firstIndex(of: 0x2C, from: end, to: value.count)
            // What goes on behind its quotation mark is no tag.
            let isTag = trimmed(value.extracting(end..<comma)).isEmpty
            if isTag, opaque(value.extracting(start..<end)).equals(opaque(etag)) { return true }
            start = comma
        }
        return false
    }

    private static func memberEnd(_ value: Span<UInt8>, from start: Int) -> Int {
        var open = start
        if open + 2 < value.count, value[open] | 0x20 == 0x77, value[open + 1] == 0x2F { open += 2 }
        if value[open] == 0x22 {
            let close = value.firstIndex(of: 0x22, from: open + 1, to: value.count)
            return min(close + 1, value.count)
        }
        var end = value.firstIndex(of: 0x2C, from: open, to: value.count)
        while end > open + 1, Characters.isBlank(value[end - 1]) { end -= 1 }
        return end
    }

    @_lifetime(copy tag)
    private static func opaque(_ tag: Span<UInt8>) -> Span<UInt8> {
        let isWeak = tag.count > 2 && tag[0] | 0x20 == 0x77 && tag[1] == 0x2F
        return isWeak ? tag.extracting(droppingFirst: 2) : tag
    }

    /// Whether the tag of a 304 is that of what is stored: a strong one only the very same, a weak
    /// one by weak comparison.
    ///
    /// Source: RFC 9111 §4.3.4.
    package static func validates(_ tag: Span<UInt8>, _ stored: Span<UInt8>) -> Bool {
        isStrong(tag) ? tag.equals(stored) : opaque(tag).equals(opaque(stored))
    }

    /// Whether a tag identifies every byte.
    package static func isStrong(_ tag: Span<UInt8>) -> Bool { tag.count > 0 && tag[0] == 0x22 }
}
