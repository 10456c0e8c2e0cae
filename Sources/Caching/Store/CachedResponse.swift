package import Bytes
package import HTTP

/// A stored response: immutable, so that any loop may send it while another one replaces it.
///
/// Key, Vary lines, head and a small content stand in one array; a larger content stands by itself,
/// and a validated response shares it with the one before.
package final class CachedResponse: Sendable {
    /// Bytes of content up to which it stands beside the head: one copy sends both.
    package static let inlineLimit = 32 * 1024
    /// Bytes of a chunk of a larger content.
    package static let chunkSize = 64 * 1024
    /// What an object costs besides its bytes: two headers, the slot, the table.
    ///
    /// Measured with a million of them.
    package static let overhead = 336

    /// Hash of the key.
    package let hash: UInt64
    package let timing: Timing
    package let status: Int
    /// Bytes of content.
    package let contentCount: Int
    /// The part of the whole that it is; nil for the whole.
    package let part: Part?
    /// Milliseconds that it took to fetch.
    package let fetchTime: Int64
    package let traits: Traits
    /// Unix seconds of Last-Modified, else of Date, else of its arrival.
    package let modified: Int64

    private let bytes: [UInt8]
    private let keyEnd: UInt32
    private let varyEnd: UInt32
    private let headEnd: UInt32
    private let etagStart: UInt32
    private let etagCount: UInt32
    private let languageStart: UInt32
    private let languageCount: UInt32
    /// What does not stand beside the head.
    package let large: LargeContent?
    /// The content in codings, as far as somebody wanted it.
    let forms: [CodedForm]

    /// What a request for it must know at once.
    package struct Traits: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        package static let hasLastModified = Traits(rawValue: 1)
        /// Only the operator makes it cacheable: not for clients with cookies.
        package static let withoutCookies = Traits(rawValue: 2)
        /// A purge made it stale.
        package static let purged = Traits(rawValue: 4)
        /// Its content is one that the route compresses.
        package static let codable = Traits(rawValue: 8)
        /// The last line of the head is this cache's own `Vary: Accept-Encoding`.
        package static let ownVary = Traits(rawValue: 16)
        /// Whatever there is.
        static let all: Traits = [
            .hasLastModified, .withoutCookies, .purged, .codable, .ownVary,
        ]
    }

    /// The bytes of a whole that a partial response has.
    package struct Part: Sendable, Equatable {
        package var start: Int
        package var total: Int

        package init(start: Int, total: Int) {
            self.start = start
            self.total = total
        }
    }

    /// Makes one of a content in pieces of `chunkSize`, the last one shorter.
    package convenience init(
        _ draft: consuming ResponseDraft,
        content: [[UInt8]],
        contentCount: Int
    ) {
        if contentCount <= Self.inlineLimit {
            self.init(draft, inline: content, large: nil, contentCount: contentCount)
        } else {
            let large = LargeContent(.memory(content))
            self.init(draft, inline: [], large: large, contentCount: contentCount)
        }
    }

    /// Makes one of a content that stands somewhere already.
    package convenience init(
        _ draft: consuming ResponseDraft,
        _ large: LargeContent,
        contentCount: Int
    ) {
        self.init(draft, inline: [], large: large, contentCount: contentCount)
    }

    /// Makes one that has the content of another.
    package convenience init(_ draft: consuming ResponseDraft, contentOf other: CachedResponse) {
        let content = other.large == nil ? [other.inlineContent.bytes()] : []
        self.init(
            draft,
            inline: content,
            large: other.large,
            contentCount: other.contentCount,
            forms: other.forms
        )
    }

    /// The same response with its content in one more coding.
    convenience init(_ other: CachedResponse, adding form: CodedForm) {
        self.init(other, with: other.forms + [form])
    }

    /// The same response with its content in these codings.
    convenience init(_ other: CachedResponse, with forms: [CodedForm]) {
        let content = other.large == nil ? [other.inlineContent.bytes()] : []
        self.init(
            other.draft(timing: other.timing),
            inline: content,
            large: other.large,
            contentCount: other.contentCount,
            forms: forms
        )
    }

    private init(
        _ draft: consuming ResponseDraft,
        inline content: [[UInt8]],
        large: LargeContent?,
        contentCount: Int,
        forms: [CodedForm] = []
    ) {
        hash = draft.hash
        timing = draft.timing
        status = draft.status
        part = draft.part
        fetchTime = draft.fetchTime
        traits = draft.traits
        modified = draft.modified
        self.contentCount = contentCount
        keyEnd = UInt32(draft.key.count)
        varyEnd = keyEnd + UInt32(draft.vary.count)
        headEnd = varyEnd + UInt32(draft.head.count)
        let etag = HeadLines.value(of: "etag", in: draft.head.span)
        etagStart = varyEnd + UInt32(etag?.lowerBound ?? 0)
        etagCount = UInt32(etag?.count ?? 0)
        let language = HeadLines.value(of: "content-language", in: draft.head.span)
        languageStart = varyEnd + UInt32(language?.lowerBound ?? 0)
        languageCount = UInt32(language?.count ?? 0)
        var all: [UInt8] = []
        all.reserveCapacity(Int(headEnd) + (large == nil ? contentCount : 0))
        all += draft.key
        all += draft.vary
        all += draft.head
        for chunk in content { all += chunk }
        bytes = all
        self.large = large
        self.forms =
            forms.isEmpty ? [] : forms.map { $0.renewed(for: draft.head.span) }
    }

    /// A part of the bytes, as long as this object lives.
    @_lifetime(borrow self)
    private borrowing func slice(_ range: Range<Int>) -> Span<UInt8> {
        let all = bytes
        // The array is never changed and lives as long as the object, which is borrowed.
        let span = unsafe _overrideLifetime(all.span, borrowing: self)
        return span.extracting(range)
    }

    package var key: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { slice(0..<Int(keyEnd)) }
    }

    /// The lines that `Vary` wrote.
    package var vary: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { slice(Int(keyEnd)..<Int(varyEnd)) }
    }

    /// Status line and fields, each line with its end: what travels on of them.
    package var head: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { slice(Int(varyEnd)..<Int(headEnd)) }
    }

    /// The content that stands beside the head; empty when it is large.
    package var inlineContent: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { slice(Int(headEnd)..<bytes.count) }
    }

    /// The entity tag as received; empty if there is none.
    package var etag: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { slice(Int(etagStart)..<Int(etagStart + etagCount)) }
    }

    package var language: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get {
            slice(Int(languageStart)..<Int(languageStart + languageCount))
        }
    }

    /// Whether its content stands in a file, because it is too large for memory.
    package var isOnFile: Bool {
        guard case .extent(let extent) = large?.place else { return false }
        return extent.isFile
    }

    /// Whether the one range that a request asks for lies within the part that this is.
    ///
    /// Source: RFC 9111 §3.3.
    package func hasRange(of request: borrowing FieldSection) -> Bool {
        guard let part, case .parts(let ranges) = ByteRanges(request, total: part.total),
            ranges.count == 1
        else { return false }
        return ranges[0].lowerBound >= part.start
            && ranges[0].upperBound <= part.start + contentCount
    }

    /// Bytes that count against the budget.
    package var cost: Int {
        var sum = Self.overhead + Int(headEnd) + (large?.cost(contentCount) ?? contentCount)
        for form in forms { sum += form.cost }
        return sum
    }

    /// Appends a piece of the content to a buffer.
    ///
    /// Returns How many bytes, at most `limit`; 0 behind the end.
    package func append(from offset: Int, atMost limit: Int, to buffer: Buffer) -> Int {
        guard offset >= 0, offset < contentCount, limit > 0 else { return 0 }
        let count = min(limit, contentCount - offset)
        if let large { return large.append(from: offset, count, to: buffer) }
        buffer.append(inlineContent.extracting(offset..<(offset + count)))
        return count
    }

    /// The same response, made stale by a purge.
    package func expired(now: Int64) -> CachedResponse {
        var stale = draft(timing: timing.expired(now: now))
        stale.traits.insert(.purged)
        return CachedResponse(stale, contentOf: self)
    }

    /// The same response at another time.
    package func draft(timing: Timing) -> ResponseDraft {
        ResponseDraft(
            hash: hash,
            key: key.bytes(),
            vary: vary.bytes(),
            head: head.bytes(),
            status: status,
            timing: timing,
            part: part,
            fetchTime: fetchTime,
            traits: traits,
            modified: modified
        )
    }
}

/// Everything about a response to be stored but its content.
package struct ResponseDraft: Sendable {
    package var hash: UInt64
    package var key: [UInt8]
    package var vary: [UInt8]
    package var head: [UInt8]
    package var status: Int
    package var timing: Timing
    package var part: CachedResponse.Part?
    package var fetchTime: Int64
    package var traits: CachedResponse.Traits
    package var modified: Int64

    package init(
        hash: UInt64,
        key: [UInt8],
        vary: [UInt8],
        head: [UInt8],
        status: Int,
        timing: Timing,
        part: CachedResponse.Part?,
        fetchTime: Int64,
        traits: CachedResponse.Traits,
        modified: Int64
    ) {
        self.hash = hash
        self.key = key
        self.vary = vary
        self.head = head
        self.status = status
        self.timing = timing
        self.part = part
        self.fetchTime = fetchTime
        self.traits = traits
        self.modified = modified
    }
}
