import CLibdeflate

/// Checksums of what is written to files.
public enum Checksum {
    /// CRC-32 as in gzip.
    ///
    /// Source: RFC 1952 §8.
    public static func crc32(_ bytes: Span<UInt8>) -> UInt32 {
        // The library reads the bytes that the span lends.
        unsafe bytes.withUnsafeBufferPointer { buffer in
            unsafe libdeflate_crc32(0, buffer.baseAddress, buffer.count)
        }
    }
}
