/// Bytes eight at a time: a field value read byte by byte costs several times as much.
extension Span where Element == UInt8 {
    /// Eight bytes, the first in the least significant place.
    ///
    /// - Parameter offset: At most `count - 8`; a larger one traps, like every span access.
    /// - Returns: The bytes as a little-endian number.
    @inlinable @inline(__always)
    package func word(at offset: Int) -> UInt64 {
        // Every bit pattern is a UInt64, and the access itself checks its bounds.
        unsafe UInt64(
            littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
        )
    }

    /// Where a byte stands first at or after `start`, or `end`, which is at most `count`.
    @inlinable @inline(__always)
    package func firstIndex(of byte: UInt8, from start: Int, to end: Int) -> Int {
        let pattern = UInt64(byte) &* 0x0101_0101_0101_0101
        var index = start
        while index &+ 8 <= end {
            let difference = word(at: index) ^ pattern
            // The lowest flag is exact: a borrow only runs upwards, out of a byte that was zero.
            let zeros = (difference &- 0x0101_0101_0101_0101) & ~difference & 0x8080_8080_8080_8080
            if zeros != 0 { return index &+ zeros.trailingZeroBitCount / 8 }
            index &+= 8
        }
        while index < end, self[index] != byte { index &+= 1 }
        return index
    }

    /// Where the first control character other than HTAB stands at or after `start`, or `end`.
    ///
    /// This is where a field value ends: all others may stand in one. `end` is at most `count`.
    /// Source: RFC 9110 §5.5.
    @inlinable @inline(__always)
    package func firstControl(from start: Int, to end: Int) -> Int {
        var index = start
        while index &+ 16 <= end {
            // Two words at once; the comment below says how. Every bit pattern is valid, and the
            // access itself checks its bounds.
            let bytes = unsafe self.bytes.unsafeLoadUnaligned(
                fromByteOffset: index,
                as: SIMD2<UInt64>.self
            )
            let flags =
                ((bytes &- SIMD2(repeating: 0x2020_2020_2020_2020))
                    | (bytes &+ SIMD2(repeating: 0x0101_0101_0101_0101)))
                & ~bytes & SIMD2(repeating: 0x8080_8080_8080_8080)
            if flags[0] | flags[1] != 0 { break }
            index &+= 16
        }
        while index &+ 8 <= end {
            let bytes = word(at: index)
            // Bytes below 0x20 borrow, 0x7F carries into bit 7. A carry or borrow from a neighbour
            // may flag a byte too many, never one too few, so what is flagged is looked at.
            let flags: UInt64 =
                ((bytes &- 0x2020_2020_2020_2020) | (bytes &+ 0x0101_0101_0101_0101))
                & ~bytes & 0x8080_8080_8080_8080
            if flags == 0 {
                index &+= 8
                continue
            }
            index &+= flags.trailingZeroBitCount / 8
            if isControl(self[index]) { return index }
            index &+= 1
        }
        while index < end, !isControl(self[index]) { index &+= 1 }
        return index
    }

    /// Where the first byte stands at or after `start` that is not visible ASCII, or `end`.
    ///
    /// `end` is at most `count`.
    @inlinable @inline(__always)
    package func firstNonVisible(from start: Int, to end: Int) -> Int {
        var index = start
        while index &+ 8 <= end {
            let bytes = word(at: index)
            // As in `firstControl`, and whatever has bit 7 set.
            let flags =
                ((bytes &- 0x2121_2121_2121_2121) | (bytes &+ 0x0101_0101_0101_0101) | bytes)
                & 0x8080_8080_8080_8080
            if flags == 0 {
                index &+= 8
                continue
            }
            index &+= flags.trailingZeroBitCount / 8
            if self[index] &- 0x21 > 0x5D { return index }
            index &+= 1
        }
        while index < end, self[index] &- 0x21 <= 0x5D { index &+= 1 }
        return index
    }
}

/// Whether a byte is a control character other than HTAB.
@inlinable @inline(__always)
package func isControl(_ byte: UInt8) -> Bool {
    (byte < 0x20 && byte != 0x09) || byte == 0x7F
}
