extension Directive {
    static let bandwidthLimit = Directive(
        name: "bandwidth_limit",
        contexts: [.top, .site, .route],
        arguments: [
            Argument("RATE", .either(["off"], .byteRate), "bytes in a second: `500k/s`, `1m/s`")
        ],
        options: [
            Option(
                "after",
                .size(Bounds.size),
                "bytes that go out as fast as they can before"
            )
        ],
        fallback: "`off`",
        summary: "How fast one response is sent.",
        help: """
            For each response that an upstream sends, so that a few large downloads leave room \
            for others. What the upstream sends faster waits there: the gateway reads no faster \
            than the client is sent to.
            """,
        example: .route(
            """
            bandwidth_limit 1m/s after=10m
            proxy app
            """
        ),
        effect: .set { call, block in
            guard let argument = call.argument(0) else { return }
            let after = call.options["after"]
            guard let rate = argument.number else {
                if let after { call.error(after.mark, "'after=' has no effect beside 'off'") }
                block.bandwidth = Placed(value: nil, mark: call.mark)
                return
            }
            let limit = BandwidthLimit(rate: rate, after: after?.number ?? 0)
            block.bandwidth = Placed(value: limit, mark: call.mark)
        }
    )
}
