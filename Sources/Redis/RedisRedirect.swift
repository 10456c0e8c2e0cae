/// What a server of a cluster says about keys that are another server's.
///
/// Source: the Redis cluster specification, "MOVED Redirection" and "ASK redirection".
public struct RedisRedirect: Sendable, Equatable {
    /// Whether it holds for one question only: the key is being moved.
    public let isOnce: Bool
    /// The slot of the key.
    public let slot: Int
    /// The server's host; empty: that of the server which said so.
    public let host: String
    /// Its port.
    public let port: UInt16

    /// Reads an error such as `MOVED 3999 10.0.0.8:6379`; nil when it is another one.
    public init?(_ error: String) {
        let words = error.split(separator: " ")
        guard words.count >= 3, words[0] == "MOVED" || words[0] == "ASK",
            let slot = Int(words[1]), (0..<16_384).contains(slot),
            let colon = words[2].lastIndex(of: ":"),
            let port = UInt16(words[2][words[2].index(after: colon)...]), port > 0
        else { return nil }
        isOnce = words[0] == "ASK"
        self.slot = slot
        self.port = port
        host = String(words[2][..<colon])
    }
}

/// What an error means for the connection it came over.
enum RedisErrorKind {
    /// Another server is the right one: this connection is to be left.
    case elsewhere
    /// Only this command failed.
    case harmless

    init(_ error: String) {
        switch error.prefix(while: { $0 != " " }) {
        case "MOVED", "READONLY", "NOSCRIPT", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "NOAUTH":
            self = .elsewhere
        // Before version 7 a script's errors come wrapped in words.
        case "ERR": self = error.contains("READONLY") ? .elsewhere : .harmless
        default: self = .harmless
        }
    }
}
