import Bytes
package import HTTP

/// A stored response as bytes, for what outlives the process: a file, or another gateway.
///
/// ```
/// "GWCACHE" 0x03   8 bytes: magic and version
/// slot size        4 bytes, then 1 that says how many slots there are, and 3 of zero
/// checksum         4 bytes: of all that
/// slots            one head, or two of which the newer one counts
/// contents         as it is, then in each coding that there is of it
/// table            4 bytes: the checksum of each 64 KiB of each content
/// ```
///
/// A head holds the checksums of the table, and the table those of the contents, so a piece of
/// another record, or of an older content, is found out like any other damage. A record with two
/// slots can have its head renewed in place: what a crash tears is the one that does not count yet.
/// Numbers have the lowest byte first. What is read may have been damaged or made up: it is
/// believed as little as a message from the network. The checksums are no signature: who can write
/// the bytes can write those.
package struct StoredRecord: Sendable {
    /// Bounds of what is written and read.
    package enum Limits {
        /// Bytes of key, Vary lines or field lines at most: far more than any limit lets in.
        static let text = 1 << 20
        /// Bytes of a slot at most.
        static let slot = 4 << 20
        /// Bytes of a content, and of the whole that a part is of, at most.
        package static let content = 1 << 40
        /// Bytes of a file read at first: the whole of most of them.
        package static let firstRead = 64 * 1024
        /// Bytes that a slot has to spare for a head that grows.
        static let spare = 4096
        /// Milliseconds or seconds that no clock of ours will show: room for sums.
        static let time: Int64 = 1 << 50
    }

    /// What a look at the beginning shows.
    package enum Reading: Sendable {
        /// So many bytes say what it is.
        case needs(Int)
        /// Another version wrote it.
        case outdated
        /// It is not what was written.
        case damaged
        case record(StoredRecord)
    }

    /// A content in a coding.
    package struct Form: Sendable, Equatable {
        package let coding: ContentCoding
        /// Bytes; 0: the coding makes the content no smaller.
        package let contentCount: Int
    }

    /// What a record belongs to.
    package struct Place: Sendable, Equatable {
        /// The directory's, as `DiskIdentity` has it; 0 for what gateways share.
        package let epoch: UInt64
        /// How many purges there had been when it was stored.
        package let purges: UInt64

        package init(epoch: UInt64, purges: UInt64) {
            self.epoch = epoch
            self.purges = purges
        }

        package static let shared = Place(epoch: 0, purges: 0)
    }

    static let magic: [UInt8] = Array("GWCACHE".utf8)
    static let version: UInt8 = 3
    /// Bytes before the first slot.
    static let prefixCount = 20
    /// Where, in a record with one slot, the bytes stand that tell which response it is: two are
    /// equal where key, head and content are.
    package static let identity = 28..<36

    /// What is stored but for the contents; its `hash` is 0 until a store has been asked.
    package let draft: ResponseDraft
    package let place: Place
    /// Bytes of the content as it is.
    package let contentCount: Int
    package let forms: [Form]
    /// Where the contents begin.
    package let start: Int
    /// Bytes of the whole record.
    package let count: Int
    /// The checksums of the table: of its part for the content, and for the forms.
    let sums: (content: UInt32, forms: UInt32)
    /// Which slot the head was read from, and of how many.
    let slot: Slot

    /// A head's place.
    struct Slot: Sendable {
        var size: Int
        var count: Int
        var index: Int
        /// Counts the heads that a record has had.
        var sequence: UInt64
    }

    /// How many chunks, each with its checksum, a content has.
    package static func chunks(of contentCount: Int) -> Int {
        (contentCount + CachedResponse.chunkSize - 1) / CachedResponse.chunkSize
    }

    /// Bytes of the contents, as they follow each other.
    var contentCounts: [Int] { [contentCount] + forms.map(\.contentCount) }

    /// Where the table stands, which ends the record.
    package var table: Range<Int> { (start + contentCounts.reduce(0, +))..<count }

    // MARK: Reading

    /// Reads the head of a record.
    ///
    /// `bytes`: The first bytes of it.
    ///
    /// `count`: How many it has.
    ///
    /// `epoch`: What it must belong to.
    package static func read(
        _ bytes: Span<UInt8>,
        count: Int,
        epoch: UInt64,
        checksum: RecordChecksum
    ) -> Reading {
        guard bytes.count >= prefixCount else { return .damaged }
        guard bytes.extracting(first: magic.count).equals(magic.span),
            bytes[magic.count] == version
        else {
            // All versions begin with these three.
            return bytes.extracting(first: 3).equals(magic.span.extracting(first: 3))
                && bytes[magic.count] != version ? .outdated : .damaged
        }
        var reader = RecordReader(bytes)
        _ = reader.take(magic.count + 1)
        let size = Int(reader.number(UInt32.self))
        let slots = Int(reader.number(UInt32.self))
        guard checksum(bytes.extracting(first: 16)) == reader.number(UInt32.self),
            (1...2).contains(slots), (1...Limits.slot).contains(size),
            prefixCount + slots * size <= count
        else { return .damaged }
        let start = prefixCount + slots * size
        guard bytes.count >= start else { return .needs(start) }
        var newest: StoredRecord?
        for index in 0..<slots {
            let first = prefixCount + index * size
            let slot = Slot(size: size, count: slots, index: index, sequence: 0)
            let head = bytes.extracting(first..<(first + size))
            guard let record = StoredRecord(head, slot, count: count, epoch, checksum),
                record.slot.sequence > newest?.slot.sequence ?? 0
            else { continue }
            newest = record
        }
        return newest.map { .record($0) } ?? .damaged
    }

    /// Takes a head apart; nil if it is not what was written, or makes no sense all the same.
    private init?(
        _ bytes: Span<UInt8>,
        _ slot: Slot,
        count: Int,
        _ epoch: UInt64,
        _ checksum: RecordChecksum
    ) {
        var reader = RecordReader(bytes)
        let headCount = Int(reader.number(UInt32.self))
        let sum = reader.number(UInt32.self)
        // Where a head has its slot for itself it leaves nothing unsaid.
        guard headCount >= 8, slot.count == 1 ? headCount == bytes.count : headCount <= bytes.count,
            checksum(bytes.extracting(8..<headCount)) == sum
        else { return nil }
        reader = RecordReader(bytes.extracting(first: headCount))
        _ = reader.take(8)
        let textSum = reader.number(UInt32.self)
        sums = (reader.number(UInt32.self), reader.number(UInt32.self))
        var slot = slot
        slot.sequence = reader.number(UInt64.self)
        self.slot = slot
        place = Place(epoch: reader.number(UInt64.self), purges: reader.number(UInt64.self))
        guard place.epoch == epoch, slot.sequence > 0, slot.sequence < .max,
            let numbers = Numbers(&reader)
        else { return nil }
        var forms: [Form] = []
        for _ in 0..<numbers.formCount {
            guard let form = Form(&reader), !forms.contains(where: { $0.coding == form.coding })
            else { return nil }
            forms.append(form)
        }
        let textStart = reader.position
        let key = reader.take(numbers.keyCount)
        let vary = reader.take(numbers.varyCount)
        let lines = reader.take(numbers.linesCount)
        guard reader.isSound, reader.position == headCount,
            checksum(bytes.extracting(textStart..<headCount)) == textSum
        else { return nil }
        contentCount = numbers.contentCount
        self.forms = forms
        self.count = count
        start = Self.prefixCount + slot.count * slot.size
        draft = numbers.draft(key: key, vary: vary, head: lines)
        guard isPlausible else { return nil }
    }

    /// Whether it could have been stored: what is sent of it must not break a connection's framing.
    private var isPlausible: Bool {
        let contents = contentCounts
        let chunks = contents.reduce(0) { $0 + Self.chunks(of: $1) }
        guard start + contents.reduce(0, +) + 4 * chunks == count else { return false }
        guard !draft.key.isEmpty, draft.vary.isEmpty || draft.vary.last == UInt8(ascii: "\n")
        else { return false }
        if contentCount > 0, Status.forbidsContent(draft.status) { return false }
        if let part = draft.part {
            guard part.start <= part.total, contentCount <= part.total - part.start, forms.isEmpty
            else { return false }
        }
        guard forms.allSatisfy({ $0.contentCount < contentCount }) else { return false }
        return HeadLines.isWellFormed(draft.head.span, status: draft.status)
    }
}

