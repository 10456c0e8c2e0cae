import Bytes
import HTTP

/// What the Connection fields of a message say.
///
/// Source: RFC 9110 §7.6.1, RFC 9112 §9.3.
struct ConnectionOptions {
    var close = false
    var keepAlive = false
    var upgrade = false

    /// Reads all Connection fields and marks the fields that they name as hop-by-hop.
    ///
    /// More than `limit` options are refused: each one is looked for among all fields.
    init(_ section: inout FieldSection, limit: Int) throws(Interruption) {
        if isOnlyKeepAlive(section) {
            keepAlive = true
            return
        }
        var count = 0
        var field = section.first(.connection)
        while let index = field {
            let range = section.valueRange(at: index)
            var list = CommaList()
            while let member = list.next(in: section.bytes(in: range)) {
                count += 1
                guard count <= limit else { throw .invalid(.tooManyConnectionOptions) }
                let place = ByteRange(
                    Int(range.start) &+ member.lowerBound,
                    Int(range.start) &+ member.upperBound
                )
                guard note(section.bytes(in: place)) else { throw .invalid(.invalidConnection) }
                section.markHopByHop(named: place)
            }
            field = section.next(.connection, from: index + 1)
        }
    }

    /// Whether there is one Connection field and it says what nearly all of them say.
    ///
    /// The field that it names never travels on, named or not.
    private func isOnlyKeepAlive(_ section: FieldSection) -> Bool {
        guard !section.isRepeated(.connection), let index = section.first(.connection) else {
            return false
        }
        return section.value(at: index).equalsIgnoringCase("keep-alive")
    }

    /// - Returns: Whether the option is a token at all.
    private mutating func note(_ option: Span<UInt8>) -> Bool {
        if option.equalsIgnoringCase("keep-alive") {
            keepAlive = true
        } else if option.equalsIgnoringCase("close") {
            close = true
        } else if option.equalsIgnoringCase("upgrade") {
            upgrade = true
        } else {
            return Characters.isToken(option)
        }
        return true
    }

    /// Whether the connection persists after the message.
    ///
    /// Source: RFC 9112 §9.3.
    func persistent(_ version: Version) -> Bool {
        !close && (version == .http11 || keepAlive)
    }
}
