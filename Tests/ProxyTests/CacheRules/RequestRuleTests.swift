import Testing

/// Stored for ten seconds, and what becomes of a request some seconds later.
private func request(
    _ fields: String...,
    age: Double = 5,
    _ directives: String = "max-age=10",
    is reaching: Reaching
) -> CacheRuleCase {
    CacheRuleCase(
        "\(fields.joined(separator: ", ")) at \(age) of \(directives)",
        "200 OK",
        "Cache-Control: \(directives)",
        then: fields,
        after: age,
        is: reaching
    )
}

private let rows: [CacheRuleCase] = [
    // §5.2.1.1
    request("Cache-Control: max-age=5", is: .not), request("Cache-Control: max-age=4", is: .whole),
    request("Cache-Control: max-age=0", age: 0, is: .whole),
    request("Cache-Control: max-age=\"9\"", is: .not),
    request("Cache-Control: max-age=x", age: 0, is: .whole),
    request("Cache-Control: MAX-AGE=0", age: 0, is: .whole),
    request("Cache-Control: max-age=99999999999999999999", is: .not),
    request("Cache-Control: max-age=60", age: 11, is: .whole),
    // §5.2.1.2
    request("Cache-Control: max-stale", age: 500, is: .not),
    request("Cache-Control: max-stale=5", age: 15, is: .not),
    request("Cache-Control: max-stale=5", age: 16, is: .whole),
    request("Cache-Control: max-stale=x", age: 11, is: .whole),
    request("Cache-Control: max-stale=0, max-stale=99", age: 12, is: .whole),
    request("Cache-Control: max-stale=99", age: 12, "max-age=10, must-revalidate", is: .whole),
    request("Cache-Control: max-stale=99", age: 12, "max-age=10, proxy-revalidate", is: .whole),
    request("Cache-Control: max-stale=99", age: 12, "s-maxage=10", is: .whole),
    request("Cache-Control: max-stale=99", age: 0, "max-age=10, no-cache", is: .whole),
    request("Cache-Control: max-stale=99, max-age=11", age: 12, is: .whole),
    // §5.2.1.3
    request("Cache-Control: min-fresh=5", is: .not),
    request("Cache-Control: min-fresh=6", is: .whole),
    request("Cache-Control: min-fresh=1, max-stale=99", age: 12, is: .whole),
    // §5.2.1.4
    request("Cache-Control: no-cache", age: 0, is: .whole),
    request("Cache-Control: No-Cache", age: 0, is: .whole),
    request("Cache-Control: no-cache=\"x\"", age: 0, is: .whole),
    request("Cache-Control: x=\"no-cache\"", is: .not),
    request("Cache-Control: x, no-cache", age: 0, is: .whole),
    request("Cache-Control: x", "Cache-Control: no-cache", age: 0, is: .whole),
    // §5.2.1.6 and what is not known
    request("Cache-Control: no-transform", is: .not), request("Cache-Control: unknown=1", is: .not),
    request("Cache-Control:", is: .not), request("Cache-Control: ,", is: .not),
    // §5.2.1.7
    request("Cache-Control: only-if-cached", is: .not),
    request("Cache-Control: only-if-cached, max-stale", age: 12, is: .not),
    // §5.4
    request("Pragma: no-cache", age: 0, is: .whole),
    request("Pragma: NO-CACHE", age: 0, is: .whole),
    request("Pragma: x, no-cache", age: 0, is: .whole), request("Pragma: x", is: .not),
    request("Pragma: no-cache=x", is: .not),
    request("Pragma: no-cache", "Cache-Control: max-age=99", is: .not),
    request("Pragma: no-cache", "Cache-Control: x", is: .not),
]

private let unreached: [CacheRuleCase] = [
    CacheRuleCase(
        "§5.2.1.7 nothing is stored",
        .stored("Cache-Control: only-if-cached", gets: ["HTTP/1.1 504 Gateway Timeout"])
    ),
    CacheRuleCase(
        "§5.2.1.7 what is stored is stale",
        .fetched(answer: ["200 OK", "Cache-Control: max-age=5", "ETag: \"a\""]),
        .stored(
            "Cache-Control: only-if-cached",
            wait: 6,
            gets: ["HTTP/1.1 504 Gateway Timeout"]
        )
    ),
    CacheRuleCase(
        "§5.2.1.7 the request wants it validated",
        .fetched(answer: ["200 OK", "Cache-Control: max-age=5"]),
        .stored(
            "Cache-Control: only-if-cached, no-cache",
            gets: ["HTTP/1.1 504 Gateway Timeout"]
        )
    ),
    CacheRuleCase(
        "§5.2.1.4 what the server says then takes the old one's place",
        .fetched(answer: ["200 OK", "Cache-Control: max-age=50"]),
        .fetched("Cache-Control: no-cache", answer: ["200 OK", "Cache-Control: max-age=50"]),
        .stored(brings: "content 1")
    ),
    CacheRuleCase(
        "§5.2.1.4 also if that must not be stored",
        .fetched(answer: ["200 OK", "Cache-Control: max-age=50"]),
        .fetched("Cache-Control: no-cache", answer: ["200 OK", "Cache-Control: no-store"]),
        .fetched()
    ),
    CacheRuleCase(
        "§5.2.1.4 also if that is stale at once",
        .fetched(answer: ["200 OK", "Cache-Control: max-age=50"]),
        .fetched("Cache-Control: no-cache", answer: ["200 OK", "Cache-Control: max-age=0"]),
        .fetched()
    ),
]

@Suite("RFC 9111 §5.2.1 and §5.4 what requests ask, exchange by exchange")
struct RequestRuleTests {
    @Test("whether what is stored answers", arguments: rows)
    func request(_ row: CacheRuleCase) throws { try row.play() }

    @Test("what becomes of it otherwise", arguments: unreached)
    func otherwise(_ row: CacheRuleCase) throws { try row.play() }
}
