extension Directive {
    static let listen = Directive(
        name: "listen",
        contexts: [.top, .site],
        repetition: .many,
        arguments: [
            Argument(
                "ADDRESS",
                .listenAddress,
                .oneOrMore,
                "`:8080` for every address of the machine, `127.0.0.1:8080`, `[::1]:80`, or "
                    + "`unix:/run/gateway.sock`"
            )
        ],
        options: [
            Option(
                "proxy_protocol",
                .flag,
                "every connection begins with a PROXY protocol preamble, version 1 or 2"
            ),
            Option("tls", .flag, "connections are encrypted; needs a `certificate`"),
        ],
        summary: "Addresses to take connections on.",
        help: """
            At the top, for all sites that have no `listen` of their own. Sites on one address are \
            chosen by the request's host.

            With `proxy_protocol` a connection without a preamble is refused, so all sites on one \
            address must agree about it; so they must about `tls`.
            """,
        example: .site(
            """
            listen :8080
            listen 127.0.0.1:8081 proxy_protocol
            proxy app
            """
        ),
        effect: .set { call, block in
            for argument in call.arguments {
                guard case .listenAddress(let address) = argument.value else { continue }
                if let first = block.listens.first(where: { $0.value.address == address }) {
                    call.error(
                        argument.mark,
                        "the address \(address) stands twice",
                        notes: [(first.mark, "it stands here first")]
                    )
                    continue
                }
                let draft = ListenDraft(
                    address: address,
                    proxyProtocol: call.has("proxy_protocol"),
                    isSecure: call.has("tls")
                )
                block.listens.append(Placed(value: draft, mark: argument.mark))
            }
        }
    )
}
