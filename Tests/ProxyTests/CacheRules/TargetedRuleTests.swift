import Testing

private let old = "Cache-Control: max-age=0"
private let young = "Cache-Control: max-age=60"

/// The value of CDN-Cache-Control, and whether the response is reused beside Cache-Control saying
/// the contrary.
private let values: [(value: String, isReused: Bool)] = [
    ("max-age=60", true), ("max-age=0", false), ("s-maxage=60", true),
    ("s-maxage=0, max-age=60", false),
    ("max-age=-1", false), ("max-age=99999999999", true), ("max-age=60, x", true),
    ("x=?1, max-age=60;y=1", true), ("max-age=0, max-age=60", true),
    ("max-age=60, max-age=0", false),
    ("max-age=60,\tx", true), ("no-store", false), ("max-age=60, no-store", false),
    ("max-age=60, no-store=?0", true), ("private", false), ("max-age=60, private", false),
    ("no-cache", false), ("max-age=60, no-cache", false), ("max-age=60, no-cache=\"x\"", true),
    ("max-age=60, must-revalidate", true), ("public", false), ("x", false),
    ("max-age=2147483648", true), ("max-age=60, ext=(a b)", true), ("max-age=60, ext=:aGk=:", true),
]

/// Values that are none, or of a type that the directive has not: as if the field was not there.
private let invalid = [
    "", "max-age=", "max-age=60,", ",max-age=60", "max-age=60,,x", "max-age=\"60\"", "max-age=60.0",
    "max-age=?1", "max-age=(60)", "max-age=a", "MAX-AGE=60", "Max-Age=60", "max-age =60",
    "max-age= 60", "max-age=60;", "max-age=60; ;x", "&", "max-age=60 x", "max-age=1000000000000000",
    "no-store=1", "no-store=a", "private=1", "no-cache=1", "max-age=60, x=\"", "max-age=60, x=?2",
    "max-age=60, x=é", "max-age='60'", "public=\"x\"", "must-revalidate=1",
]

private let rows: [CacheRuleCase] = [
    CacheRuleCase(
        "§2.1 several lines are one",
        "200 OK",
        "CDN-Cache-Control: max-age=60",
        "CDN-Cache-Control: no-store",
        young,
        is: .whole
    ),
    CacheRuleCase(
        "§2.1 the last of several lines",
        "200 OK",
        "CDN-Cache-Control: max-age=0",
        "CDN-Cache-Control: max-age=60",
        old,
        is: .not
    ),
    CacheRuleCase(
        "§2.1 an error in one line is one of all",
        "200 OK",
        "CDN-Cache-Control: max-age=60",
        "CDN-Cache-Control: &",
        old,
        is: .whole
    ),
    CacheRuleCase(
        "§2.2 Expires counts for nothing beside it",
        "200 OK",
        "CDN-Cache-Control: max-age=60",
        "Expires: {-60}",
        "Date: {0}",
        is: .not
    ),
    CacheRuleCase(
        "§2.2 nor does a future one",
        "200 OK",
        "CDN-Cache-Control: max-age=0",
        "Expires: {60}",
        "Date: {0}",
        is: .whole
    ),
    CacheRuleCase(
        "§2.2 nor does one that is none",
        "200 OK",
        "CDN-Cache-Control: max-age=60",
        young,
        "Expires: 0",
        is: .not
    ),
    CacheRuleCase(
        "§2.2 nor does no-store of Cache-Control",
        "200 OK",
        "CDN-Cache-Control: max-age=60",
        "Cache-Control: no-store",
        is: .not
    ),
    CacheRuleCase(
        "§2.2 nor does private of Cache-Control",
        "200 OK",
        "CDN-Cache-Control: max-age=60",
        "Cache-Control: private",
        is: .not
    ),
    CacheRuleCase(
        "§2.2 nor does Pragma",
        "200 OK",
        "CDN-Cache-Control: max-age=60",
        "Pragma: no-cache",
        is: .not
    ),
    CacheRuleCase(
        "RFC 9111 §4.2.3 Age counts",
        "200 OK",
        "CDN-Cache-Control: max-age=60",
        young,
        "Age: 61",
        is: .whole
    ),
    CacheRuleCase(
        "RFC 9111 §3.5 Authorization needs leave in it",
        "200 OK",
        "CDN-Cache-Control: max-age=60",
        "Cache-Control: public",
        by: ["Authorization: x"],
        is: .whole
    ),
    CacheRuleCase(
        "RFC 9111 §3.5 and has it there",
        "200 OK",
        "CDN-Cache-Control: s-maxage=60",
        by: ["Authorization: x"],
        is: .not
    ),
    CacheRuleCase(
        "§2.2 the gateway's own goes first",
        "200 OK",
        "Gateway-Cache-Control: max-age=60",
        "CDN-Cache-Control: no-store",
        young,
        is: .not
    ),
    CacheRuleCase(
        "§2.2 and forbids first",
        "200 OK",
        "Gateway-Cache-Control: no-store",
        "CDN-Cache-Control: max-age=60",
        young,
        is: .whole
    ),
    CacheRuleCase(
        "§2.2 an error in it makes way for the next",
        "200 OK",
        "Gateway-Cache-Control: &",
        "CDN-Cache-Control: no-store",
        young,
        is: .whole
    ),
    CacheRuleCase(
        "§2.2 no guess beside what forbids",
        "200 OK",
        "CDN-Cache-Control: max-age=0",
        "Last-Modified: {-86400}",
        is: .asking(["If-Modified-Since: *"])
    ),
    CacheRuleCase(
        "another cache's field says nothing",
        "200 OK",
        "Surrogate-Control: max-age=60",
        old,
        is: .whole
    ),
]

