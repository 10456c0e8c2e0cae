import Bytes

/// The fields of a message in the order received: a header section or a trailer section.
///
/// Names and values are stored as bytes in one array, so a section that has been used once takes in
/// the next message without allocating. Entries are numbered from 0 to `count`; one that was
/// removed keeps its number and is skipped by everything that looks for fields.
public struct FieldSection: Sendable {
    /// One field: where its name and value stand.
    @frozen @usableFromInline
    struct Entry: Sendable {
        @usableFromInline var nameStart: UInt32
        @usableFromInline var nameCount: UInt32
        @usableFromInline var valueStart: UInt32
        @usableFromInline var valueCount: UInt32
        @usableFromInline var known: FieldName
        @usableFromInline var marks: UInt8

        @inlinable
        init(_ known: FieldName, name: ByteRange, value: ByteRange, marks: UInt8) {
            nameStart = name.start
            nameCount = name.count
            valueStart = value.start
            valueCount = value.count
            self.known = known
            self.marks = marks
        }
    }

    /// Bytes that all names and values together may take; above every limit that a parser accepts,
    /// and small enough for positions of 32 bits.
    public static let maximumByteCount = 1 << 28

    @usableFromInline static var removedMark: UInt8 { 1 }
    @usableFromInline static var hopByHopMark: UInt8 { 2 }

    /// Invariant: at most `maximumByteCount` bytes; every range in `entries` lies within, once a
    /// parser is done with the section.
    var storage: [UInt8] = []
    @usableFromInline var entries: [Entry] = []
    /// The known names of entries that are not removed.
    @usableFromInline var present = FieldNameSet()
    /// The known names that more than one entry has had.
    @usableFromInline var repeated = FieldNameSet()
    /// Whether the storage holds a message head, into which others point as well.
    var holdsHead = false

    /// An empty section.
    public init() {}

    /// How many entries there are, removed ones included.
    @inlinable public var count: Int { entries.count }
    /// The numbers of all entries, removed ones included.
    public var indices: Range<Int> { 0..<entries.count }
    /// Whether there is no entry.
    public var isEmpty: Bool { entries.isEmpty }
    /// Bytes of storage, an upper bound of what all names and values take together.
    public var byteCount: Int { storage.count }

    /// Drops all fields and keeps the memory.
    ///
    /// The bytes of a message head stay until the head itself is emptied: its target, host and
    /// reason stand among them.
    public mutating func removeAll() {
        entries.removeAll(keepingCapacity: true)
        present = FieldNameSet()
        repeated = FieldNameSet()
        if !holdsHead { storage.removeAll(keepingCapacity: true) }
    }

    /// Adds a field at the end.
    ///
    /// - Parameters:
    ///   - name: A valid token; it is not checked here.
    ///   - value: A valid field value (`Characters.isFieldValue`); it is not checked here.
    public mutating func append(name: Span<UInt8>, value: Span<UInt8>) {
        let nameRange = store(name)
        add(FieldName.match(name), nameRange, store(value))
    }

    /// Adds a field at the end, its name spelled as in its RFC.
    ///
    /// - Parameters:
    ///   - known: Any name but `other`, which adds nothing.
    ///   - value: A valid field value (`Characters.isFieldValue`); it is not checked here.
    public mutating func append(_ known: FieldName, value: Span<UInt8>) {
        guard known != .other else { return }
        let start = storage.count
        known.canonical.withUTF8Buffer { unsafe storage.append(contentsOf: $0) }
        add(known, ByteRange(start, storage.count), store(value))
    }

    /// The name of an entry, one of `indices`, as it was received.
    @_lifetime(borrow self)
    public func name(at index: Int) -> Span<UInt8> {
        let entry = entries[index]
        return bytes(in: ByteRange(start: entry.nameStart, count: entry.nameCount))
    }

    /// The value of an entry, one of `indices`, without the whitespace around it.
    @_lifetime(borrow self)
    public func value(at index: Int) -> Span<UInt8> {
        let entry = entries[index]
        return bytes(in: ByteRange(start: entry.valueStart, count: entry.valueCount))
    }

    /// Which known name an entry, one of `indices`, has.
    public func known(at index: Int) -> FieldName { entries[index].known }

    /// Whether an entry, one of `indices`, is still there.
    public func isPresent(at index: Int) -> Bool {
        entries[index].marks & Self.removedMark == 0
    }

    /// Whether an entry, one of `indices`, concerns one connection only.
    ///
    /// Its name says so (`FieldName.isHopByHop`), or a Connection field names it.
    public func isHopByHop(at index: Int) -> Bool {
        entries[index].marks & Self.hopByHopMark != 0
    }

    /// The first entry of a known name, or nil.
    public func first(_ known: FieldName) -> Int? { next(known, from: 0) }

    /// The first entry of a known name at or after a number, or nil.
    public func next(_ known: FieldName, from start: Int) -> Int? {
        guard present.contains(known) else { return nil }
        var index = start
        while index < entries.count {
            if entries[index].known == known, isPresent(at: index) { return index }
            index += 1
        }
        return nil
    }

    /// Whether there is a field of any of these names.
    @inlinable
    public func containsAny(of names: FieldNameSet) -> Bool { present.intersects(names) }

    /// Whether there is a field of a known name.
    public func contains(_ known: FieldName) -> Bool { present.contains(known) }

    /// How many fields of a known name there are.
    public func count(of known: FieldName) -> Int {
        guard present.contains(known) else { return 0 }
        var result = 0
        for index in indices where entries[index].known == known && isPresent(at: index) {
            result += 1
        }
        return result
    }

    /// The first entry of any name, letters compared without regard to case, or nil.
    public func first(named name: Span<UInt8>) -> Int? {
        let known = FieldName.match(name)
        if known != .other { return first(known) }
        for index in indices where entries[index].known == .other && isPresent(at: index) {
            if self.name(at: index).equalsIgnoringCase(name) { return index }
        }
        return nil
    }

    /// Removes all fields of a known name.
    public mutating func removeAll(_ known: FieldName) {
        guard present.contains(known) else { return }
        for index in indices where entries[index].known == known {
            entries[index].marks |= Self.removedMark
        }
        present.remove(known)
    }

    /// Removes one field.
    ///
    /// - Parameter index: One of `indices`.
    public mutating func remove(at index: Int) {
        entries[index].marks |= Self.removedMark
        let known = entries[index].known
        for other in indices where entries[other].known == known && isPresent(at: other) { return }
        present.remove(known)
    }

    /// Marks one field as concerning this connection only.
    ///
    /// - Parameter index: One of `indices`.
    public mutating func markHopByHop(at index: Int) {
        entries[index].marks |= Self.hopByHopMark
    }
}
