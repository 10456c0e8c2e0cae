import Bytes
import Testing

@testable import TLS

/// Bytes from hexadecimal digits.
func hexadecimal(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = text[...]
    while let byte = UInt8(rest.prefix(2), radix: 16) {
        bytes.append(byte)
        rest = rest.dropFirst(2)
    }
    return bytes
}

/// A buffer with some bytes.
func buffer(_ bytes: [UInt8]) -> Buffer {
    let buffer = Buffer()
    buffer.append(bytes)
    return buffer
}

/// Keys from a secret in an array.
func trafficKeys(
    _ suite: CipherSuite,
    _ purpose: TrafficKeys.Purpose,
    _ secret: [UInt8],
    sequence: UInt64 = 0
) -> TrafficKeys? {
    TrafficKeys(suite, for: purpose, secret: secret.span, sequence: sequence)
}

extension RecordWriter {
    /// Writes a record of any kind: content, type and padding.
    func seal(_ inner: [UInt8], to output: Buffer) -> Bool { write(inner: inner.span, to: output) }
}

/// A peer that protects whatever it is told to, and the reader that it talks to.
struct Peer {
    static let secret: [UInt8] = (0..<48).map { UInt8($0) }
    var writer: RecordWriter
    var reader: RecordReader

    init(_ suite: CipherSuite = .aes128GCM) throws {
        let secret = Peer.secret(suite)
        writer = RecordWriter(try #require(trafficKeys(suite, .sealing, secret)))
        reader = RecordReader(try #require(trafficKeys(suite, .opening, secret)))
    }

    /// A secret of the suite's length.
    static func secret(_ suite: CipherSuite) -> [UInt8] { Array(secret[..<suite.secretBytes]) }

    /// A record with some content.
    func record(_ content: [UInt8], type: UInt8 = 23, padding: Int = 0) throws -> [UInt8] {
        let output = Buffer()
        let inner = content + [type] + [UInt8](repeating: 0, count: padding)
        // Padding comes last; what seals takes the last byte for the type, which 0 may be.
        try #require(writer.seal(inner, to: output))
        return output.readable.bytes()
    }

    /// Reads all that there is.
    /// - Returns: The content, and why there is no more.
    mutating func readAll(_ input: Buffer, room: Int = 40_000, limit: Int = 40_000)
        -> (content: [UInt8], end: RecordReader.Reading)
    {
        var content: [UInt8] = []
        while true {
            let target = Buffer(capacity: room)
            let reading = reader.read(input, into: target, atMost: limit)
            content += target.readable.bytes()
            guard case .bytes = reading else { return (content, reading) }
        }
    }
}
