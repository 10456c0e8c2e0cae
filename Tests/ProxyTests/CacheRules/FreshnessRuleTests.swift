import Testing

private func freshness(_ name: String, _ lines: String..., is reaching: Reaching) -> CacheRuleCase {
    var row = CacheRuleCase(name, is: reaching)
    row.steps[0].answer = ["200 OK"] + lines
    return row
}

private let directives: [CacheRuleCase] = [
    ("max-age=60", true), ("max-age=0", false), ("MAX-AGE=60", true), ("max-age=\"60\"", true),
    ("max-age='60'", false), ("max-age=060", true), ("max-age=+60", false), ("max-age=-60", false),
    ("max-age=60.0", false), ("max-age=60.5", false), ("max-age=60a", false),
    ("max-age=a60", false), ("max-age=6 0", false), ("max-age= 60", false), ("max-age =60", false),
    ("max-age", false), ("max-age=", false), ("max-age=\"\"", false), ("max-age=\"60", false),
    ("max-age=0x3c", false), ("max-age=60;a=b", false), ("max-age:60", false),
    ("max-age==60", false), ("\"max-age=60\"", false), ("x-max-age=60", false),
    ("max-age=2147483647", true), ("max-age=2147483648", true), ("max-age=2147483649", true),
    ("max-age=99999999999", true), ("max-age=9223372036854775807", true),
    ("max-age=9223372036854775808", true), ("max-age=18446744073709551617", true),
    (" max-age=60", true), ("\tmax-age=60\t", true), (", ,max-age=60,,", true),
    ("x, max-age=60", true), ("x=1, max-age=60", true), ("x=\"y,z\", max-age=60", true),
    ("x=\"max-age=60\"", false), ("x=\"max-age=60\", max-age=0", false),
    ("max-age=0, x=\"max-age=60\"", false), ("x=\"\\\"\", max-age=60", true),
    ("x=\"\\\", max-age=60\"", false),
    // Twice: the first counts.
    ("max-age=60, max-age=60", true), ("max-age=0, max-age=60", false),
    // s-maxage goes before max-age, whatever is longer and wherever it stands.
    ("s-maxage=60", true), ("s-maxage=0", false), ("s-maxage=\"60\"", true), ("s-maxage=x", false),
    ("max-age=60, s-maxage=0", false), ("s-maxage=0, max-age=60", false),
    ("max-age=0, s-maxage=60", true), ("S-MaxAge=60, max-age=0", true),
    // What forbids, in all its forms.
    ("max-age=60, no-store", false), ("max-age=60, NO-STORE", false),
    ("max-age=60, no-store=\"x\"", false), ("max-age=60, no-store=x", false),
    ("max-age=60, x=\"no-store\"", true), ("max-age=60, x=\"y, no-store", false),
    ("max-age=60, x=\"private", false), ("max-age=60, private", false),
    ("max-age=60, private=\"\"", false), ("max-age=60, private=\"a b\"", false),
    ("max-age=60, no-cache", false), ("max-age=60, no-cache=\"\"", false),
    ("max-age=60, no-cache=\"a\", no-cache", false), ("max-age=60, no-cache=\"x", false),
    ("max-age=60, nostore", true), ("max-age=60, must-revalidate", true),
    ("max-age=60, immutable", true), ("immutable", false), ("max-age=0, immutable", false),
    ("max-age=60, public=\"x\"", true), ("max-age=60, no-transform", true),
].map { value, isReused in
    freshness(
        "§5.2 Cache-Control: \(value)",
        "Cache-Control: \(value)",
        is: isReused ? .not : .whole
    )
}

private let several: [CacheRuleCase] = [
    freshness(
        "§5.2 several lines",
        "Cache-Control: max-age=60",
        "Cache-Control: no-store",
        is: .whole
    ),
    freshness(
        "§5.2 the line before",
        "Cache-Control: private",
        "Cache-Control: max-age=60",
        is: .whole
    ),
    freshness(
        "§5.2 s-maxage in another line",
        "Cache-Control: max-age=60",
        "Cache-Control: s-maxage=0",
        is: .whole
    ),
    freshness(
        "§4.2.1 the first of two lines",
        "Cache-Control: max-age=60",
        "Cache-Control: max-age=0",
        is: .not
    ),
    freshness(
        "§5.2.2.1 max-age before Expires that has passed",
        "Cache-Control: max-age=60",
        "Expires: {-60}",
        "Date: {0}",
        is: .not
    ),
    freshness(
        "§5.2.2.1 max-age before Expires that is none",
        "Cache-Control: max-age=60",
        "Expires: 0",
        is: .not
    ),
    freshness(
        "§5.2.2.1 max-age=0 before Expires",
        "Cache-Control: max-age=0",
        "Expires: {60}",
        "Date: {0}",
        is: .whole
    ),
    freshness(
        "§4.2.1 max-age that is none before Expires",
        "Cache-Control: max-age=x",
        "Expires: {60}",
        "Date: {0}",
        is: .whole
    ),
    freshness(
        "§5.2.2.10 s-maxage before Expires",
        "Cache-Control: s-maxage=60, max-age=0",
        "Expires: {-60}",
        "Date: {0}",
        is: .not
    ),
    freshness(
        "§4.2.2 no guess beside Expires",
        "Expires: {-60}",
        "Date: {0}",
        "Last-Modified: {-86400}",
        is: .asking(["If-Modified-Since: *"])
    ),
    freshness(
        "§4.2.2 no guess beside max-age",
        "Cache-Control: max-age=0",
        "Last-Modified: {-86400}",
        is: .asking(["If-Modified-Since: *"])
    ),
    freshness(
        "§4.2.2 a guess beside other directives",
        "Cache-Control: x, no-transform",
        "Last-Modified: {-86400}",
        is: .not
    ),
    freshness(
        "§4.2.2 changed in the future",
        "Last-Modified: {86400}",
        "Date: {0}",
        is: .asking(["If-Modified-Since: *"])
    ),
    freshness("§4.2.2 a date that is none", "Last-Modified: yesterday", "Date: {0}", is: .whole),
    freshness(
        "§5.4 Pragma in a response says nothing",
        "Cache-Control: max-age=60",
        "Pragma: no-cache",
        is: .not
    ),
]

