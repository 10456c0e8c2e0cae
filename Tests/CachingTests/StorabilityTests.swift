import HTTP
import Testing

@testable import Caching

private struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let head: String
    let refusal: NotStored?
    var authorization = false
    var cookie = false
    var noStore = false
    var ttl: Int64?
    var storesCookies = false
    var testDescription: String { name }

    init(
        _ name: String,
        _ head: String,
        _ refusal: NotStored?,
        authorization: Bool = false,
        cookie: Bool = false,
        noStore: Bool = false,
        ttl: Int64? = nil,
        storesCookies: Bool = false
    ) {
        self.name = name
        self.head = head
        self.refusal = refusal
        self.authorization = authorization
        self.cookie = cookie
        self.noStore = noStore
        self.ttl = ttl
        self.storesCookies = storesCookies
    }
}

private let cases: [Case] = [
    Case("fresh", "200 OK\nCache-Control: max-age=60", nil),
    Case("says nothing", "200 OK", .noFreshness),
    Case("a validator is enough", "200 OK\nETag: \"a\"", nil),
    Case("no-store", "200 OK\nCache-Control: max-age=60, no-store", .noStore),
    Case("private", "200 OK\nCache-Control: private, max-age=60", .isPrivate),
    Case("private of one field", "200 OK\nCache-Control: private=\"a\", max-age=60", nil),
    Case("no-cache without a validator", "200 OK\nCache-Control: no-cache", .noFreshness),
    Case("no-cache with one", "200 OK\nCache-Control: no-cache\nETag: \"a\"", nil),
    Case(
        "the request's no-store",
        "200 OK\nCache-Control: max-age=60",
        .requestNoStore,
        noStore: true
    ),
    Case("Vary: *", "200 OK\nCache-Control: max-age=60\nVary: a, *", .varyStar),
    Case("Set-Cookie", "200 OK\nCache-Control: max-age=60\nSet-Cookie: a=b", .setCookie),
    Case(
        "Set-Cookie allowed",
        "200 OK\nCache-Control: max-age=60\nSet-Cookie: a=b",
        nil,
        storesCookies: true
    ),
    Case(
        "Authorization",
        "200 OK\nCache-Control: max-age=60",
        .authorization,
        authorization: true
    ),
    Case(
        "Authorization, public",
        "200 OK\nCache-Control: max-age=60, public",
        nil,
        authorization: true
    ),
    Case(
        "Authorization, s-maxage",
        "200 OK\nCache-Control: s-maxage=60",
        nil,
        authorization: true
    ),
    Case(
        "Authorization, must-revalidate",
        "200 OK\nCache-Control: max-age=60, must-revalidate",
        nil,
        authorization: true
    ),
    Case("Authorization with a ttl", "200 OK", .authorization, authorization: true, ttl: 60),
    Case("a cookie with max-age", "200 OK\nCache-Control: max-age=60", nil, cookie: true),
    Case("a cookie with a ttl", "200 OK", .cookie, cookie: true, ttl: 60),
    Case("an unknown status", "599 X\nCache-Control: max-age=60", nil),
    Case(
        "must-understand an unknown status",
        "599 X\nCache-Control: max-age=60, must-understand, no-store",
        .status
    ),
    Case(
        "must-understand a known status",
        "404 X\nCache-Control: max-age=60, must-understand, no-store",
        nil
    ),
    Case("304", "304 Not Modified\nCache-Control: max-age=60", .status),
    Case("500 with a ttl", "500 Broken", .noFreshness, ttl: 60),
    Case(
        "targeted no-store",
        "200 OK\nCache-Control: max-age=60\nCDN-Cache-Control: no-store",
        .noStore
    ),
]

@Suite("RFC 9111 §3 storing responses")
struct StorabilityTests {
    @Test("by status, directives and request", arguments: cases)
    private func decide(_ row: Case) {
        let head = response("HTTP/1.1 \(row.head)")
        var request = RequestTraits()
        request.hasAuthorization = row.authorization
        request.hasCookie = row.cookie
        request.directives.noStore = row.noStore
        var policy = CachePolicy()
        policy.lifetime = row.ttl
        policy.storesCookies = row.storesCookies
        let found = Storability.decide(
            head,
            directives: ResponseDirectives(head.fields),
            request: request,
            policy: policy,
            now: now
        )
        switch found {
        case .store: #expect(row.refusal == nil)
        case .refuse(let reason): #expect(reason == row.refusal)
        }
    }

    @Test("fields that must not be stored are left out")
    func unstoredFields() {
        let head = response(
            "HTTP/1.1 200 OK\nCache-Control: no-cache=\"secret\"\nSecret: 1\nConnection: hop\n"
                + "Hop: 2\nSet-Cookie: c\nAge: 3\nWarning: 4\nKeep: 5\n"
                + "Proxy-Authentication-Info: 6"
        )
        var lines: [UInt8] = []
        HeadLines.write(
            head,
            without: ResponseDirectives(head.fields).unstoredFields,
            storesCookies: false,
            to: &lines
        )
        let text = String(decoding: lines, as: UTF8.self)
        #expect(
            text == "HTTP/1.1 200 OK\r\nCache-Control: no-cache=\"secret\"\r\nKeep: 5\r\n"
        )
    }

    @Test("a validation replaces fields, but not what describes the stored bytes")
    func update() {
        let stored = bytes("HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nContent-Encoding: gzip\r\n")
        let fresh = bytes("HTTP/1.1 304 X\r\nb: 3\r\nC: 4\r\nContent-Encoding: br\r\n")
        let updated = HeadLines.updated(stored.span, by: fresh.span)
        #expect(
            String(decoding: updated, as: UTF8.self)
                == "HTTP/1.1 200 OK\r\nA: 1\r\nContent-Encoding: gzip\r\nb: 3\r\nC: 4\r\n"
        )
    }
}
