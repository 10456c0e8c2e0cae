import Bytes
import Foundation
import HTTP
import HTTP1
import Testing

/// What a gateway makes of the bytes of a connection: the requests it would forward, written anew,
/// and whether it refused to read on.
struct Forwarded {
    var requests: [[UInt8]] = []
    /// Requests of which the head was fine and the content not yet there as a whole.
    var unfinished = 0
    var refused: RejectReason?

    init(_ raw: [UInt8]) {
        var parser = RequestParser()
        var head = RequestHead()
        var position = 0
        let limits = MessageLimits()
        while position < raw.count {
            let rest = raw.span.extracting(position...)
            switch parser.parse(rest, limits: limits, into: &head) {
            case .incomplete: return
            case .invalid(let reason):
                refused = reason
                return
            case .complete(let byteCount):
                position += byteCount
            }
            let buffer = Buffer()
            buffer.writeRequestLine(head)
            buffer.writeField(.host, value: head.authority)
            buffer.writeEndToEndFields(
                of: head.fields,
                skipping: [.host, .contentLength, .transferEncoding]
            )
            buffer.writeFraming(head.framing)
            buffer.writeEndOfHead()
            switch head.framing {
            case .none, .untilClose: break
            case .length(let length):
                let taken = min(length, raw.count - position)
                buffer.append(raw.span.extracting(position..<(position + taken)))
                position += taken
                if taken < length { unfinished += 1 }
            case .chunked:
                var decoder = ChunkedDecoder()
                reading: while true {
                    let step = decoder.next(raw.span.extracting(position...), limits: limits)
                    if case .data(let range) = step.event {
                        buffer.writeChunkHeader(size: range.count)
                        buffer.append(raw.span.extracting(position...).extracting(range))
                        buffer.writeChunkEnd()
                    }
                    position += step.consumed
                    switch step.event {
                    case .data: continue
                    case .needMore:
                        unfinished += 1
                        break reading
                    case .invalid(let reason):
                        refused = reason
                        return
                    case .end:
                        buffer.writeLastChunk(trailers: decoder.trailers)
                        break reading
                    }
                }
            }
            requests.append(buffer.readable.bytes())
            if !head.keepAlive || head.upgradeRequested { return }
        }
    }
}

/// Looks at the bytes with other means than the parser's.
func expectUnambiguous(_ request: [UInt8]) {
    let text = latin1(request)
    let headEnd = text.range(of: "\r\n\r\n")
    let head = headEnd.map { String(text[..<$0.lowerBound]) } ?? text
    let lines = head.components(separatedBy: "\r\n")
    #expect(headEnd != nil)
    for line in lines {
        #expect(
            !line.unicodeScalars.contains { $0.value < 0x20 && $0 != "\t" || $0.value == 0x7f }
        )
    }
    let parts = lines[0].components(separatedBy: " ")
    #expect(parts.count == 3 && parts[2] == "HTTP/1.1")
    let names = lines.dropFirst().map { line in
        line.components(separatedBy: ":")[0].lowercased()
    }
    for name in names {
        #expect(!name.isEmpty)
        #expect(
            name.unicodeScalars.allSatisfy { $0.isASCII && $0.value > 0x20 && $0.value < 0x7f }
        )
    }
    #expect(names.filter { $0 == "host" }.count == 1)
    let framing = names.filter { $0 == "content-length" || $0 == "transfer-encoding" }
    #expect(framing.count <= 1)
    #expect(!names.contains("connection"))
}
