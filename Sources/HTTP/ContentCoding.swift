import Bytes

/// The content codings that this gateway knows.
///
/// Source: RFC 9110 §8.4.1, RFC 7932, RFC 8878.
public enum ContentCoding: UInt8, Sendable, CaseIterable {
    case brotli
    case zstd
    case gzip
    /// The zlib format of RFC 1950, whatever the name says.
    case deflate
    /// zstd with a dictionary that the client has named.
    ///
    /// Its Brotli sister `dcb` is never offered: Debian's encoder (1.0.9) takes no dictionary.
    /// Source: RFC 9842 §5.
    case dictionaryZstd

    /// Those that need nothing but the content.
    public static let plain: [ContentCoding] = [.brotli, .zstd, .gzip, .deflate]

    /// The name on the wire.
    public var name: StaticString {
        switch self {
        case .brotli: "br"
        case .zstd: "zstd"
        case .gzip: "gzip"
        case .deflate: "deflate"
        case .dictionaryZstd: "dcz"
        }
    }

    /// The coding of a name among those that need nothing but the content, letters compared without
    /// regard to case.
    ///
    /// `x-gzip` is gzip (RFC 9110 §8.4.1.3).
    /// - Returns: nil for every other name, `identity` among them.
    public static func match(_ name: Span<UInt8>) -> ContentCoding? {
        if name.equalsIgnoringCase("gzip") || name.equalsIgnoringCase("x-gzip") { return .gzip }
        if name.equalsIgnoringCase("br") { return .brotli }
        if name.equalsIgnoringCase("zstd") { return .zstd }
        if name.equalsIgnoringCase("deflate") { return .deflate }
        return nil
    }
}

/// How much work a content coding may be.
public enum CompressionLevel: String, Sendable, CaseIterable {
    /// The least work.
    case fast
    /// What a server in front of people should do.
    case balanced
    /// The smallest content, for what is made once and sent often.
    case small
}

/// What coding the content of a response has.
public enum AppliedCoding: Sendable, Equatable {
    /// None: no Content-Encoding, or nothing but `identity` in it.
    case none
    /// One that is known.
    case known(ContentCoding)
    /// Several, or one that is not known.
    case other

    /// Reads the Content-Encoding fields of a message.
    ///
    /// Source: RFC 9110 §8.4.
    public init(_ fields: FieldSection) {
        self = .none
        var field = fields.first(.contentEncoding)
        while let index = field {
            let value = fields.value(at: index)
            var list = CommaList()
            while let place = list.next(in: value) {
                let name = value.extracting(place)
                if name.equalsIgnoringCase("identity") { continue }
                guard self == .none, let coding = ContentCoding.match(name) else {
                    self = .other
                    return
                }
                self = .known(coding)
            }
            field = fields.next(.contentEncoding, from: index + 1)
        }
    }
}
