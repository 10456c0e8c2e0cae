import Bytes
import CLibdeflate

/// What stands around a raw deflate stream: the header, the checksum and the trailer of gzip and of
/// zlib's format.
///
/// Written here and not by the libraries, so that all of them serve both formats and a header may
/// hold padding.
/// Source: RFC 1950, RFC 1952.
struct DeflateFraming {
    enum Format { case gzip, zlib }

    let format: Format
    private var checksum: UInt32
    /// Bytes of content so far, modulo 2^32 as the trailer wants it.
    private var count: UInt32 = 0

    init(_ format: Format) {
        self.format = format
        checksum = format == .gzip ? 0 : 1
    }

    /// Writes the header.
    ///
    /// `padding`: Bytes that say nothing; only gzip has room for them.
    func writeHeader(padding: Int, to target: Buffer) {
        switch format {
        case .zlib:
            target.append(0x78)
            target.append(0x9C)
        case .gzip:
            let extra = padding > 0 ? min(padding, CompressionLimits.paddingBytes) + 4 : 0
            target.append(0x1F)
            target.append(0x8B)
            target.append(8)
            // FEXTRA
            target.append(extra > 0 ? 4 : 0)
            // No time, no level; the system is unknown.
            for _ in 0..<5 { target.append(0) }
            target.append(255)
            guard extra > 0 else { return }
            append(UInt16(truncatingIfNeeded: extra), to: target)
            // One subfield, whose name nobody has registered.
            target.append(UInt8(ascii: "p"))
            target.append(UInt8(ascii: "d"))
            append(UInt16(truncatingIfNeeded: extra - 4), to: target)
            for _ in 0..<(extra - 4) { target.append(0) }
        }
    }

    /// Takes note of content.
    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        count &+= UInt32(truncatingIfNeeded: bytes.count)
        switch format {
        case .gzip: checksum = unsafe libdeflate_crc32(checksum, bytes.baseAddress, bytes.count)
        case .zlib: checksum = unsafe libdeflate_adler32(checksum, bytes.baseAddress, bytes.count)
        }
    }

    /// Writes the trailer.
    func writeTrailer(to target: Buffer) {
        switch format {
        case .gzip:
            append(UInt16(truncatingIfNeeded: checksum), to: target)
            append(UInt16(truncatingIfNeeded: checksum >> 16), to: target)
            append(UInt16(truncatingIfNeeded: count), to: target)
            append(UInt16(truncatingIfNeeded: count >> 16), to: target)
        case .zlib:
            for shift in [24, 16, 8, 0] as [UInt32] {
                target.append(UInt8(truncatingIfNeeded: checksum >> shift))
            }
        }
    }

    private func append(_ number: UInt16, to target: Buffer) {
        target.append(UInt8(truncatingIfNeeded: number))
        target.append(UInt8(truncatingIfNeeded: number >> 8))
    }
}
