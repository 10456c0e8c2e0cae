/// The handshake messages that may come once a handshake is complete: from a client, KeyUpdate
/// alone.
///
/// Pure. A message may be split over records, but its end has to be the end of a record, since the
/// next one is protected by other keys.
///
/// Source: RFC 8446 §4.6.3, §5.1.
struct KeyUpdateReader {
    /// What a record's worth of messages came to.
    enum Reading: Equatable {
        /// More has to come.
        case incomplete
        /// The peer uses new keys from the next record on; whether it asks us for the same.
        case keyUpdate(isRequested: Bool)
        case failed(Alert)
    }

    /// A message of type 24 with one byte.
    private static let head: [5 of UInt8] = [24, 0, 0, 1, 0]
    /// Bytes of the message that have come: fewer than all.
    private var count = 0

    /// Whether a message has begun and not ended: nothing else may come in between.
    var isUnderWay: Bool { count > 0 }

    /// Takes in the content of a record of handshake messages.
    mutating func take(_ record: InnerRecord) -> Reading {
        // Source: RFC 8446 §5.4.
        if record.count == 0 { return .failed(.unexpectedMessage) }
        for index in 0..<min(record.count, Self.head.count - count) {
            let byte = record[index]
            switch count {
            case 0 where byte != Self.head[0]: return .failed(.unexpectedMessage)
            case 1...3 where byte != Self.head[count]: return .failed(.decodeError)
            case 4:
                // Another message behind it would span the change of keys.
                guard index == record.count - 1 else { return .failed(.unexpectedMessage) }
                guard byte <= 1 else { return .failed(.illegalParameter) }
                count = 0
                return .keyUpdate(isRequested: byte == 1)
            default: count += 1
            }
        }
        return .incomplete
    }
}
