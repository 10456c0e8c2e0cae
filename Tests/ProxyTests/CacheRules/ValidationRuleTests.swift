import Testing

/// Stored for five seconds, with a tag and a date.
private let tagged = [
    "200 OK", "Cache-Control: max-age=5", "ETag: \"a\"",
    "Last-Modified: Wed, 01 Jan 2020 00:00:00 GMT", "Keep: 1",
    "Change: old",
]

private func stored(_ fields: String..., answer: [String]? = nil) -> Step {
    var step = Step.fetched(answer: answer ?? tagged)
    step.fields = fields
    return step
}

private let noChange = Reaching.asking(["If-None-Match: \"a\"", "If-Modified-Since: *"])

private let validating: [CacheRuleCase] = [
    CacheRuleCase(
        "§4.3.1 with both validators",
        stored(),
        .fetched(wait: 6, answer: ["304 X"], reaching: noChange, brings: "content 0")
    ),
    CacheRuleCase(
        "§4.3.1 with a tag alone",
        stored(answer: ["200 OK", "ETag: \"a\""]),
        .fetched(
            answer: ["304 X"],
            reaching: .asking(["If-None-Match: \"a\"", "!If-Modified-Since"]),
            brings: "content 0"
        )
    ),
    CacheRuleCase(
        "§4.3.1 with a weak tag as it is",
        stored(answer: ["200 OK", "ETag: W/\"a\""]),
        .fetched(
            answer: ["304 X"],
            reaching: .asking(["If-None-Match: W/\"a\""]),
            brings: "content 0"
        )
    ),
    CacheRuleCase(
        "§4.3.1 with a date alone",
        stored(answer: ["200 OK", "Cache-Control: max-age=5", "Last-Modified: {-86400}"]),
        .fetched(
            wait: 6,
            answer: ["304 X"],
            reaching: .asking(["If-Modified-Since: {-86406}", "!If-None-Match"]),
            brings: "content 0"
        )
    ),
    CacheRuleCase(
        "§4.3.1 with nothing where there is no validator",
        stored(answer: ["200 OK", "Cache-Control: max-age=5"]),
        .fetched(wait: 6)
    ),
    CacheRuleCase(
        "§5.2.2.4 no-cache is stored and validated each time",
        stored(answer: ["200 OK", "Cache-Control: no-cache, max-age=60", "ETag: \"a\""]),
        .fetched(
            answer: ["304 X"],
            reaching: .asking(["If-None-Match: \"a\""]),
            brings: "content 0"
        ),
        .fetched(
            answer: ["304 X"],
            reaching: .asking(["If-None-Match: \"a\""]),
            brings: "content 0"
        )
    ),
    CacheRuleCase(
        "§4.3.3 a full response takes the place of what is stored",
        stored(),
        .fetched(
            wait: 6,
            answer: ["200 OK", "Cache-Control: max-age=5", "ETag: \"b\""],
            reaching: noChange,
            brings: "content 1"
        ),
        .stored(gets: ["ETag: \"b\"", "!Keep"], brings: "content 1")
    ),
    CacheRuleCase(
        "§4.3.3 also one that may not be stored: the old one is gone",
        stored(),
        .fetched(wait: 6, answer: ["200 OK", "Cache-Control: no-store"], reaching: noChange),
        .fetched()
    ),
    CacheRuleCase(
        "§4.3.3 also a 404",
        stored(),
        .fetched(wait: 6, answer: ["404 Not Found"], reaching: noChange),
        .fetched()
    ),
    CacheRuleCase(
        "§4.3.3 an error of the server goes to the client, and what is stored stays",
        stored(),
        .fetched(wait: 6, answer: ["503 Busy"], reaching: noChange, gets: ["!Keep"]),
        .fetched(answer: ["304 X"], reaching: noChange, brings: "content 0")
    ),
    // 304 and what it changes.
    CacheRuleCase(
        "§4.3.4 what it says counts from then on",
        stored(),
        .fetched(
            wait: 6,
            answer: [
                "304 X", "ETag: \"a\"", "Cache-Control: max-age=100", "Change: new", "More: 1",
            ],
            reaching: noChange,
            gets: [
                "HTTP/1.1 200 OK", "Keep: 1", "Change: new", "More: 1",
                "Cache-Control: max-age=100",
            ],
            brings: "content 0"
        ),
        .stored(
            wait: 99,
            gets: ["Keep: 1", "Change: new", "More: 1", "Age: 99"],
            brings: "content 0"
        ),
        .fetched(wait: 1, answer: ["304 X"], reaching: noChange, brings: "content 0")
    ),
    CacheRuleCase(
        "§4.3.4 its Age and Date count",
        stored(),
        .fetched(
            wait: 6,
            answer: ["304 X", "Age: 3", "Date: {-3}"],
            reaching: noChange,
            gets: ["Age: 3", "Date: {-3}"],
            brings: "content 0"
        ),
        .stored(wait: 1, gets: ["Age: 4"], brings: "content 0"),
        .fetched(wait: 1, answer: ["304 X"], reaching: noChange, brings: "content 0")
    ),
    CacheRuleCase(
        "§4.3.4 a later Expires",
        stored(answer: ["200 OK", "Date: {0}", "Expires: {5}", "ETag: \"a\""]),
        .fetched(
            wait: 6,
            answer: ["304 X", "Date: {0}", "Expires: {60}"],
            reaching: .asking(["If-None-Match: \"a\""]),
            brings: "content 0"
        ),
        .stored(wait: 50, brings: "content 0")
    ),
    CacheRuleCase(
        "§4.3.4 no-store in it removes what is stored",
        stored(),
        .fetched(
            wait: 6,
            answer: ["304 X", "Cache-Control: no-store"],
            reaching: noChange,
            brings: "content 0"
        ),
        .fetched()
    ),
    CacheRuleCase(
        "§4.3.4 private in it removes what is stored",
        stored(),
        .fetched(
            wait: 6,
            answer: ["304 X", "Cache-Control: private, max-age=60"],
            reaching: noChange,
            brings: "content 0"
        ),
        .fetched()
    ),
    CacheRuleCase(
        "§7.3 a cookie in it is for the one who asked",
        stored(),
        .fetched(
            wait: 6,
            answer: [
                "304 X", "Cache-Control: max-age=60", "Set-Cookie: a=b",
                "Change: new",
            ],
            reaching: noChange,
            gets: ["HTTP/1.1 200 OK", "Set-Cookie: a=b", "Change: new", "Keep: 1"],
            brings: "content 0"
        ),
        .fetched(gets: ["!Set-Cookie"])
    ),
    CacheRuleCase(
        "§4.3.4 another strong tag: it is about something else",
        stored(),
        .fetched(
            wait: 6,
            answer: ["304 X", "ETag: \"b\""],
            reaching: noChange,
            gets: ["HTTP/1.1 502 Bad Gateway"],
            brings: nil
        )
    ),
]

