import Bytes
import HTTP
import HTTP1
import Testing

/// A request that must be refused, and why.
struct RejectedRequest: CustomTestStringConvertible {
    var text: String
    var reason: RejectReason
    var testDescription: String { "\(reason.name): \(text.debugDescription)" }

    init(_ reason: RejectReason, _ text: String) {
        self.text = text
        self.reason = reason
    }

    /// A POST with the fields given, in which nothing but them is wrong.
    static func post(_ reason: RejectReason, _ fields: String) -> RejectedRequest {
        RejectedRequest(reason, "POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n")
    }
}

@Suite("RFC 9112: requests that must be refused")
struct RejectedRequestTests {
    @Test(
        "Request lines",
        arguments: [
            RejectedRequest(.emptyMethod, " / HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidMethod, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidMethod, "get / HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidMethod, "Post / HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidMethod, "GET\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidMethod, "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}"),
            RejectedRequest(.invalidMethod, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(
                .methodTooLong,
                String(repeating: "A", count: 25) + " / HTTP/1.1\r\n\r\n"
            ),
            RejectedRequest(.foreignMethod, "ANNOUNCE / HTTP/1.0\r\nHost: a\r\n\r\n"),
            RejectedRequest(.connectMethod, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
            RejectedRequest(.http2Preface, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
            RejectedRequest(.http2Preface, "PRI * HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidTarget, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidVersion, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidVersion, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidVersion, "GET /\r\n\r\n"),
            RejectedRequest(.invalidVersion, "GET / b HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidVersion, "GET / http/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidVersion, "GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidVersion, "GET / HTTP/11\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidVersion, "GET / HTTP/1,1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.unsupportedVersion, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
            RejectedRequest(.unsupportedVersion, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
            RejectedRequest(.unsupportedVersion, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidMethod, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ]
    )
    func requestLines(item: RejectedRequest) { check(item) }

    @Test(
        "Request targets",
        arguments: [
            RejectedRequest(.invalidTarget, "GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidTarget, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidTarget, "OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidTarget, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidTarget, "GET /a#b?c HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidTarget, "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.controlCharacter, "GET /\u{1} HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.controlCharacter, "GET /\u{7f} HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.nul, "GET /\u{0} HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidTarget, "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidTarget, "GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidTarget, "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidTarget, "GET http://a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidTarget, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidTarget, "GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidTarget, "GET a:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.invalidTarget, "GET http://a:99999/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        ]
    )
    func targets(item: RejectedRequest) { check(item) }

    @Test(
        "Lines and names",
        arguments: [
            RejectedRequest(.bareLF, "GET / HTTP/1.1\nHost: a\n\n"),
            RejectedRequest(.bareCR, "GET / HTTP/1.1\rHost: a\r\r"),
            RejectedRequest(.bareCR, "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            RejectedRequest(.obsoleteFolding, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
            .post(.obsoleteFolding, "A: b\r\n c"),
            .post(.obsoleteFolding, "A: b\r\n\tTransfer-Encoding: chunked"),
            .post(.whitespaceBeforeColon, "A : b"),
            .post(.whitespaceBeforeColon, "Content-Length\t: 4"),
            .post(.whitespaceBeforeColon, "A b: c"),
            .post(.emptyFieldName, ": b"),
            .post(.missingColon, "abc"),
            .post(.invalidFieldName, "A@: b"),
            .post(.invalidFieldName, "\u{e9}: b"),
            .post(.invalidFieldName, "(a): b"),
            .post(.controlCharacter, "A\u{1}: b"),
            .post(.controlCharacter, "A: b\u{7f}"),
            .post(.controlCharacter, "A: \u{c}"),
            .post(.nul, "A: b\u{0}c"),
            .post(.nul, "\u{0}A: b"),
            .post(.bareLF, "A: b\nC: d"),
            .post(.bareLF, "A\n: b"),
            .post(.bareCR, "A: b\rC: d"),
            .post(.bareCR, "A: b\r\rC: d"),
            .post(.bareCR, "A\r: b"),
            .post(.bareCR, "A: b\r\n\rC: d"),
        ]
    )
    func lines(item: RejectedRequest) { check(item) }

    @Test(
        "Host",
        arguments: [
            RejectedRequest(.missingHost, "GET / HTTP/1.1\r\n\r\n"),
            RejectedRequest(.missingHost, "GET http://a/ HTTP/1.1\r\n\r\n"),
            .post(.repeatedHost, "Host: a"),
            .post(.repeatedHost, "host: b"),
            RejectedRequest(.invalidHost, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
            RejectedRequest(.invalidHost, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
            RejectedRequest(.invalidHost, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
            RejectedRequest(.invalidHost, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
            RejectedRequest(.invalidHost, "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
            RejectedRequest(.invalidHost, "GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n"),
            RejectedRequest(.invalidHost, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
            RejectedRequest(.invalidHost, "GET / HTTP/1.1\r\nHost: \u{e9}\r\n\r\n"),
            RejectedRequest(.invalidHost, "GET / HTTP/1.0\r\nHost: a b\r\n\r\n"),
            RejectedRequest(.invalidHost, "GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n"),
        ]
    )
    func host(item: RejectedRequest) { check(item) }

    @Test(
        "Content-Length and Transfer-Encoding",
        arguments: [
            .post(
                .contentLengthWithTransferEncoding,
                "Content-Length: 4\r\nTransfer-Encoding: chunked"
            ),
            .post(
                .contentLengthWithTransferEncoding,
                "Transfer-Encoding: chunked\r\nContent-Length: 0"
            ),
            .post(
                .contentLengthWithTransferEncoding,
                "Content-Length: 1\r\nTransfer-Encoding: identity"
            ),
            .post(.repeatedContentLength, "Content-Length: 4\r\nContent-Length: 5"),
            .post(.repeatedContentLength, "Content-Length: 4\r\ncontent-length: 4"),
            .post(.invalidContentLength, "Content-Length:"),
            .post(.invalidContentLength, "Content-Length: 4, 4"),
            .post(.invalidContentLength, "Content-Length: +4"),
            .post(.invalidContentLength, "Content-Length: -4"),
            .post(.invalidContentLength, "Content-Length: 0x4"),
            .post(.invalidContentLength, "Content-Length: 4 4"),
            .post(.invalidContentLength, "Content-Length: 4.0"),
            .post(.invalidContentLength, "Content-Length: \"4\""),
            .post(.invalidContentLength, "Content-Length: 4\u{a0}"),
            .post(.invalidContentLength, "Content-Length: 9223372036854775808"),
            .post(.invalidContentLength, "Content-Length: 18446744073709551620"),
            .post(.invalidTransferEncoding, "Transfer-Encoding:"),
            .post(.invalidTransferEncoding, "Transfer-Encoding: ,"),
            .post(.invalidTransferEncoding, "Transfer-Encoding: identity"),
            .post(.invalidTransferEncoding, "Transfer-Encoding: gzip"),
            .post(.invalidTransferEncoding, "Transfer-Encoding: chunked, gzip"),
            .post(.invalidTransferEncoding, "Transfer-Encoding: chunked, chunked"),
            .post(
                .invalidTransferEncoding,
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"
            ),
            .post(.invalidTransferEncoding, "Transfer-Encoding: chunked\r\nTransfer-Encoding: x"),
            .post(.invalidTransferEncoding, "Transfer-Encoding: chunked;q=1"),
            .post(.invalidTransferEncoding, "Transfer-Encoding: \"chunked\""),
            .post(.invalidTransferEncoding, "Transfer-Encoding: chunked\u{a0}"),
            .post(.invalidTransferEncoding, "Transfer-Encoding: x chunked"),
            .post(.unknownTransferCoding, "Transfer-Encoding: xchunked"),
            .post(.unknownTransferCoding, "Transfer-Encoding: chunkedchunked"),
            .post(.unknownTransferCoding, "Transfer-Encoding: pigeons, chunked"),
            .post(.unknownTransferCoding, "Transfer-Encoding: gzip, chunked"),
            .post(.unknownTransferCoding, "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"),
            .post(.controlCharacter, "Transfer-Encoding: \u{b}chunked"),
            RejectedRequest(
                .transferEncodingInHTTP10,
                "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            ),
            .post(.invalidConnection, "Connection: a b"),
            .post(.tooManyConnectionOptions, "Connection: " + String(repeating: "a,", count: 17)),
        ] as [RejectedRequest]
    )
    func framing(item: RejectedRequest) { check(item) }

    @Test("Limits")
    func limits() {
        var limits = MessageLimits()
        limits.targetSize = 4
        #expect(parseRequest("GET /abc HTTP/1.1\r\nHost: a\r\n\r\n", limits: limits).0.isComplete)
        #expect(
            parseRequest("GET /abcd HTTP/1.1\r\nHost: a\r\n\r\n", limits: limits).0
                == .invalid(.targetTooLong)
        )
        limits = MessageLimits()
        limits.fieldCount = 2
        #expect(
            parseRequest("GET / HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n", limits: limits).0.isComplete
        )
        #expect(
            parseRequest("GET / HTTP/1.1\r\nHost: a\r\nB: c\r\nD: e\r\n\r\n", limits: limits).0
                == .invalid(.tooManyFields)
        )
        let text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        limits = MessageLimits()
        limits.headSize = text.utf8.count
        #expect(parseRequest("\r\n" + text + "rest", limits: limits).0.isComplete)
        limits.headSize -= 1
        #expect(parseRequest(text, limits: limits).0 == .invalid(.headTooLarge))
        #expect(parseRequest(String(text.dropLast(2)), limits: limits).0 == .incomplete)
    }

    @Test("Every reason has a status of its class and a name fit for a label")
    func reasons() {
        for reason in RejectReason.allCases {
            #expect([400, 413, 414, 431, 501, 505].contains(reason.status))
            #expect(
                reason.name.allSatisfy {
                    $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "_")
                }
            )
        }
        #expect(Set(RejectReason.allCases.map(\.name)).count == RejectReason.allCases.count)
    }

    private func check(_ item: RejectedRequest) {
        #expect(parseRequest(item.text).0 == .invalid(item.reason))
        #expect(feedBytes(item.text) == .invalid(item.reason))
    }
}

extension HeadResult {
    /// Whether the head is whole.
    var isComplete: Bool { if case .complete = self { true } else { false } }
}

/// Parses a request that grows byte by byte, as far as it takes.
func feedBytes(_ text: String, limits: MessageLimits = MessageLimits()) -> HeadResult {
    let bytes = latin1(text)
    var head = RequestHead()
    var parser = RequestParser()
    for count in 0...bytes.count {
        let result = parser.parse(bytes.span.extracting(first: count), limits: limits, into: &head)
        if result != .incomplete { return result }
    }
    return .incomplete
}
