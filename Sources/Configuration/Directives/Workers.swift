extension Directive {
    static let workers = Directive(
        name: "workers",
        contexts: [.top],
        arguments: [
            Argument(
                "COUNT",
                .either(["auto"], .count(1...1024)),
                "a number, or `auto` for one on each core that the process may use"
            )
        ],
        fallback: "`auto`",
        summary: "How many event loops there are.",
        help: "Each has a thread of its own.",
        example: .top("workers 2"),
        effect: .set { call, block in
            block.workers = call.argument(0)?.number.map { .count($0) } ?? .automatic
        }
    )
}
