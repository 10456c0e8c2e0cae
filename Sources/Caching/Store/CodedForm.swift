import Bytes
package import HTTP
import Synchronization

/// A stored content in a content coding: made once, and kept beside the content that it was made
/// of, with which it goes.
package final class CodedForm: Sendable {
    /// What one costs besides its bytes.
    private static let overhead = 160

    package let coding: ContentCoding
    /// Status line and fields of the response that has it.
    package let head: [UInt8]
    package let content: LargeContent
    package let contentCount: Int
    /// Whether it is smaller than the content; if not it is kept only so that nobody tries again.
    package let isWorthIt: Bool

    private init(
        _ coding: ContentCoding,
        head: [UInt8],
        content: LargeContent,
        contentCount: Int,
        isWorthIt: Bool
    ) {
        self.coding = coding
        self.head = head
        self.content = content
        self.contentCount = contentCount
        self.isWorthIt = isWorthIt
    }

    /// Makes one of what a coding made of a response's content.
    convenience init(_ coding: ContentCoding, made: CachedResponse, of plain: CachedResponse) {
        guard made.contentCount < plain.contentCount else {
            self.init(useless: coding)
            return
        }
        self.init(
            coding,
            head: HeadLines.coded(plain.head, .coded(coding)),
            content: made.large ?? LargeContent(.memory([made.inlineContent.bytes()])),
            contentCount: made.contentCount,
            isWorthIt: true
        )
    }

    /// Makes one that says that the coding makes the content no smaller.
    convenience init(useless coding: ContentCoding) {
        self.init(
            coding,
            head: [],
            content: LargeContent(.memory([])),
            contentCount: 0,
            isWorthIt: false
        )
    }

    /// The same under another head.
    func renewed(for head: Span<UInt8>) -> CodedForm {
        guard isWorthIt else { return self }
        return CodedForm(
            coding,
            head: HeadLines.coded(head, .coded(coding)),
            content: content,
            contentCount: contentCount,
            isWorthIt: true
        )
    }

    /// Bytes that count against the budget.
    var cost: Int { Self.overhead + head.count + content.cost(contentCount) }
}

extension CachedResponse {
    /// What there is of the content in a coding.
    package func form(_ coding: ContentCoding) -> CodedForm? {
        for form in forms where form.coding == coding { return form }
        return nil
    }

    /// Whether two have the same content under the same key, so that what was made of one serves
    /// the other.
    func hasContent(of other: CachedResponse) -> Bool {
        if self === other { return true }
        guard key.equalsByWords(other.key), vary.equalsByWords(other.vary),
            contentCount == other.contentCount, part == nil, other.part == nil
        else { return false }
        if let large { return large === other.large }
        return other.large == nil && inlineContent.equalsByWords(other.inlineContent)
    }
}

extension CachedResponse {
    /// Bytes of the content in all codings that there are of it.
    package var formBytes: Int { forms.reduce(0) { $0 + $1.contentCount } }

    /// Whether two are the same response, whatever forms of it there are.
    package func isSame(as other: CachedResponse) -> Bool {
        hasContent(of: other) && head.equalsByWords(other.head)
    }
}

extension HeadLines {
    /// The line that says that a content is sent in codings.
    private static let ownVary = Array("Vary: Accept-Encoding\r\n".utf8)

    /// Adds the line, last.
    package static func addOwnVary(to lines: inout [UInt8]) { lines += ownVary }

    /// Bytes of a head without that line.
    package static func countWithoutOwnVary(_ head: Span<UInt8>) -> Int {
        let own = ownVary
        let start = head.count - own.count
        guard start >= 0, head.extracting(droppingFirst: start).equals(own.span) else {
            return head.count
        }
        return start
    }

    /// The head of a response whose content gets a coding: another tag, and nothing that was said
    /// of the bytes.
    ///
    /// `mark`: What was done to the content.
    ///
    /// Source: RFC 9110 §8.8.3.3, RFC 9530 §2 and §3.
    package static func coded(_ head: Span<UInt8>, _ mark: CodedEntityTag.Marked) -> [UInt8] {
        let out = Buffer()
        out.append(head.extracting(first: firstLine(of: head)))
        forEach(head) { name, value, line in
            if name.equalsIgnoringCase("etag") {
                out.append("ETag: ")
                _ = CodedEntityTag.write(value, mark, to: out)
                out.append("\r\n")
            } else if !describesPlainBytes(name) {
                out.append(line)
            }
        }
        if let coding = mark.coding {
            out.append("Content-Encoding: ")
            out.append(coding.name)
            out.append("\r\n")
        }
        return out.readable.bytes()
    }

