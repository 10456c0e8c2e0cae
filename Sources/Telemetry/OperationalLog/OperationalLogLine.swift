import Bytes
import Logging

/// The forms of the operational log.
public enum OperationalLogFormat: String, Sendable, CaseIterable {
    /// `2026-11-22T18:10:31.123Z warning message key=value`
    case text
    /// One JSON object a line.
    case json
}

/// One line of the operational log.
struct OperationalLogLine {
    let unixMilliseconds: Int64
    let level: Logger.Level
    let message: String
    /// Sorted by key, as a dictionary's order differs from run to run.
    let metadata: [(key: String, value: String)]

    /// The line, its line feed included.
    ///
    /// - Parameters:
    ///   - format: The form of the line.
    ///   - hasPriority: Whether to begin with the `<4>` by which journald knows the level.
    /// - Returns: One line, whatever the message holds.
    func render(_ format: OperationalLogFormat, hasPriority: Bool) -> [UInt8] {
        let buffer = Buffer(capacity: 512)
        var timestamps = TimestampWriter()
        if hasPriority {
            buffer.append(UInt8(ascii: "<"))
            buffer.append(decimal: priority)
            buffer.append(UInt8(ascii: ">"))
        }
        switch format {
        case .text:
            timestamps.appendInternet(unixMilliseconds: unixMilliseconds, to: buffer)
            buffer.append(UInt8(ascii: " "))
            buffer.append(utf8: level.rawValue)
            buffer.append(UInt8(ascii: " "))
            append(message, keepsQuotes: true, to: buffer)
            for (key, value) in metadata {
                buffer.append(UInt8(ascii: " "))
                append(key, keepsQuotes: false, to: buffer)
                buffer.append(UInt8(ascii: "="))
                appendValue(value, to: buffer)
            }
        case .json:
            buffer.append("{\"time\":\"")
            timestamps.appendInternet(unixMilliseconds: unixMilliseconds, to: buffer)
            buffer.append("\",\"level\":\"")
            buffer.append(utf8: level.rawValue)
            buffer.append("\",\"message\":\"")
            append(message, keepsQuotes: false, to: buffer)
            buffer.append(UInt8(ascii: "\""))
            for (key, value) in metadata {
                buffer.append(",\"")
                append(key, keepsQuotes: false, to: buffer)
                buffer.append("\":\"")
                append(value, keepsQuotes: false, to: buffer)
                buffer.append(UInt8(ascii: "\""))
            }
            buffer.append(UInt8(ascii: "}"))
        }
        buffer.append(UInt8(ascii: "\n"))
        return buffer.readable.bytes()
    }

    /// The level as syslog counts it.
    ///
    /// Source: sd-daemon(3).
    private var priority: Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }

    /// A value in quotes if it could be taken for two, or for the next key.
    private func appendValue(_ value: String, to buffer: Buffer) {
        let needsQuotes =
            value.isEmpty
            || value.utf8.contains { $0 <= 32 || $0 >= 127 || $0 == 34 || $0 == 92 || $0 == 61 }
        if needsQuotes { buffer.append(UInt8(ascii: "\"")) }
        append(value, keepsQuotes: false, to: buffer)
        if needsQuotes { buffer.append(UInt8(ascii: "\"")) }
    }

    /// Text with control characters escaped as JSON does it.
    private func append(_ text: String, keepsQuotes: Bool, to buffer: Buffer) {
        let bytes = Array(text.utf8)
        guard keepsQuotes else {
            LogEscaping.appendJSON(bytes.span, to: buffer)
            return
        }
        // A message is prose, often with 'quoted' names in it: only what could mislead is escaped.
        for (index, piece) in bytes.split(separator: 34, omittingEmptySubsequences: false)
            .enumerated()
        {
            if index > 0 { buffer.append(UInt8(ascii: "\"")) }
            LogEscaping.appendJSON(Array(piece).span, to: buffer)
        }
    }
}
