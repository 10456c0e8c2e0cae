import Bytes

/// Records with two slots: of contents that are too large to be written anew with every head.
extension StoredRecord {
    /// Bytes of a slot for a head and one that takes its place: more fields, a longer date.
    package static func slotSize(for draft: ResponseDraft) -> Int {
        let text = draft.key.count + draft.vary.count + draft.head.count
        let needed = slotCount + text + Limits.spare
        // The content begins at a page.
        let pages = (prefixCount + 2 * needed + 4095) / 4096
        return (pages * 4096 - prefixCount) / 2
    }

    /// Bytes of a slot but for forms and text.
    private static let slotCount = 144

    /// Where contents begin behind two slots.
    package static func start(slotSize: Int) -> Int { prefixCount + 2 * slotSize }

    /// What is written around a content that is there already; nil if the head finds no room.
    ///
    /// `sums`: Of its chunks.
    package static func renewable(
        _ draft: ResponseDraft,
        contentCount: Int,
        sums: [UInt32],
        _ place: Place,
        slotSize: Int,
        checksum: RecordChecksum
    ) -> (head: [UInt8], table: [UInt8])? {
        var table = RecordWriter()
        for sum in sums { table.append(sum) }
        let bytes = table.bytes
        let slot = slot(
            draft,
            contentCount: contentCount,
            forms: [],
            sums: (checksum(bytes.span), checksum(Span())),
            place,
            sequence: 1,
            checksum: checksum
        )
        guard slot.count <= slotSize else { return nil }
        let spare = [UInt8](repeating: 0, count: slotSize * 2 - slot.count)
        return (prefix(slotSize: slotSize, slots: 2, checksum: checksum) + slot + spare, bytes)
    }

    /// The head that takes the place of the one that was read, and where it is to be written: the
    /// slot that does not count.
    ///
    /// Returns nil where there is one slot only, or no room.
    package func renewed(
        by draft: ResponseDraft,
        purges: UInt64,
        checksum: RecordChecksum
    ) -> (offset: Int, bytes: [UInt8])? {
        guard slot.count == 2 else { return nil }
        let bytes = Self.slot(
            draft,
            contentCount: contentCount,
            forms: forms,
            sums: sums,
            Place(epoch: place.epoch, purges: purges),
            sequence: slot.sequence + 1,
            checksum: checksum
        )
        guard bytes.count <= slot.size else { return nil }
        return (Self.prefixCount + (1 - slot.index) * slot.size, bytes)
    }
}
