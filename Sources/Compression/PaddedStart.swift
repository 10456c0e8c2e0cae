public import Bytes
public import HTTP

/// The front of a coded content, in whose place one with padding of another size can be put.
///
/// So a content is coded once, and goes out with padding of its own every time. gzip has it in its
/// header, zstd in a frame of its own, brotli in a meta-block: behind none of these anything
/// depends on it.
/// Source: RFC 1952 §2.3.1.1, RFC 8878 §3.1.2, RFC 7932 §9.1 and §9.2.
public enum PaddedStart {
    /// Bytes of a coded content that tell what stands in front of it.
    public static let neededBytes = 10

    /// Bytes of padding that a content is coded with, for its front to be replaced later.
    public static func base(_ coding: ContentCoding) -> Int { coding == .brotli ? 2 : 0 }

    /// Writes a front with padding.
    ///
    /// - Parameters:
    ///   - padding: Bytes of padding, at least 1.
    ///   - coded: The first bytes of a content that was coded with `base`: `neededBytes`, or all.
    ///   - coding: Its coding.
    ///   - target: Gets the front.
    /// - Returns: The first bytes of the content in whose place it stands; nil where there is no
    ///   room for padding, and then nothing is written.
    public static func write(
        _ padding: Int,
        inPlaceOf coded: Span<UInt8>,
        _ coding: ContentCoding,
        to target: Buffer
    ) -> Int? {
        switch coding {
        case .gzip:
            // A header without options.
            guard coded.count >= 10, coded[0] == 0x1F, coded[1] == 0x8B, coded[3] == 0 else {
                return nil
            }
            DeflateFraming(.gzip).writeHeader(padding: padding, to: target)
            return 10
        case .zstd:
            target.writeZstdPadding(padding)
            return 0
        case .brotli: return brotli(padding, coded, to: target)
        default: return nil
        }
    }

    /// Replaces the first meta-block, which has to be one of padding.
    private static func brotli(_ padding: Int, _ coded: Span<UInt8>, to target: Buffer) -> Int? {
        var bits: UInt64 = 0
        for index in 0..<min(8, coded.count) { bits |= UInt64(coded[index]) << (8 * index) }
        // How the size of the window is written.
        let window = bits & 1 == 0 ? 1 : bits >> 1 & 7 != 0 ? 4 : 7
        // Not the last, no content (3), a reserved bit, and the bytes that the length takes.
        let mark = bits >> window & 0x3F
        guard coded.count >= 4, mark & 0xF == 0b0110 else { return nil }
        let lengthBytes = Int(mark >> 4)
        let length = bits >> (window + 6) & ((1 << (8 * lengthBytes)) - 1)
        let count = lengthBytes == 0 ? 0 : Int(length) + 1
        let replaced = (window + 6 + 8 * lengthBytes + 7) / 8 + count
        // What `base` makes is shorter; contents that come from elsewhere may say anything.
        guard replaced <= coded.count else { return nil }

        // A single byte is written in a way that the library's own decoder rejects (1.0.9).
        let new = min(max(padding, 2), CompressionLimits.paddingBytes)
        var front = bits & ((1 << window) - 1)
        front |= 0b01_0110 << window
        front |= UInt64(new - 1) << (window + 6)
        for index in 0..<((window + 14 + 7) / 8) {
            target.append(UInt8(truncatingIfNeeded: front >> (8 * index)))
        }
        for _ in 0..<new { target.append(0) }
        return replaced
    }
}
