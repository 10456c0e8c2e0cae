import Addressing

extension Directive {
    static let metrics = Directive(
        name: "metrics",
        contexts: [.top],
        arguments: [
            Argument("ADDRESS", .either(["off"], .listenAddress), "an address, or `off`")
        ],
        options: [
            Option(
                "control_token",
                .text,
                "what `Authorization: Bearer` must say for `/limits/`, by which `gateway limits` "
                    + "looks into the counters of rate limits and resets them; without it, nobody "
                    + "can"
            )
        ],
        fallback: "`off`",
        summary: "Where metrics and health of the gateway are served.",
        help: """
            Prometheus text at `/metrics`, and `/livez` and `/readyz`, on a listener of its own. \
            Anyone who reaches it can read it. `/limits/`, which shows addresses of clients and \
            resets counters, answers only who has the `control_token`; keep that out of the file: \
            `control_token=${CONTROL_TOKEN}`.
            """,
        example: .top("metrics 127.0.0.1:9900"),
        effect: .set { call, block in
            guard let argument = call.argument(0) else { return }
            guard case .listenAddress(let address) = argument.value else {
                block.metrics = Placed(value: nil, mark: argument.mark)
                if let token = call.options["control_token"] {
                    call.error(token.mark, "'control_token=' has no effect beside 'off'")
                }
                return
            }
            if let token = call.options["control_token"] {
                if token.text.utf8.count < 16 {
                    call.error(
                        token.mark,
                        "control_token: 16 characters at least: who guesses it can reset limits"
                    )
                }
                block.controlToken = Array(token.text.utf8)
            }
            if let ip = address.ipAddress, ip.isUnspecified || !ip.isPrivateOrLocal {
                call.warning(
                    argument.mark,
                    "\(address) may be reached from outside: anyone can read it",
                    hint: "listen on 127.0.0.1 or on a private address"
                )
            }
            block.metrics = Placed(value: address, mark: argument.mark)
        }
    )
}
