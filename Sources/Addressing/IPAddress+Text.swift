public import Bytes

extension IPAddress: CustomStringConvertible {
    /// Appends the canonical text: `192.0.2.1`, `2001:db8::1`, `::ffff:192.0.2.1`.
    /// - Parameter buffer: Gets at most `maximumTextCount` bytes.
    /// Source: RFC 5952 §4, §5
    public func write(to buffer: Buffer) {
        var text = ShortText()
        text.append(self)
        text.write(to: buffer)
    }

    /// The canonical text; for logs and messages that are off the path of a request.
    public var description: String {
        let buffer = Buffer()
        write(to: buffer)
        return buffer.readable.string()
    }
}
