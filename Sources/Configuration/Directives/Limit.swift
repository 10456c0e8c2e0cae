extension Directive {
    static let limit = Directive(
        name: "limit",
        contexts: [.top, .site, .route],
        options: [
            Option(
                "header_size",
                .size(1024...(1 << 20)),
                default: Literals.text(size: Defaults.headerSize),
                in: [.top],
                "bytes of a request head; more gets 431"
            ),
            Option(
                "header_count",
                .count(1...1000),
                default: "\(Defaults.headerCount)",
                in: [.top],
                "fields of a request; more gets 431"
            ),
            Option(
                "target",
                .size(128...(64 << 10)),
                default: Literals.text(size: Defaults.targetSize),
                in: [.top],
                "bytes of a request target; more gets 414"
            ),
            Option(
                "body",
                .either(["off"], .size(0...(1 << 50))),
                default: Literals.text(size: Defaults.bodySize),
                in: [.top, .site, .route],
                "bytes of a request's content; more gets 413"
            ),
            Option(
                "connections",
                .either(["off"], .count(1...10_000_000)),
                default: "\(Defaults.connections)",
                in: [.top],
                "client connections open at once, over all listeners"
            ),
            Option(
                "handshakes",
                .count(1...1_000_000),
                default: "\(Defaults.handshakes)",
                in: [.top],
                "TLS handshakes under way in one event loop; more are refused"
            ),
        ],
        summary: "How large things may be.",
        help: """
            Each limit is replaced on its own. All but `body` stand at the top only, because the \
            site is not known until the head was read.
            """,
        example: .top("limit header_size=16k body=100m connections=50000"),
        effect: .set { call, block in
            if call.options.isEmpty {
                call.error(nil, "expected an option", hint: "write \(call.directive.usageLine)")
            }
            if let header = call.number("header_size"), let target = call.options["target"],
                let size = target.number, size > header
            {
                call.error(target.mark, "'target=' is larger than 'header_size='")
            }
            for (name, parsed) in call.options {
                block.limits[name] = Placed(value: parsed.number, mark: parsed.mark)
            }
            if let body = call.options["body"], body.number == nil {
                call.warning(
                    body.mark,
                    "'body=off' lets any client send without end",
                    hint: "set a limit in the routes that take large content"
                )
            }
        }
    )
}
