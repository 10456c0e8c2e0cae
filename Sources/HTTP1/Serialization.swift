public import Bytes
public import HTTP

/// Writes messages. Everything sent is put together anew from what was understood; nothing here
/// checks its input, which comes from a parser or from this program.
extension Buffer {
    /// Writes a request line for an origin server: the target in origin form, or `*`.
    ///
    /// Source: RFC 9112 §3.
    public func writeRequestLine(_ head: borrowing RequestHead) {
        writeRequestLine(
            method: head.methodBytes,
            path: head.path,
            query: head.query,
            hasQuery: head.hasQuery
        )
    }

    /// Writes a request line, HTTP/1.1.
    ///
    /// `?` and the query follow the path if `hasQuery`.
    public func writeRequestLine(
        method: Span<UInt8>,
        path: Span<UInt8>,
        query: Span<UInt8>,
        hasQuery: Bool
    ) {
        let version: StaticString = " HTTP/1.1\r\n"
        reserve(method.count + path.count + query.count + 2 + version.utf8CodeUnitCount)
        append(method)
        append(0x20)
        append(path)
        if hasQuery {
            append(0x3F)
            append(query)
        }
        append(version)
    }

    /// Writes a status line with the code's own reason phrase, HTTP/1.1.
    ///
    /// - Parameter status: 100 to 999.
    /// Source: RFC 9112 §4.
    public func writeStatusLine(_ status: Int) {
        switch status {
        case 200: append("HTTP/1.1 200 OK\r\n")
        case 304: append("HTTP/1.1 304 Not Modified\r\n")
        case 404: append("HTTP/1.1 404 Not Found\r\n")
        default:
            append("HTTP/1.1 ")
            append(decimal: status)
            append(0x20)
            append(Status.reason(status))
            append("\r\n")
        }
    }

    /// Writes a status line with a reason phrase of the caller's, HTTP/1.1.
    ///
    /// - Parameters:
    ///   - status: 100 to 999.
    ///   - reason: Valid as a field value, possibly empty.
    public func writeStatusLine(_ status: Int, reason: Span<UInt8>) {
        reserve(reason.count + 16)
        append("HTTP/1.1 ")
        append(decimal: status)
        append(0x20)
        append(reason)
        append("\r\n")
    }

    /// Writes a field line.
    ///
    /// - Parameters:
    ///   - name: A valid token.
    ///   - value: A valid field value.
    public func writeField(_ name: Span<UInt8>, value: Span<UInt8>) {
        reserve(name.count + value.count + 4)
        append(name)
        append(": ")
        append(value)
        append("\r\n")
    }

    /// Writes a field line.
    ///
    /// - Parameters:
    ///   - name: A valid token.
    ///   - value: A valid field value.
    public func writeField(_ name: StaticString, value: Span<UInt8>) {
        reserve(name.utf8CodeUnitCount + value.count + 4)
        append(name)
        append(": ")
        append(value)
        append("\r\n")
    }

    /// Writes a field line.
    ///
    /// - Parameters:
    ///   - name: A valid token.
    ///   - value: A valid field value.
    public func writeField(_ name: StaticString, value: StaticString) {
        reserve(name.utf8CodeUnitCount + value.utf8CodeUnitCount + 4)
        append(name)
        append(": ")
        append(value)
        append("\r\n")
    }

    /// Writes a field line with a number; the name is a valid token.
    public func writeField(_ name: StaticString, decimal value: Int) {
        append(name)
        append(": ")
        append(decimal: value)
        append("\r\n")
    }

    /// Writes a field line.
    ///
    /// - Parameters:
    ///   - known: Any name but `other`.
    ///   - value: A valid field value.
    public func writeField(_ known: FieldName, value: Span<UInt8>) {
        writeField(known.canonical, value: value)
    }

    /// Writes the field that says how the content is delimited, if one is needed.
    ///
    /// Source: RFC 9112 §6.
    public func writeFraming(_ framing: BodyFraming) {
        switch framing {
        case .none, .untilClose: break
        case .length(let length): writeField("Content-Length", decimal: length)
        case .chunked: append("Transfer-Encoding: chunked\r\n")
        }
    }

    /// Writes the empty line behind the fields.
    public func writeEndOfHead() { append("\r\n") }

    /// Writes what comes before the data of a chunk.
    ///
    /// - Parameter size: Bytes of data, more than 0: a size of 0 would end the content.
    /// Source: RFC 9112 §7.1.
    public func writeChunkHeader(size: Int) {
        guard size > 0 else { return }
        append(hexadecimal: UInt(size))
        append("\r\n")
    }

    /// Writes what comes behind the data of a chunk.
    public func writeChunkEnd() { append("\r\n") }

    /// Writes the last chunk and an empty trailer section.
    public func writeLastChunk() { append("0\r\n\r\n") }

    /// Writes the last chunk and a trailer section.
    ///
    /// - Parameter trailers: Fields; those that must not stand in a trailer section are left out.
    /// Source: RFC 9112 §7.1.2.
    public func writeLastChunk(trailers: borrowing FieldSection) {
        append("0\r\n")
        writeEndToEndFields(of: trailers, skipping: .forbiddenInTrailers)
        append("\r\n")
    }
}
