import Bytes

/// The line of version 1: `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n`.
/// Source: haproxy, doc/proxy-protocol.txt §2.1
extension ProxyHeader {
    static func readV1(_ bytes: Span<UInt8>) -> Reading {
        let limit = min(bytes.count, maximumV1Count)
        guard startsLikeV1(bytes) else { return .invalid(.signature) }
        var end = 0
        while end < limit && bytes[end] != 0x0d {
            // A line may hold printable ASCII only; a bare LF is no end of a line.
            guard bytes[end] >= 0x20 && bytes[end] < 0x7f else { return .invalid(.line) }
            end += 1
        }
        guard end + 1 < limit else {
            return bytes.count >= maximumV1Count ? .invalid(.lineTooLong) : .incomplete
        }
        guard bytes[end + 1] == 0x0a else { return .invalid(.line) }
        return readLine(bytes.extracting(..<end), byteCount: end + 2)
    }

    /// Whether the bytes are, or may become, `PROXY `.
    private static func startsLikeV1(_ bytes: Span<UInt8>) -> Bool {
        let signature: InlineArray<6, UInt8> = [0x50, 0x52, 0x4f, 0x58, 0x59, 0x20]
        for index in 0..<min(bytes.count, 6) where bytes[index] != signature[index] {
            return false
        }
        return true
    }

    private static func readLine(_ line: Span<UInt8>, byteCount: Int) -> Reading {
        guard line.count > 6 else { return .invalid(.line) }
        var index = 6  // Behind "PROXY ".
        let family = nextWord(line, &index)
        if line.extracting(family).equals("UNKNOWN") {
            return .complete(byteCount: byteCount, .local)
        }
        let isIPv4 = line.extracting(family).equals("TCP4")
        guard isIPv4 || line.extracting(family).equals("TCP6") else { return .invalid(.family) }
        let words = (
            nextWord(line, &index), nextWord(line, &index), nextWord(line, &index),
            nextWord(line, &index)
        )
        guard index == line.count, !words.3.isEmpty, line[line.count - 1] != 0x20 else {
            return .invalid(.line)
        }
        guard let source = IPAddress(line.extracting(words.0)), source.isIPv4 == isIPv4,
            let destination = IPAddress(line.extracting(words.1)), destination.isIPv4 == isIPv4
        else { return .invalid(.address) }
        guard let sourcePort = v1Port(line.extracting(words.2)),
            let destinationPort = v1Port(line.extracting(words.3))
        else { return .invalid(.port) }
        return .complete(
            byteCount: byteCount,
            .proxied(
                source: .ip(source, port: sourcePort),
                destination: .ip(destination, port: destinationPort)
            )
        )
    }

    /// The bytes up to the next space; moves the index behind that space.
    private static func nextWord(_ line: Span<UInt8>, _ index: inout Int) -> Range<Int> {
        let start = min(index, line.count)
        var end = start
        while end < line.count && line[end] != 0x20 { end += 1 }
        index = min(end + 1, line.count)
        return start..<end
    }

    private static func v1Port(_ text: Span<UInt8>) -> UInt16? {
        guard !text.isEmpty, text.count <= 5, text.count == 1 || text[0] != 48 else { return nil }
        var value: UInt32 = 0
        for index in text.indices {
            guard text[index] &- 48 < 10 else { return nil }
            value = value &* 10 &+ UInt32(text[index] &- 48)  // At most 99,999: five digits.
        }
        return UInt16(exactly: value)
    }
}
