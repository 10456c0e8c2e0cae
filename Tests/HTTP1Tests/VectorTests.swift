import Bytes
import Foundation
import HTTP
import HTTP1
import Testing

/// Requests collected by others: `accept` must be forwarded, `reject` must not reach an origin as a
/// request, `safe` may do either, as long as what is forwarded can be read in one way only.
struct Vector: Decodable, CustomTestStringConvertible {
    var id: String
    var raw: String
    var want: String
    var testDescription: String { "\(want) \(id)" }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../../shared/vectors").standardizedFileURL

    static var present: Bool { !all.isEmpty }

    static let all: [Vector] = ["llhttp", "guardian", "smuggler-default"].flatMap { name in
        struct File: Decodable { var vectors: [Vector] }
        let url = folder.appending(path: "\(name).json")
        guard let data = try? Data(contentsOf: url) else { return [Vector]() }
        return (try? JSONDecoder().decode(File.self, from: data).vectors) ?? []
    }
}

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

@Suite("Requests collected by others", .enabled(if: Vector.present))
struct VectorTests {
    @Test("Accepted, refused, and never ambiguous", arguments: Vector.all)
    func vector(item: Vector) {
        let forwarded = Forwarded(latin1(item.raw))
        switch item.want {
        case "accept":
            #expect(
                forwarded.requests.count >= 1,
                "refused: \(String(describing: forwarded.refused))"
            )
        case "reject":
            #expect(forwarded.requests.isEmpty)
        default: break
        }
        for request in forwarded.requests { expectUnambiguous(request) }
    }

    @Test("Byte by byte, the same heads are read", arguments: Vector.all)
    func byteByByte(item: Vector) {
        // A line that has not ended may be refused later when it grows byte by byte: end it.
        let raw = item.raw + "\r\n"
        #expect(feedBytes(raw) == parseRequest(raw).0)
    }

    /// Looks at the bytes with other means than the parser's.
    private func expectUnambiguous(_ request: [UInt8]) {
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
}
