public import Bytes

extension ProxyHeader {
    /// Which of the two wire formats is written.
    public enum Version: Sendable {
        /// A line of text.
        case v1
        /// A binary header.
        case v2
    }

    /// Appends the header for a connection to a server that expects one.
    ///
    /// Addresses of two families are both written as IPv6, an IPv4 one as IPv4-mapped. Where a unix
    /// socket is involved, the header says that the origin is not known (version 1: `UNKNOWN`,
    /// version 2: `LOCAL`), as does `local`.
    public func write(_ version: Version, to buffer: Buffer) {
        guard case .proxied(.ip(let source, let sourcePort), .ip(let target, let targetPort)) = self
        else {
            writeLocal(version, to: buffer)
            return
        }
        let isIPv4 = source.unmapped.isIPv4 && target.unmapped.isIPv4
        let from = isIPv4 ? source.unmapped : source.mapped
        let to = isIPv4 ? target.unmapped : target.mapped
        switch version {
        case .v1:
            if isIPv4 { buffer.append("PROXY TCP4 ") } else { buffer.append("PROXY TCP6 ") }
            from.write(to: buffer)
            buffer.append(0x20)
            to.write(to: buffer)
            buffer.append(0x20)
            buffer.append(decimal: Int(sourcePort))
            buffer.append(0x20)
            buffer.append(decimal: Int(targetPort))
            buffer.append("\r\n")
        case .v2:
            buffer.append(ProxyHeader.v2Signature.span)
            buffer.append(0x21)
            buffer.append(isIPv4 ? 0x11 : 0x21)
            appendBigEndian(UInt64(isIPv4 ? 12 : 36), byteCount: 2, to: buffer)
            appendAddress(from, to: buffer)
            appendAddress(to, to: buffer)
            appendBigEndian(UInt64(sourcePort), byteCount: 2, to: buffer)
            appendBigEndian(UInt64(targetPort), byteCount: 2, to: buffer)
        }
    }

    private func writeLocal(_ version: Version, to buffer: Buffer) {
        switch version {
        case .v1:
            buffer.append("PROXY UNKNOWN\r\n")
        case .v2:
            buffer.append(ProxyHeader.v2Signature.span)
            appendBigEndian(0x2000_0000, byteCount: 4, to: buffer)
        }
    }
}

private func appendAddress(_ address: IPAddress, to buffer: Buffer) {
    if address.isIPv4 {
        appendBigEndian(address.low, byteCount: 4, to: buffer)
    } else {
        appendBigEndian(address.high, byteCount: 8, to: buffer)
        appendBigEndian(address.low, byteCount: 8, to: buffer)
    }
}

/// Appends the lowest bytes of a number, highest first.
private func appendBigEndian(_ value: UInt64, byteCount: Int, to buffer: Buffer) {
    for index in (0..<byteCount).reversed() {
        buffer.append(UInt8(truncatingIfNeeded: value >> UInt64(index * 8)))
    }
}
