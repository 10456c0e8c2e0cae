import Testing

private let fresh = "Cache-Control: max-age=60"
private let modified = "Last-Modified: {-86400}"

/// Statuses that say how long they last, and whether they may be stored then.
private let explicitStatuses = [
    200, 201, 202, 203, 204, 205, 226, 299, 300, 301, 302, 303, 305, 307, 308, 400, 401, 402, 403,
    404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 423, 424, 428,
    429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 507, 511, 599,
]

/// Statuses that say nothing but when they were changed, and whether a lifetime may be guessed.
private let guessable: Set<Int> = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]

private let storing: [CacheRuleCase] = [
    CacheRuleCase("§3 nothing says that it may be reused", "200 OK", is: .whole),
    CacheRuleCase("§3 max-age", "200 OK", fresh, is: .not),
    CacheRuleCase("§3 s-maxage", "200 OK", "Cache-Control: s-maxage=60", is: .not),
    CacheRuleCase("§3 Expires", "200 OK", "Expires: {60}", "Date: {0}", is: .not),
    CacheRuleCase("§3 public alone is no freshness", "200 OK", "Cache-Control: public", is: .whole),
    CacheRuleCase(
        "§3 public, and when it was changed",
        "599 X",
        "Cache-Control: public",
        modified,
        is: .not
    ),
    CacheRuleCase("§3 no-store", "200 OK", "Cache-Control: max-age=60, no-store", is: .whole),
    CacheRuleCase(
        "§3 no-store beside Expires",
        "200 OK",
        "Cache-Control: no-store",
        "Expires: {60}",
        is: .whole
    ),
    CacheRuleCase("§3 private", "200 OK", "Cache-Control: private, max-age=60", is: .whole),
    CacheRuleCase(
        "§3 private of some fields",
        "200 OK",
        "Cache-Control: private=\"own\", max-age=60",
        "Own: 1",
        is: .not
    ),
    CacheRuleCase(
        "§5.2.1.5 no-store in the request",
        "200 OK",
        fresh,
        by: ["Cache-Control: no-store"],
        is: .whole
    ),
    CacheRuleCase(
        "§5.2.1.5 what is stored answers a request with no-store",
        "200 OK",
        fresh,
        then: ["Cache-Control: no-store"],
        is: .not
    ),
    CacheRuleCase("§3 a 206 without a range", "206 Partial Content", fresh, is: .whole),
    CacheRuleCase(
        "§3 a 206 of a unit that is not known",
        "206 Partial Content",
        fresh,
        "Content-Range: lines 0-1/2",
        by: ["Range: lines=0-1"],
        then: ["Range: lines=0-1"],
        is: .whole
    ),
    CacheRuleCase(
        "§5.2.2.3 must-understand and a status that is not known",
        "599 X",
        "Cache-Control: max-age=60, no-store, must-understand",
        is: .whole
    ),
    CacheRuleCase(
        "§5.2.2.3 must-understand without no-store, and a status that is not known",
        "299 X",
        "Cache-Control: max-age=60, must-understand",
        is: .whole
    ),
    CacheRuleCase(
        "§5.2.2.3 must-understand and a status that is known",
        "200 OK",
        "Cache-Control: max-age=60, no-store, must-understand",
        is: .not
    ),
    CacheRuleCase(
        "§5.2.2.3 must-understand and private",
        "200 OK",
        "Cache-Control: max-age=60, private, must-understand",
        is: .whole
    ),
    // Authorization.
    CacheRuleCase("§3.5", "200 OK", fresh, by: ["Authorization: x"], is: .whole),
    CacheRuleCase(
        "§3.5 Expires does not allow it",
        "200 OK",
        "Expires: {60}",
        "Date: {0}",
        by: ["Authorization: x"],
        is: .whole
    ),
    CacheRuleCase(
        "§3.5 proxy-revalidate does not allow it",
        "200 OK",
        "Cache-Control: max-age=60, proxy-revalidate",
        by: ["Authorization: x"],
        is: .whole
    ),
    CacheRuleCase(
        "§3.5 must-revalidate",
        "200 OK",
        "Cache-Control: max-age=60, must-revalidate",
        by: ["Authorization: x"],
        is: .not
    ),
    CacheRuleCase(
        "§3.5 public",
        "200 OK",
        "Cache-Control: max-age=60, public",
        by: ["Authorization: x"],
        is: .not
    ),
    CacheRuleCase(
        "§3.5 s-maxage",
        "200 OK",
        "Cache-Control: s-maxage=60",
        by: ["Authorization: x"],
        is: .not
    ),
    CacheRuleCase(
        "§3.5 public beside private",
        "200 OK",
        "Cache-Control: max-age=60, public, private",
        by: ["Authorization: x"],
        is: .whole
    ),
    // Cookies.
    CacheRuleCase(
        "§7.3 Set-Cookie is not for everybody",
        "200 OK",
        fresh,
        "Set-Cookie: a=b",
        is: .whole
    ),
    CacheRuleCase(
        "§5.2.2.4 but where the response says that it is not to be stored",
        .fetched(
            answer: [
                "200 OK", "Cache-Control: max-age=60, no-cache=\"Set-Cookie\"",
                "Set-Cookie: a=b",
            ],
            gets: ["Set-Cookie: a=b"]
        ),
        .stored(gets: ["!Set-Cookie"], brings: "content 0")
    ),
    CacheRuleCase(
        "§5.2.2.7 the same by private",
        .fetched(
            answer: [
                "200 OK", "Cache-Control: max-age=60, private=\"x, set-cookie\"",
                "Set-Cookie: a=b",
            ],
            gets: ["Set-Cookie: a=b"]
        ),
        .stored(gets: ["!Set-Cookie"], brings: "content 0")
    ),
    CacheRuleCase("§3 a request's cookie", "200 OK", fresh, by: ["Cookie: a=b"], is: .not),
    // Interim responses and methods.
    CacheRuleCase(
        "§3 POST without Content-Location",
        .unsafe("POST", answer: ["200 OK", fresh]),
        .fetched()
    ),
    CacheRuleCase(
        "RFC 9110 §9.3.3 POST that names its own URL",
        .unsafe("POST", answer: ["200 OK", fresh, "Content-Location: /"]),
        .stored(brings: "content 0")
    ),
    CacheRuleCase(
        "RFC 9110 §9.3.3 POST that names another URL",
        .unsafe("POST", answer: ["200 OK", fresh, "Content-Location: /b"]),
        .fetched(),
        .fetched(path: "/b")
    ),
    CacheRuleCase(
        "RFC 9110 §9.3.3 POST that says nothing of its freshness",
        .unsafe("POST", answer: ["200 OK", "Last-Modified: {-86400}", "Content-Location: /"]),
        .fetched()
    ),
    CacheRuleCase(
        "RFC 9110 §9.3.4 PUT is never stored",
        .unsafe("PUT", answer: ["200 OK", fresh, "Content-Location: /"]),
        .fetched()
    ),
    CacheRuleCase(
        "RFC 9110 §9.3.7 OPTIONS is never stored, and answers no GET",
        .unsafe("OPTIONS", answer: ["200 OK", fresh]),
        .fetched(answer: ["200 OK", fresh]),
        .unsafe("OPTIONS", answer: ["200 OK"])
    ),
    CacheRuleCase(
        "§4 HEAD is answered by a stored GET",
        .fetched(answer: ["200 OK", fresh]),
        .head(.not, gets: ["Content-Length: 9", "Age: 0"])
    ),
    CacheRuleCase(
        "§4 GET is not answered by a HEAD",
        .head(.whole, answer: ["200 OK", fresh]),
        .fetched()
    ),
    CacheRuleCase(
        "§2 another query is another key",
        .fetched(path: "/?a", answer: ["200 OK", fresh]),
        .fetched(path: "/?b"),
        .fetched(path: "/"),
        .stored(path: "/?a", brings: "content 0")
    ),
]

