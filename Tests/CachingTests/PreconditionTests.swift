import HTTP
import Testing

@testable import Caching

private struct RangeCase: CustomTestStringConvertible, Sendable {
    let field: String
    let expected: ByteRanges
    var testDescription: String { field }
}

private let ranges: [RangeCase] = [
    RangeCase(field: "bytes=0-1", expected: .parts([0..<2])),
    RangeCase(field: "bytes=3-", expected: .parts([3..<10])),
    RangeCase(field: "bytes=-3", expected: .parts([7..<10])),
    RangeCase(field: "bytes=-30", expected: .parts([0..<10])),
    RangeCase(field: "bytes=5-99", expected: .parts([5..<10])),
    RangeCase(field: "bytes=0-0, 9-", expected: .parts([0..<1, 9..<10])),
    RangeCase(field: "bytes=10-", expected: .unsatisfiable),
    RangeCase(field: "bytes=-0", expected: .unsatisfiable),
    RangeCase(field: "bytes=20-, 1-1", expected: .parts([1..<2])),
    RangeCase(field: "bytes=2-1", expected: .whole),
    RangeCase(field: "bytes=a-b", expected: .whole),
    RangeCase(field: "bytes=", expected: .whole),
    RangeCase(field: "lines=1-2", expected: .whole),
    RangeCase(field: "bytes=0-9, 0-9", expected: .whole),
    RangeCase(field: "bytes=99999999999999999999-", expected: .unsatisfiable),
]

@Suite("RFC 9110 §13 and §14 from what is stored")
struct PreconditionTests {
    @Test("ranges", arguments: ranges)
    private func range(_ row: RangeCase) {
        #expect(ByteRanges(fields(("Range", row.field)), total: 10) == row.expected)
    }

    private func isNotModified(_ request: FieldSection, _ etag: String) -> Bool {
        Preconditions.isNotModified(
            request,
            etag: bytes(etag).span,
            modified: now - 60,
            now: now
        )
    }

    @Test("If-None-Match compares weakly, and goes before If-Modified-Since")
    func ifNoneMatch() {
        #expect(isNotModified(fields(("If-None-Match", "\"a\"")), "\"a\""))
        #expect(isNotModified(fields(("If-None-Match", "W/\"a\"")), "\"a\""))
        #expect(isNotModified(fields(("If-None-Match", "\"b\", \"a\"")), "W/\"a\""))
        #expect(isNotModified(fields(("If-None-Match", "\"x,y\", \"a\"")), "\"a\""))
        #expect(!isNotModified(fields(("If-None-Match", "\"x, a\"")), "\"a\""))
        #expect(isNotModified(fields(("If-None-Match", "*")), ""))
        #expect(!isNotModified(fields(("If-None-Match", "\"b\"")), "\"a\""))
        #expect(!isNotModified(fields(("If-None-Match", "\"a\"")), ""))
        let both = fields(
            ("If-None-Match", "\"b\""),
            ("If-Modified-Since", "Sat, 20 Feb 2027 12:00:00 GMT")
        )
        #expect(!isNotModified(both, "\"a\""))
    }

    @Test("If-Modified-Since compares dates")
    func ifModifiedSince() {
        let since = { fields(("If-Modified-Since", $0)) }
        #expect(isNotModified(since("Sat, 20 Feb 2027 11:59:00 GMT"), ""))
        #expect(isNotModified(since("Saturday, 20-Feb-27 12:00:00 GMT"), ""))
        #expect(!isNotModified(since("Sat, 20 Feb 2027 11:58:59 GMT"), ""))
        #expect(!isNotModified(since("yesterday"), ""))
    }

    @Test("If-Range compares strongly")
    func ifRange() {
        func allows(_ field: String, _ etag: String) -> Bool {
            Preconditions.allowsRange(
                fields(("If-Range", field)),
                etag: bytes(etag).span,
                lastModified: now,
                sent: now + 1,
                now: now
            )
        }
        #expect(allows("\"a\"", "\"a\""))
        #expect(!allows("W/\"a\"", "W/\"a\""))
        #expect(!allows("\"b\"", "\"a\""))
        #expect(allows("Sat, 20 Feb 2027 12:00:00 GMT", ""))
        #expect(!allows("Sat, 20 Feb 2027 12:00:01 GMT", ""))
    }
}

@Suite("Cache keys")
struct CacheKeyTests {
    @Test("parameters that do not count are left out, and order where it does not")
    func query() {
        func key(_ query: String, _ selection: CacheKey.QueryRule.Selection, sorted: Bool = false)
            -> String
        {
            var rule = CacheKey.QueryRule()
            rule.selection = selection
            rule.isSorted = sorted
            var key: [UInt8] = []
            CacheKey.appendQuery(bytes(query).span, by: rule, to: &key)
            return String(decoding: key, as: UTF8.self)
        }
        #expect(key("b=1&a=2", .all) == "?b=1&a=2")
        #expect(key("b=1&a=2", .all, sorted: true) == "?a=2&b=1")
        #expect(key("a=2&b=1&a=1", .all, sorted: true) == "?a=2&a=1&b=1")
        #expect(key("utm_x=1&a=2", .without([bytes("utm_*")])) == "?a=2")
        #expect(key("utm_x=1", .without([bytes("utm_*")])) == "")
        #expect(key("b=1&a=2", .only([bytes("a")])) == "?a=2")
        #expect(key("b=1", .none) == "")
    }

    @Test("references are resolved within the origin only")
    func resolve() {
        func resolved(_ reference: String) -> String? {
            let base = bytes("http://a.example/x/y?q=/z")
            return CacheKey.resolve(bytes(reference).span, against: base.span)
                .map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(resolved("/b") == "http://a.example/b")
        #expect(resolved("b") == "http://a.example/x/b")
        #expect(resolved("http://a.example/c#d") == "http://a.example/c")
        #expect(resolved("HTTP://A.example/c") == "http://a.example/c")
        #expect(resolved("//a.example/c") == "http://a.example/c")
        #expect(resolved("./b") == "http://a.example/x/b")
        #expect(resolved("../b?q=../r") == "http://a.example/b?q=../r")
        #expect(resolved("../../../b") == "http://a.example/b")
        #expect(resolved("/a/./b/../c") == "http://a.example/a/c")
        #expect(resolved("/a/b/..") == "http://a.example/a/")
        #expect(resolved("/a/.") == "http://a.example/a/")
        #expect(resolved("/..a/b.") == "http://a.example/..a/b.")
        #expect(resolved("http://a.example/x/../c") == "http://a.example/c")
        #expect(resolved("http://a.example") == "http://a.example/")
        #expect(resolved("http://a.example?x=/y") == "http://a.example/?x=/y")
        #expect(resolved("//a.example") == "http://a.example/")
        #expect(resolved("http://a.example:80/c") == "http://a.example/c")
        #expect(resolved("http://a.example:/c") == "http://a.example/c")
        #expect(resolved("http://a.example:443/c") == nil)
        #expect(resolved("http://a.example:8080/c") == nil)
        #expect(resolved("http://u@a.example/c") == nil)
        #expect(resolved("?r=1") == "http://a.example/x/y?r=1")
        #expect(resolved("?r=http://b.example/") == "http://a.example/x/y?r=http://b.example/")
        #expect(resolved("b?r=http://b.example/") == "http://a.example/x/b?r=http://b.example/")
        #expect(resolved("#top") == nil)
        #expect(resolved("") == nil)
        #expect(resolved("http://b.example/c") == nil)
        #expect(resolved("https://a.example/c") == nil)
    }
}
