import HTTP
import Testing

@Suite("RFC 3986 §3.2 authorities")
struct AuthorityTests {
    @Test(
        "Valid ones",
        arguments: [
            ("example.com", 11, nil), ("example.com:", 11, nil), ("example.com:80", 11, 80),
            ("a_b-c.~!$&'()*+,;=:65535", 18, 65535), ("0.0.0.0=5000", 12, nil), ("a%2Db", 5, nil),
            ("[::]", 4, nil), ("[::1]:8080", 5, 8080), ("[1:2:3:4:5:6:7:8]", 17, nil),
            ("[1::8]", 6, nil), ("[1:2:3:4:5:6:7::]", 17, nil), ("[::ffff:192.0.2.1]", 18, nil),
            ("[1:2:3:4:5:6:1.2.3.4]", 21, nil), ("[FE80::a]", 9, nil), ("a:1", 1, 1),
        ] as [(String, Int, UInt16?)]
    )
    func valid(text: String, hostCount: Int, port: UInt16?) {
        let authority = Authority(Array(text.utf8).span)
        #expect(authority?.hostCount == hostCount)
        #expect(authority?.port == port)
    }

    @Test(
        "Invalid ones",
        arguments: [
            "", ":80", "a b", "a/b", "a?b", "a#b", "u@a", "u:p@a", "a:0", "a:65536", "a:123456",
            "a:8a",
            "a:-1", "a:80:80", "a%2", "a%zz", "a\\b", "a\"b", "<a>", "é", "[", "[]", "[::1",
            "[::1]x",
            "[::1]:x", "[:]", "[:::]", "[1:2]", "[1::2::3]", "[1:2:3:4:5:6:7:8:9]", "[12345::]",
            "[1:2:3:4:5:6:7:8::]", "[::1%25eth0]", "[v1.a]", "[::1.2.3]", "[::256.1.1.1]",
            "[::01.1.1.1]",
            "[1:2:3:4:5:6:7:1.2.3.4]", "[:1::2]", "[1:]", "::1",
        ]
    )
    func invalid(text: String) {
        #expect(Authority(Array(text.utf8).span) == nil)
    }
}
