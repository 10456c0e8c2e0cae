extension Directive {
    static let upstream = Directive(
        name: "upstream",
        contexts: [.top],
        repetition: .many,
        arguments: [
            Argument("NAME", .text, "letters, digits, `_`, `-` and `.`; `proxy` uses it")
        ],
        options: [
            Option(
                "concurrency",
                .keyword(["auto"]),
                "`auto` finds how many requests the servers work on at once, and lets the others "
                    + "wait here; without it, no limit but the servers' `max_connections=`"
            )
        ],
        block: .upstream,
        summary: "Servers that do the same work.",
        help: """
            The name stands in `proxy`, in metrics and in logs. An upstream that no `proxy` uses \
            is an error.

            `concurrency=auto` measures how long a request takes alone and at the present level, \
            and stays where more at once would only wait inside the servers. The others wait \
            here for up to `timeout connect=`, and then get 503 with `Retry-After`.
            """,
        example: .top(
            """
            upstream blog {
                server unix:/run/gunicorn.sock
                server 10.0.0.5:8000 weight=2
                balance least_conn
                health_check /healthz every=5s
            }
            site blog.example.com {
                listen :80
                proxy blog
            }
            """
        ),
        effect: .open { call, block in
            let upstream = Block(.upstream, mark: call.mark)
            if let name = call.argument(0) {
                upstream.name = Placed(value: name.text, mark: name.mark)
                let isName = name.text.utf8.allSatisfy { byte in
                    let letter = byte | 0x20
                    return letter >= 0x61 && letter <= 0x7A || byte >= 0x30 && byte <= 0x39
                        || byte == 0x5F || byte == 0x2D || byte == 0x2E
                }
                if !isName || name.text.isEmpty || name.text.utf8.count > 64 {
                    call.error(
                        name.mark,
                        "a name has 1 to 64 letters, digits, '_', '-' and '.'"
                    )
                }
            }
            upstream.adaptsConcurrency = call.options["concurrency"] != nil
            block.upstreams.append(upstream)
            return upstream
        }
    )
}
