public import HTTP

/// How responses are compressed.
///
/// A class, so that an exchange holds it by one reference.
public final class CompressionPolicy: Sendable {
    /// Codings, sizes and types.
    public let rules: CodingRules
    /// How hard it is tried.
    public let level: CompressionLevel
    /// What is done against guessing secrets by the size of a response.
    public let breach: BreachMitigation

    init(rules: CodingRules, level: CompressionLevel, breach: BreachMitigation) {
        self.rules = rules
        self.level = level
        self.breach = breach
    }
}

/// What is done against guessing secrets by the size of a compressed response.
public enum BreachMitigation: String, Sendable, CaseIterable {
    /// Nothing.
    case off
    /// What belongs to somebody is not compressed: responses to requests with Cookie or
    /// Authorization, and those with Set-Cookie.
    case skipCookies = "skip_cookies"
    /// Sizes are blurred by padding of a random length.
    case pad
}

/// Which contents become dictionaries, by which later versions are compressed.
///
/// Source: RFC 9842.
public struct DictionaryPolicy: Sendable, Equatable {
    /// What the Use-As-Dictionary field says of contents whose application says nothing; nil: only
    /// those become dictionaries whose application says so.
    public let advice: [UInt8]?
    /// Bytes of the largest content that becomes one.
    public let largest: Int
}

/// How requests that come with a content coding are decoded.
public struct RequestDecoding: Sendable, Equatable {
    /// Which codings are taken off.
    public let codings: [ContentCoding]
    /// How many times as large as it came the content may become.
    public let ratio: Int
    /// Bytes of decoded content; nil: as many as `Policy.bodyLimit` says.
    public let size: Int?
}

/// What compression may take of each event loop.
public struct CompressionSettings: Sendable, Equatable {
    /// Bytes of memory that the codecs of a loop take at most.
    public let memory: Int
    /// Nanoseconds of lag above which a loop compresses less; nil: never.
    public let lag: Int64?
    /// Bytes of memory that dictionaries take at most, for all loops together.
    public let dictionaries: Int
}
