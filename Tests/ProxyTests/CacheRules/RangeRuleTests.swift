import Testing

private let ten = "0123456789"

private func whole(_ fields: String...) -> Step {
    var step = Step.fetched(answer: ["200 OK", "Cache-Control: max-age=60"] + fields)
    step.content = ten
    return step
}

/// What a Range field gets of ten bytes.
private let ranges: [(range: String, status: String, place: String, content: String)] = [
    ("bytes=0-1", "206 Partial Content", "bytes 0-1/10", "01"),
    ("bytes=8-", "206 Partial Content", "bytes 8-9/10", "89"),
    ("bytes=-2", "206 Partial Content", "bytes 8-9/10", "89"),
    ("bytes=-99", "206 Partial Content", "bytes 0-9/10", ten),
    ("bytes=0-", "206 Partial Content", "bytes 0-9/10", ten),
    ("bytes=9-9", "206 Partial Content", "bytes 9-9/10", "9"),
    ("bytes=5-99", "206 Partial Content", "bytes 5-9/10", "56789"),
    ("BYTES=0-1", "206 Partial Content", "bytes 0-1/10", "01"),
    ("bytes= 0-1", "206 Partial Content", "bytes 0-1/10", "01"),
    ("bytes=0-1,", "206 Partial Content", "bytes 0-1/10", "01"),
    ("bytes=0-1, 20-", "206 Partial Content", "bytes 0-1/10", "01"),
    ("bytes=10-", "416 Range Not Satisfiable", "bytes */10", ""),
    ("bytes=10-20", "416 Range Not Satisfiable", "bytes */10", ""),
    ("bytes=-0", "416 Range Not Satisfiable", "bytes */10", ""),
    ("bytes=99999999999999999999-", "416 Range Not Satisfiable", "bytes */10", ""),
    // What is not understood is passed over.
    ("bytes=1-0", "200 OK", "", ten), ("bytes=a-b", "200 OK", "", ten),
    ("bytes=", "200 OK", "", ten), ("bytes", "200 OK", "", ten), ("bytes=-", "200 OK", "", ten),
    ("bytes=0", "200 OK", "", ten), ("bytes=0-1-2", "200 OK", "", ten),
    ("bytes=+0-1", "200 OK", "", ten), ("items=0-1", "200 OK", "", ten), ("", "200 OK", "", ten),
    ("bytes=0x0-1", "200 OK", "", ten), ("bytes=0-9,0-9", "200 OK", "", ten),
]

/// Whether If-Range allows a range of what has the tag `"a"` and was changed an hour before it
/// was sent.
private let conditions: [(field: String, isRange: Bool)] = [
    ("\"a\"", true), ("\"b\"", false), ("W/\"a\"", false), ("a", false), ("*", false), ("", false),
    ("\"a\", \"b\"", false), ("{-3600}", true), ("{rfc850 -3600}", true), ("{asctime -3600}", true),
    ("{-3601}", false), ("{-3599}", false), ("{0}", false), ("now", false),
]

