import HTTP
import Testing

@testable import Caching

private struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let directives: String
    /// Seconds since it came.
    let age: Int64
    let request: String
    let expected: Reuse
    var testDescription: String { name }

    init(_ name: String, _ directives: String, age: Int64, _ request: String, _ expected: Reuse) {
        self.name = name
        self.directives = directives
        self.age = age
        self.request = request
        self.expected = expected
    }
}

private let stale = Reuse.validate(.stale, staleIfError: false)

private let cases: [Case] = [
    Case("fresh", "max-age=10", age: 9, "", .fresh),
    Case("stale at its end", "max-age=10", age: 10, "", stale),
    Case("no-cache", "max-age=10, no-cache", age: 0, "", stale),
    Case(
        "§5.2.1.1 max-age",
        "max-age=10",
        age: 6,
        "max-age=5",
        .validate(.request, staleIfError: false)
    ),
    Case(
        "§5.2.1.1 max-age=0",
        "max-age=10",
        age: 0,
        "max-age=0",
        .validate(.request, staleIfError: false)
    ),
    Case("§5.2.1.2 max-stale", "max-age=10", age: 15, "max-stale=5", .staleByRequest),
    Case("§5.2.1.2 max-stale exceeded", "max-age=10", age: 16, "max-stale=5", stale),
    Case(
        "§5.2.1.2 max-stale without a number",
        "max-age=10",
        age: 9999,
        "max-stale",
        .staleByRequest
    ),
    Case("§5.2.2.2 must-revalidate", "max-age=10, must-revalidate", age: 15, "max-stale", stale),
    Case(
        "§5.2.1.3 min-fresh",
        "max-age=10",
        age: 6,
        "min-fresh=5",
        .validate(.request, staleIfError: true)
    ),
    Case(
        "§5.2.1.4 no-cache",
        "max-age=10",
        age: 0,
        "no-cache",
        .validate(.request, staleIfError: false)
    ),
    Case(
        "RFC 5861 §3",
        "max-age=10, stale-while-revalidate=5",
        age: 15,
        "",
        .staleWhileRevalidate
    ),
    Case("RFC 5861 §3 exceeded", "max-age=10, stale-while-revalidate=5", age: 16, "", stale),
    Case(
        "RFC 5861 §4",
        "max-age=10, stale-if-error=5",
        age: 15,
        "",
        .validate(.stale, staleIfError: true)
    ),
    Case("RFC 5861 §4 exceeded", "max-age=10, stale-if-error=5", age: 16, "", stale),
    Case(
        "s-maxage forbids both",
        "s-maxage=10, stale-while-revalidate=5, stale-if-error=5",
        age: 12,
        "",
        stale
    ),
]

@Suite("RFC 9111 §4 reusing responses")
struct ReuseTests {
    @Test("by age and what the request asks", arguments: cases)
    private func decide(_ row: Case) {
        let head = response("HTTP/1.1 200 OK\nETag: \"a\"\nCache-Control: \(row.directives)")
        let lifetime = Lifetime(
            head,
            directives: ResponseDirectives(head.fields),
            policy: CachePolicy(),
            now: now
        )
        let timing = Timing(received: now * 1000, initialAge: 0, lifetime: lifetime)
        let request =
            row.request.isEmpty ? FieldSection() : fields(("Cache-Control", row.request))
        let found = Reuse.decide(
            timing,
            request: RequestDirectives(request),
            now: (now + row.age) * 1000
        )
        #expect(found == row.expected)
    }

