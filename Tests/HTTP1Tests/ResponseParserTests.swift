import Bytes
import HTTP
import HTTP1
import Testing

@Suite("RFC 9112 §4 response heads")
struct ResponseParserTests {
    static let plain =
        "HTTP/1.1 404 Not  Found\u{e9}\r\nServer: x\r\nConnection: X-A, close\r\nX-A: 1\r\n"
        + "Content-Length: 7\r\n\r\n"

    @Test("A response is taken apart, split at any point")
    func splits() {
        let bytes = latin1(Self.plain)
        let whole = HeadResult.complete(byteCount: bytes.count)
        for split in 0..<bytes.count {
            var head = ResponseHead()
            var parser = ResponseParser()
            let limits = MessageLimits()
            let first = parser.parse(
                bytes.span.extracting(first: split),
                limits: limits,
                into: &head
            )
            #expect(first == .incomplete)
            #expect(parser.parse(bytes.span, limits: limits, into: &head) == whole)
            #expect(head.status == 404)
            #expect(latin1(head.reason.bytes()) == "Not  Found\u{e9}")
            #expect(!head.keepAlive)
            #expect(head.framing(forRequest: .get) == .length(7))
            #expect(
                describe(head.fields) == [
                    "Server: x", "*Connection: X-A, close", "*X-A: 1", "Content-Length: 7",
                ]
            )
        }
        #expect(feed(Self.plain) == whole)
    }

    struct Framing: CustomTestStringConvertible {
        var status = 200
        var method = Method.get
        var fields = ""
        var expected: BodyFraming
        var testDescription: String { "\(method) \(status) \(fields.debugDescription)" }
    }

    @Test(
        "RFC 9112 §6.3: what delimits the content",
        arguments: [
            Framing(expected: .untilClose),
            Framing(fields: "Content-Length: 5\r\n", expected: .length(5)),
            Framing(fields: "Transfer-Encoding: chunked\r\n", expected: .chunked),
            Framing(method: .head, fields: "Content-Length: 5\r\n", expected: .none),
            Framing(method: .head, fields: "Transfer-Encoding: chunked\r\n", expected: .none),
            Framing(method: .head, expected: .none),
            Framing(status: 204, fields: "Content-Length: 0\r\n", expected: .none),
            Framing(status: 304, fields: "Content-Length: 5\r\n", expected: .none),
            Framing(status: 100, expected: .none),
            Framing(status: 103, expected: .none),
            Framing(status: 101, expected: .none),
            Framing(method: .connect, expected: .none),
            Framing(status: 400, method: .connect, expected: .untilClose),
            Framing(status: 205, fields: "Content-Length: 0\r\n", expected: .length(0)),
        ]
    )
    func framing(item: Framing) {
        let (result, head) = parseResponse("HTTP/1.1 \(item.status) X\r\n\(item.fields)\r\n")
        #expect(result.isComplete)
        #expect(head.framing(forRequest: item.method) == item.expected)
    }

    @Test("The space behind the code may be missing together with the reason")
    func noReason() {
        for text in ["HTTP/1.1 200\r\n\r\n", "HTTP/1.1 200 \r\n\r\n"] {
            let (result, head) = parseResponse(text)
            #expect(result.isComplete)
            #expect(head.status == 200)
            #expect(head.reason.count == 0)
        }
    }

    @Test("HTTP/1.0 persists only where it says so")
    func persistence() {
        #expect(!parseResponse("HTTP/1.0 200 OK\r\n\r\n").1.keepAlive)
        #expect(parseResponse("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n").1.keepAlive)
        #expect(parseResponse("HTTP/1.1 200 OK\r\n\r\n").1.keepAlive)
    }

    @Test("Interim responses are told from final ones")
    func interim() {
        #expect(parseResponse("HTTP/1.1 100 Continue\r\n\r\n").1.isInterim)
        #expect(parseResponse("HTTP/1.1 103 Early Hints\r\n\r\n").1.isInterim)
        #expect(!parseResponse("HTTP/1.1 101 Switching Protocols\r\n\r\n").1.isInterim)
        #expect(!parseResponse("HTTP/1.1 200 OK\r\n\r\n").1.isInterim)
    }

    struct Rejected: CustomTestStringConvertible {
        var text: String
        var reason: RejectReason
        var testDescription: String { "\(reason.name): \(text.debugDescription)" }
    }

    @Test(
        "Responses that must be refused",
        arguments: [
            Rejected(text: "ICY 200 OK\r\n\r\n", reason: .invalidVersion),
            Rejected(text: "<html>", reason: .invalidVersion),
            Rejected(text: "\r\nHTTP/1.1 200 OK\r\n\r\n", reason: .invalidVersion),
            Rejected(text: "HTTP/2.0 200 OK\r\n\r\n", reason: .unsupportedVersion),
            Rejected(text: "HTTP/1.1  200 OK\r\n\r\n", reason: .invalidStatus),
            Rejected(text: "HTTP/1.1 20 OK\r\n\r\n", reason: .invalidStatus),
            Rejected(text: "HTTP/1.1 2000 OK\r\n\r\n", reason: .invalidStatus),
            Rejected(text: "HTTP/1.1 099 OK\r\n\r\n", reason: .invalidStatus),
            Rejected(text: "HTTP/1.1 600 OK\r\n\r\n", reason: .invalidStatus),
            Rejected(text: "HTTP/1.1 +20 OK\r\n\r\n", reason: .invalidStatus),
            Rejected(text: "HTTP/1.1 200\tOK\r\n\r\n", reason: .invalidStatus),
            Rejected(text: "HTTP/1.1 200 OK\n\n", reason: .bareLF),
            Rejected(text: "HTTP/1.1 200 O\rK\r\n\r\n", reason: .bareCR),
            Rejected(text: "HTTP/1.1 200 O\u{0}K\r\n\r\n", reason: .nul),
            Rejected(text: "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", reason: .whitespaceBeforeColon),
            Rejected(text: "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", reason: .obsoleteFolding),
            Rejected(
                text: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
                reason: .repeatedContentLength
            ),
            Rejected(
                text: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                reason: .contentLengthWithTransferEncoding
            ),
            Rejected(
                text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
                reason: .invalidTransferEncoding
            ),
            Rejected(
                text: "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                reason: .transferEncodingInHTTP10
            ),
        ]
    )
    func rejected(item: Rejected) {
        #expect(parseResponse(item.text).0 == .invalid(item.reason))
        #expect(feed(item.text) == .invalid(item.reason))
    }

    private func feed(_ text: String) -> HeadResult {
        let bytes = latin1(text)
        var head = ResponseHead()
        var parser = ResponseParser()
        for count in 0...bytes.count {
            let result = parser.parse(
                bytes.span.extracting(first: count),
                limits: MessageLimits(),
                into: &head
            )
            if result != .incomplete { return result }
        }
        return .incomplete
    }
}