private let expires: [CacheRuleCase] =
    [
        ("{60}", true), ("{0}", false), ("{-60}", false), ("{rfc850 60}", true),
        ("{asctime 60}", true),
        ("{rfc850 -60}", false), ("Fri, 31 Dec 9999 23:59:59 GMT", true),
        ("Tue, 19 Jan 2038 03:14:08 GMT", true), ("Sat, 19 Apr 2036 00:00:00 GMT", true),
        ("fri, 31 DEC 9999 23:59:59 gmt", true), ("Fri, 31 Dec 2049 23:59:60 GMT", true),
        ("Thu, 18 Aug 2050 02:01:18 UTC", false), ("Thu, 18 Aug 2050 02:01:18 AEST", false),
        ("Thu, 18 Aug 2050 02:01:18 +0000", false), ("Thu, 18 Aug 2050 02:01:18 Z", false),
        ("Thu, 18 Aug 2050 02:01:18", false), ("Thu, 18 Aug 50 02:01:18 GMT", false),
        ("Thu 18 Aug 2050 02:01:18 GMT", false), ("Thu, 18  Aug  2050 02:01:18 GMT", false),
        ("Thu,  18 Aug 2050 02:01:18 GMT", false), ("Thu,18 Aug 2050 02:01:18 GMT", false),
        ("Thu, 18-Aug-2050 02:01:18 GMT", false), ("Thu, 8 Aug 2050 02:01:18 GMT", false),
        ("Thu, 18 Aug 2050 2:01:18 GMT", false), ("Thu, 18 Aug 2050 02.01.18 GMT", false),
        ("Thu, 18 Aug 2050 02:01 GMT", false), ("Thu, 18 Aug 2050 02:01:18.5 GMT", false),
        ("Thu, 18 Aug 2050 24:00:00 GMT", false), ("Thu, 18 Aug 2050 02:60:00 GMT", false),
        ("Thu, 18 Aug 2050 02:01:61 GMT", false), ("Thu, 31 Feb 2050 02:01:18 GMT", false),
        ("Thu, 00 Aug 2050 02:01:18 GMT", false), ("Thu, 18 August 2050 02:01:18 GMT", false),
        ("Thursday, 18 Aug 2050 02:01:18 GMT", false), ("18 Aug 2050 02:01:18 GMT", false),
        ("2050-08-18T02:01:18Z", false), ("2544314478", false), ("0", false), ("-1", false),
        ("", false), ("never", false), ("\"Thu, 18 Aug 2050 02:01:18 GMT\"", false),
        ("Thu, 18 Aug 2050 02:01:18 GMT; x", false),
        ("Thu, 18 Aug 2050 02:01:18 GMT, Thu, 18 Aug 2050 02:01:18 GMT", false),
    ].map { value, isReused in
        freshness(
            "§5.3 Expires: \(value)",
            "Expires: \(value)",
            "Date: {0}",
            is: isReused ? .not : .whole
        )
    } + [
        freshness(
            "§4.2.1 two lines of Expires",
            "Expires: {60}",
            "Expires: {60}",
            "Date: {0}",
            is: .whole
        ),
        freshness(
            "§4.2.1 two lines of Expires, the second passed",
            "Expires: {60}",
            "Expires: {-60}",
            "Date: {0}",
            is: .whole
        ),
        freshness("§5.3 no Date", "Expires: {60}", is: .not),
        freshness("§5.3 a Date that is none", "Expires: {60}", "Date: x", is: .not),
        freshness(
            "§5.3 older than Date, both ahead",
            "Expires: {3600}",
            "Date: {7200}",
            is: .whole
        ),
        freshness("§5.3 as old as Date", "Expires: {3600}", "Date: {3600}", is: .whole),
        freshness("§5.3 ahead of a slow Date", "Expires: {-60}", "Date: {-120}", is: .whole),
    ]

