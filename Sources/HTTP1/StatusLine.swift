import HTTP

/// Reads a status line.
///
/// Source: RFC 9112 §4.
enum StatusLine {
    /// Reads the line and records version, status and reason in the head.
    ///
    /// Choice: the space behind the code may be missing together with the reason, as some servers
    /// leave it out; nothing can be misunderstood, and the line is written anew anyway.
    ///
    /// - Returns: Where the first field line starts.
    static func read(
        _ input: Span<UInt8>,
        to end: Int,
        into head: inout ResponseHead
    ) throws(Interruption) -> Int {
        head.version = try RequestLine.readVersion(input, from: 0, to: end)
        guard end > 8 else { throw .incomplete }
        guard input[8] == 0x20 else { throw .invalid(.invalidVersion) }
        var status = 0
        for index in 9..<12 {
            guard index < end else { throw .incomplete }
            let digit = input[index] &- 0x30
            guard digit < 10 else { throw .invalid(.invalidStatus) }
            status = status &* 10 &+ Int(digit)
        }
        guard status >= 100, status < 600 else { throw .invalid(.invalidStatus) }
        head.status = status
        guard end > 12 else { throw .incomplete }
        guard input[12] == 0x20 || isControl(input[12]) else { throw .invalid(.invalidStatus) }
        let reasonStart = input[12] == 0x20 ? 13 : 12
        let stop = input.firstControl(from: reasonStart, to: end)
        head.reasonRange = ByteRange(reasonStart, stop)
        return try FieldLines.lineEnd(input, at: stop, to: end)
    }
}
