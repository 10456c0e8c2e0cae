public import Bytes

extension IPAddress: CustomStringConvertible {
    /// Appends the canonical text: `192.0.2.1`, `2001:db8::1`, `::ffff:192.0.2.1`.
    /// - Parameter buffer: Gets at most `maximumTextCount` bytes.
    /// Source: RFC 5952 §4, §5
    public func write(to buffer: Buffer) {
        if isIPv4 {
            writeDotted(UInt32(truncatingIfNeeded: low), to: buffer)
        } else if isIPv4Mapped {
            buffer.append("::ffff:")
            writeDotted(UInt32(truncatingIfNeeded: low), to: buffer)
        } else {
            writeGroups(to: buffer)
        }
    }

    /// The canonical text; for logs and messages that are off the path of a request.
    public var description: String {
        let buffer = Buffer()
        write(to: buffer)
        return buffer.readable.string()
    }

    /// One of the eight 16-bit groups, first one first.
    private func group(_ index: Int) -> UInt {
        let half = index < 4 ? high : low
        return UInt(truncatingIfNeeded: half >> UInt64((3 - index & 3) * 16) & 0xffff)
    }

    private func writeGroups(to buffer: Buffer) {
        // The longest run of zero groups, the first one if two are equally long; one zero group
        // alone is written as 0.
        var runStart = 8
        var runCount = 1
        var index = 0
        while index < 8 {
            var end = index
            while end < 8 && group(end) == 0 { end += 1 }
            if end - index > runCount { (runStart, runCount) = (index, end - index) }
            index = end + 1
        }
        index = 0
        while index < 8 {
            if index == runStart {
                buffer.append("::")
                index += runCount
                continue
            }
            if index > 0 && index != runStart + runCount { buffer.append(UInt8(ascii: ":")) }
            buffer.append(hexadecimal: group(index))
            index += 1
        }
    }
}

private func writeDotted(_ v4: UInt32, to buffer: Buffer) {
    var shift: UInt32 = 24
    while true {
        writeOctet(UInt8(truncatingIfNeeded: v4 >> shift), to: buffer)
        if shift == 0 { return }
        buffer.append(UInt8(ascii: "."))
        shift -= 8
    }
}

private func writeOctet(_ octet: UInt8, to buffer: Buffer) {
    if octet >= 100 { buffer.append(octet / 100 &+ 48) }
    if octet >= 10 { buffer.append(octet / 10 % 10 &+ 48) }
    buffer.append(octet % 10 &+ 48)
}