    @Test("§4.2.4 while the upstream cannot be reached it answers for an hour, unless forbidden")
    func disconnected() {
        func mayServe(_ directives: String, age: Int64, _ request: String = "") -> Bool {
            let head = response("HTTP/1.1 200 OK\nCache-Control: \(directives)")
            let lifetime = Lifetime(
                head,
                directives: ResponseDirectives(head.fields),
                policy: CachePolicy(),
                now: now
            )
            return Reuse.mayServeDisconnected(
                Timing(received: now * 1000, initialAge: 0, lifetime: lifetime),
                request: RequestDirectives(fields(("Cache-Control", request))),
                now: (now + age) * 1000
            )
        }
        #expect(mayServe("max-age=10", age: 11))
        #expect(mayServe("max-age=10", age: 3610))
        #expect(!mayServe("max-age=10", age: 3611))
        #expect(mayServe("max-age=10, stale-if-error=7200", age: 7210))
        #expect(!mayServe("max-age=10, stale-if-error=7200", age: 7211))
        for forbidden in ["must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=10"] {
            #expect(!mayServe("max-age=10, \(forbidden)", age: 11))
        }
        for request in ["no-cache", "max-age=99", "min-fresh=1"] {
            #expect(!mayServe("max-age=10", age: 11, request))
        }
    }

    @Test("Pragma counts only without Cache-Control")
    func pragma() {
        #expect(RequestDirectives(fields(("Pragma", "no-cache"))).noCache)
        let both = fields(("Pragma", "no-cache"), ("Cache-Control", "max-age=1"))
        #expect(!RequestDirectives(both).noCache)
    }

    @Test("an early refresh is rare long before the end, and certain right before it")
    func early() {
        var chance = Chance(seed: 1)
        func share(remaining: Int64) -> Int {
            (0..<1000).count { _ in
                EarlyRefresh.isDue(
                    remaining: remaining,
                    lifetime: 60_000,
                    fetchTime: 100,
                    random: chance.next()
                )
            }
        }
        #expect(share(remaining: 30_000) == 0)
        #expect(share(remaining: 1000) < 10)
        #expect((200...500).contains(share(remaining: 100)))
        #expect(share(remaining: 1) > 950)
    }
}

@Suite("RFC 9111 §4.1 Vary")
struct VaryTests {
    private func agree(_ vary: String, _ first: FieldSection, _ second: FieldSection) -> Bool {
        var lines: [UInt8] = []
        var scratch: [UInt8] = []
        let head = response("HTTP/1.1 200 OK\nVary: \(vary)\nContent-Language: de")
        guard Vary.write(head.fields, extra: [], request: first, to: &lines) else { return false }
        return Vary.matches(
            lines.span,
            language: bytes("de").span,
            request: second,
            scratch: &scratch
        )
    }

    @Test("compares what was asked, normalised")
    func matches() {
        #expect(agree("Foo", fields(("Foo", "1")), fields(("foo", "1"))))
        #expect(!agree("Foo", fields(("Foo", "1")), fields(("Foo", "2"))))
        #expect(!agree("Foo", fields(("Foo", "1")), fields()))
        #expect(!agree("Foo", fields(), fields(("Foo", ""))))
        #expect(agree("Foo", fields(("Foo", "1, 2")), fields(("Foo", "1"), ("Foo", "2"))))
        #expect(!agree("Foo", fields(("Foo", "1, 2")), fields(("Foo", "2, 1"))))
        #expect(agree("Foo, Bar", fields(("Bar", "x")), fields(("Bar", "x"), ("Other", "y"))))
        #expect(!agree("Foo, Bar", fields(("Bar", "x")), fields(("Foo", "x"))))
    }

    @Test("knows what negotiation fields mean")
    func negotiation() {
        let first = fields(("Accept-Language", "en, de"))
        #expect(agree("Accept-Language", first, fields(("Accept-Language", " DE ,en"))))
        #expect(agree("Accept-Language", first, fields(("Accept-Language", "fr;q=0.5, de"))))
        #expect(!agree("Accept-Language", first, fields(("Accept-Language", "fr, de;q=0.5"))))
        #expect(!agree("Accept-Language", first, fields(("Accept-Language", "fr, de"))))
        let coding = fields(("Accept-Encoding", "gzip, br"))
        #expect(agree("Accept-Encoding", coding, fields(("Accept-Encoding", "br,gzip"))))
        #expect(!agree("Accept-Encoding", coding, fields(("Accept-Encoding", "gzip"))))
    }
}
