package import Bytes
import HTTP

/// A response as it is written: a head, then pieces.
package struct StoredWriting {
    /// What comes before the contents.
    package let head: [UInt8]
    /// Bytes of all of it.
    package let count: Int
    private let object: CachedResponse
    private let table: [UInt8]
    private let sums: (content: UInt32, forms: UInt32)
    /// Where the pieces of each content begin, of which the table is the last.
    private let pieces: [Piece]

    private struct Piece {
        /// Which content: 0 for the plain one.
        var content: Int
        var offset: Int
    }

    /// Pieces behind the head.
    package var pieceCount: Int { pieces.count + 1 }

    /// Reads the contents once, for their checksums.
    package init(_ object: CachedResponse, _ place: StoredRecord.Place, checksum: RecordChecksum) {
        self.init(object, object.draft(timing: object.timing), place, checksum: checksum)
    }

    /// What is to take the place of a record because the same response has got another form; nil
    /// if it is not the same.
    package init?(
        _ object: CachedResponse,
        after record: StoredRecord,
        checksum: RecordChecksum
    ) {
        let draft = record.draft
        guard object.key.equals(draft.key.span), object.vary.equals(draft.vary.span),
            object.head.equals(draft.head.span), object.contentCount == record.contentCount
        else { return nil }
        // Its times and its purges stay what they are there.
        self.init(object, draft, record.place, checksum: checksum)
        guard sums.content == record.sums.content else { return nil }
    }

    private init(
        _ object: CachedResponse,
        _ draft: ResponseDraft,
        _ place: StoredRecord.Place,
        checksum: RecordChecksum
    ) {
        self.object = object
        var pieces: [Piece] = []
        var sums = RecordWriter()
        var plain = 0
        let piece = Buffer()
        let forms = object.storedForms
        let counts = [object.contentCount] + forms.map(\.contentCount)
        for (content, count) in counts.enumerated() {
            for offset in stride(from: 0, to: count, by: CachedResponse.chunkSize) {
                let next = Piece(content: content, offset: offset)
                pieces.append(next)
                Self.put(next, of: object, into: piece)
                let read = piece
                sums.append(checksum(read.readable))
            }
            if content == 0 { plain = sums.bytes.count }
        }
        self.pieces = pieces
        let all = sums.bytes
        table = all
        self.sums = (
            checksum(all.span.extracting(first: plain)),
            checksum(all.span.extracting(droppingFirst: plain))
        )
        head = StoredRecord.head(
            draft,
            contentCount: object.contentCount,
            forms: forms,
            sums: self.sums,
            place,
            checksum: checksum
        )
        count = head.count + counts.reduce(0, +) + table.count
    }

    /// Puts a piece into a buffer, in the place of what is there.
    package func put(_ number: Int, into buffer: Buffer) {
        if number < pieces.count {
            Self.put(pieces[number], of: object, into: buffer)
        } else {
            buffer.removeAll()
            buffer.append(table)
        }
    }

    /// All of it.
    package func bytes() -> [UInt8] {
        var bytes = head
        bytes.reserveCapacity(count)
        let piece = Buffer()
        for number in 0..<pieceCount {
            put(number, into: piece)
            let read = piece
            // Lent for the call only.
            unsafe read.readable.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
        }
        return bytes
    }

    /// What cannot be read any more is not whole, and its checksum says so.
    private static func put(_ piece: Piece, of object: CachedResponse, into buffer: Buffer) {
        buffer.removeAll()
        let form = piece.content == 0 ? nil : object.usefulForms[piece.content - 1]
        let end = form?.contentCount ?? object.contentCount
        var offset = piece.offset
        var left = min(CachedResponse.chunkSize, end - offset)
        while left > 0 {
            let count =
                form?.content.append(from: offset, left, to: buffer)
                ?? object.append(from: offset, atMost: left, to: buffer)
            if count == 0 { return }
            left -= count
            offset += count
        }
    }
}

extension CachedResponse {
    /// What is written of its forms: those that are of use first, then those that are none.
    fileprivate var storedForms: [StoredRecord.Form] {
        usefulForms.map { .init(coding: $0.coding, contentCount: $0.contentCount) }
            + forms.filter { !$0.isWorthIt }.map { .init(coding: $0.coding, contentCount: 0) }
    }

    fileprivate var usefulForms: [CodedForm] {
        forms.filter { $0.isWorthIt && $0.contentCount > 0 }
    }
}

extension StoredRecord {
    /// The head of a record whose contents are known, in a slot of its own size.
    static func head(
        _ draft: ResponseDraft,
        contentCount: Int,
        forms: [Form],
        sums: (content: UInt32, forms: UInt32),
        _ place: Place,
        checksum: RecordChecksum
    ) -> [UInt8] {
        let slot = slot(
            draft,
            contentCount: contentCount,
            forms: forms,
            sums: sums,
            place,
            sequence: 1,
            checksum: checksum
        )
        return prefix(slotSize: slot.count, slots: 1, checksum: checksum) + slot
    }

    static func prefix(slotSize: Int, slots: Int, checksum: RecordChecksum) -> [UInt8] {
        var out = RecordWriter()
        let magic = magic
        out.append(magic.span)
        out.append(version)
        out.append(UInt32(slotSize))
        out.append(UInt32(slots))
        let bytes = out.bytes
        out.append(checksum(bytes.span))
        return out.bytes
    }

    static func slot(
        _ draft: ResponseDraft,
        contentCount: Int,
        forms: [Form],
        sums: (content: UInt32, forms: UInt32),
        _ place: Place,
        sequence: UInt64,
        checksum: RecordChecksum
    ) -> [UInt8] {
        let lifetime = draft.timing.lifetime
        let text = draft.key + draft.vary + draft.head
        var out = RecordWriter()
        // Its own count and checksum, which are known at the end.
        out.append(UInt64(0))
        out.append(checksum(text.span))
        out.append(sums.content)
        out.append(sums.forms)
        out.append(sequence)
        out.append(place.epoch)
        out.append(place.purges)
        let numbers = [
            draft.timing.received, draft.timing.initialAge, lifetime.seconds,
            lifetime.staleWhileRevalidate, lifetime.staleIfError, draft.fetchTime, draft.modified,
            Int64(draft.part?.start ?? 0), Int64(draft.part?.total ?? 0), Int64(contentCount),
        ]
        for number in numbers { out.append(number) }
        out.append(UInt16(truncatingIfNeeded: draft.status))
        out.append(code(lifetime.basis))
        out.append(
            (lifetime.noCache ? 1 : 0) | (lifetime.mustRevalidate ? 2 : 0)
                | (draft.part == nil ? 0 : 4) as UInt8
        )
        out.append(draft.traits.rawValue)
        out.append(UInt8(truncatingIfNeeded: forms.count))
        out.append(UInt16(0))
        for count in [draft.key.count, draft.vary.count, draft.head.count] {
            out.append(UInt32(truncatingIfNeeded: count))
        }
        for form in forms {
            out.append(UInt32(form.coding.rawValue))
            out.append(UInt64(form.contentCount))
        }
        out.append(text.span)
        let bytes = out.bytes
        out.set(UInt32(truncatingIfNeeded: bytes.count), at: 0)
        out.set(checksum(bytes.span.extracting(droppingFirst: 8)), at: 4)
        return out.bytes
    }
}