    private static func describesPlainBytes(_ name: Span<UInt8>) -> Bool {
        name.equalsIgnoringCase("content-encoding") || name.equalsIgnoringCase("accept-ranges")
            || name.equalsIgnoringCase("content-md5") || name.equalsIgnoringCase("digest")
            || name.equalsIgnoringCase("content-digest")
            || name.equalsIgnoringCase("repr-digest")
    }
}

/// The forms that are being made, each by one task, whoever wants it.
struct CodingTable {
    private struct Key: Hashable {
        /// Of an object that the entry keeps alive, so that no other one gets its number.
        var object: ObjectIdentifier
        var coding: ContentCoding
    }
    private struct Entry {
        var object: any AnyObject & Sendable
        var fill: Fill
    }

    private var entries: [Key: Entry] = [:]

    /// The making of a form, or its beginning.
    ///
    /// `object`: A stored response, or the fetch of one.
    mutating func join(
        _ object: any AnyObject & Sendable,
        _ coding: ContentCoding,
        mayLead: Bool,
        now: Int64
    ) -> CacheStore.Turn? {
        let key = Key(object: ObjectIdentifier(object), coding: coding)
        if let entry = entries[key] { return .follow(entry.fill) }
        guard mayLead else { return nil }
        let fill = Fill(key: [], hash: 0, started: now, purges: 0)
        entries[key] = Entry(object: object, fill: fill)
        return .lead(fill)
    }

    mutating func leave(_ object: AnyObject, _ coding: ContentCoding) {
        entries[Key(object: ObjectIdentifier(object), coding: coding)] = nil
    }
}

/// How the making of a form ended.
package enum CodingOutcome {
    /// A response whose content is the form.
    case made(CachedResponse)
    /// The form would be no smaller than the content.
    case useless
    /// There is none.
    case failed
}

extension CacheStore {
    /// Joins the making of a stored content's form in a coding, or begins it.
    ///
    /// Returns nil where nobody makes it and the caller may not.
    package func joinCoding(
        _ object: CachedResponse,
        _ coding: ContentCoding,
        mayLead: Bool,
        now: Int64
    ) -> Turn? {
        codings.withLock { $0.join(object, coding, mayLead: mayLead, now: now) }
    }

    /// Joins the making of the form of what a fetch brings, or begins it.
    package func joinCoding(_ source: Fill, _ coding: ContentCoding, now: Int64) -> Turn {
        let turn = codings.withLock { $0.join(source, coding, mayLead: true, now: now) }
        return turn ?? .lead(Fill(key: [], hash: 0, started: now, purges: 0))
    }

    /// The making of what a fetch brings is over; those who read it go on.
    package func endCoding(_ source: Fill, _ coding: ContentCoding) {
        codings.withLock { $0.leave(source, coding) }
    }

    /// The making is over.
    ///
    /// Returns what is kept of it, and the response that has it now; nil if that is not stored any
    /// more.
    package func endCoding(
        _ object: CachedResponse,
        _ coding: ContentCoding,
        _ outcome: CodingOutcome
    ) -> (form: CodedForm, stored: CachedResponse?)? {
        defer { codings.withLock { $0.leave(object, coding) } }
        let form: CodedForm
        switch outcome {
        case .made(let made): form = CodedForm(coding, made: made, of: object)
        case .useless: form = CodedForm(useless: coding)
        case .failed: return nil
        }
        let stored = attach(form, to: object)
        if let stored { tier?.amend(stored) }
        return (form, stored)
    }

    /// Keeps a form beside what it was made of, if that is still stored, whatever was validated or
    /// expired meanwhile.
    private func attach(_ form: CodedForm, to object: CachedResponse) -> CachedResponse? {
        var stored: CachedResponse?
        change(object.hash) { shard, budget in
            for current in shard.variants(object.hash)
            where current.hasContent(of: object) && current.form(form.coding) == nil {
                let new = CachedResponse(current, adding: form.renewed(for: current.head))
                shard.replace(current, by: new)
                shard.evict(to: budget)
                stored = new
                return
            }
        }
        return stored
    }
}
