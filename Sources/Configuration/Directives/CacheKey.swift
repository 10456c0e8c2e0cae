extension Directive {
    /// Parameters that only tell where a visitor came from.
    static let trackingParameters = [
        "utm_*", "fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "msclkid", "mc_cid",
        "mc_eid", "igshid", "twclid", "ttclid", "yclid", "_hsenc", "_hsmi", "_openstat",
    ]

    static let cacheKey = Directive(
        name: "cache_key",
        contexts: [.site, .route],
        options: [
            Option("sorted", .flag, "the order of the query's parameters does not count"),
            Option(
                "tracking",
                .keyword(["keep", "drop"]),
                default: "keep",
                "`drop`: what only tells where a visitor came from, as `utm_*`, does not count"
            ),
            Option("drop", .text, "parameters that do not count; a name may end in `*`"),
            Option("only", .text, "the only parameters that count"),
        ],
        fallback: "the query counts as it stands",
        summary: "Which parts of the query stored responses are found by.",
        help: """
            The application is still sent the whole query, so what does not count must not change \
            what it answers: else one visitor chooses what the next one gets.
            """,
        example: .route(
            """
            cache ttl=60s
            cache_key sorted tracking=drop drop=session_hint
            proxy 127.0.0.1:5000
            """
        ),
        effect: .set { call, block in
            if call.options.isEmpty { call.error(nil, "expected an option") }
            var dropped = call.options["drop"].map { CacheDraft.list($0.text) } ?? []
            if call.keyword("tracking") == "drop" { dropped += trackingParameters }
            var query = CacheRule.Query.all
            if let only = call.options["only"] {
                if !dropped.isEmpty {
                    call.error(only.mark, "'only=' says all: 'drop=' and 'tracking=' do nothing")
                }
                query = .only(CacheDraft.list(only.text).map { Array($0.utf8) })
            } else if !dropped.isEmpty {
                query = .without(dropped.map { Array($0.utf8) })
            }
            let draft = CacheKeyDraft(query: query, isSorted: call.has("sorted"))
            block.cacheKey = Placed(value: draft, mark: call.mark)
        }
    )
}

/// What `cache_key` says.
struct CacheKeyDraft: Sendable {
    let query: CacheRule.Query
    let isSorted: Bool
}
