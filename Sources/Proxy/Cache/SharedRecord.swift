import Bytes
import Caching
import HTTP
import Redis

/// A place in one of Redis' streams: milliseconds of its clock, and a number among those.
struct StreamPlace: Equatable, Comparable, Sendable {
    var time: UInt64 = 0
    var number: UInt64 = 0
    /// Whether no entry stands there: it only says where to go on.
    var isBetween = false

    /// Before the first entry.
    static let start: StreamPlace = {
        var place = StreamPlace()
        place.isBetween = true
        return place
    }()

    init() {}

    /// Reads one such as `1526919030474-55`; nil when it is none.
    init?(_ text: Span<UInt8>) {
        guard let dash = text.firstIndex(of: UInt8(ascii: "-")),
            let time = StreamPlace.number(text.extracting(first: dash)),
            let number = StreamPlace.number(text.extracting(droppingFirst: dash + 1))
        else { return nil }
        self.time = time
        self.number = number
    }

    static func == (left: StreamPlace, right: StreamPlace) -> Bool {
        (left.time, left.number) == (right.time, right.number)
    }

    static func < (left: StreamPlace, right: StreamPlace) -> Bool {
        (left.time, left.number) < (right.time, right.number)
    }

    var text: String { "\(time)-\(number)" }

    /// As the times of responses are.
    var milliseconds: Int64 { Int64(clamping: time) }

    /// A number of digits alone that fits.
    static func number(_ digits: Span<UInt8>) -> UInt64? {
        guard digits.count > 0, digits.count <= 20 else { return nil }
        var value: UInt64 = 0
        for index in digits.indices {
            let digit = digits[index] &- 0x30
            guard digit < 10 else { return nil }
            let (scaled, first) = value.multipliedReportingOverflow(by: 10)
            let (sum, second) = scaled.addingReportingOverflow(UInt64(digit))
            guard !first, !second else { return nil }
            value = sum
        }
        return value
    }
}

/// A response as it stands in Redis: `RECEIVED;ASKED;LOG;BYTES`, the times by Redis' clock.
struct SharedRecord: ~Escapable {
    /// When it came, and when it was asked for, in milliseconds.
    let received: Int64
    let asked: Int64
    /// The log of purges that holds for it.
    let epoch: Span<UInt8>
    /// The bytes of a `StoredRecord`.
    let form: Span<UInt8>

    /// Takes one apart; nil when it is none.
    @_lifetime(copy bytes)
    init?(_ bytes: Span<UInt8>) {
        let semicolon = UInt8(ascii: ";")
        let first = bytes.firstIndex(of: semicolon, from: 0, to: bytes.count)
        let second = bytes.firstIndex(
            of: semicolon,
            from: min(first + 1, bytes.count),
            to: bytes.count
        )
        let third = bytes.firstIndex(
            of: semicolon,
            from: min(second + 1, bytes.count),
            to: bytes.count
        )
        guard third < bytes.count,
            let received = StreamPlace.number(bytes.extracting(first: first)),
            let asked = StreamPlace.number(bytes.extracting((first + 1)..<second)),
            received < SharedRecord.latest, asked <= received
        else { return nil }
        self.received = Int64(received)
        self.asked = Int64(asked)
        epoch = bytes.extracting((second + 1)..<third)
        form = bytes.extracting(droppingFirst: third + 1)
    }

    /// Milliseconds that no clock of ours will show.
    private static let latest: UInt64 = 1 << 50
}

/// What the script `read` answers.
struct SharedReading {
    /// Redis' time, in milliseconds.
    let now: Int64
    /// The log of purges, and its last entry; nil where there was none yet.
    let epoch: [UInt8]?
    let last: StreamPlace
    /// The lists of fields that responses of the key vary by, newest first.
    let names: [[[UInt8]]]
    /// The responses asked for.
    let values: [[UInt8]]

    /// Reads it; nil when it is something else.
    init?(_ reply: RedisReply, fields: Int) {
        guard let items = reply.items, items.count == 4 + fields, let now = items[0].number,
            now >= 0, now < 1 << 50
        else { return nil }
        self.now = now
        epoch = items[1].bytes
        if let text = items[2].bytes {
            guard let place = StreamPlace(text.span) else { return nil }
            last = place
        } else {
            last = .start
        }
        names = SharedReading.names(items[3].bytes ?? [])
        values = items[4...].compactMap(\.bytes)
    }

    /// Lists with line breaks between, names with commas between.
    private static func names(_ bytes: [UInt8]) -> [[[UInt8]]] {
        bytes.split(separator: 0x0A).prefix(4).map { line in
            line.split(separator: 0x2C).prefix(Vary.maximumNames).map(Array.init)
        }
    }
}

/// How gateways tell each other of purges.
enum SharedMessage {

    /// The letter of a purge's kind, its value, and its origin.
    static func words(_ purge: Purge) -> (kind: String, value: [UInt8], origin: [UInt8]) {
        switch purge {
        case .url(let bytes): ("u", bytes, [])
        case .prefix(let bytes): ("p", bytes, [])
        case .host(let bytes): ("h", bytes, [])
        case .tag(let bytes): ("t", bytes, [])
        case .group(let bytes, let origin): ("g", bytes, origin)
        case .key(let bytes): ("k", bytes, [])
        case .everything: ("a", [], [])
        }
    }

    /// The purge that an entry of the log tells of.
    ///
    /// What cannot be understood, as of a later version, means everything: that is never too
    /// little.
    static func purge(_ fields: [UInt8: [UInt8]]) -> Purge {
        let value = fields[UInt8(ascii: "v")] ?? []
        switch fields[UInt8(ascii: "k")] {
        case [UInt8(ascii: "u")]: return .url(value)
        case [UInt8(ascii: "p")]: return .prefix(value)
        case [UInt8(ascii: "h")]: return .host(value)
        case [UInt8(ascii: "t")]: return .tag(value)
        case [UInt8(ascii: "g")]:
            return .group(value, origin: fields[UInt8(ascii: "o")] ?? [])
        default: return .everything
        }
    }
}

/// An entry of one of the streams.
struct SharedEntry {
    let place: StreamPlace
    /// By the letter that is a field's name.
    let fields: [UInt8: [UInt8]]

    /// Whose it is.
    var author: [UInt8] { fields[UInt8(ascii: "b")] ?? [] }

    /// Reads one; nil when it is something else.
    init?(_ reply: RedisReply) {
        guard let items = reply.items, items.count == 2, let text = items[0].bytes,
            let place = StreamPlace(text.span), let words = items[1].items
        else { return nil }
        self.place = place
        var fields: [UInt8: [UInt8]] = [:]
        for index in stride(from: 0, to: words.count - 1, by: 2) {
            guard let name = words[index].bytes, name.count == 1 else { continue }
            fields[name[0]] = words[index + 1].bytes
        }
        self.fields = fields
    }
}
