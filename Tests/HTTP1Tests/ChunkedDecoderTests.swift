import Bytes
import HTTP
import HTTP1
import Testing

/// What a chunked body came to, fed in pieces of some size.
struct Decoded: Equatable {
    var data = ""
    var consumed = 0
    var outcome = ChunkedDecoder.Event.needMore
    var trailers: [String] = []
}

/// Decodes content that arrives in pieces; what a call does not consume is passed again.
func decode(
    _ text: String,
    pieces: Int = .max,
    limits: MessageLimits = MessageLimits()
) -> Decoded {
    let bytes = latin1(text)
    var decoder = ChunkedDecoder()
    var result = Decoded()
    var available = 0
    while true {
        let window = bytes.span.extracting(result.consumed..<available)
        let step = decoder.next(window, limits: limits)
        if case .data(let range) = step.event {
            result.data += latin1(window.extracting(range).bytes())
        }
        result.consumed += step.consumed
        switch step.event {
        case .data: continue
        case .needMore:
            if available == bytes.count { return result }
            available += min(pieces, bytes.count - available)
        case .end, .invalid:
            result.outcome = step.event
            result.trailers = describe(decoder.trailers)
            return result
        }
    }
}

@Suite("RFC 9112 §7.1 chunked content")
struct ChunkedDecoderTests {
    struct Case: CustomTestStringConvertible {
        var text: String
        var data: String
        var trailers: [String] = []
        var testDescription: String { text.debugDescription }
    }

    @Test(
        "Well-formed content, however it arrives",
        arguments: [
            Case(text: "0\r\n\r\n", data: ""),
            Case(
                text: "4\r\nWiki\r\n7\r\npedia i\r\nB\r\nn \r\nchunks.\r\n0\r\n\r\n",
                data: "Wikipedia in \r\nchunks."
            ),
            Case(
                text: "000000000000001a\r\nabcdefghijklmnopqrstuvwxyz\r\n0000\r\n\r\n",
                data: "abcdefghijklmnopqrstuvwxyz"
            ),
            Case(
                text: "1;a\r\nx\r\n1 ; a = b ;c=\"d\\\";e\"\t;f\r\ny\r\n0;z=1\r\n\r\n",
                data: "xy"
            ),
            Case(text: "1;a=\"\u{e9}\t \"\r\nx\r\n0\r\n\r\n", data: "x"),
            Case(
                text: "1\r\nx\r\n0\r\nExpires-At: 1\r\nX-Sum:  a b \r\nEmpty:\r\n\r\n",
                data: "x",
                trailers: ["Expires-At: 1", "X-Sum: a b", "Empty: "]
            ),
            Case(
                text:
                    "0\r\nContent-Length: 5\r\nHost: x\r\nX: y\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n",
                data: "",
                trailers: ["X: y"]
            ),
        ]
    )
    func wellFormed(item: Case) {
        let expected = Decoded(
            data: item.data,
            consumed: item.text.unicodeScalars.count,
            outcome: .end,
            trailers: item.trailers
        )
        let padded = item.text + "GET / HTTP/1.1\r\n"
        for pieces in 1...item.text.unicodeScalars.count {
            #expect(decode(item.text, pieces: pieces) == expected)
        }
        #expect(decode(padded) == expected)
    }

    struct Rejected: CustomTestStringConvertible {
        var text: String
        var reason: RejectReason
        var testDescription: String { "\(reason.name): \(text.debugDescription)" }
    }

