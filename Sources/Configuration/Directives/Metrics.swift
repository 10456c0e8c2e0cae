import Addressing

extension Directive {
    static let metrics = Directive(
        name: "metrics",
        contexts: [.top],
        arguments: [
            Argument("ADDRESS", .either(["off"], .listenAddress), "an address, or `off`")
        ],
        fallback: "`off`",
        summary: "Where metrics and health of the gateway are served.",
        help: """
            Prometheus text at `/metrics`, and `/livez` and `/readyz`, on a listener of its own. \
            Anyone who reaches it can read it.
            """,
        example: .top("metrics 127.0.0.1:9900"),
        effect: .set { call, block in
            guard let argument = call.argument(0) else { return }
            guard case .listenAddress(let address) = argument.value else {
                block.metrics = Placed(value: nil, mark: argument.mark)
                return
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