private let ages: [CacheRuleCase] =
    [
        ("0", true), ("59", false), ("58", true), ("60", false), ("7200", false), ("007200", false),
        ("2147483647", false), ("2147483648", false), ("99999999999999999999", false),
        // What is no number is passed over.
        ("x", true), ("-7200", true), ("+7200", true), ("7200.0", true), ("1e4", true), ("", true),
        ("\"7200\"", true), ("0x1000", true), ("7200 s", true),
        // Of several the first counts.
        ("7200, 0", false), ("0, 7200", true), ("0, 0", true), (", 7200", false),
        ("x, 7200", true),
    ].map { value, isReused in
        freshness(
            "§5.1 Age: \(value)",
            "Cache-Control: max-age=60",
            "Age: \(value)",
            is: isReused ? .not : .whole
        )
    } + [
        freshness(
            "§5.1 the first line",
            "Cache-Control: max-age=60",
            "Age: 7200",
            "Age: 0",
            is: .whole
        ),
        freshness(
            "§5.1 the first line is young",
            "Cache-Control: max-age=60",
            "Age: 0",
            "Age: 7200",
            is: .not
        ),
        freshness("§4.2.3 a Date long ago", "Cache-Control: max-age=60", "Date: {-61}", is: .whole),
        freshness(
            "§4.2.3 a Date ahead makes nothing younger",
            "Cache-Control: max-age=60",
            "Date: {3600}",
            "Age: 61",
            is: .whole
        ),
        freshness(
            "§4.2.3 Date and Age, the larger counts",
            "Cache-Control: max-age=60",
            "Date: {-30}",
            "Age: 61",
            is: .whole
        ),
        freshness(
            "§4.2.3 Age against Expires, Date slow",
            "Expires: {60}",
            "Date: {-30}",
            "Age: 100",
            is: .whole
        ),
        freshness(
            "§4.2.3 Age against Expires, Date fast",
            "Expires: {3600}",
            "Date: {3000}",
            "Age: 700",
            is: .whole
        ),
        freshness("§4.2.3 Age within Expires", "Expires: {60}", "Date: {0}", "Age: 30", is: .not),
    ]

private let times: [CacheRuleCase] = [
    CacheRuleCase(
        "§4.2.3 the time that the response took counts",
        {
            var step = Step.fetched(answer: ["200 OK", "Cache-Control: max-age=10"])
            step.pause = 6
            return step
        }(),
        .stored(wait: 3, gets: ["Age: 9"], brings: "content 0"),
        .fetched(wait: 1)
    ),
    CacheRuleCase(
        "§5.1 Age grows with the time in the store, behind what came",
        .fetched(answer: ["200 OK", "Cache-Control: max-age=60", "Age: 10"], gets: ["Age: 10"]),
        .stored(wait: 20, gets: ["Age: 30"], brings: "content 0"),
        .stored(wait: 29, gets: ["Age: 59"], brings: "content 0"),
        .fetched(wait: 1)
    ),
    CacheRuleCase(
        "RFC 9110 §6.6.1 Date and Expires stay as they came",
        .fetched(answer: ["200 OK", "Date: {-1}", "Expires: {59}"]),
        .stored(wait: 10, gets: ["Date: {-11}", "Expires: {49}", "Age: 11"], brings: "content 0")
    ),
    CacheRuleCase(
        "RFC 9110 §6.6.1 a Date is put where there is none, and stays",
        .fetched(answer: ["200 OK", "Cache-Control: max-age=60"], gets: ["Date: {0}"]),
        .stored(wait: 10, gets: ["Date: {-10}"], brings: "content 0")
    ),
    CacheRuleCase(
        "§4.2.2 a tenth of the time since it was changed",
        .fetched(answer: ["200 OK", "Last-Modified: {-1000}", "Date: {0}"]),
        .stored(wait: 99, gets: ["Age: 99"], brings: "content 0"),
        .fetched(wait: 1, reaching: .asking(["If-Modified-Since: *"]))
    ),
]

@Suite("RFC 9111 §4.2 and §5.2.2 freshness, exchange by exchange")
struct FreshnessRuleTests {
    @Test("directives in every spelling", arguments: directives)
    func spelling(_ row: CacheRuleCase) throws { try row.play() }

    @Test("several that say different things", arguments: several)
    func conflicts(_ row: CacheRuleCase) throws { try row.play() }

    @Test("Expires in every form, right and wrong", arguments: expires)
    func expiry(_ row: CacheRuleCase) throws { try row.play() }

    @Test("Age in every form, right and wrong", arguments: ages)
    func age(_ row: CacheRuleCase) throws { try row.play() }

    @Test("time that passes", arguments: times)
    func time(_ row: CacheRuleCase) throws { try row.play() }
}
