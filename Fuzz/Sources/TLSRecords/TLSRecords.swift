import Bytes
import TLS

/// Records of TLS 1.3 after the handshake, from a peer that has the right keys and the worst
/// intentions: however the bytes arrive and whatever room there is, they mean the same, and nothing
/// comes out that was not put in.
///
/// The input is a list of commands: one byte that says what to do, one or two that say how much.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard let first = input.first, let suite = CipherSuite(rawValue: 0x1301 + UInt16(first % 3))
    else { return 0 }
    let secret = [UInt8](repeating: 42, count: suite.secretBytes)
    guard let sealing = TrafficKeys(suite, for: .sealing, secret: secret.span) else {
        preconditionFailure("no keys")
    }
    let (stream, sent) = make(input.dropFirst(), RecordWriter(sealing), sealing)
    let whole = read(stream, secret, suite, step: .max, limit: .max)
    for (step, limit) in [(1, .max), (7, 3), (.max, 1), (40, 300)] {
        let again = read(stream, secret, suite, step: step, limit: limit)
        precondition(again.content == whole.content, "content depends on how it comes")
        precondition(again.end == whole.end, "the end does: \(again.end) \(whole.end)")
    }
    precondition(sent.starts(with: whole.content), "something came that was not sent")
    return 0
}

/// Makes what the peer sends.
/// - Returns: Its bytes, and all content that it sent as such.
func make(_ commands: ArraySlice<UInt8>, _ writer: RecordWriter, _ keys: TrafficKeys)
    -> (stream: [UInt8], sent: [UInt8])
{
    let output = Buffer()
    var sent: [UInt8] = []
    var rest = commands
    while let command = rest.popFirst(), let size = rest.popFirst() {
        let payload = Array(rest.prefix(Int(size)))
        rest = rest.dropFirst(payload.count)
        switch command % 8 {
        case 0, 1:
            let padding = [UInt8](repeating: 0, count: Int(command / 8))
            precondition(writer.write(inner: (payload + [23] + padding).span, to: output))
            sent += payload
        case 2: precondition(writer.write(inner: (payload + [21]).span, to: output))
        case 3: precondition(writer.write(inner: (payload + [22]).span, to: output))
        case 4: precondition(writer.renewKeys(to: output))
        case 5: precondition(writer.write(inner: (payload + [command]).span, to: output))
        // What has no keys behind it.
        case 6: output.append(payload)
        default: precondition(keys.renew())
        }
    }
    return (output.readable.bytes(), sent)
}

/// Reads until there is no more, or no more is wanted.
func read(_ stream: [UInt8], _ secret: [UInt8], _ suite: CipherSuite, step: Int, limit: Int)
    -> (content: [UInt8], end: RecordReader.Reading)
{
    guard let opening = TrafficKeys(suite, for: .opening, secret: secret.span) else {
        preconditionFailure("no keys")
    }
    var reader = RecordReader(opening)
    let input = Buffer()
    var content: [UInt8] = []
    var position = 0
    while true {
        let target = Buffer(capacity: 1024)
        switch reader.read(input, into: target, atMost: limit) {
        case .bytes(let count):
            precondition(count > 0 && count == target.count && count <= limit)
            content += target.readable.bytes()
        case .wantsInput:
            if position == stream.count { return (content, .wantsInput) }
            let next = stream[position..<(position + min(step, stream.count - position))]
            position += next.count
            input.append(Array(next))
        case let end: return (content, end)
        }
    }
}
