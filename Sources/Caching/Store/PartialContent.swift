import Bytes
package import HTTP

/// Putting parts of one representation together.
///
/// Choice: one run of bytes is kept for each variant, not several with holes between them. A player
/// reads on from where it was and a download goes on from where it broke, so runs grow; of two that
/// do not meet, the newer one stays.
package enum PartialContent {
    /// Bytes of content that are put together in one go at most: copying more would hold the loop
    /// up for longer than a few milliseconds.
    static let maximumCount = 8 << 20

    /// The run that two make together; nil when there is a hole between them.
    package static func union(_ one: Range<Int>, _ other: Range<Int>) -> Range<Int>? {
        guard one.lowerBound <= other.upperBound, other.lowerBound <= one.upperBound else {
            return nil
        }
        return min(one.lowerBound, other.lowerBound)..<max(one.upperBound, other.upperBound)
    }

    /// What a 206 that answers a request for the rest of a content has to say to be that rest.
    ///
    /// Source: RFC 9110 §15.3.7.3, RFC 9111 §3.4: only the same strong validator shows that parts
    /// belong together.
    ///
    /// `stored`: The first bytes of the content.
    package static func isRest(_ head: borrowing ResponseHead, of stored: CachedResponse) -> Bool {
        guard let part = stored.part, let tag = head.fields.first(.etag),
            let place = head.fields.first(.contentRange),
            let range = ContentRange(head.fields.value(at: place))
        else { return false }
        return head.status == 206 && part.start == 0 && EntityTag.isStrong(stored.etag)
            && head.fields.value(at: tag).equals(stored.etag)
            && head.fields.count(of: .contentRange) == 1
            && range.first == stored.contentCount && range.last == part.total - 1
            && range.total == part.total
            && head.declaredLength == part.total - stored.contentCount
    }
}

extension CachedResponse {
    /// The bytes of the whole that it has.
    package var range: Range<Int> {
        let start = part?.start ?? 0
        return start..<(start + contentCount)
    }

    /// What this newer part and an older one are together, under the newer one's fields; nil if
    /// nothing shows that they belong together, or they do not meet, or are too large.
    ///
    /// Source: RFC 9111 §3.4.
    func combined(
        with older: CachedResponse,
        limit: Int,
        extent: (Int) -> (any ContentExtent)?
    ) -> CachedResponse? {
        guard let part, let before = older.part, part.total == before.total,
            EntityTag.isStrong(etag), etag.equalsByWords(older.etag),
            let union = PartialContent.union(range, older.range),
            union.count <= min(limit, PartialContent.maximumCount)
        else { return nil }
        // The newer one may have had all of it already.
        if union == range, union.count < part.total { return self }
        var arriving = ArrivingContent()
        arriving.extent = extent(union.count)
        let piece = Buffer()
        var offset = union.lowerBound
        while offset < union.upperBound {
            let isOwn = range.contains(offset)
            let source = isOwn ? self : older
            let end = isOwn ? range.upperBound : min(older.range.upperBound, endOfOlder(offset))
            let wanted = min(Self.chunkSize, end - offset)
            piece.removeAll()
            let start = source.range.lowerBound
            let count = source.append(from: offset - start, atMost: wanted, to: piece)
            guard count > 0 else { return nil }
            arriving.append(piece.readable, of: union.count)
            offset += count
        }
        var draft = draft(timing: timing)
        let isWhole = union.count == part.total
        draft.head = HeadLines.updated(older.head, by: head)
        if isWhole { HeadLines.setStatus(200, in: &draft.head) }
        draft.status = isWhole ? 200 : status
        draft.part = isWhole ? nil : Part(start: union.lowerBound, total: part.total)
        return arriving.finish(draft)
    }

    /// Where the newer part takes over from the older one.
    private func endOfOlder(_ offset: Int) -> Int {
        offset < range.lowerBound ? range.lowerBound : .max
    }
}

extension HeadLines {
    /// Gives stored lines another status.
    package static func setStatus(_ status: Int, in lines: inout [UInt8]) {
        let line = Buffer()
        line.append("HTTP/1.1 ")
        line.append(decimal: status)
        line.append(UInt8(ascii: " "))
        line.append(Status.reason(status))
        line.append("\r\n")
        let start = firstLine(of: lines.span)
        line.append(lines.span.extracting(droppingFirst: start))
        lines = line.readable.bytes()
    }
}

extension CacheStore {
    /// The first bytes of a content whose rest may be asked for; nil if there are none that a
    /// request's fields fit, or nothing would show that the rest is of the same content.
    package func findStart(
        _ key: Span<UInt8>,
        hash: UInt64,
        request: borrowing FieldSection
    ) -> CachedResponse? {
        var scratch: [UInt8] = []
        for object in variants(key, hash: hash) {
            guard let part = object.part, part.start == 0, part.total <= objectLimit,
                EntityTag.isStrong(object.etag),
                Vary.matches(
                    object.vary,
                    language: object.language,
                    request: request,
                    scratch: &scratch
                )
            else { continue }
            return object
        }
        return nil
    }

    /// Stores a part together with what there is of the same content already.
    ///
    /// Returns What is stored; nil if nothing is.
    func insertPart(_ object: CachedResponse) -> CachedResponse? {
        // Only now the length of all of it is known.
        guard let part = object.part, object.range.upperBound <= part.total else { return nil }
        let older = variants(object.key, hash: object.hash).first { candidate in
            candidate.part != nil && candidate.vary.equalsByWords(object.vary)
        }
        let combined = older.flatMap { older in
            object.combined(with: older, limit: objectLimit) { self.makeExtent($0) }
        }
        let stored = combined ?? object
        return insert(stored) ? stored : nil
    }
}
