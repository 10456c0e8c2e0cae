import Testing

private func vary(
    _ name: String,
    _ value: String,
    _ first: [String],
    _ second: [String],
    isSame: Bool
) -> CacheRuleCase {
    CacheRuleCase(
        "§4.1 \(name)",
        "200 OK",
        "Cache-Control: max-age=60",
        "Vary: \(value)",
        by: first,
        then: second,
        is: isSame ? .not : .whole
    )
}

private let rows: [CacheRuleCase] = [
    vary("the same value", "Foo", ["Foo: 1"], ["Foo: 1"], isSame: true),
    vary("another value", "Foo", ["Foo: 1"], ["Foo: 2"], isSame: false),
    vary("a longer value", "Foo", ["Foo: 1"], ["Foo: 11"], isSame: false),
    vary("another case of a value", "Foo", ["Foo: a"], ["Foo: A"], isSame: false),
    vary("another case of the name", "FOO", ["foo: 1"], ["Foo: 1"], isSame: true),
    vary("not there the second time", "Foo", ["Foo: 1"], [], isSame: false),
    vary("not there the first time", "Foo", [], ["Foo: 1"], isSame: false),
    vary("never there", "Foo", [], [], isSame: true),
    vary("empty is not absent", "Foo", [], ["Foo:"], isSame: false),
    vary("absent is not empty", "Foo", ["Foo:"], [], isSame: false),
    vary("another field may differ", "Foo", ["Bar: 1"], ["Bar: 2"], isSame: true),
    vary("two, the same", "Foo, Bar", ["Foo: 1", "Bar: 2"], ["Bar: 2", "Foo: 1"], isSame: true),
    vary(
        "two, the second differs",
        "Foo, Bar",
        ["Foo: 1", "Bar: 2"],
        ["Foo: 1", "Bar: 3"],
        isSame: false
    ),
    vary("two, exchanged", "Foo, Bar", ["Foo: 1", "Bar: 2"], ["Foo: 2", "Bar: 1"], isSame: false),
    vary(
        "three, one omitted both times",
        "Foo, Bar, Baz",
        ["Foo: 1", "Baz: 3"],
        ["Foo: 1", "Baz: 3"],
        isSame: true
    ),
    vary(
        "three, one omitted once",
        "Foo, Bar, Baz",
        ["Foo: 1", "Bar: 2", "Baz: 3"],
        ["Foo: 1", "Baz: 3"],
        isSame: false
    ),
    vary("empty members", ", Foo,,", ["Foo: 1"], ["Foo: 2"], isSame: false),
    vary("without a space", "Foo,Bar", ["Bar: 1"], ["Bar: 2"], isSame: false),
    vary("tabs", "Foo\t,\tBar", ["Bar: 1"], ["Bar: 2"], isSame: false),
    vary("nothing in it", "", ["Foo: 1"], ["Foo: 2"], isSame: true),
    vary("*", "*", [], [], isSame: false),
    vary("* behind a name", "Foo, *", ["Foo: 1"], ["Foo: 1"], isSame: false),
    vary("* before a name", "*, Foo", ["Foo: 1"], ["Foo: 1"], isSame: false),
    vary("* twice", "*, *", [], [], isSame: false),
    vary("* behind an empty member", ", *", [], [], isSame: false),
    vary("* among tabs", "\t*\t", [], [], isSame: false),
    vary("* without a space", "Foo,*", [], [], isSame: false),
    // Normalised where the field's meaning allows it.
    vary("lines are combined", "Foo", ["Foo: 1, 2"], ["Foo: 1", "Foo: 2"], isSame: true),
    vary("blanks between members", "Foo", ["Foo: 1,2"], ["Foo: 1 ,  2"], isSame: true),
    vary("blanks around", "Foo", ["Foo: 1"], ["Foo:   1  "], isSame: true),
    vary("blanks within", "Foo", ["Foo: a b"], ["Foo: a  b"], isSame: false),
    vary("order of what is not known", "Foo", ["Foo: 1, 2"], ["Foo: 2, 1"], isSame: false),
    vary(
        "order of languages",
        "Accept-Language",
        ["Accept-Language: en, de"],
        ["Accept-Language: de, en"],
        isSame: true
    ),
    vary(
        "case of languages",
        "Accept-Language",
        ["Accept-Language: en, de"],
        ["Accept-Language: eN, De"],
        isSame: true
    ),
    vary(
        "blanks of languages",
        "Accept-Language",
        ["Accept-Language: en, de"],
        ["Accept-Language:  en ,   de"],
        isSame: true
    ),
    vary(
        "weights of languages",
        "Accept-Language",
        ["Accept-Language: en;q=0.5, de"],
        ["Accept-Language: en, de;q=0.5"],
        isSame: false
    ),
    vary(
        "order of codings",
        "Accept-Encoding",
        ["Accept-Encoding: gzip, br"],
        ["Accept-Encoding: br, gzip"],
        isSame: true
    ),
    vary(
        "other codings",
        "Accept-Encoding",
        ["Accept-Encoding: gzip"],
        ["Accept-Encoding: br"],
        isSame: false
    ),
    vary("a cookie", "Cookie", ["Cookie: a=1"], ["Cookie: a=2"], isSame: false),
    vary("the user agent", "User-Agent", ["User-Agent: a"], ["User-Agent: b"], isSame: false),
    vary("the origin", "Origin", ["Origin: http://a"], [], isSame: false),
    CacheRuleCase(
        "§4.1 several lines of Vary",
        "200 OK",
        "Cache-Control: max-age=60",
        "Vary: Foo",
        "Vary: Bar",
        by: ["Foo: 1", "Bar: 1"],
        then: ["Foo: 1", "Bar: 2"],
        is: .whole
    ),
    CacheRuleCase(
        "§4.1 * in the second line",
        "200 OK",
        "Cache-Control: max-age=60",
        "Vary: Foo",
        "Vary: *",
        is: .whole
    ),
    CacheRuleCase(
        "§4.1 * behind an empty line",
        "200 OK",
        "Cache-Control: max-age=60",
        "Vary:",
        "Vary: *",
        is: .whole
    ),
]

