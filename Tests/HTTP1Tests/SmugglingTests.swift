import HTTP
import HTTP1
import Testing

/// Bytes of one connection, the paths of the requests that must come out, and why reading stops.
struct Connection: CustomTestStringConvertible {
    var name: String
    var text: String
    var paths: [String] = []
    var refused: RejectReason?
    var testDescription: String { name }
}

@Suite("RFC 9112 §11.2 request smuggling")
struct SmugglingTests {
    @Test(
        "What looks like a request inside content never becomes one",
        arguments: [
            Connection(
                name: "CL.TE",
                text: "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                    + "GET /evil HTTP/1.1\r\nHost: h\r\n\r\n",
                refused: .contentLengthWithTransferEncoding
            ),
            Connection(
                name: "TE.CL",
                text: "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                    + "Content-Length: 4\r\n\r\n5c\r\nGET /evil HTTP/1.1\r\n",
                refused: .contentLengthWithTransferEncoding
            ),
            Connection(
                name: "TE.TE",
                text: "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                    + "Transfer-encoding: x\r\n\r\n0\r\n\r\n",
                refused: .invalidTransferEncoding
            ),
            Connection(
                name: "CL.0",
                text: "GET /a HTTP/1.1\r\nHost: h\r\nContent-Length: 34\r\n\r\n"
                    + "GET /evil HTTP/1.1\r\nHost: h\r\nA: \r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n",
                paths: ["/a", "/b"]
            ),
            Connection(
                name: "TE.0",
                text: "OPTIONS /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "21\r\nGET /evil HTTP/1.1\r\nHost: h\r\nA:\r\n\r\n0\r\n\r\n"
                    + "GET /b HTTP/1.1\r\nHost: h\r\n\r\n",
                paths: ["/a", "/b"]
            ),
            Connection(
                name: "Chunk extension with a bare LF",
                text: "POST /a HTTP/1.1\r\nHost: h\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n2;\nxx\r\n45\r\n0\r\n\r\n",
                refused: .bareLF
            ),
            Connection(
                name: "Chunk data longer than its size",
                text: "POST /a HTTP/1.1\r\nHost: h\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n",
                refused: .invalidChunkEnd
            ),
            Connection(
                name: "A request where a trailer belongs",
                text: "POST /a HTTP/1.1\r\nHost: h\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n0\r\n"
                    + "GET /evil HTTP/1.1\r\nHost: h\r\n\r\n",
                refused: .whitespaceBeforeColon
            ),
            Connection(
                name: "Pipelined, with the empty line of old clients",
                text: "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx\r\n"
                    + "GET /b HTTP/1.1\r\nHost: h\r\n\r\nGET /c HTTP/1.1\r\nHost: h\r\n\r\n",
                paths: ["/a", "/b", "/c"]
            ),
            Connection(
                name: "After close nothing is read",
                text: "GET /a HTTP/1.1\r\nHost: h\r\n"
                    + "Connection: close\r\n\r\nGET /evil HTTP/1.1\r\nHost: h\r\n\r\n",
                paths: ["/a"]
            ),
            Connection(
                name: "Host hidden by folding",
                text: "GET /a HTTP/1.1\r\nHost: h\r\n Host: evil\r\n\r\n",
                refused: .obsoleteFolding
            ),
        ]
    )
    func connection(item: Connection) {
        let forwarded = Forwarded(latin1(item.text))
        let paths = forwarded.requests.map { request in
            latin1(request).split(separator: " ")[1].description
        }
        #expect(paths == item.paths)
        #expect(forwarded.refused == item.refused)
        #expect(forwarded.unfinished == 0)
        for request in forwarded.requests { expectUnambiguous(request) }
    }
}
