import Bytes

/// What parsers and serialisers of this package need beyond the public surface.
extension FieldSection {
    /// Empties everything, the start line included, and keeps the memory.
    package mutating func reset() {
        if !entries.isEmpty { entries.removeAll(keepingCapacity: true) }
        if !storage.isEmpty { storage.removeAll(keepingCapacity: true) }
        present = FieldNameSet()
        repeated = FieldNameSet()
        holdsHead = false
    }

    /// Records a field whose bytes are going to be stored by `storeHead`, at the same positions.
    @inlinable
    package mutating func record(_ known: FieldName, name: ByteRange, value: ByteRange) {
        add(known, name, value)
    }

    /// Takes over the bytes of a whole head, into which the recorded fields point.
    package mutating func storeHead(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { unsafe storage.append(contentsOf: $0) }
        holdsHead = true
    }

    /// Stores bytes that belong to no field, behind all others.
    package mutating func store(_ bytes: Span<UInt8>) -> ByteRange {
        let start = storage.count
        precondition(bytes.count <= Self.maximumByteCount - start)
        unsafe bytes.withUnsafeBufferPointer { unsafe storage.append(contentsOf: $0) }
        return ByteRange(start, storage.count)
    }

    /// Stores bytes that belong to no field, ASCII letters made lower-case.
    package mutating func storeLowercased(_ range: ByteRange) -> ByteRange {
        let start = storage.count
        guard range.end <= start else { return .empty }
        for index in Int(range.start)..<range.end { storage.append(asciiLowercase(storage[index])) }
        return ByteRange(start, storage.count)
    }

    /// Whether a field is there and travels on past this gateway.
    package func isEndToEnd(at index: Int, skipping skipped: FieldNameSet) -> Bool {
        entries[index].marks == 0 && !skipped.contains(entries[index].known)
    }

    /// Where the value of an entry stands.
    package func valueRange(at index: Int) -> ByteRange {
        ByteRange(start: entries[index].valueStart, count: entries[index].valueCount)
    }

    /// Marks all fields of a name that stands somewhere in the storage.
    package mutating func markHopByHop(named range: ByteRange) {
        let known = FieldName.match(bytes(in: range))
        guard present.contains(known) else { return }
        for index in entries.indices where entries[index].known == known {
            if known == .other, !name(at: index).equalsIgnoringCase(bytes(in: range)) { continue }
            entries[index].marks |= Self.hopByHopMark
        }
    }

    /// The bytes of a range; none if it lies outside, as while a head is incomplete.
    @_lifetime(borrow self)
    package func bytes(in range: ByteRange) -> Span<UInt8> {
        let all = storage.span
        guard range.end <= all.count else { return all.extracting(first: 0) }
        return all.extracting(Int(range.start)..<range.end)
    }

    /// Whether more than one field of a known name has been added, removed ones included.
    @inlinable
    package func isRepeated(_ known: FieldName) -> Bool { repeated.contains(known) }

    @inlinable
    mutating func add(_ known: FieldName, _ name: ByteRange, _ value: ByteRange) {
        let marks = known.isHopByHop ? Self.hopByHopMark : 0
        if present.contains(known) { repeated.insert(known) }
        entries.append(Entry(known, name: name, value: value, marks: marks))
        present.insert(known)
    }
}
