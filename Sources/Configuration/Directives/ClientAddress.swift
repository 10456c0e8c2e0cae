import Addressing

extension Directive {
    static let trustedProxies = Directive(
        name: "trusted_proxies",
        contexts: [.top, .site],
        arguments: [
            Argument(
                "NETWORK",
                .either(["unix"], .network),
                .oneOrMore,
                "a network in CIDR notation, an address, or `unix` for peers on a unix socket"
            )
        ],
        fallback: "nobody's word is believed",
        summary: "The proxies in front of the gateway whose word is believed.",
        help: """
            Their X-Forwarded-For (or what `client_address` names) is read from right to left, \
            over trusted hops only; their X-Request-ID is kept. What anyone else sends of these \
            fields is removed before a request is forwarded.
            """,
        example: .top("trusted_proxies 10.0.0.0/8 fd00::/8"),
        effect: .set { call, block in
            var draft = TrustDraft()
            for argument in call.arguments {
                guard case .network(let network) = argument.value else {
                    if draft.unix { call.error(argument.mark, "'unix' stands twice") }
                    draft.unix = true
                    continue
                }
                if draft.networks.contains(network) {
                    call.error(argument.mark, "the network \(network) stands twice")
                    continue
                }
                draft.networks.append(network)
                if network.prefixLength == 0 {
                    call.warning(
                        argument.mark,
                        "\(network) trusts everyone: any client can claim any address",
                        hint: "name the networks of your own proxies"
                    )
                }
            }
            block.trusted = Placed(value: draft, mark: call.mark)
        }
    )

    static let clientAddress = Directive(
        name: "client_address",
        contexts: [.top, .site],
        arguments: [
            Argument(
                "SOURCE",
                .keyword(ClientAddressPolicy.Source.allCases.map(\.rawValue)),
                "what the client's address is taken from"
            )
        ],
        fallback: "`x-forwarded-for`; `proxy_protocol` where every `listen` of a site has it",
        summary: "Where the client's address comes from.",
        help: """
            `x-forwarded-for` and `forwarded` (RFC 7239) are believed only as far as they were \
            written by `trusted_proxies`. `proxy_protocol` takes the preamble of the connection. \
            `peer` takes whoever is connected.
            """,
        example: .top(
            """
            trusted_proxies 10.0.0.0/8
            client_address forwarded
            """
        ),
        effect: .set { call, block in
            guard let word = call.argument(0)?.keyword,
                let source = ClientAddressPolicy.Source(rawValue: word)
            else { return }
            block.clientAddress = Placed(value: source, mark: call.mark)
        }
    )

    static let forwarded = Directive(
        name: "forwarded",
        contexts: [.top, .site],
        arguments: [Argument("on|off", .keyword(["on", "off"]), "whether it is sent")],
        fallback: "`off`",
        summary: "Sends a Forwarded field upstream.",
        help: """
            The standard form (RFC 7239) of what X-Forwarded-For, -Proto and -Host say; those are \
            sent in any case.
            """,
        example: .top("forwarded on"),
        effect: .set { call, block in
            guard let word = call.argument(0)?.keyword else { return }
            block.forwarded = Placed(value: word == "on", mark: call.mark)
        }
    )
}
