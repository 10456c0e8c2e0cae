import Bytes

/// The checksum of a run of bytes: CRC-32 as in gzip, handed in because a library computes it.
package typealias RecordChecksum = @Sendable (Span<UInt8>) -> UInt32

/// Writes numbers as they stand in records and journals: the lowest byte first.
struct RecordWriter {
    private(set) var bytes: [UInt8] = []

    mutating func append<Number: FixedWidthInteger & UnsignedInteger>(_ number: Number) {
        for shift in stride(from: 0, to: Number.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: number >> Number(shift)))
        }
    }

    mutating func append(_ number: Int64) { append(UInt64(bitPattern: number)) }

    mutating func append(_ span: Span<UInt8>) {
        unsafe span.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
    }

    /// Puts a number in the place of one written before.
    mutating func set(_ number: UInt32, at place: Int) {
        for index in 0..<4 {
            bytes[place + index] = UInt8(truncatingIfNeeded: number >> UInt32(index * 8))
        }
    }
}

/// Reads numbers off bytes that may be anything: behind the end everything is 0, and `isSound`
/// says so.
struct RecordReader: ~Copyable, ~Escapable {
    private let bytes: Span<UInt8>
    private(set) var position = 0
    private(set) var isSound = true

    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>) { self.bytes = bytes }

    mutating func number<Number: FixedWidthInteger & UnsignedInteger>(_: Number.Type) -> Number {
        let count = Number.bitWidth / 8
        guard bytes.count - position >= count else {
            isSound = false
            return 0
        }
        var number: Number = 0
        for index in 0..<count { number |= Number(bytes[position + index]) << Number(index * 8) }
        position += count
        return number
    }

    /// A number of seconds or milliseconds: not negative, and small enough to reckon with.
    mutating func time() -> Int64 {
        let value = Int64(bitPattern: number(UInt64.self))
        guard value >= 0, value <= Self.latest else {
            isSound = false
            return 0
        }
        return value
    }

    /// A number that must lie within bounds; 0 if it does not.
    mutating func number(within bounds: ClosedRange<Int64>) -> Int64 {
        let value = Int64(bitPattern: number(UInt64.self))
        guard bounds.contains(value) else {
            isSound = false
            return 0
        }
        return value
    }

    /// Milliseconds of some 30,000 years: sums and products of such never overflow.
    private static let latest: Int64 = 1 << 50

    mutating func take(_ count: Int) -> [UInt8] {
        guard count >= 0, bytes.count - position >= count else {
            isSound = false
            return []
        }
        let taken = bytes.extracting(position..<(position + count)).bytes()
        position += count
        return taken
    }
}