/// Fields of a 304, and what of them the stored response takes over.
private let updates: [(field: String, stored: String, isTaken: Bool)] = [
    ("Test-Header: new", "Test-Header: old", true), ("Content-Foo: new", "Content-Foo: old", true),
    ("X-Content-Foo: new", "X-Content-Foo: old", true), ("Vary: Foo", "Vary: Bar", true),
    ("Content-Type: text/new", "Content-Type: text/old", true),
    ("Content-Location: /new", "Content-Location: /old", true),
    ("Content-Language: en", "Content-Language: de", true),
    ("Content-MD5: new", "Content-MD5: old", true), ("Expires: 1", "Expires: 0", true),
    ("Content-Security-Policy: new", "Content-Security-Policy: old", true),
    ("Clear-Site-Data: \"cookies\"", "Clear-Site-Data: \"cache\"", true),
    ("X-Frame-Options: DENY", "X-Frame-Options: SAMEORIGIN", true),
    ("X-XSS-Protection: 0", "X-XSS-Protection: 1", true),
    ("Public-Key-Pins: new", "Public-Key-Pins: old", true),
    ("Set-Cookie2: new", "Set-Cookie2: old", true),
    ("Content-Length: 99", "Content-Length: 9", false),
    ("Content-Encoding: new", "Content-Encoding: old", false),
    ("Content-Range: new", "Content-Range: old", false),
    ("Connection: x", "X: 1", false), ("Keep-Alive: 1", "X: 1", false),
    ("Proxy-Authenticate: x", "X: 1", false), ("Trailer: x", "X: 1", false),
]

