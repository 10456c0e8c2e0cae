public import HTTP

/// Which library compresses a stream, and how hard it tries.
///
/// The table below is what was measured (Documentation/compression.md has the figures).
public enum EncoderKind: Hashable, Sendable {
    case zlib(level: Int32)
    case isal
    case brotli(quality: UInt32)
    case zstd(level: Int32)
    /// zstd with a dictionary; the base-2 logarithm of the window.
    case dictionary(windowLog: Int32)

    /// The one for a coding and a level, while content flows.
    public init(stream coding: ContentCoding, _ level: CompressionLevel) {
        switch (coding, level) {
        case (.gzip, .fast), (.deflate, .fast): self = .isal
        // Tuned: see `ZlibEngine`.
        case (.gzip, .balanced), (.deflate, .balanced): self = .zlib(level: 6)
        case (.gzip, .small), (.deflate, .small): self = .zlib(level: 9)
        // Quality 1 would be larger than gzip at `fast` and dearer.
        case (.brotli, .fast): self = .brotli(quality: 3)
        case (.brotli, .balanced): self = .brotli(quality: 5)
        case (.brotli, .small): self = .brotli(quality: 8)
        case (.zstd, .fast): self = .zstd(level: 1)
        case (.zstd, .balanced): self = .zstd(level: 3)
        case (.zstd, .small): self = .zstd(level: 9)
        case (.dictionaryZstd, _):
            self = .dictionary(windowLog: CompressionLimits.dictionaryWindowLogs.upperBound)
        }
    }

    /// Bytes of memory that one takes at most, as measured, for what bounds their number.
    public var byteCount: Int {
        switch self {
        case .zlib: 268 << 10
        case .isal: IsalEngine.byteCount
        case .brotli(let quality): quality < 4 ? 920 << 10 : 1840 << 10
        case .zstd: 730 << 10
        case .dictionary(let log): (1 << Int(log)) + (1600 << 10)
        }
    }
}
