import HTTP
import Testing

@testable import Caching

@Suite("RFC 9842 §9: whose content may be a dictionary")
struct DictionaryEligibilityTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var head: String
        /// For everybody; and also to a request with a cookie.
        var isShared: Bool
        var isSharedWithCookie: Bool
        var lasts: Bool
        var testDescription: String { head }

        init(_ head: String, _ isShared: Bool, _ isSharedWithCookie: Bool, lasts: Bool) {
            self.head = head
            self.isShared = isShared
            self.isSharedWithCookie = isSharedWithCookie
            self.lasts = lasts
        }
    }

    static let cases = [
        Case("200 OK", true, false, lasts: false),
        Case("200 OK\nCache-Control: max-age=60", true, false, lasts: true),
        Case("200 OK\nCache-Control: public, max-age=60, immutable", true, true, lasts: true),
        Case("200 OK\nCache-Control: max-age=60, s-maxage=5", true, true, lasts: true),
        Case("200 OK\nCache-Control: s-maxage=60", true, true, lasts: false),
        Case("200 OK\nCache-Control: max-age=0", true, false, lasts: false),
        Case("200 OK\nCache-Control: max-age=60, no-cache", true, false, lasts: false),
        Case("200 OK\nCache-Control: private, max-age=60", false, false, lasts: true),
        Case(
            "200 OK\nCache-Control: private=\"set-cookie\", max-age=60",
            false,
            false,
            lasts: true
        ),
        Case("200 OK\nCache-Control: public, no-store, max-age=60", false, false, lasts: true),
        Case(
            "200 OK\nCache-Control: public, max-age=60\nSet-Cookie: a=b",
            false,
            false,
            lasts: true
        ),
        Case("200 OK\nCache-Control: public, max-age=60\nVary: Cookie", false, false, lasts: true),
        Case("200 OK\nCache-Control: public, max-age=60\nVary: *", false, false, lasts: true),
        Case(
            "200 OK\nCache-Control: public, max-age=60\nVary: origin, Authorization",
            false,
            false,
            lasts: true
        ),
        Case("200 OK\nCache-Control: public, max-age=60\nVary: Origin", true, true, lasts: true),
        Case("404 Not Found\nCache-Control: public, max-age=60", true, true, lasts: false),
        Case(
            "200 OK\nDate: Sat, 20 Feb 2027 12:00:00 GMT\nExpires: Sat, 20 Feb 2027 12:01:00 GMT",
            true,
            false,
            lasts: true
        ),
        Case(
            "200 OK\nDate: Sat, 20 Feb 2027 12:00:00 GMT\nExpires: 0",
            true,
            false,
            lasts: false
        ),
        Case("200 OK\nLast-Modified: Sat, 20 Feb 2021 12:00:00 GMT", true, false, lasts: false),
    ]

    @Test("Only what is everybody's, and for how long", arguments: cases)
    func table(_ example: Case) {
        let head = response("HTTP/1.1 " + example.head)
        #expect(DictionaryEligibility.isShared(head, belongsToSomebody: false) == example.isShared)
        #expect(
            DictionaryEligibility.isShared(head, belongsToSomebody: true)
                == example.isSharedWithCookie
        )
        #expect(DictionaryEligibility.lasts(head, now: now) == example.lasts)
    }
}
