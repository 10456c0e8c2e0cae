import Bytes

/// One element of a `Forwarded` field: what one proxy says of one request.
///
/// Stricter than the grammar in that a parameter given twice makes the element unreadable, as the
/// RFC forbids it and readers differ in which one they take; more lenient in that an unquoted
/// value may hold `:`, `[` and `]`, and blanks may stand around `;` and behind `=`, because
/// proxies write that and it can mean only one thing.
/// Source: RFC 7239 §4
struct ForwardedElement {
    /// The address behind `for`; nil if it is missing, hidden, `unknown`, or unreadable.
    private(set) var node: ForwardedNode?
    private(set) var scheme: ForwardedScheme?
    /// Where in the element the value of `host` stands.
    private(set) var host: (range: Range<Int>, isEscaped: Bool)?

    /// Reads one element; nil if it does not follow the grammar.
    /// - Parameter text: What stands between two commas outside quoted strings.
    init?(_ text: Span<UInt8>) {
        var seen = Seen()
        var index = 0
        while true {
            skipBlanks(text, &index)
            if index < text.count && text[index] != UInt8(ascii: ";") {
                guard let pair = readPair(text, &index),
                    take(text, pair, &seen)
                else { return nil }
                skipBlanks(text, &index)
            }
            if index == text.count { return }
            guard text[index] == UInt8(ascii: ";") else { return nil }
            index += 1
        }
    }

    /// Which parameters were there already.
    private struct Seen {
        var node = false
        var by = false
        var scheme = false
        var host = false
    }

    private mutating func take(_ text: Span<UInt8>, _ pair: Pair, _ seen: inout Seen) -> Bool {
        let name = text.extracting(pair.name)
        let value = text.extracting(pair.value)
        if name.equalsIgnoringCase("for") {
            if seen.node { return false }
            seen.node = true
            node = pair.isEscaped ? unescapedNode(value) : ForwardedNode(value)
        } else if name.equalsIgnoringCase("proto") {
            if seen.scheme { return false }
            seen.scheme = true
            scheme = ForwardedScheme(value)
        } else if name.equalsIgnoringCase("host") {
            if seen.host { return false }
            seen.host = true
            host = value.isEmpty ? nil : (pair.value, pair.isEscaped)
        } else if name.equalsIgnoringCase("by") {
            if seen.by { return false }
            seen.by = true
        }
        return true
    }
}

/// Where a parameter's name and value stand; the value without its quotes.
private struct Pair {
    let name: Range<Int>
    let value: Range<Int>
    let isEscaped: Bool
}

/// Reads `name=value` or `name="value"` at an index and moves it behind.
private func readPair(_ text: Span<UInt8>, _ index: inout Int) -> Pair? {
    let nameStart = index
    while index < text.count && isTokenByte(text[index]) { index += 1 }
    let name = nameStart..<index
    guard !name.isEmpty, index < text.count, text[index] == UInt8(ascii: "=") else { return nil }
    index += 1
    skipBlanks(text, &index)
    if index < text.count && text[index] == UInt8(ascii: "\"") {
        index += 1
        return readQuoted(text, &index, name: name)
    }
    let start = index
    while index < text.count && isUnquotedByte(text[index]) { index += 1 }
    guard index > start else { return nil }
    return Pair(name: name, value: start..<index, isEscaped: false)
}

/// Reads up to the closing quote.
/// Source: RFC 9110 §5.6.4
private func readQuoted(_ text: Span<UInt8>, _ index: inout Int, name: Range<Int>) -> Pair? {
    let start = index
    var isEscaped = false
    while index < text.count {
        switch text[index] {
        case UInt8(ascii: "\""):
            index += 1
            return Pair(name: name, value: start..<index - 1, isEscaped: isEscaped)
        case UInt8(ascii: "\\"):
            isEscaped = true
            index += 2
        case 0x00...0x08, 0x0a...0x1f, 0x7f:
            return nil
        default:
            index += 1
        }
    }
    return nil
}

/// Reads a node whose quoted text has backslashes.
private func unescapedNode(_ value: Span<UInt8>) -> ForwardedNode? {
    guard value.count <= ForwardedNode.maximumTextCount else { return nil }
    var plain = InlineArray<96, UInt8>(repeating: 0)
    var count = 0
    var index = 0
    while index < value.count {
        if value[index] == UInt8(ascii: "\\") { index += 1 }
        guard index < value.count else { return nil }
        plain[count] = value[index]
        count += 1
        index += 1
    }
    return ForwardedNode(plain.span.extracting(..<count))
}

/// Where the element starts that ends at an index: behind the last comma outside quoted strings.
///
/// Read from the right, so that a quote which a client left open at the left cannot swallow what
/// believed proxies appended.
func startOfLastElement(_ field: Span<UInt8>, end: Int) -> Int {
    var isQuoted = false
    var start = end
    while start > 0 {
        let byte = field[start - 1]
        if byte == UInt8(ascii: ",") && !isQuoted { return start }
        if byte == UInt8(ascii: "\"") {
            var backslashes = 0
            while start - 2 - backslashes >= 0,
                field[start - 2 - backslashes] == UInt8(ascii: "\\")
            {
                backslashes += 1
            }
            // Behind an odd number of backslashes it is a character of the string.
            if backslashes & 1 == 0 { isQuoted.toggle() }
            start -= backslashes
        }
        start -= 1
    }
    return 0
}

private func skipBlanks(_ text: Span<UInt8>, _ index: inout Int) {
    while index < text.count && isBlank(text[index]) { index += 1 }
}

/// Whether a byte can stand in a token.
/// Source: RFC 9110 §5.6.2
func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
    case UInt8(ascii: "!"), UInt8(ascii: "#")...UInt8(ascii: "'"), UInt8(ascii: "*"),
        UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^"),
        UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
        true
    default: false
    }
}

/// Whether a byte can stand in a value without quotes.
private func isUnquotedByte(_ byte: UInt8) -> Bool {
    isTokenByte(byte) || byte == UInt8(ascii: ":") || byte == UInt8(ascii: "[")
        || byte == UInt8(ascii: "]")
}
