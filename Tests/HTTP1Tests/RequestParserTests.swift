import Bytes
import HTTP
import HTTP1
import Testing

@Suite("RFC 9112 §3 request heads")
struct RequestParserTests {
    @Test("A browser's request is taken apart")
    func browser() {
        let text =
            "GET /a/b?x=1&y HTTP/1.1\r\nHost: Shop.Example.COM:8080\r\nAccept:  */*\t \r\n"
            + "Connection: Keep-Alive, X-Trace\r\nX-Trace: 1\r\nEmpty:\r\n\r\n"
        let (result, head) = parseRequest(text + "rest")
        #expect(result == .complete(byteCount: text.utf8.count))
        #expect(head.method == .get)
        #expect(head.methodBytes.string() == "GET")
        #expect(head.target.string() == "/a/b?x=1&y")
        #expect(head.path.string() == "/a/b")
        #expect(head.query.string() == "x=1&y")
        #expect(head.hasQuery)
        #expect(head.authority.string() == "Shop.Example.COM:8080")
        #expect(head.host.string() == "shop.example.com")
        #expect(head.port == 8080)
        #expect(head.keepAlive)
        #expect(head.framing == .none)
        #expect(
            describe(head.fields) == [
                "Host: Shop.Example.COM:8080", "Accept: */*", "*Connection: Keep-Alive, X-Trace",
                "*X-Trace: 1", "Empty: ",
            ])
    }
}
