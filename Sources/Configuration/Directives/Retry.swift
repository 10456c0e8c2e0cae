extension Directive {
    static let retry = Directive(
        name: "retry",
        contexts: [.upstream],
        options: [
            Option("off", .flag, "a request is tried once"),
            Option(
                "attempts",
                .count(2...8),
                default: "2",
                "how many times in all a request may be tried"
            ),
        ],
        fallback: "`retry attempts=2`",
        summary: "How often a request may be tried.",
        help: """
            A request is tried again only where that is safe: nothing of a response was seen, and \
            either the server took no byte of it or its method is idempotent.
            """,
        example: .upstream(
            """
            server 10.0.0.5:8000
            retry attempts=3
            """
        ),
        effect: .set { call, block in
            if call.has("off"), let attempts = call.options["attempts"] {
                call.error(attempts.mark, "has no effect beside 'off'")
            }
            if call.options.isEmpty {
                call.error(nil, "expected 'off' or 'attempts='")
            }
            block.attempts = call.has("off") ? 1 : call.number("attempts")
        }
    )
}
