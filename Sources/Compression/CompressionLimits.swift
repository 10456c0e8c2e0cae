/// Every bound of the codecs, in one place, with unit and reason.
public enum CompressionLimits {
    /// Bytes of a content that is collected and compressed in one go at most.
    ///
    /// The libraries for whole contents are up to 1.5 times as fast as those for streams, and at
    /// `balanced` so many bytes take about 2 ms, which the loop's other connections wait for.
    public static let wholeBytes = 128 << 10
    /// Nanoseconds that the rest of such a content is waited for before it is streamed instead.
    public static let collectTime: Int64 = 20_000_000
    /// Bytes compressed in a row before other connections get a turn, and the loop looks at its
    /// sockets: a third of a millisecond at `balanced`.
    public static let bytesPerTurn = 16 << 10
    /// Bytes that all connections of a loop compress before it looks at its sockets: 1.3 ms at
    /// `balanced`, so that a burst of compressed responses never makes the others wait for all of
    /// it, nor the loop take itself for late.
    public static let bytesPerLoopTurn = 64 << 10
    /// Coded bytes that wait for a client at most: less than of plain ones, because an encoder
    /// waits with them.
    public static let pendingBytes = 64 << 10
    /// Bytes of room that an encoder or decoder is given at once.
    static let outputStep = 16 << 10
    /// Idle encoders of one kind that are kept.
    static let idleOfKind = 8
    /// Base-2 logarithm of the window of a zstd stream: 4 % larger than with 18, and a third of the
    /// memory (0.7 MiB instead of 2).
    static let zstdWindowLog: Int32 = 16
    /// The same for a brotli stream: 1 % larger than with 18, and half of the memory (1.8 MiB), at
    /// quality 8 a tenth.
    static let brotliWindowLog: UInt32 = 16
    /// Base-2 logarithm of the entries of each of zstd's two tables for a whole content.
    ///
    /// At `balanced`: a third of the library's own memory, which is cleared for each content. 0.3 %
    /// larger, and up to a third faster where other work has used the processor's cache in between.
    static let zstdWholeTableLog: Int32 = 14
    /// The level that this is for.
    static let zstdTunedLevel: Int32 = 3
    /// Base-2 logarithm of the largest window that a zstd decoder accepts: what a sender may use.
    ///
    /// Source: RFC 9659 §3.
    static let zstdDecoderWindowLog: Int32 = 23
    /// Random bytes that padding is made of at most; a power of two.
    static let paddingBytes = 256
    /// Bytes of the smallest dictionary: less saves less than naming it costs.
    static let smallestDictionary = 1024
    /// zstd's level for what has a dictionary.
    static let dictionaryLevel: Int32 = 3
    /// Base-2 logarithms of the windows of such contents.
    ///
    /// The largest is what every decoder takes.
    /// Source: RFC 9842 §5.
    static let dictionaryWindowLogs: ClosedRange<Int32> = 15...23
}