/// A condition, and whether what is stored (tag `"a"`, changed a day ago) answers 304.
private let conditions: [(tag: String, fields: [String], isNotModified: Bool)] = [
    ("\"a\"", ["If-None-Match: \"a\""], true), ("\"a\"", ["If-None-Match: W/\"a\""], true),
    ("W/\"a\"", ["If-None-Match: \"a\""], true), ("W/\"a\"", ["If-None-Match: W/\"a\""], true),
    ("\"a\"", ["If-None-Match: \"b\""], false), ("\"a\"", ["If-None-Match: \"A\""], false),
    ("\"a\"", ["If-None-Match: *"], true), ("\"a\"", ["If-None-Match: \"b\", \"a\""], true),
    ("\"a\"", ["If-None-Match: \"a\", \"b\""], true),
    ("\"a\"", ["If-None-Match: \"b\",\"a\""], true),
    ("\"a\"", ["If-None-Match: \"b\", W/\"a\" , \"c\""], true),
    ("\"a\"", ["If-None-Match: \"b\"", "If-None-Match: \"a\""], true),
    ("\"a\"", ["If-None-Match: , \"a\","], true), ("\"a\"", ["If-None-Match: \"a\"x"], false),
    ("\"a\"", ["If-None-Match: \"b, \"a\""], false), ("\"a,b\"", ["If-None-Match: \"a,b\""], true),
    ("\"a,b\"", ["If-None-Match: \"a\", \"b\""], false), ("\"a\"", ["If-None-Match: a"], false),
    ("\"\"", ["If-None-Match: \"\""], true), ("\"a\"", ["If-None-Match:"], false),
    ("a", ["If-None-Match: a"], true),
    ("\"a\\\"", ["If-None-Match: \"a\\\""], true),
    // The tag goes before the date.
    ("\"a\"", ["If-None-Match: \"b\"", "If-Modified-Since: {0}"], false),
    ("\"a\"", ["If-None-Match: \"a\"", "If-Modified-Since: {-999999}"], true),
    ("\"a\"", ["If-Modified-Since: {-86400}"], true), ("\"a\"", ["If-Modified-Since: {0}"], true),
    ("\"a\"", ["If-Modified-Since: {-86401}"], false),
    ("\"a\"", ["If-Modified-Since: {rfc850 -86400}"], true),
    ("\"a\"", ["If-Modified-Since: {asctime -86400}"], true),
    ("\"a\"", ["If-Modified-Since: now"], false), ("\"a\"", ["If-Modified-Since: 0"], false),
    ("\"a\"", ["If-Modified-Since:"], false),
    ("\"a\"", ["If-Modified-Since: {0}", "If-Modified-Since: {0}"], false),
]