private let others: [CacheRuleCase] = [
    CacheRuleCase(
        "RFC 9110 §14.2 HEAD has no ranges",
        whole(),
        .head(.not, "Range: bytes=0-1", gets: ["HTTP/1.1 200 OK", "Content-Length: 10"])
    ),
    CacheRuleCase(
        "RFC 9110 §13.2.2 the condition goes before the range",
        whole("ETag: \"a\""),
        .stored(
            "Range: bytes=0-1",
            "If-None-Match: \"a\"",
            gets: ["HTTP/1.1 304 Not Modified", "!Content-Range"],
            brings: ""
        )
    ),
    CacheRuleCase(
        "RFC 9110 §13.1.5 a weak tag is no reason to send a part",
        whole("ETag: W/\"a\""),
        .stored("Range: bytes=0-1", "If-Range: W/\"a\"", gets: ["HTTP/1.1 200 OK"], brings: ten)
    ),
    CacheRuleCase(
        "RFC 9110 §8.8.2.2 a date within the second that it was sent in is weak",
        whole("Date: {0}", "Last-Modified: {0}"),
        .stored("Range: bytes=0-1", "If-Range: {0}", gets: ["HTTP/1.1 200 OK"], brings: ten)
    ),
    CacheRuleCase(
        "RFC 9110 §13.1.5 two fields are none",
        whole("ETag: \"a\""),
        .stored(
            "Range: bytes=0-1",
            "If-Range: \"a\"",
            "If-Range: \"a\"",
            gets: ["HTTP/1.1 200 OK"],
            brings: ten
        )
    ),
    CacheRuleCase(
        "RFC 9110 §14.2 two Range fields are none",
        whole(),
        .stored("Range: bytes=0-1", "Range: bytes=2-3", gets: ["HTTP/1.1 200 OK"], brings: ten)
    ),
    CacheRuleCase(
        "RFC 9110 §15.3.7 a part has the fields of the whole",
        whole("ETag: \"a\"", "Vary: X", "Expires: {60}", "Content-Location: /x", "Own: 1"),
        .stored(
            "Range: bytes=0-1",
            gets: [
                "HTTP/1.1 206 Partial Content", "ETag: \"a\"", "Vary: X",
                "Cache-Control: max-age=60", "Content-Location: /x", "Own: 1", "Date: *",
                "Expires: *", "Content-Length: 2",
            ],
            brings: "01"
        )
    ),
    CacheRuleCase(
        "RFC 9110 §15.5.17 a 416 says nothing that would let it be stored for the whole",
        whole(
            "ETag: \"a\"",
            "Last-Modified: {-60}",
            "Expires: {60}",
            "CDN-Cache-Control: max-age=60",
            "Content-Type: text/x"
        ),
        .stored(
            "Range: bytes=10-",
            gets: [
                "HTTP/1.1 416 Range Not Satisfiable", "Content-Range: bytes */10",
                "!Cache-Control", "!CDN-Cache-Control", "!Expires", "!ETag", "!Last-Modified",
                "!Content-Type",
            ],
            brings: ""
        ),
        .stored(brings: ten)
    ),
    CacheRuleCase(
        "§3.3 a part never answers for the whole",
        part("bytes 0-4/10", "01234"),
        .fetched(answer: ["200 OK", "Cache-Control: max-age=60"]),
        .stored("Range: bytes=0-1", brings: "co")
    ),
    CacheRuleCase(
        "§3.3 a part answers what lies within it",
        part("bytes 0-4/10", "01234", "ETag: \"a\""),
        .stored("Range: bytes=1-2", gets: ["Content-Range: bytes 1-2/10"], brings: "12"),
        .stored("Range: bytes=4-4", gets: ["Content-Range: bytes 4-4/10"], brings: "4"),
        .fetched("Range: bytes=4-5"),
        .fetched("Range: bytes=-1")
    ),
    CacheRuleCase(
        "§3.3 a part at the end answers what ends there",
        part("bytes 5-9/10", "56789", "ETag: \"a\"", asking: "bytes=5-"),
        .stored("Range: bytes=-2", gets: ["Content-Range: bytes 8-9/10"], brings: "89"),
        .stored("Range: bytes=7-", gets: ["Content-Range: bytes 7-9/10"], brings: "789")
    ),
    CacheRuleCase(
        "§3.3 a part becomes stale as a whole does",
        part("bytes 0-4/10", "01234", "ETag: \"a\""),
        .fetched("Range: bytes=1-2", wait: 61, reaching: .asking(["If-None-Match: \"a\""]))
    ),
    CacheRuleCase(
        "§3.4 a part of a length that is not known is not stored",
        part("bytes 0-4/*", "01234", "ETag: \"a\""),
        .fetched("Range: bytes=1-2")
    ),
    CacheRuleCase(
        "RFC 9110 §14.4 a part whose place is none is not stored",
        part("bytes 4-0/10", "01234", "ETag: \"a\""),
        .fetched("Range: bytes=1-2")
    ),
    CacheRuleCase(
        "RFC 9110 §14.4 nor one that lies past the end",
        part("bytes 0-4/4", "01234", "ETag: \"a\""),
        .fetched("Range: bytes=1-2")
    ),
    CacheRuleCase(
        "RFC 9110 §14.4 nor one that is longer than it says",
        part("bytes 0-2/10", "01234", "ETag: \"a\""),
        .fetched("Range: bytes=1-2")
    ),
    CacheRuleCase(
        "RFC 9110 §14.4 one that is shorter than it says has no more than came",
        part("bytes 0-9/10", "01234", "ETag: \"a\""),
        .fetched("Range: bytes=6-7")
    ),
]

private func part(
    _ place: String,
    _ content: String,
    _ fields: String...,
    asking range: String = "bytes=0-4"
) -> Step {
    var step = Step.fetched("Range: \(range)")
    step.answer =
        ["206 Partial Content", "Cache-Control: max-age=60", "Content-Range: \(place)"] + fields
    step.content = content
    return step
}

@Suite("RFC 9110 §14 and RFC 9111 §3.3: ranges of what is stored, exchange by exchange")
struct RangeRuleTests {
    @Test("what a range gets", arguments: ranges)
    func range(range: String, status: String, place: String, content: String) throws {
        try CacheRuleCase(
            "§14",
            whole(),
            .stored(
                "Range: \(range)",
                gets: [
                    "HTTP/1.1 \(status)",
                    place.isEmpty ? "!Content-Range" : "Content-Range: \(place)",
                ],
                brings: content
            )
        ).play()
    }

    @Test("§13.1.5 If-Range", arguments: conditions)
    func condition(field: String, isRange: Bool) throws {
        try CacheRuleCase(
            "If-Range: \(field)",
            whole("ETag: \"a\"", "Last-Modified: {-3600}", "Date: {0}"),
            .stored(
                "Range: bytes=0-1",
                "If-Range: \(field)",
                gets: [isRange ? "HTTP/1.1 206 Partial Content" : "HTTP/1.1 200 OK"],
                brings: isRange ? "01" : ten
            )
        ).play()
    }

    @Test("parts, conditions and errors", arguments: others)
    func other(_ row: CacheRuleCase) throws { try row.play() }
}