@Suite("RFC 9213 targeted fields, exchange by exchange")
struct TargetedRuleTests {
    @Test(
        "§3.1 the gateway's own field is for its cache, and passed on where there is none",
        arguments: ["cache", "# none"]
    )
    func own(cache: String) throws {
        let text = "site * {\nlisten $site\n\(cache)\nproxy $server\n}"
        try simulate(text) { world in
            let server = try world.origin()
            let client = try await world.client()
            for storable in ["max-age=60", "no-store"] {
                try await client.send("GET /\(storable) HTTP/1.1", "Host: a")
                let origin = try await server.accept()
                try await origin.gets("GET /\(storable) HTTP/1.1")
                try await origin.send(
                    "HTTP/1.1 200 OK",
                    "Gateway-Cache-Control: \(storable)",
                    "CDN-Cache-Control: max-age=5",
                    "Content-Length: 2",
                    "Connection: close",
                    body: "ok"
                )
                try await client.gets(
                    "HTTP/1.1 200 OK",
                    cache == "cache"
                        ? "!Gateway-Cache-Control" : "Gateway-Cache-Control: \(storable)",
                    "CDN-Cache-Control: max-age=5",
                    body: "ok"
                )
            }
            client.close()
        }
    }

    @Test("what it says goes before Cache-Control", arguments: values)
    func valid(value: String, isReused: Bool) throws {
        try CacheRuleCase(
            "§2.2 \(value)",
            "200 OK",
            "CDN-Cache-Control: \(value)",
            isReused ? old : young,
            is: isReused ? .not : .whole
        ).play()
    }

    @Test("what is no such field counts for nothing", arguments: invalid)
    func ignored(value: String) throws {
        try CacheRuleCase("§2.1", "200 OK", "CDN-Cache-Control: \(value)", young, is: .not).play()
        try CacheRuleCase("§2.1", "200 OK", "CDN-Cache-Control: \(value)", old, is: .whole).play()
    }

    @Test("one among others", arguments: rows)
    func row(_ row: CacheRuleCase) throws { try row.play() }
}