extension Step {
    /// A request of a method that the cache has no part in.
    static func unsafe(_ method: String, path: String = "/", answer: [String] = ["200 OK"]) -> Step
    {
        var step = Step.fetched(path: path, answer: answer)
        step.method = method
        return step
    }

    static func head(
        _ reaching: Reaching,
        _ fields: String...,
        wait: Double = 0,
        answer: [String] = ["200 OK"],
        gets: [String] = []
    ) -> Step {
        var step = Step()
        step.method = "HEAD"
        step.fields = fields
        step.wait = wait
        step.answer = answer
        step.reaching = reaching
        step.gets = gets
        return step
    }
}

@Suite("RFC 9111 §3 storing, exchange by exchange")
struct StoringRuleTests {
    @Test("by method, request and directives", arguments: storing)
    func stores(_ row: CacheRuleCase) throws { try row.play() }

    @Test(
        "every final status that says how long it lasts, and none past that",
        arguments: explicitStatuses
    )
    func explicit(status: Int) throws {
        try CacheRuleCase("§3", "\(status) X", fresh, is: .not).play()
        try CacheRuleCase("§4.2", "\(status) X", fresh, after: 61, is: .whole).play()
        try CacheRuleCase("§3", "\(status) X", "Expires: {60}", "Date: {0}", is: .not).play()
    }

