/// What a side says when it ends a connection: those that the record layer sends or tells apart.
///
/// Source: RFC 8446 §6.
public enum Alert: UInt8, Sendable {
    /// Nothing will follow, and nothing was cut off.
    case closeNotify = 0
    /// A message or a record of a kind that may not come here.
    case unexpectedMessage = 10
    /// A record that was changed on its way, or was none.
    case badRecordMAC = 20
    /// A record that is longer than may be.
    case recordOverflow = 22
    /// A field with a value that it cannot have.
    case illegalParameter = 47
    /// A message of a length that it cannot have.
    case decodeError = 50
    /// Something went wrong here.
    case internalError = 80
    /// The peer's user has lost interest; a `closeNotify` follows.
    case userCanceled = 90

    /// The level that stands before it; peers ignore it.
    var level: UInt8 { self == .closeNotify ? 1 : 2 }
}

/// The kinds of content that a record can have.
///
/// Source: RFC 8446 §5.1.
enum ContentType {
    static let alert: UInt8 = 21
    static let handshake: UInt8 = 22
    static let applicationData: UInt8 = 23
}
