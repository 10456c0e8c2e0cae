import Limiting

/// What `concurrency_limit` says, before it has a name.
struct ConcurrencyDraft: Sendable {
    let name: Placed<String>?
    let limit: Int
    let key: CountingKey
    let queue: Int
    let wait: Int64
}

extension Directive {
    static let concurrencyLimit = Directive(
        name: "concurrency_limit",
        contexts: [.top, .site, .route],
        repetition: .many,
        arguments: [Argument("NUMBER", .count(1...1_000_000), "requests at once")],
        options: [
            keyOption(default: nil),
            Option(
                "queue",
                .count(1...1_000_000),
                "requests that wait for a place; without it, none do"
            ),
            Option(
                "wait",
                .duration(Bounds.duration),
                default: "2s",
                "how long one waits before it gets 503"
            ),
            Option(
                "missing",
                .keyword(CountingKey.Missing.allCases.map(\.rawValue)),
                default: "client_address",
                "a request without the key is counted by its client's address, refused, or ignored"
            ),
            Option(
                "ipv4_prefix",
                .count(1...32),
                default: "32",
                "bits of an IPv4 address that count"
            ),
            Option(
                "ipv6_prefix",
                .count(1...128),
                default: "64",
                "bits of an IPv6 address that count"
            ),
            Option("name", .text, "in metrics and problem documents; without it, the number"),
        ],
        summary: "How many requests are served at once.",
        help: """
            Without `key=`, all requests of the block are counted together. The next ones wait in \
            a queue, in order, and those that find it full or wait in vain get 503 with \
            `Retry-After`. Several add up, those of the blocks around included. A request keeps \
            its place until the last byte of its response; tunnels keep theirs until they end.
            """,
        example: .route(
            """
            concurrency_limit 4 queue=20 wait=2s
            concurrency_limit 2 key=client_address
            proxy app
            """
        ),
        effect: .set { call, block in
            guard let limit = call.argument(0)?.number, let key = countingKey(call, fallback: []),
                let name = limitName(call)
            else { return }
            if let wait = call.options["wait"], call.options["queue"] == nil {
                call.error(wait.mark, "'wait=' has no effect without 'queue='")
                return
            }
            let draft = ConcurrencyDraft(
                name: name.value,
                limit: limit,
                key: key,
                queue: call.number("queue") ?? 0,
                wait: call.duration("wait") ?? 2 * Literals.second
            )
            block.concurrencyLimits.append(Placed(value: draft, mark: call.mark))
        }
    )
}
