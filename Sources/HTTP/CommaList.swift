/// Walks the members of a comma-separated list, without copying and without allocating.
///
/// Empty members are passed over, whitespace around members is left out, and a comma inside a
/// quoted string separates nothing. A quoted string without end reaches to the end of the value.
///
///     var list = CommaList()
///     while let member = list.next(in: value) { use(value.extracting(member)) }
///
/// Source: RFC 9110 §5.6.1.
public struct CommaList: Sendable {
    private var position = 0

    /// A walk that starts at the first member.
    public init() {}

    /// The place of the next member.
    ///
    /// - Parameter value: The same field value each time.
    /// - Returns: Positions in the value, or nil behind the last member.
    public mutating func next(in value: Span<UInt8>) -> Range<Int>? {
        let count = value.count
        while position < count, value[position] == 0x2C || Characters.isBlank(value[position]) {
            position &+= 1
        }
        guard position < count else { return nil }
        let start = position
        var quoted = false
        while position < count {
            let byte = value[position]
            if byte == 0x22 {
                quoted.toggle()
            } else if byte == 0x5C, quoted, position &+ 1 < count {
                position &+= 1
            } else if byte == 0x2C, !quoted {
                break
            }
            position &+= 1
        }
        var end = position
        while end > start, Characters.isBlank(value[end &- 1]) { end &-= 1 }
        return start..<end
    }
}
