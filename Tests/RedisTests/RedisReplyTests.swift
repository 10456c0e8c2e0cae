import Redis
import Testing

@Suite("Replies of Redis (RESP2)")
struct RedisReplyTests {
    static let all: [(bytes: String, reply: RedisReply)] = [
        ("+OK\r\n", .status("OK")),
        ("-NOSCRIPT No matching script.\r\n", .error("NOSCRIPT No matching script.")),
        (":-42\r\n", .integer(-42)),
        ("$5\r\nhe\r\no\r\n", .string(Array("he\r\no".utf8))),
        ("$0\r\n\r\n", .string([])),
        ("$-1\r\n", .null),
        ("*-1\r\n", .null),
        ("*0\r\n", .array([])),
        (
            "*2\r\n*4\r\n:1\r\n:9\r\n:1000\r\n:0\r\n*1\r\n$1\r\nx\r\n",
            .array([
                .array([.integer(1), .integer(9), .integer(1000), .integer(0)]),
                .array([.string([120])]),
            ])
        ),
    ]

    @Test("Each is understood, in one piece, byte by byte, and cut anywhere")
    func replies() throws {
        for (text, expected) in Self.all {
            let bytes = Array(text.utf8)
            let whole = try #require(RedisReplyReader())
            try whole.feed(bytes.span)
            #expect(try whole.next() == expected)
            #expect(try whole.next() == nil)
            for cut in bytes.indices {
                let reader = try #require(RedisReplyReader())
                try reader.feed(Array(bytes[..<cut]).span)
                #expect(try reader.next() == nil)
                try reader.feed(Array(bytes[cut...]).span)
                #expect(try reader.next() == expected)
            }
            let single = try #require(RedisReplyReader())
            for byte in bytes.dropLast() {
                try single.feed([byte].span)
                #expect(try single.next() == nil)
            }
            try single.feed(Array(bytes.suffix(1)).span)
            #expect(try single.next() == expected)
        }
    }

    @Test("Several in one piece come out one after the other")
    func pipelined() throws {
        let reader = try #require(RedisReplyReader())
        try reader.feed(Array(Self.all.map(\.bytes).joined().utf8).span)
        for (_, expected) in Self.all { #expect(try reader.next() == expected) }
        #expect(try reader.next() == nil)
    }

    @Test(
        "What Redis never sends is refused",
        arguments: ["HTTP/1.1 400 Bad Request\r\n", "*99999999\r\n", "$x\r\n", ":1a\r\n"]
    )
    func invalid(_ text: String) throws {
        let reader = try #require(RedisReplyReader())
        #expect(throws: RedisReplyReader.Invalid.self) {
            try reader.feed(Array(text.utf8).span)
            while try reader.next() != nil {}
        }
    }
}