    @Test(
        "Broken content is refused at the byte that breaks it",
        arguments: [
            Rejected(text: "\r\n", reason: .invalidChunkSize),
            Rejected(text: "+1\r\nx\r\n", reason: .invalidChunkSize),
            Rejected(text: "-1\r\nx\r\n", reason: .invalidChunkSize),
            Rejected(text: "0x1\r\nx\r\n", reason: .invalidChunkSize),
            Rejected(text: " 1\r\nx\r\n", reason: .invalidChunkSize),
            Rejected(text: "1_0\r\n", reason: .invalidChunkSize),
            Rejected(text: "g\r\n", reason: .invalidChunkSize),
            Rejected(text: ";a\r\n", reason: .invalidChunkSize),
            Rejected(text: "1\u{0}\r\n", reason: .nul),
            Rejected(text: "8000000000000000\r\n", reason: .chunkSizeTooLarge),
            Rejected(text: "ffffffffffffffff\r\n", reason: .chunkSizeTooLarge),
            Rejected(text: "10000000000000001\r\n", reason: .chunkSizeTooLarge),
            Rejected(text: "00000000000000001\r\n", reason: .chunkSizeTooLarge),
            Rejected(text: "1\nx\r\n", reason: .bareLF),
            Rejected(text: "1;a\nx\r\n", reason: .bareLF),
            Rejected(text: "1;a=\"\n\"\r\nx\r\n", reason: .bareLF),
            Rejected(text: "1\rx\r\n", reason: .bareCR),
            Rejected(text: "1\r\r\nx\r\n", reason: .bareCR),
            Rejected(text: "5\r\r;ABCD\r\n", reason: .bareCR),
            Rejected(text: "1 \r\nx\r\n", reason: .invalidChunkExtension),
            Rejected(text: "2 erfr\r\naa\r\n", reason: .invalidChunkExtension),
            Rejected(text: "1;\r\nx\r\n", reason: .invalidChunkExtension),
            Rejected(text: "1;;a\r\nx\r\n", reason: .invalidChunkExtension),
            Rejected(text: "1;a=\r\nx\r\n", reason: .invalidChunkExtension),
            Rejected(text: "1;a=b c\r\nx\r\n", reason: .invalidChunkExtension),
            Rejected(text: "1;a b\r\nx\r\n", reason: .invalidChunkExtension),
            Rejected(text: "1;a=\"b\r\nx\r\n", reason: .invalidChunkExtension),
            Rejected(text: "1;a=\"b\"c\r\nx\r\n", reason: .invalidChunkExtension),
            Rejected(text: "1;a=\"\\\u{1}\"\r\nx\r\n", reason: .invalidChunkExtension),
            Rejected(text: "1\r\nxy\r\n", reason: .invalidChunkEnd),
            Rejected(text: "1\r\nx\n0\r\n\r\n", reason: .invalidChunkEnd),
            Rejected(text: "1\r\nx\r0\r\n\r\n", reason: .invalidChunkEnd),
            Rejected(text: "3\r\nfoo\r\n\r\n", reason: .invalidChunkSize),
            Rejected(text: "0\r\nA: b\n\r\n", reason: .bareLF),
            Rejected(text: "0\r\nA : b\r\n\r\n", reason: .whitespaceBeforeColon),
            Rejected(text: "0\r\n\rX", reason: .bareCR),
            Rejected(text: "0\r\nA: b\r\n c\r\n\r\n", reason: .obsoleteFolding),
            Rejected(text: "0\r\nGET / HTTP/1.1\r\n\r\n", reason: .whitespaceBeforeColon),
        ]
    )
    func broken(item: Rejected) {
        #expect(decode(item.text).outcome == .invalid(item.reason))
        for pieces in 1...item.text.unicodeScalars.count {
            #expect(decode(item.text, pieces: pieces).outcome == .invalid(item.reason))
        }
    }

    @Test("Once refused, it stays refused")
    func failed() {
        var decoder = ChunkedDecoder()
        let limits = MessageLimits()
        #expect(decoder.next(latin1("x").span, limits: limits).event == .invalid(.invalidChunkSize))
        #expect(
            decoder.next(latin1("0\r\n\r\n").span, limits: limits).event
                == .invalid(.invalidChunkSize)
        )
        #expect(!decoder.isComplete)
        decoder.reset()
        #expect(decoder.next(latin1("0\r\n\r\n").span, limits: limits).event == .end)
        #expect(decoder.isComplete)
    }

    @Test(
        "Extensions and trailers have limits, however they arrive",
        arguments: [1, 2, 7, Int.max]
    )
    func limits(pieces: Int) {
        var limits = MessageLimits()
        limits.chunkExtensionSize = 4
        #expect(decode("0;abc\r\n\r\n", pieces: pieces, limits: limits).outcome == .end)
        #expect(
            decode("0;abcd\r\n\r\n", pieces: pieces, limits: limits).outcome
                == .invalid(.chunkExtensionTooLarge)
        )
        limits.chunkExtensionTotal = 8
        let chunk = "1;abc\r\nx\r\n"
        #expect(
            decode(chunk + chunk + "0\r\n\r\n", pieces: pieces, limits: limits).outcome == .end
        )
        #expect(
            decode(chunk + chunk + "0;a\r\n\r\n", pieces: pieces, limits: limits).outcome
                == .invalid(.chunkExtensionTooLarge)
        )
        limits = MessageLimits()
        limits.trailerSize = 8
        #expect(decode("0\r\nA: b\r\n\r\n", pieces: pieces, limits: limits).outcome == .end)
        limits.trailerSize = 7
        #expect(
            decode("0\r\nA: b\r\n\r\n", pieces: pieces, limits: limits).outcome
                == .invalid(.trailerTooLarge)
        )
        limits = MessageLimits()
        limits.trailerCount = 1
        #expect(
            decode("0\r\nA: b\r\nC: d\r\n\r\n", pieces: pieces, limits: limits).outcome
                == .invalid(.tooManyTrailers)
        )
    }

    @Test("Large data passes as the range that is there")
    func passThrough() {
        var decoder = ChunkedDecoder()
        let bytes = latin1("ffff\r\n") + [UInt8](repeating: 65, count: 1000)
        let limits = MessageLimits()
        let first = decoder.next(bytes.span, limits: limits)
        #expect(first.event == .data(6..<1006))
        #expect(first.consumed == 1006)
        let more = [UInt8](repeating: 66, count: 0xffff)
        #expect(decoder.next(more.span, limits: limits).event == .data(0..<(0xffff - 1000)))
    }
}
