/// What a server says in a `Keep-Alive` response field about how long it keeps the connection.
///
/// Source: RFC 2068 §19.7.1.1, and common usage: `timeout=5, max=100`. It is a hint: whatever
/// cannot be read is left out, never an error.
public struct KeepAliveField: Sendable, Equatable {
    /// How long the server keeps an idle connection, nanoseconds.
    public var timeout: Int64?
    /// Requests that it will still answer on this connection.
    public var remainingRequests: Int?

    /// Largest number understood: a day in seconds, or as many requests.
    ///
    /// More is taken as so much.
    static let maximumNumber = 86_400

    /// Makes a field that says nothing.
    public init() {}

    /// Reads a field value.
    /// - Parameter value: The field value, without the name; of several fields, each in turn.
    public init(_ value: Span<UInt8>) {
        var index = 0
        while index < value.count {
            let start = index
            // A comma ends a parameter, old servers also write a semicolon.
            while index < value.count, value[index] != 0x2C, value[index] != 0x3B { index += 1 }
            read(value.extracting(start..<index))
            index += 1
        }
    }

    private mutating func read(_ parameter: Span<UInt8>) {
        if let seconds = number(in: parameter, after: "timeout") {
            timeout = Int64(seconds) * 1_000_000_000
        } else if let requests = number(in: parameter, after: "max") {
            remainingRequests = requests
        }
    }

    /// The number in `name = number`, spaces and quotes allowed around it, or nil.
    private func number(in parameter: Span<UInt8>, after name: StaticString) -> Int? {
        var index = skipped(parameter, from: 0)
        let length = name.utf8CodeUnitCount
        guard parameter.count - index > length else { return nil }
        let isNamed = name.withUTF8Buffer { expected in
            for offset in 0..<length {
                // In bounds: both have at least `length` bytes. Lower case: the names are letters.
                let byte = parameter[index + offset] | 0x20
                if unsafe byte != expected[offset] { return false }
            }
            return true
        }
        guard isNamed else { return nil }
        index = skipped(parameter, from: index + length)
        guard index < parameter.count, parameter[index] == 0x3D else { return nil }
        index = skipped(parameter, from: index + 1)
        let start = index
        var number = 0
        while index < parameter.count, parameter[index] &- 0x30 < 10 {
            let digit = Int(parameter[index] &- 0x30)
            number = min(KeepAliveField.maximumNumber, number * 10 + digit)
            index += 1
        }
        return index > start && skipped(parameter, from: index) == parameter.count ? number : nil
    }

    /// The first index at or after `start` that holds neither space, tab nor quote.
    private func skipped(_ bytes: Span<UInt8>, from start: Int) -> Int {
        var index = start
        while index < bytes.count,
            bytes[index] == 0x20 || bytes[index] == 0x09 || bytes[index] == 0x22
        {
            index += 1
        }
        return index
    }
}