    @Test(
        "RFC 9110 §15.1: a lifetime is guessed for these statuses alone",
        arguments: explicitStatuses
    )
    func guessed(status: Int) throws {
        // Of the others, what says nothing of its freshness may not even be stored (§3).
        let reaching: Reaching = guessable.contains(status) ? .not : .whole
        try CacheRuleCase("§4.2.2", "\(status) X", modified, "Date: {0}", is: reaching).play()
    }
}

/// What a header section says, and which of it is there when it comes from the store.
private struct FieldRow: CustomTestStringConvertible, Sendable {
    let field: String
    let isStored: Bool
    var testDescription: String { field }
}

private let fieldRows: [FieldRow] =
    [
        // All of them, known or not.
        "Test-Header: a", "X-Test-Header: a", "Content-Foo: a", "X-Content-Foo: a",
        "Content-MD5: a",
        "Content-Location: /a", "Content-Disposition: attachment", "Content-Language: de",
        "Content-Encoding: x-own", "Content-Range: none", "Content-Security-Policy: default-src",
        "Content-Type: text/x", "Clear-Site-Data: \"cache\"", "ETag: \"a\"", "Expires: 0",
        "Public-Key-Pins: a", "Set-Cookie2: a=b", "X-Frame-Options: DENY", "X-XSS-Protection: 1",
        "Link: </a>; rel=preload", "Server: x", "Via: 1.1 x", "Location: /x", "Allow: GET",
        "Accept-Ranges: none", "Alt-Svc: h2=\":443\"", "Retry-After: 1", "WWW-Authenticate: x",
        "Access-Control-Allow-Origin: *", "Timing-Allow-Origin: *", "Empty:", "Refresh: 1",
        "CDN-Cache-Control: max-age=60", "Surrogate-Control: max-age=1", "Cache-Status: other; hit",
        "Pragma: no-cache", "Age-Like: 1", "Referrer-Policy: no-referrer",
    ].map { FieldRow(field: $0, isStored: true) }
    + [
        "Connection: x", "Keep-Alive: timeout=5", "Proxy-Authenticate: Basic",
        "Proxy-Authentication-Info: a", "Proxy-Authorization: a", "Proxy-Connection: close",
        "TE: trailers", "Trailer: a", "Upgrade: x", "Warning: 110 - x",
    ].map { FieldRow(field: $0, isStored: false) }

@Suite("RFC 9111 §3.1 storing fields")
struct StoredFieldTests {
    @Test("all but those of one connection", arguments: fieldRows)
    private func stored(_ row: FieldRow) throws {
        let name = row.field.prefix { $0 != ":" }
        let value = row.field.drop { $0 != ":" }.dropFirst().drop { $0 == " " }
        try CacheRuleCase(
            "§3.1",
            .fetched(answer: ["200 OK", "Cache-Control: max-age=60", row.field]),
            .stored(gets: [row.isStored ? "\(name): \(value)" : "!\(name)"], brings: "content 0")
        ).play()
    }

    @Test(
        "not what Connection, no-cache and private name",
        arguments: [
            "Connection: own", "Connection: close, OWN", "Cache-Control: no-cache=\"own\"",
            "Cache-Control: no-cache=own", "Cache-Control: No-Cache=\"a, Own\"",
            "Cache-Control: private=\"OWN\"", "Cache-Control: private=\"own\", no-cache=\"b\"",
        ]
    )
    func named(field: String) throws {
        let isHop = field.hasPrefix("Connection")
        try CacheRuleCase(
            "§3.1",
            .fetched(
                answer: ["200 OK", "Cache-Control: max-age=60", field, "Own: 1", "Other: 2"],
                gets: [isHop ? "!Own" : "Own: 1", "Other: 2"]
            ),
            .stored(gets: ["!Own", "Other: 2"], brings: "content 0")
        ).play()
    }
}
