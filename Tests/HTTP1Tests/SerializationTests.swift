import Bytes
import HTTP
import HTTP1
import Testing

@Suite("Serialisation of messages")
struct SerializationTests {
    @Test("A request for the origin keeps end-to-end fields and nothing else")
    func request() {
        let (_, head) = parseRequest(
            "POST http://A.example/x?y HTTP/1.1\r\nHost: b\r\nConnection: close, X-Hop\r\n"
                + "X-Hop: 1\r\nTE: trailers\r\nX-Keep:   v w\t\r\nCookie: c\r\nEmpty:\r\n"
                + "Content-Length: 003\r\n\r\n"
        )
        let buffer = Buffer()
        buffer.writeRequestLine(head)
        buffer.writeField(.host, value: head.authority)
        buffer.writeEndToEndFields(of: head.fields, skipping: [.host, .cookie, .contentLength])
        buffer.writeFraming(head.framing)
        buffer.writeEndOfHead()
        #expect(
            buffer.readable.string()
                == "POST /x?y HTTP/1.1\r\nHost: A.example\r\nX-Keep: v w\r\nEmpty: \r\n"
                + "Content-Length: 3\r\n\r\n"
        )
    }

    @Test("Removed fields are not written")
    func removed() {
        var (_, head) = parseRequest(
            "GET / HTTP/1.1\r\nHost: a\r\nB: 1\r\nCookie: 2\r\nC: 3\r\n\r\n"
        )
        head.fields.remove(at: 1)
        head.fields.removeAll(.cookie)
        head.fields.append(.via, value: latin1("1.1 x").span)
        head.fields.append(name: latin1("D").span, value: latin1("4").span)
        let buffer = Buffer()
        buffer.writeEndToEndFields(of: head.fields)
        #expect(buffer.readable.string() == "Host: a\r\nC: 3\r\nVia: 1.1 x\r\nD: 4\r\n")
        #expect(!head.fields.contains(.cookie))
        #expect(head.host.string() == "a")
    }

    @Test("A section larger than the buffer is written whole")
    func grows() {
        var section = FieldSection()
        var expected = ""
        for index in 0..<200 {
            section.append(name: latin1("N\(index)").span, value: latin1("value \(index)").span)
            expected += "N\(index): value \(index)\r\n"
        }
        let buffer = Buffer()
        buffer.append("x")
        buffer.writeEndToEndFields(of: section)
        #expect(buffer.readable.string() == "x" + expected)
    }

    @Test(
        "Status lines",
        arguments: [(200, "OK"), (404, "Not Found"), (502, "Bad Gateway"), (599, "")]
    )
    func statusLine(status: Int, reason: String) {
        let buffer = Buffer()
        buffer.writeStatusLine(status)
        #expect(buffer.readable.string() == "HTTP/1.1 \(status) \(reason)\r\n")
        let (result, head) = parseResponse(buffer.readable.string() + "\r\n")
        #expect(result.isComplete)
        #expect(head.status == status)
    }

    @Test("Chunks written are chunks read")
    func chunks() {
        let buffer = Buffer()
        for size in [1, 15, 16, 300] {
            buffer.writeChunkHeader(size: size)
            buffer.append([UInt8](repeating: 65, count: size))
            buffer.writeChunkEnd()
        }
        buffer.writeChunkHeader(size: 0)
        var trailers = FieldSection()
        trailers.append(name: latin1("X-Sum").span, value: latin1("1").span)
        trailers.append(.contentLength, value: latin1("1").span)
        buffer.writeLastChunk(trailers: trailers)
        let decoded = decode(buffer.readable.string())
        #expect(decoded.outcome == .end)
        #expect(decoded.data == String(repeating: "A", count: 332))
        #expect(decoded.trailers == ["X-Sum: 1"])
    }
}
