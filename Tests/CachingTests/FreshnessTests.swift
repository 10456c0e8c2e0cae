import HTTP
import Testing

@testable import Caching

private struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let fields: String
    let seconds: Int64
    let basis: Lifetime.Basis
    var status = 200
    var testDescription: String { name }
}

private let date = "Date: Sat, 20 Feb 2027 12:00:00 GMT"
private let later = "Sat, 20 Feb 2027 12:10:00 GMT"
private let earlier = "Sat, 20 Feb 2027 11:00:00 GMT"

private let cases: [Case] = [
    Case(name: "nothing", fields: date, seconds: 0, basis: .none),
    Case(name: "max-age", fields: "Cache-Control: max-age=60", seconds: 60, basis: .maxAge),
    Case(
        name: "s-maxage before max-age",
        fields: "Cache-Control: max-age=60, s-maxage=5",
        seconds: 5,
        basis: .sharedMaxAge
    ),
    Case(
        name: "s-maxage of another line",
        fields: "Cache-Control: max-age=60\nCache-Control: s-maxage=5",
        seconds: 5,
        basis: .sharedMaxAge
    ),
    Case(
        name: "the first of two",
        fields: "Cache-Control: max-age=5, max-age=60",
        seconds: 5,
        basis: .maxAge
    ),
    Case(name: "quoted", fields: "Cache-Control: max-age=\"60\"", seconds: 60, basis: .maxAge),
    Case(
        name: "in single quotes",
        fields: "Cache-Control: max-age='60'",
        seconds: 0,
        basis: .maxAge
    ),
    Case(name: "negative", fields: "Cache-Control: max-age=-60", seconds: 0, basis: .maxAge),
    Case(name: "no number", fields: "Cache-Control: max-age", seconds: 0, basis: .maxAge),
    Case(
        name: "overflowing",
        fields: "Cache-Control: max-age=99999999999999999999",
        seconds: DeltaSeconds.maximum,
        basis: .maxAge
    ),
    Case(name: "any case", fields: "cache-control: MaX-aGe=60", seconds: 60, basis: .maxAge),
    Case(
        name: "not within a quoted string",
        fields: "Cache-Control: ext=\"max-age=60\"\n\(date)",
        seconds: 0,
        basis: .none
    ),
    Case(
        name: "a space before =",
        fields: "Cache-Control: max-age =60\n\(date)",
        seconds: 0,
        basis: .none
    ),
    Case(name: "Expires", fields: "Expires: \(later)\n\(date)", seconds: 600, basis: .expires),
    Case(
        name: "Expires passed",
        fields: "Expires: \(earlier)\n\(date)",
        seconds: 0,
        basis: .expires
    ),
    Case(name: "Expires is no date", fields: "Expires: 0\n\(date)", seconds: 0, basis: .expires),
    Case(
        name: "max-age before Expires",
        fields: "Expires: \(earlier)\nCache-Control: max-age=9",
        seconds: 9,
        basis: .maxAge
    ),
    Case(
        name: "a tenth of the time since it changed",
        fields: "Last-Modified: \(earlier)\n\(date)",
        seconds: 360,
        basis: .heuristic
    ),
    Case(
        name: "no guess for 403",
        fields: "Last-Modified: \(earlier)\n\(date)",
        seconds: 0,
        basis: .none,
        status: 403
    ),
    Case(
        name: "a guess where it is public",
        fields: "Last-Modified: \(earlier)\n\(date)\nCache-Control: public",
        seconds: 360,
        basis: .heuristic,
        status: 599
    ),
    Case(
        name: "targeted",
        fields: "CDN-Cache-Control: max-age=7\nCache-Control: max-age=60",
        seconds: 7,
        basis: .maxAge
    ),
    Case(
        name: "the gateway's own before that",
        fields: "CDN-Cache-Control: max-age=7\nGateway-Cache-Control: max-age=8",
        seconds: 8,
        basis: .maxAge
    ),
    Case(
        name: "targeted, Expires counts for nothing",
        fields: "CDN-Cache-Control: public\nExpires: \(later)\n\(date)",
        seconds: 0,
        basis: .none
    ),
    Case(
        name: "targeted with a syntax error",
        fields: "CDN-Cache-Control: max-age=7, &&&\nCache-Control: max-age=60",
        seconds: 60,
        basis: .maxAge
    ),
    Case(
        name: "targeted with a value of another type",
        fields: "CDN-Cache-Control: max-age=\"7\"\nCache-Control: max-age=60",
        seconds: 60,
        basis: .maxAge
    ),
    Case(
        name: "targeted and empty",
        fields: "CDN-Cache-Control:\nCache-Control: max-age=60",
        seconds: 60,
        basis: .maxAge
    ),
]

@Suite("RFC 9111 §4.2.1 freshness lifetime")
struct FreshnessTests {
    @Test("is read off the response", arguments: cases)
    private func lifetime(_ row: Case) {
        let head = response("HTTP/1.1 \(row.status) X\n\(row.fields)")
        let found = Lifetime(
            head,
            directives: ResponseDirectives(head.fields),
            policy: CachePolicy(),
            now: now
        )
        #expect(found.seconds == row.seconds)
        #expect(found.basis == row.basis)
    }

    @Test("is the configured one where the response says nothing")
    func configured() {
        var policy = CachePolicy()
        policy.lifetime = 30
        policy.statusLifetimes = [.init(statuses: 404...404, seconds: 10)]
        func seconds(_ text: String) -> Int64 {
            let head = response(text)
            return Lifetime(
                head,
                directives: ResponseDirectives(head.fields),
                policy: policy,
                now: now
            ).seconds
        }
        #expect(seconds("HTTP/1.1 200 OK") == 30)
        #expect(seconds("HTTP/1.1 404 Not Found") == 10)
        #expect(seconds("HTTP/1.1 500 Broken") == 0)
        #expect(seconds("HTTP/1.1 200 OK\nCache-Control: max-age=5") == 5)
    }
}

private struct AgeCase: CustomTestStringConvertible, Sendable {
    let field: String
    let age: Int64
    var testDescription: String { field }
}

private let ages: [AgeCase] = [
    AgeCase(field: "Age: 30", age: 30), AgeCase(field: "Age: abc", age: 0),
    AgeCase(field: "Age: -30", age: 0), AgeCase(field: "Age: 30, 0", age: 30),
    AgeCase(field: "Age: 0\nAge: 30", age: 0),
    AgeCase(field: "Age: 9999999999999", age: DeltaSeconds.maximum),
    AgeCase(field: "Age: 30;a=1", age: 30),
    AgeCase(field: "Date: Sat, 20 Feb 2027 11:59:00 GMT", age: 60),
    AgeCase(field: "Date: Sat, 20 Feb 2027 13:00:00 GMT", age: 0),
    AgeCase(field: "Date: Sat, 20 Feb 2027 11:59:00 GMT\nAge: 90", age: 90),
]

@Suite("RFC 9111 §4.2.3 age")
struct AgeTests {
    @Test("of a response when it arrives", arguments: ages)
    private func initial(_ row: AgeCase) {
        let head = response("HTTP/1.1 200 OK\n\(row.field)")
        let age = Age.initial(head.fields, requested: now * 1000, received: now * 1000)
        #expect(age == row.age)
    }

    @Test("counts the time that the upstream took")
    func delay() {
        let head = response("HTTP/1.1 200 OK\nAge: 10")
        let age = Age.initial(head.fields, requested: now * 1000 - 3000, received: now * 1000)
        #expect(age == 13)
    }
}
