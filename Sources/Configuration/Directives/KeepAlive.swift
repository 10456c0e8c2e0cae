extension Directive {
    static let keepalive = Directive(
        name: "keepalive",
        contexts: [.upstream],
        options: [
            Option("off", .flag, "every request has a connection of its own"),
            Option(
                "connections",
                .count(1...100_000),
                default: "64",
                "idle connections kept, for each event loop and server"
            ),
            Option(
                "idle",
                .duration(Bounds.duration),
                default: "60s",
                "how long one may stay idle and be used again; the profile changes the default"
            ),
            Option(
                "requests",
                .count(Bounds.count),
                "requests over one connection; without it, no limit"
            ),
        ],
        summary: "How idle connections to the servers are kept.",
        help: """
            `idle=` must be shorter than the time after which the servers close an idle connection \
            themselves, or requests meet a connection that is just being closed. `profile` knows \
            it for common servers.
            """,
        example: .upstream(
            """
            server 10.0.0.5:8000
            keepalive connections=16 idle=20s requests=1000
            """
        ),
        effect: .set { call, block in
            let others = ["connections", "idle", "requests"].compactMap { call.options[$0] }
            if call.has("off"), let other = others.first {
                call.error(other.mark, "has no effect beside 'off'")
            }
            if call.options.isEmpty {
                block.isDamaged = true
                call.error(
                    nil,
                    "expected 'off' or an option",
                    hint: "write \(call.directive.usageLine)"
                )
            }
            let idle = call.options["idle"].flatMap { parsed in
                parsed.duration.map { Placed(value: $0, mark: parsed.mark) }
            }
            let draft = KeepAliveDraft(
                isOff: call.has("off"),
                connections: call.number("connections"),
                idle: idle,
                requests: call.number("requests")
            )
            block.keepAlive = Placed(value: draft, mark: call.mark)
        }
    )
}
