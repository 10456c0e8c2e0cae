/// Where some bytes stand in a head's storage.
///
/// 32 bits suffice: `FieldSection.maximumByteCount` bounds every storage.
@frozen @usableFromInline
package struct ByteRange: Sendable, Equatable {
    /// The first byte.
    @usableFromInline package var start: UInt32
    /// How many bytes.
    @usableFromInline package var count: UInt32

    /// No bytes.
    package static let empty = ByteRange(start: 0, count: 0)

    @inlinable
    package init(start: UInt32, count: UInt32) {
        self.start = start
        self.count = count
    }

    /// - Parameters:
    ///   - lower: The first byte.
    ///   - upper: One past the last byte; at least `lower`.
    @inlinable
    package init(_ lower: Int, _ upper: Int) {
        start = UInt32(truncatingIfNeeded: lower)
        count = UInt32(truncatingIfNeeded: upper &- lower)
    }

    /// Whether there are no bytes.
    @inlinable package var isEmpty: Bool { count == 0 }
    /// One past the last byte.
    @inlinable package var end: Int { Int(start) &+ Int(count) }
}
