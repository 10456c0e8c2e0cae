/// How large the parts of a message may be.
///
/// Every one is a limit on what a peer can make us keep.
public struct MessageLimits: Sendable, Equatable {
    /// No head may be configured larger than this: positions in a head are kept in 32 bits.
    public static let maximumHeadSize = 16 << 20

    /// Bytes of a head, from the first byte of the start line to the empty line, included.
    public var headSize: Int
    /// Fields in a header section.
    public var fieldCount: Int
    /// Bytes of a request target.
    public var targetSize: Int
    /// Bytes of a method; the longest one registered has 17.
    public var methodSize: Int
    /// Members in all Connection fields together: each one is looked for among all fields.
    public var connectionOptionCount: Int
    /// Bytes of a trailer section.
    public var trailerSize: Int
    /// Fields in a trailer section.
    public var trailerCount: Int
    /// Bytes of the extensions of one chunk.
    public var chunkExtensionSize: Int
    /// Bytes of all chunk extensions of one message: they are thrown away, and a peer that sends
    /// one byte of content per kilobyte of extension wants nothing good.
    public var chunkExtensionTotal: Int

    /// The limits given; the defaults suit a reverse proxy.
    public init(
        headSize: Int = 32 << 10,
        fieldCount: Int = 100,
        targetSize: Int = 8 << 10,
        methodSize: Int = 24,
        connectionOptionCount: Int = 16,
        trailerSize: Int = 8 << 10,
        trailerCount: Int = 32,
        chunkExtensionSize: Int = 256,
        chunkExtensionTotal: Int = 16 << 10
    ) {
        self.headSize = headSize
        self.fieldCount = fieldCount
        self.targetSize = targetSize
        self.methodSize = methodSize
        self.connectionOptionCount = connectionOptionCount
        self.trailerSize = trailerSize
        self.trailerCount = trailerCount
        self.chunkExtensionSize = chunkExtensionSize
        self.chunkExtensionTotal = chunkExtensionTotal
    }
}
