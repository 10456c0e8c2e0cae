import Bytes
package import HTTP

/// The lines of a stored head: a status line, then `Name: value`, each with its CRLF.
package enum HeadLines {
    /// Fields that are never stored: of one connection, of one request, or made anew each time.
    ///
    /// Source: RFC 9111 §3.1; Warning is obsolete (§5.5).
    static let unstored: FieldNameSet = [
        .contentLength, .transferEncoding, .trailer, .age, .warning, .xRequestID, .proxyStatus,
    ]

    /// Writes what is stored of a head.
    ///
    /// `head`: A response's.
    ///
    /// `unstored`: Lower-case names of further fields to leave out.
    ///
    /// `storesCookies`: Whether Set-Cookie is kept.
    ///
    /// `out`: Gets the lines.
    package static func write(
        _ head: borrowing ResponseHead,
        without unstored: [[UInt8]],
        storesCookies: Bool,
        to out: inout [UInt8]
    ) {
        let line = Buffer()
        line.append("HTTP/1.1 ")
        line.append(decimal: head.status)
        line.append(UInt8(ascii: " "))
        if head.reason.isEmpty {
            line.append(Status.reason(head.status))
        } else {
            line.append(head.reason)
        }
        line.append("\r\n")
        let skipped = storesCookies ? Self.unstored : Self.unstored.union([.setCookie])
        for index in head.fields.indices {
            guard head.fields.isEndToEnd(at: index, skipping: skipped) else { continue }
            let name = head.fields.name(at: index)
            if isPrivate(name) || unstored.contains(where: { name.equalsIgnoringCase($0.span) }) {
                continue
            }
            line.append(name)
            line.append(": ")
            line.append(head.fields.value(at: index))
            line.append("\r\n")
        }
        let line_ = line
        out += line_.readable.bytes()
    }

    /// What only this cache or a proxy was meant to read.
    private static func isPrivate(_ name: Span<UInt8>) -> Bool {
        name.equalsIgnoringCase("gateway-cache-control")
            || name.equalsIgnoringCase("proxy-authentication-info")
    }

    /// Where the next line's name and value stand.
    struct Line {
        var name: Range<Int>
        var value: Range<Int>
        var end: Int
    }

    /// The field line that begins at a place; nil at the end.
    static func line(at start: Int, in head: Span<UInt8>) -> Line? {
        guard start < head.count else { return nil }
        let lineEnd = head.firstIndex(of: 0x0D, from: start, to: head.count)
        let colon = head.firstIndex(of: 0x3A, from: start, to: lineEnd)
        let valueStart = min(colon + 2, lineEnd)
        return Line(
            name: start..<colon,
            value: valueStart..<lineEnd,
            end: min(lineEnd + 2, head.count)
        )
    }

    /// Where the first field line begins.
    package static func firstLine(of head: Span<UInt8>) -> Int {
        min(head.firstIndex(of: 0x0A, from: 0, to: head.count) + 1, head.count)
    }

    /// Where the value of the first field of a name stands.
    package static func value(of name: StaticString, in head: Span<UInt8>) -> Range<Int>? {
        var start = firstLine(of: head)
        while let line = line(at: start, in: head) {
            if head.extracting(line.name).equalsIgnoringCase(name) { return line.value }
            start = line.end
        }
        return nil
    }

    /// Gives each field line to a closure: name, value, and the line as it is written.
    package static func forEach(
        _ head: Span<UInt8>,
        _ body: (_ name: Span<UInt8>, _ value: Span<UInt8>, _ line: Span<UInt8>) -> Void
    ) {
        var start = firstLine(of: head)
        while let line = line(at: start, in: head) {
            body(
                head.extracting(line.name),
                head.extracting(line.value),
                head.extracting(start..<line.end)
            )
            start = line.end
        }
    }

    /// A stored head as a validation brought it up to date.
    ///
    /// Source: RFC 9111 §3.2: all fields of the 304 replace those stored, but for what describes
    /// the stored bytes.
    package static func updated(
        _ stored: Span<UInt8>,
        by fresh: Span<UInt8>
    ) -> [UInt8] {
        var replaced: [[UInt8]] = []
        var added: [UInt8] = []
        forEach(fresh) { name, _, line in
            if describesBytes(name) { return }
            replaced.append(name.bytes().map(asciiLowercase))
            added += line.bytes()
        }
        var result = stored.extracting(first: firstLine(of: stored)).bytes()
        forEach(stored) { name, _, line in
            if !replaced.contains(where: { name.equalsIgnoringCase($0.span) }) {
                result += line.bytes()
            }
        }
        return result + added
    }

    private static func describesBytes(_ name: Span<UInt8>) -> Bool {
        name.equalsIgnoringCase("content-length") || name.equalsIgnoringCase("content-encoding")
            || name.equalsIgnoringCase("content-range")
    }
}
