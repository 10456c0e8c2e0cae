public import Bytes

/// The fields that tell the app who the client is, made anew from what was believed.
///
/// The value is the client, then each believed proxy between the client and the peer, then the
/// peer; of an unbelieved peer only its own address. Nothing is copied through: addresses are
/// written in canonical form, without ports and zones.
///
/// ```
/// client.writeStart(.forwarded, to: buffer)
/// writeForwardedParameters(scheme: .https, host: host, to: buffer)     // Forwarded only
/// if client.hopCount > 1 {
///     for (index, value) in fields.enumerated() {                      // the first field first
///         let fromLast = fields.count - 1 - index
///         client.writeHops(.forwarded, of: value, indexFromLast: fromLast, to: buffer)
///     }
/// }
/// client.writeEnd(.forwarded, to: buffer)
/// ```
extension ClientAddress {
    /// Which field is written.
    public enum Form: Sendable {
        /// `X-Forwarded-For`.
        case xForwardedFor
        /// `Forwarded`.
        case forwarded
    }

    /// Whether `X-Forwarded-For` would have a value at all: not if only a unix socket is known.
    public var hasForwardedFor: Bool { address != nil }

    /// Begins the value with the client.
    public func writeStart(_ form: Form, to buffer: Buffer) {
        var text = ShortText()
        append(address, form, to: &text)
        text.write(to: buffer)
    }

    /// Goes on with the believed proxies that one field names; needed only if `hopCount` is over 1.
    /// - Parameters:
    ///   - form: Which field is written.
    ///   - field: The value of one field that was given to `ClientAddressRule.read`, or of one
    ///     further to the left, which adds nothing.
    ///   - indexFromLast: The field's place, counted from the request's last one, which is 0.
    ///   - buffer: Gets the text.
    public func writeHops(
        _ form: Form,
        of field: Span<UInt8>,
        indexFromLast: Int,
        to buffer: Buffer
    ) {
        guard indexFromLast < chainFieldCount else { return }
        // The client's own entry was written by `writeStart`.
        let holdsClient = indexFromLast == chainFieldCount - 1
        let firstEnd = holdsClient ? chainOffset : 0
        var isFirst = holdsClient
        var start = firstEnd
        while start <= field.count {
            let end = endOfEntry(field, from: start)
            let text = field.extracting(start..<end)
            let node =
                source == .forwarded
                ? ForwardedElement(text)?.node : ForwardedNode(trimmed(text))
            if let node, !isFirst {
                writeNext(node.address, form, to: buffer)
            }
            isFirst = false
            start = end + 1
        }
    }

    /// Ends the value with the peer, unless the peer is the client.
    public func writeEnd(_ form: Form, to buffer: Buffer) {
        guard hopCount > 0 else { return }
        if form == .xForwardedFor && peer == .unix { return }
        writeNext(peer.address, form, to: buffer)
    }

    private func writeNext(_ address: IPAddress?, _ form: Form, to buffer: Buffer) {
        var text = ShortText()
        text.append(", ")
        append(address, form, to: &text)
        text.write(to: buffer)
    }

    private func append(_ address: IPAddress?, _ form: Form, to text: inout ShortText) {
        switch form {
        case .xForwardedFor: if let address { text.append(address.unmapped) }
        case .forwarded: text.append(node: "for=", address, port: nil)
        }
    }

    private func endOfEntry(_ field: Span<UInt8>, from start: Int) -> Int {
        var isQuoted = false
        var index = start
        while index < field.count {
            switch field[index] {
            case UInt8(ascii: ",") where !isQuoted: return index
            case UInt8(ascii: "\"") where source == .forwarded: isQuoted.toggle()
            case UInt8(ascii: "\\") where isQuoted: index += 1
            default: break
            }
            index += 1
        }
        return field.count
    }
}

/// Appends a parameter of `Forwarded` that names a node, in quotes where its text needs them.
/// - Parameters:
///   - name: `for=` or `by=`.
///   - address: The node; nil is written as `unknown`.
///   - port: Left out if nil.
///   - buffer: Gets the text.
/// Source: RFC 7239 §6
public func writeForwardedNode(
    _ name: StaticString,
    _ address: IPAddress?,
    port: UInt16?,
    to buffer: Buffer
) {
    var text = ShortText()
    text.append(node: name, address, port: port)
    text.write(to: buffer)
}

extension ShortText {
    fileprivate mutating func append(node name: StaticString, _ address: IPAddress?, port: UInt16?)
    {
        append(name)
        guard let plain = address?.unmapped else {
            append("unknown")
            return
        }
        let needsQuotes = !plain.isIPv4 || port != nil
        if needsQuotes { append(UInt8(ascii: "\"")) }
        if !plain.isIPv4 { append(UInt8(ascii: "[")) }
        append(plain)
        if !plain.isIPv4 { append(UInt8(ascii: "]")) }
        if let port {
            append(UInt8(ascii: ":"))
            append(decimal: port)
        }
        if needsQuotes { append(UInt8(ascii: "\"")) }
    }
}

/// Appends `;proto=…` and `;host=…`, the host in quotes where its text needs them.
/// - Parameters:
///   - scheme: The scheme that the client used.
///   - host: The Host that the client asked for; empty leaves the parameter out.
///   - buffer: Gets the text.
/// Source: RFC 7239 §5.3, §5.4
public func writeForwardedParameters(
    scheme: ForwardedScheme,
    host: Span<UInt8>,
    to buffer: Buffer
) {
    buffer.append(";proto=")
    buffer.append(scheme.name)
    if host.isEmpty { return }
    buffer.append(";host=")
    var isToken = true
    for index in host.indices where !isTokenByte(host[index]) { isToken = false }
    if isToken {
        buffer.append(host)
        return
    }
    buffer.append(UInt8(ascii: "\""))
    for index in host.indices {
        let byte = host[index]
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
            buffer.append(UInt8(ascii: "\\"))
        }
        buffer.append(byte)
    }
    buffer.append(UInt8(ascii: "\""))
}
