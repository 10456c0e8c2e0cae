import Bytes
import HTTP
import HTTP1
import Testing

@Suite("RFC 9112 §3 request heads")
struct RequestParserTests {
    static let browser =
        "GET /a/b?x=1&y HTTP/1.1\r\nHost: Shop.Example.COM:8080\r\nAccept:  */*\t \r\n"
        + "Connection: Keep-Alive, X-Trace\r\nX-Trace: 1\r\nEmpty:\r\n\r\n"

    @Test("A browser's request is taken apart")
    func browser() {
        let (result, head) = parseRequest(Self.browser + "rest")
        #expect(result == .complete(byteCount: Self.browser.utf8.count))
        expectBrowser(head)
    }

    @Test("Split at every point, a request comes to the same")
    func splits() {
        let bytes = latin1("\r\n" + Self.browser)
        for split in 0...bytes.count {
            var head = RequestHead()
            var parser = RequestParser()
            let limits = MessageLimits()
            let first = parser.parse(
                bytes.span.extracting(first: split),
                limits: limits,
                into: &head
            )
            let whole = HeadResult.complete(byteCount: bytes.count)
            #expect(first == (split == bytes.count ? whole : .incomplete))
            if first == .incomplete {
                #expect(parser.parse(bytes.span, limits: limits, into: &head) == whole)
            }
            expectBrowser(head)
        }
        #expect(feedBytes("\r\n" + Self.browser) == .complete(byteCount: bytes.count))
    }

