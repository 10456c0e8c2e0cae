/// What is asked of a codec besides taking bytes.
public enum CodecOperation: Sendable {
    /// Nothing: bytes may stay inside until more come.
    case process
    /// All that went in comes out, so that the other end can read it.
    case flush
    /// The content ends here.
    case finish
}

/// Why a content cannot be coded or decoded.
public enum CodecError: Error, Sendable, Equatable {
    /// The bytes are none of that coding, or it ends before its end.
    case malformed
    /// The library has no memory left, or refuses what it should not.
    case failed
}

/// What one call of a library did.
struct CodecStep {
    /// Bytes taken from the input.
    var taken = 0
    /// Bytes written to the output.
    var made = 0
    /// Whether everything that was asked for has come out: of an encoder the operation is carried
    /// out, of a decoder the content has ended.
    var isDone = false
}
