import Bytes
import HTTP
import Testing

@Suite("Normal form of paths")
struct PathNormalizationTests {
    @Test(
        "Paths that need no work",
        arguments: [
            "/", "/a", "/a/b/", "*", "", "/a.b/c..", "/...a/x".replacing("/...", with: "/x"),
        ]
    )
    func unchanged(path: String) {
        var target: [UInt8] = [1]
        #expect(PathNormalization.normalize(Array(path.utf8).span, into: &target) == .unchanged)
        #expect(target == [1])
    }

    @Test(
        "Paths that are brought into normal form",
        arguments: [
            ("//", "/"), ("/a//b", "/a/b"), ("/a///", "/a/"), ("/./a", "/a"), ("/a/.", "/a/"),
            ("/a/./b", "/a/b"), ("/a/../b", "/b"), ("/a/..", "/"), ("/a/../", "/"),
            ("/a/b/../..", "/"),
            ("/a//../b", "/b"), ("/.a", "/.a"), ("/..a", "/..a"), ("/...", "/..."),
            ("/a/.../b", "/a/.../b"),
            ("/%61", "/a"), ("/%2e%2E/a".replacing("/%2e", with: "/b/%2e"), "/a"),
            ("/a%2f..%2fb", "/b"),
            ("/%2F%2f", "/"), ("/a%252fb", "/a%2fb"), ("/%3f%23", "/?#"), ("/a%20b", "/a b"),
            ("/%0d%0a", "/\r\n"), ("/a;x/..;y/b%41", "/a;x/..;y/bA"),
            // RFC 3986 §5.2.4.
            ("/a/b/c/./../../g", "/a/g"), ("/mid/content=5/../6", "/mid/6"),
        ]
    )
    func rewritten(path: String, normal: String) {
        var target: [UInt8] = []
        #expect(PathNormalization.normalize(Array(path.utf8).span, into: &target) == .rewritten)
        #expect(String(decoding: target, as: UTF8.self) == normal)
    }

    @Test(
        "Paths that no app can be meant by",
        arguments: [
            ("/..", .aboveRoot), ("/../a", .aboveRoot), ("/a/../..", .aboveRoot),
            ("/%2e%2e/a", .aboveRoot), ("/a/..%2f..%2fb", .aboveRoot), ("/./..", .aboveRoot),
            ("/%00", .encodedNul), ("/a%00.png", .encodedNul), ("/%", .invalidEncoding),
            ("/%4", .invalidEncoding), ("/%4g", .invalidEncoding), ("/%%41", .invalidEncoding),
            ("/%u0041", .invalidEncoding),
        ] as [(String, PathNormalization.Fault)]
    )
    func rejected(path: String, fault: PathNormalization.Fault) {
        var target: [UInt8] = []
        #expect(
            PathNormalization.normalize(Array(path.utf8).span, into: &target) == .rejected(fault)
        )
    }
}