private let heads: [CacheRuleCase] = [
    CacheRuleCase(
        "§4.3.5 the same validators: what is stored is brought up to date",
        stored(),
        .head(
            .whole,
            wait: 6,
            answer: tagged.filter { !$0.hasPrefix("Change") } + [
                "Change: new",
                "Content-Length: 9",
            ]
        ),
        .stored(wait: 4, gets: ["Change: new", "Keep: 1", "Age: 4"], brings: "content 0")
    ),
    CacheRuleCase(
        "§4.3.5 no validators at all",
        stored(answer: ["200 OK", "Cache-Control: max-age=5"]),
        .head(.whole, wait: 6, answer: ["200 OK", "Cache-Control: max-age=50"]),
        .stored(wait: 40, brings: "content 0")
    ),
    CacheRuleCase(
        "§4.3.5 another tag",
        stored(),
        .head(.whole, "Cache-Control: no-cache", answer: ["200 OK", "ETag: \"b\""]),
        .fetched()
    ),
    CacheRuleCase(
        "§4.3.5 a tag where none is stored",
        stored(answer: ["200 OK", "Cache-Control: max-age=60"]),
        .head(.whole, "Cache-Control: no-cache", answer: ["200 OK", "ETag: \"b\""]),
        .fetched()
    ),
    CacheRuleCase(
        "§4.3.5 another date",
        stored(answer: ["200 OK", "Cache-Control: max-age=60", "Last-Modified: {-100}"]),
        .head(.whole, "Cache-Control: no-cache", answer: ["200 OK", "Last-Modified: {-50}"]),
        .fetched()
    ),
    CacheRuleCase(
        "§4.3.5 another length",
        stored(answer: ["200 OK", "Cache-Control: max-age=60"]),
        .head(.whole, "Cache-Control: no-cache", answer: ["200 OK", "Content-Length: 10"]),
        .fetched()
    ),
    CacheRuleCase(
        "§4.3.5 only a 200 says something of what is stored",
        stored(),
        .head(.whole, "Cache-Control: no-cache", answer: ["404 Not Found", "ETag: \"b\""]),
        .stored(brings: "content 0")
    ),
    CacheRuleCase(
        "§4.3.5 no-store in it removes what is stored",
        stored(),
        .head(.whole, "Cache-Control: no-cache", answer: ["200 OK", "Cache-Control: no-store"]),
        .fetched()
    ),
    CacheRuleCase(
        "§4.3.2 a condition of HEAD",
        stored(),
        .head(.not, "If-None-Match: \"a\"", gets: ["ETag: \"a\""])
    ),
]

@Suite("RFC 9111 §4.3 validation, exchange by exchange")
struct ValidationRuleTests {
    @Test("what is asked, and what the answer does to what is stored", arguments: validating)
    func validation(_ row: CacheRuleCase) throws { try row.play() }

    @Test("§3.2 a 304 replaces fields, but not what describes the bytes", arguments: updates)
    func update(field: String, stored: String, isTaken: Bool) throws {
        let name = field.prefix { $0 != ":" }
        let wanted = isTaken ? field : stored.hasPrefix(name) ? stored : "!\(name)"
        try CacheRuleCase(
            "§3.2",
            .fetched(
                "Foo: 1",
                "Bar: 1",
                answer: [
                    "200 OK", "Cache-Control: max-age=5",
                    "ETag: \"a\"", stored,
                ]
            ),
            .fetched(
                "Foo: 1",
                "Bar: 1",
                wait: 6,
                answer: [
                    "304 X", "ETag: \"a\"",
                    "Cache-Control: max-age=60", field,
                ],
                reaching: .asking(["If-None-Match: \"a\""]),
                gets: [wanted],
                brings: "content 0"
            ),
            .stored("Foo: 1", "Bar: 1", gets: [wanted], brings: "content 0")
        ).play()
    }

    @Test("§4.3.2 a client's conditions are answered by what is stored", arguments: conditions)
    func condition(tag: String, fields: [String], isNotModified: Bool) throws {
        var row = CacheRuleCase(
            "§4.3.2",
            .fetched(answer: [
                "200 OK", "Cache-Control: max-age=60", "ETag: \(tag)",
                "Last-Modified: {-86400}", "Content-Location: /x", "Content-Type: text/x",
            ]),
            .stored(
                gets: isNotModified
                    ? [
                        "ETag: \(tag)", "Cache-Control: max-age=60", "Date: *",
                        "Content-Location: /x",
                        "!Content-Type", "!Content-Length",
                    ]
                    : ["Content-Type: text/x"],
                brings: isNotModified ? "" : "content 0"
            )
        )
        row.steps[1].fields = fields
        try row.play()
    }

    @Test("§4.3.5 HEAD", arguments: heads)
    func head(_ row: CacheRuleCase) throws { try row.play() }
}
