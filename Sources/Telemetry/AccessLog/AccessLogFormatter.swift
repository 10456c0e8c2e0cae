public import Bytes

/// The formats of the access log.
public enum AccessLogFormat: String, Sendable, CaseIterable {
    /// The common log format of NCSA httpd: `client - - [time] "request" status bytes`.
    case common
    /// The common format with `Referer` and `User-Agent`: what most log tools read.
    case combined
    /// One JSON object a line, with everything the gateway knows of the request.
    case json
}

/// Turns records into lines.
///
/// One per event loop, as it keeps the last second's text.
public final class AccessLogFormatter {
    private var timestamps = TimestampWriter()

    /// Makes a formatter.
    public init() {}

    /// Appends a record as one line, its line feed included.
    ///
    /// Whatever a client sent, exactly one line feed is appended, at the end.
    public func append(
        _ record: borrowing AccessRecord,
        as format: AccessLogFormat,
        to buffer: Buffer
    ) {
        switch format {
        case .common:
            appendCommon(record, to: buffer)
        case .combined:
            appendCommon(record, to: buffer)
            buffer.append(" \"")
            LogEscaping.appendCommon(record.referer, to: buffer)
            buffer.append("\" \"")
            LogEscaping.appendCommon(record.userAgent, to: buffer)
            buffer.append(UInt8(ascii: "\""))
        case .json:
            appendJSON(record, to: buffer)
        }
        buffer.append(UInt8(ascii: "\n"))
    }

    private func appendCommon(_ record: borrowing AccessRecord, to buffer: Buffer) {
        LogEscaping.appendCommon(record.client, to: buffer)
        buffer.append(" - - [")
        timestamps.appendCommon(unixMilliseconds: record.unixMilliseconds, to: buffer)
        buffer.append("] \"")
        if record.method.isEmpty {
            // Not even a request line was understood.
            buffer.append(UInt8(ascii: "-"))
        } else {
            LogEscaping.appendCommon(record.method, to: buffer)
            buffer.append(UInt8(ascii: " "))
            LogEscaping.appendCommon(record.target, to: buffer)
            buffer.append(UInt8(ascii: " "))
            LogEscaping.appendCommon(record.protocolVersion, to: buffer)
        }
        buffer.append("\" ")
        // nginx writes 000 here, which tools take for a number of three digits.
        if record.status == 0 {
            buffer.append("000")
        } else {
            buffer.append(decimal: record.status)
        }
        buffer.append(UInt8(ascii: " "))
        if record.contentBytesSent == 0 {
            buffer.append(UInt8(ascii: "-"))
        } else {
            buffer.append(decimal: record.contentBytesSent)
        }
    }

    private func appendJSON(_ record: borrowing AccessRecord, to buffer: Buffer) {
        buffer.append("{\"time\":\"")
        timestamps.appendInternet(unixMilliseconds: record.unixMilliseconds, to: buffer)
        buffer.append(UInt8(ascii: "\""))
        appendMember(",\"client\":\"", record.client, to: buffer)
        appendMember(",\"peer\":\"", record.peer, to: buffer)
        appendMember(",\"method\":\"", record.method, to: buffer)
        appendMember(",\"target\":\"", record.target, to: buffer)
        appendMember(",\"host\":\"", record.host, to: buffer)
        appendMember(",\"protocol\":\"", record.protocolVersion, to: buffer)
        buffer.append(",\"status\":")
        buffer.append(decimal: record.status)
        buffer.append(",\"bytes_in\":")
        buffer.append(decimal: record.bytesReceived)
        buffer.append(",\"bytes_out\":")
        buffer.append(decimal: record.bytesSent)
        buffer.append(",\"duration_ms\":")
        buffer.append(milliseconds: record.total)
        appendDuration(",\"upstream_ms\":", record.upstreamDuration, to: buffer)
        appendDuration(",\"first_byte_ms\":", record.firstByte, to: buffer)
        appendDuration(",\"queue_ms\":", record.queue, to: buffer)
        appendMember(",\"site\":\"", record.site, to: buffer)
        appendMember(",\"route\":\"", record.route, to: buffer)
        appendMember(",\"upstream\":\"", record.upstream, to: buffer)
        appendMember(",\"server\":\"", record.server, to: buffer)
        if record.upstreamStatus != 0 {
            buffer.append(",\"upstream_status\":")
            buffer.append(decimal: record.upstreamStatus)
        }
        if record.attempts != 0 {
            buffer.append(",\"attempts\":")
            buffer.append(decimal: record.attempts)
        }
        appendMember(",\"request_id\":\"", record.requestID, to: buffer)
        appendMember(",\"referer\":\"", record.referer, to: buffer)
        appendMember(",\"user_agent\":\"", record.userAgent, to: buffer)
        appendMember(",\"error\":\"", record.error, to: buffer)
        buffer.append(UInt8(ascii: "}"))
    }

    private func appendMember(_ name: StaticString, _ value: Span<UInt8>, to buffer: Buffer) {
        guard !value.isEmpty else { return }
        buffer.append(name)
        LogEscaping.appendJSON(value, to: buffer)
        buffer.append(UInt8(ascii: "\""))
    }

    private func appendDuration(_ name: StaticString, _ value: Int64?, to buffer: Buffer) {
        guard let value else { return }
        buffer.append(name)
        buffer.append(milliseconds: value)
    }
}