private let chosen = ["200 OK", "Cache-Control: max-age=60", "Vary: Foo"]

private let choosing: [CacheRuleCase] = [
    CacheRuleCase(
        "§4.1 two variants beside each other",
        .fetched("Foo: 1", answer: chosen),
        .fetched("Foo: 2", answer: chosen),
        .stored("Foo: 1", brings: "content 0"),
        .stored("Foo: 2", brings: "content 1"),
        .fetched(answer: chosen),
        .stored(brings: "content 4"),
        .stored("Foo: 1", brings: "content 0")
    ),
    CacheRuleCase(
        "§4.1 the newest of those that fit",
        .fetched("Foo: 1", answer: chosen),
        .fetched("Foo: 1", "Cache-Control: no-cache", answer: chosen),
        .stored("Foo: 1", brings: "content 1")
    ),
    CacheRuleCase(
        "§4.1 one that omits Vary does not hide those that have it",
        .fetched("Foo: 1", answer: chosen),
        .fetched("Foo: 2", answer: ["200 OK", "Cache-Control: max-age=60"]),
        .stored("Foo: 1", brings: "content 0"),
        .stored("Foo: 2", brings: "content 1"),
        .stored("Foo: 3", brings: "content 1")
    ),
    CacheRuleCase(
        "§4.3.1 a variant is validated by its own tag",
        .fetched(
            "Foo: 1",
            answer: [
                "200 OK", "Cache-Control: max-age=5", "Vary: Foo",
                "ETag: \"1\"",
            ]
        ),
        .fetched(
            "Foo: 2",
            answer: [
                "200 OK", "Cache-Control: max-age=5", "Vary: Foo",
                "ETag: \"2\"",
            ]
        ),
        .fetched(
            "Foo: 1",
            wait: 6,
            answer: ["304 X", "ETag: \"1\""],
            reaching: .asking(["If-None-Match: \"1\"", "Foo: 1"]),
            brings: "content 0"
        )
    ),
]

@Suite("RFC 9111 §4.1 Vary, exchange by exchange")
struct VaryRuleTests {
    @Test("whether a second request is answered by the first one's response", arguments: rows)
    func fits(_ row: CacheRuleCase) throws { try row.play() }

    @Test("which of several responses answers", arguments: choosing)
    func choice(_ row: CacheRuleCase) throws { try row.play() }
}