    @Test("A head is used again without traces of the one before, also after a refusal")
    func reuse() {
        var head = RequestHead()
        var parser = RequestParser()
        let limits = MessageLimits()
        let long = latin1(Self.browser)
        let bad = latin1("GET / HTTP/1.1\r\nA: b\r\nContent-Length: x\r\nHost: a\r\n\r\n")
        let short = latin1("HEAD / HTTP/1.0\r\n\r\n")
        #expect(parser.parse(long.span, limits: limits, into: &head).isComplete)
        #expect(
            parser.parse(bad.span, limits: limits, into: &head) == .invalid(.invalidContentLength)
        )
        #expect(parser.parse(short.span, limits: limits, into: &head).isComplete)
        #expect(head.method == .head)
        #expect(head.fields.isEmpty)
        #expect(head.host.count + head.query.count == 0)
        #expect(!head.hasQuery && head.port == nil)
        #expect(!head.fields.contains(.host))
    }

    @Test("What a head says of itself survives the removal of its fields")
    func emptied() {
        var (_, head) = parseRequest("GET http://A?x HTTP/1.1\r\nHost: b\r\nC: d\r\n\r\n")
        head.fields.removeAll()
        head.fields.append(.via, value: latin1("1.1 some-gateway-with-a-long-name").span)
        #expect(head.host.string() == "a")
        #expect(head.path.string() == "/")
        #expect(head.query.string() == "x")
        #expect(describe(head.fields) == ["Via: 1.1 some-gateway-with-a-long-name"])
    }

    private func expectBrowser(_ head: RequestHead) {
        guard head.fields.count == 5, head.path.count > 0 else { return }
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
            ]
        )
    }

    struct Target: CustomTestStringConvertible {
        var text: String
        var form: TargetForm
        var path: String
        var query: String?
        var host: String
        var port: UInt16?
        var testDescription: String { text }
    }

    @Test(
        "Targets of every form",
        arguments: [
            Target(
                text: "GET /where?q=now",
                form: .origin,
                path: "/where",
                query: "q=now",
                host: "h"
            ),
            Target(text: "GET /?", form: .origin, path: "/", query: "", host: "h"),
            Target(text: "GET //a", form: .origin, path: "//a", host: "h"),
            Target(text: "GET /a?b?c#d", form: .origin, path: "/a", query: "b?c#d", host: "h"),
            Target(text: "GET /a|b^c", form: .origin, path: "/a|b^c", host: "h"),
            Target(
                text: "GET http://www.Example.org/pub/WWW/TheProject.html",
                form: .absolute,
                path: "/pub/WWW/TheProject.html",
                host: "www.example.org"
            ),
            Target(
                text: "GET HTTPS://a.example:8443?x",
                form: .absolute,
                path: "/",
                query: "x",
                host: "a.example",
                port: 8443
            ),
            Target(text: "GET http://a.example.", form: .absolute, path: "/", host: "a.example"),
            Target(
                text: "GET http://[2001:DB8::1]:80/",
                form: .absolute,
                path: "/",
                host: "[2001:db8::1]",
                port: 80
            ),
            Target(text: "OPTIONS *", form: .asterisk, path: "*", host: "h"),
            Target(text: "OPTIONS http://a.example", form: .absolute, path: "*", host: "a.example"),
            Target(
                text: "OPTIONS http://a.example/",
                form: .absolute,
                path: "/",
                host: "a.example"
            ),
        ]
    )
    func targets(item: Target) {
        let (result, head) = parseRequest("\(item.text) HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(result.isComplete)
        #expect(head.targetForm == item.form)
        #expect(head.path.string() == item.path)
        #expect(head.hasQuery == (item.query != nil))
        #expect(head.query.string() == item.query ?? "")
        #expect(head.host.string() == item.host)
        #expect(head.port == item.port)
    }

    struct Meaning: CustomTestStringConvertible {
        var version = "1.1"
        var fields: String
        var keepAlive = true
        var framing = BodyFraming.none
        var upgrade = false
        var expectContinue = false
        var testDescription: String { "\(version) \(fields.debugDescription)" }
    }

    @Test(
        "What fields mean for the connection",
        arguments: [
            Meaning(fields: "A: b"),
            Meaning(fields: "Connection: close", keepAlive: false),
            Meaning(fields: "Connection: CLOSE\t", keepAlive: false),
            Meaning(fields: "Connection: keep-alive, close", keepAlive: false),
            Meaning(fields: "Connection: x\r\nConnection: ,, close", keepAlive: false),
            Meaning(fields: "Connection: closed"),
            Meaning(version: "1.0", fields: "A: b", keepAlive: false),
            Meaning(version: "1.0", fields: "Connection: Keep-Alive"),
            Meaning(version: "1.0", fields: "Connection: close, keep-alive", keepAlive: false),
            Meaning(fields: "Content-Length: 0", framing: .length(0)),
            Meaning(fields: "Content-Length:\t42\t ", framing: .length(42)),
            Meaning(fields: "content-length: 0042", framing: .length(42)),
            Meaning(
                fields: "Content-Length: 9223372036854775807",
                framing: .length(9_223_372_036_854_775_807)
            ),
            Meaning(fields: "Transfer-Encoding: chunked", framing: .chunked),
            Meaning(fields: "tRANSFER-eNCODING: ,Chunked ,", framing: .chunked),
            Meaning(fields: "Connection: Upgrade\r\nUpgrade: websocket", upgrade: true),
            Meaning(fields: "Upgrade: websocket"),
            Meaning(fields: "Connection: upgrade"),
            Meaning(
                version: "1.0",
                fields: "Connection: upgrade, keep-alive\r\nUpgrade: websocket"
            ),
            Meaning(fields: "Expect: 100-Continue", expectContinue: true),
            Meaning(fields: "Expect: 200-ok"),
            Meaning(version: "1.0", fields: "Expect: 100-continue", keepAlive: false),
        ]
    )
    func meaning(item: Meaning) {
        let text = "POST / HTTP/\(item.version)\r\nHost: a\r\n\(item.fields)\r\n\r\n"
        let (result, head) = parseRequest(text)
        #expect(result == .complete(byteCount: text.utf8.count))
        #expect(head.keepAlive == item.keepAlive)
        #expect(head.framing == item.framing)
        #expect(head.upgradeRequested == item.upgrade)
        #expect(head.expectContinue == item.expectContinue)
    }

    @Test("Fields that Connection names are marked, over several fields and whatever the case")
    func connectionOptions() {
        let (_, head) = parseRequest(
            "GET / HTTP/1.1\r\nHost: a\r\nx-A: 1\r\nConnection: X-a , te\r\nTE: trailers\r\n"
                + "Connection: cookie\r\nCookie: c\r\nX-AB: 2\r\nKeep-Alive: 5\r\nX-A: 3\r\n\r\n"
        )
        #expect(
            describe(head.fields) == [
                "Host: a", "*x-A: 1", "*Connection: X-a , te", "*TE: trailers",
                "*Connection: cookie", "*Cookie: c", "X-AB: 2", "*Keep-Alive: 5", "*X-A: 3",
            ]
        )
    }

    @Test(
        "Methods that HTTP does not know are passed on",
        arguments: ["PURGE", "M-SEARCH", "get!"]
    )
    func unknownMethods(method: String) {
        let (result, head) = parseRequest("\(method) / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(result.isComplete)
        #expect(head.method == .other)
        #expect(head.methodBytes.string() == method)
    }
}