extension StoredRecord.Form {
    /// Bytes of one.
    static let count = 12

    /// Reads one; nil if it makes no sense.
    fileprivate init?(_ reader: inout RecordReader) {
        let code = reader.number(UInt32.self)
        let count = reader.number(UInt64.self)
        guard reader.isSound, code <= 0xFF, count <= UInt64(StoredRecord.Limits.content),
            let coding = ContentCoding(rawValue: UInt8(truncatingIfNeeded: code)),
            ContentCoding.plain.contains(coding)
        else { return nil }
        self.init(coding: coding, contentCount: Int(count))
    }
}

/// The numbers of a head, which stand before its text.
private struct Numbers {
    var timing: Timing
    var fetchTime: Int64
    var modified: Int64
    var part: CachedResponse.Part?
    var contentCount: Int
    var status: Int
    var traits: CachedResponse.Traits
    var formCount: Int
    var keyCount: Int
    var varyCount: Int
    var linesCount: Int

    init?(_ reader: inout RecordReader) {
        typealias Limits = StoredRecord.Limits
        let times = 0...Limits.time
        let deltas = 0...DeltaSeconds.maximum
        let lengths = 0...Int64(Limits.content)
        var lifetime = Lifetime()
        let received = reader.number(within: times)
        let initialAge = reader.number(within: deltas)
        lifetime.seconds = reader.number(within: deltas)
        lifetime.staleWhileRevalidate = reader.number(within: deltas)
        lifetime.staleIfError = reader.number(within: deltas)
        fetchTime = reader.number(within: times)
        modified = reader.number(within: -Limits.time...Limits.time)
        let partStart = Int(reader.number(within: lengths))
        let partTotal = Int(reader.number(within: lengths))
        contentCount = Int(reader.number(within: lengths))
        status = Int(reader.number(UInt16.self))
        let basis = StoredRecord.basis(reader.number(UInt8.self))
        let flags = reader.number(UInt8.self)
        traits = CachedResponse.Traits(rawValue: reader.number(UInt8.self))
        formCount = Int(reader.number(UInt8.self))
        let nothing = reader.number(UInt16.self)
        keyCount = Int(reader.number(UInt32.self))
        varyCount = Int(reader.number(UInt32.self))
        linesCount = Int(reader.number(UInt32.self))
        guard reader.isSound, let basis, flags < 8, nothing == 0, (200...599).contains(status),
            traits.isSubset(of: .all), formCount <= ContentCoding.plain.count,
            max(keyCount, varyCount, linesCount) <= Limits.text
        else { return nil }
        lifetime.basis = basis
        lifetime.noCache = flags & 1 != 0
        lifetime.mustRevalidate = flags & 2 != 0
        timing = Timing(received: received, initialAge: initialAge, lifetime: lifetime)
        let isPart = flags & 4 != 0
        guard isPart || partStart == 0 && partTotal == 0 else { return nil }
        part = isPart ? .init(start: partStart, total: partTotal) : nil
    }

    func draft(key: [UInt8], vary: [UInt8], head: [UInt8]) -> ResponseDraft {
        ResponseDraft(
            hash: 0,
            key: key,
            vary: vary,
            head: head,
            status: status,
            timing: timing,
            part: part,
            fetchTime: fetchTime,
            traits: traits,
            modified: modified
        )
    }
}

extension StoredRecord {
    private static let bases: [Lifetime.Basis] = [
        .none, .sharedMaxAge, .maxAge, .expires, .configured, .heuristic,
    ]

    static func code(_ basis: Lifetime.Basis) -> UInt8 {
        UInt8(bases.firstIndex(of: basis) ?? 0)
    }

    fileprivate static func basis(_ code: UInt8) -> Lifetime.Basis? {
        Int(code) < bases.count ? bases[Int(code)] : nil
    }
}
