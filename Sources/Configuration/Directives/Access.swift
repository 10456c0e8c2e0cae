import Addressing

extension Directive {
    static let allow = Directive(
        name: "allow",
        contexts: [.site, .route],
        repetition: .many,
        arguments: [
            Argument(
                "NETWORK",
                .either(["all", "unix"], .network),
                .oneOrMore,
                "a network in CIDR notation, an address, `unix` for clients on a unix socket that "
                    + "have no address, or `all`"
            )
        ],
        summary: "Serves clients by their address.",
        help: """
            The most specific network that holds the client's address decides, whatever the order \
            of `allow` and `deny`. With any `allow`, whoever is in no network is denied, with 403. \
            The rules of a route replace those of its site.
            """,
        example: .route(
            """
            allow 10.0.0.0/8
            deny 10.6.6.0/24
            proxy app
            """
        ),
        effect: .set { call, block in access(call, block, isAllowed: true) }
    )

    static let deny = Directive(
        name: "deny",
        contexts: [.site, .route],
        repetition: .many,
        arguments: [
            Argument(
                "NETWORK",
                .either(["all", "unix"], .network),
                .oneOrMore,
                "as in `allow`"
            )
        ],
        summary: "Refuses clients by their address.",
        help: """
            With 403. See `allow`.
            """,
        example: .route(
            """
            deny 203.0.113.0/24 2001:db8::/32
            proxy app
            """
        ),
        effect: .set { call, block in access(call, block, isAllowed: false) }
    )
}

private func access(_ call: Call, _ block: Block, isAllowed: Bool) {
    for argument in call.arguments {
        let subject: AccessDraft.Subject
        switch argument.value {
        case .network(let network): subject = .network(network)
        case .keyword("unix"): subject = .unix
        default: subject = .all
        }
        if let first = block.access.first(where: { $0.value.subject == subject }) {
            call.error(
                argument.mark,
                first.value.isAllowed == isAllowed
                    ? "'\(argument.text)' stands twice"
                    : "'\(argument.text)' is both allowed and denied",
                notes: [(first.mark, "it stands here first")]
            )
            continue
        }
        let draft = AccessDraft(subject: subject, isAllowed: isAllowed)
        block.access.append(Placed(value: draft, mark: argument.mark))
    }
}
