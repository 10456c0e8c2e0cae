import Bytes

/// A response that is put together from its record, piece by piece, each as its checksum says.
package struct StoredAssembly {
    /// A run of the record's bytes.
    private struct Piece {
        var content: Int
        var place: Range<Int>
        var sum: UInt32
    }

    private let record: StoredRecord
    private let checksum: RecordChecksum
    private let extent: (Int) -> (any ContentExtent)?
    private let pieces: [Piece]
    private var number = 0
    /// One for the plain content, then one for each form.
    private var contents: [ArrivingContent]

    /// Begins with nothing but the table; nil if that is not what was written.
    ///
    /// `extent`: Makes a place for a content of so many bytes; nil for ordinary memory.
    package init?(
        _ record: StoredRecord,
        table: Span<UInt8>,
        checksum: @escaping RecordChecksum,
        extent: @escaping (Int) -> (any ContentExtent)?
    ) {
        guard let sums = record.sums(in: table, checksum: checksum) else { return nil }
        self.record = record
        self.checksum = checksum
        self.extent = extent
        var pieces: [Piece] = []
        var start = record.start
        let counts = record.contentCounts
        for (content, count) in counts.enumerated() {
            let end = start + count
            for place in stride(from: start, to: end, by: CachedResponse.chunkSize) {
                pieces.append(
                    Piece(
                        content: content,
                        place: place..<min(end, place + CachedResponse.chunkSize),
                        sum: sums[pieces.count]
                    )
                )
            }
            start = end
        }
        self.pieces = pieces
        contents = counts.map { count in
            var content = ArrivingContent()
            if count > CachedResponse.inlineLimit { content.extent = extent(count) }
            return content
        }
    }

    /// Where the next piece stands in the record; nil when all have been taken.
    package var next: Range<Int>? { number < pieces.count ? pieces[number].place : nil }

    /// Takes the next piece in.
    ///
    /// Returns False if it is not what was written, or finds no room.
    package mutating func take(_ bytes: Span<UInt8>) -> Bool {
        guard number < pieces.count else { return false }
        let piece = pieces[number]
        guard bytes.count == piece.place.count, checksum(bytes) == piece.sum else { return false }
        number += 1
        let length = record.contentCounts[piece.content]
        contents[piece.content].append(bytes, of: length)
        return true
    }

    /// The response, once all pieces have been taken; nil if there was no room for them.
    ///
    /// `prepare`: Gives the draft its hash in this process, and its time by this machine's clock.
    package mutating func finish(_ prepare: (inout ResponseDraft) -> Void) -> CachedResponse? {
        guard number == pieces.count else { return nil }
        var draft = record.draft
        prepare(&draft)
        guard let plain = contents[0].finish(draft) else { return nil }
        var forms: [CodedForm] = []
        for (place, form) in record.forms.enumerated() {
            if form.contentCount == 0 {
                forms.append(CodedForm(useless: form.coding))
            } else if let made = contents[place + 1].finish(draft) {
                forms.append(CodedForm(form.coding, made: made, of: plain))
            }
        }
        return forms.isEmpty ? plain : CachedResponse(plain, with: forms)
    }
}

extension StoredRecord {
    /// The checksums that a table holds; nil if it is not what was written.
    package func sums(in table: Span<UInt8>, checksum: RecordChecksum) -> [UInt32]? {
        let plain = 4 * Self.chunks(of: contentCount)
        guard table.count == self.table.count,
            checksum(table.extracting(first: plain)) == sums.content,
            checksum(table.extracting(droppingFirst: plain)) == sums.forms
        else { return nil }
        var reader = RecordReader(table)
        return (0..<(table.count / 4)).map { _ in reader.number(UInt32.self) }
    }

    /// Reads a response of which all bytes are there.
    ///
    /// `extent`, `prepare`: As `StoredAssembly` has them.
    ///
    /// Returns nil, and the reading that says why, if there is none.
    package static func read(
        whole bytes: Span<UInt8>,
        epoch: UInt64,
        checksum: @escaping RecordChecksum,
        extent: @escaping (Int) -> (any ContentExtent)?,
        _ prepare: (inout ResponseDraft) -> Void
    ) -> (CachedResponse?, Reading) {
        let reading = read(bytes, count: bytes.count, epoch: epoch, checksum: checksum)
        guard case .record(let record) = reading else { return (nil, reading) }
        let assembly = StoredAssembly(
            record,
            table: bytes.extracting(record.table),
            checksum: checksum,
            extent: extent
        )
        guard var assembly else { return (nil, .damaged) }
        while let place = assembly.next {
            guard assembly.take(bytes.extracting(place)) else { return (nil, .damaged) }
        }
        return (assembly.finish(prepare), reading)
    }
}
