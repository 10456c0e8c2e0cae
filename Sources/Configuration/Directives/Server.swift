import Addressing

extension Directive {
    static let server = Directive(
        name: "server",
        contexts: [.upstream],
        repetition: .many,
        arguments: [
            Argument(
                "ADDRESS",
                .endpoint,
                "`10.0.0.5:8000`, `[::1]:8000`, `app.internal:8000`, or `unix:/run/app.sock`"
            )
        ],
        options: [
            Option("weight", .count(1...1000), default: "1", "its share of the requests"),
            Option(
                "max_connections",
                .count(1...1_000_000),
                "connections open at once, over all loops; without it, no limit"
            ),
            Option("backup", .flag, "used only when no other server is left"),
            Option("down", .flag, "left out for now"),
            Option("tls", .flag, "connections are encrypted, and the certificate is verified"),
        ],
        summary: "A server of an upstream.",
        help: """
            A host name is resolved again when its answer expires; the last good answer is kept \
            when the resolver fails.
            """,
        example: .upstream(
            """
            server 10.0.0.5:8000 weight=2 max_connections=100
            server app.internal:8000
            server unix:/run/spare.sock backup
            """
        ),
        effect: .set { call, block in
            guard let argument = call.argument(0), case .endpoint(let endpoint) = argument.value
            else { return }
            if let first = block.servers.first(where: { $0.value.endpoint == endpoint }) {
                call.error(
                    argument.mark,
                    "the server \(endpoint) stands twice",
                    hint: "use 'weight=' for a larger share",
                    notes: [(first.mark, "it stands here first")]
                )
                return
            }
            let server = UpstreamServer(
                endpoint: endpoint,
                weight: call.number("weight") ?? 1,
                isBackup: call.has("backup"),
                maximumConnections: call.number("max_connections"),
                isDown: call.has("down"),
                isSecure: call.has("tls")
            )
            block.servers.append(Placed(value: server, mark: argument.mark))
        }
    )
}
