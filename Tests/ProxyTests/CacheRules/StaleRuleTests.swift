import Testing

/// How the server fails when what is stored has become stale.
private enum Trouble: String, CaseIterable, Sendable {
    case closes
    case error500 = "500 Broken"
    case error502 = "502 Bad"
    case error503 = "503 Busy"
    case error504 = "504 Late"
    case notFound = "404 Not Found"
}

/// What the response said, how long ago it became stale, and by which troubles it answers anyway.
private struct Row: CustomTestStringConvertible, Sendable {
    let directives: String
    let staleFor: Double
    let answers: Set<Trouble>
    var request: [String] = []
    var options = ""
    var testDescription: String { "\(directives), stale for \(staleFor), \(request), \(options)" }
}

private let errors: Set<Trouble> = [.closes, .error500, .error502, .error503, .error504]

private let rows: [Row] = [
    // RFC 9111 §4.2.4: who cannot reach the server may, if nothing forbids it.
    Row(directives: "max-age=5", staleFor: 1, answers: [.closes]),
    Row(directives: "max-age=5, must-revalidate", staleFor: 1, answers: []),
    Row(directives: "max-age=5, proxy-revalidate", staleFor: 1, answers: []),
    Row(directives: "s-maxage=5", staleFor: 1, answers: []),
    Row(directives: "max-age=5, no-cache", staleFor: 1, answers: []),
    Row(directives: "max-age=5", staleFor: 1, answers: [], request: ["Cache-Control: no-cache"]),
    Row(directives: "max-age=5", staleFor: 1, answers: [], request: ["Cache-Control: max-age=1"]),
    Row(directives: "max-age=5", staleFor: 1, answers: [], request: ["Cache-Control: min-fresh=1"]),
    // RFC 5861 §4.
    Row(directives: "max-age=5, stale-if-error=10", staleFor: 9, answers: errors),
    Row(directives: "max-age=5, stale-if-error=10", staleFor: 11, answers: [.closes]),
    Row(directives: "max-age=5, stale-if-error=\"10\"", staleFor: 9, answers: errors),
    Row(directives: "max-age=5, stale-if-error=x", staleFor: 1, answers: [.closes]),
    Row(directives: "max-age=5, stale-if-error=10, must-revalidate", staleFor: 1, answers: []),
    Row(directives: "max-age=5, stale-if-error=10, proxy-revalidate", staleFor: 1, answers: []),
    Row(directives: "s-maxage=5, stale-if-error=10", staleFor: 1, answers: []),
    Row(directives: "max-age=5, stale-if-error=10, no-cache", staleFor: 1, answers: []),
    Row(
        directives: "max-age=5",
        staleFor: 9,
        answers: errors,
        request: ["Cache-Control: stale-if-error=10"]
    ),
    Row(
        directives: "max-age=5, must-revalidate",
        staleFor: 9,
        answers: [],
        request: ["Cache-Control: stale-if-error=10"]
    ),
    Row(directives: "max-age=5", staleFor: 9, answers: errors, options: "stale_if_error=10s"),
    Row(
        directives: "max-age=5, stale-if-error=0",
        staleFor: 9,
        answers: [.closes],
        options: "stale_if_error=10s"
    ),
]

private let meanwhile: [CacheRuleCase] = [
    CacheRuleCase(
        "RFC 5861 §3 it answers while it is fetched anew",
        .fetched(answer: ["200 OK", "Cache-Control: max-age=5, stale-while-revalidate=10"]),
        {
            var step = Step.fetched(
                wait: 14,
                answer: ["200 OK", "Cache-Control: max-age=5"],
                gets: ["Age: 14"],
                brings: "content 0"
            )
            step.settles = true
            return step
        }(),
        .stored(gets: ["Age: *"], brings: "content 1")
    ),
    CacheRuleCase(
        "RFC 5861 §3 past that it does not",
        .fetched(answer: ["200 OK", "Cache-Control: max-age=5, stale-while-revalidate=10"]),
        .fetched(wait: 16)
    ),
    CacheRuleCase(
        "RFC 5861 §3 must-revalidate forbids it",
        .fetched(
            answer: [
                "200 OK", "Cache-Control: max-age=5, stale-while-revalidate=10, must-revalidate",
            ]
        ),
        .fetched(wait: 6)
    ),
    CacheRuleCase(
        "RFC 5861 §3 no-cache forbids it",
        .fetched(
            answer: ["200 OK", "Cache-Control: no-cache, stale-while-revalidate=10", "ETag: \"a\""]
        ),
        .fetched(wait: 1, reaching: .asking(["If-None-Match: \"a\""]))
    ),
    CacheRuleCase(
        "RFC 5861 §3 a number that is none",
        .fetched(answer: ["200 OK", "Cache-Control: max-age=5, stale-while-revalidate=x"]),
        .fetched(wait: 6)
    ),
    CacheRuleCase(
        "RFC 8246 §2 immutable makes nothing last longer",
        .fetched(answer: ["200 OK", "Cache-Control: max-age=5, immutable", "ETag: \"a\""]),
        .stored(wait: 4, brings: "content 0"),
        .fetched(wait: 2, reaching: .asking(["If-None-Match: \"a\""]))
    ),
]

@Suite("RFC 9111 §4.2.4, RFC 5861 and RFC 8246: stale responses, exchange by exchange")
struct StaleRuleTests {
    @Test("by what the response said and how the server fails", arguments: rows)
    private func stale(_ row: Row) throws {
        for trouble in Trouble.allCases {
            var failing = Step()
            failing.fields = row.request
            failing.wait = 5 + row.staleFor
            failing.reaching = .asking([])
            failing.breaks = trouble == .closes
            failing.answer = [trouble == .closes ? "200 OK" : trouble.rawValue]
            let answers = row.answers.contains(trouble)
            if answers {
                failing.brings = "content 0"
                failing.gets = ["HTTP/1.1 200 OK", "Cache-Status: *"]
            } else {
                failing.gets = [
                    trouble == .closes
                        ? "HTTP/1.1 502 Bad Gateway"
                        : "HTTP/1.1 \(trouble.rawValue)"
                ]
            }
            try CacheRuleCase(
                "\(row.testDescription), \(trouble)",
                .fetched(answer: ["200 OK", "Cache-Control: \(row.directives)", "ETag: \"a\""]),
                failing,
                options: row.options
            ).play()
        }
    }

    @Test("while it is fetched anew", arguments: meanwhile)
    func refreshes(_ row: CacheRuleCase) throws { try row.play() }
}
