extension Directive {
    static let ratelimitHeaders = Directive(
        name: "ratelimit_headers",
        contexts: [.top, .site, .route],
        arguments: [
            Argument(
                "WHICH",
                .keyword(RateLimitFields.allCases.map(\.rawValue)),
                "`standard`, `legacy` or `off`"
            )
        ],
        fallback: "`standard`",
        summary: "Which fields tell clients how much is left.",
        help: """
            `standard`: `RateLimit-Policy` and `RateLimit`, of draft-ietf-httpapi-ratelimit-headers-10. \
            `legacy`: `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`, as \
            Flask-Limiter sends them. On every response that a limit was asked for; of several \
            limits the one with the least left is told. Refusals have `Retry-After` in any case.
            """,
        example: .site(
            """
            listen :80
            rate_limit 10/s
            ratelimit_headers legacy
            proxy app
            """
        ),
        effect: .set { call, block in
            guard let word = call.argument(0)?.keyword, let fields = RateLimitFields(rawValue: word)
            else { return }
            block.rateLimitFields = Placed(value: fields, mark: call.mark)
        }
    )
}
