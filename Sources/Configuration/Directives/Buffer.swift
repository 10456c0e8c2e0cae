extension Directive {
    static let buffer = Directive(
        name: "buffer",
        contexts: [.top, .site, .route, .upstream],
        arguments: [
            Argument(
                "on|off",
                .keyword(["on", "off"]),
                "whether a request is taken in whole before it is forwarded"
            )
        ],
        options: [
            Option(
                "memory",
                .size(1024...(1 << 30)),
                default: Literals.text(size: Defaults.bufferMemory),
                "bytes of a request kept in memory; the rest goes to a temporary file"
            ),
            Option(
                "directory",
                .text,
                default: Defaults.bufferDirectory,
                "where that file is made; it has no name there"
            ),
        ],
        fallback: "`off`; `on` for upstreams with `profile gunicorn` or `uwsgi`",
        summary: "Takes requests in whole before they are forwarded.",
        help: """
            So that a slow client never holds a worker of the application. Responses always flow. \
            A route's word counts before its upstream's, the upstream's before the site's, and \
            that before the one at the top.
            """,
        example: .route(
            """
            buffer on memory=256k directory=/var/tmp
            proxy app
            """
        ),
        effect: .set { call, block in
            let isOn = call.argument(0)?.keyword == "on"
            if !isOn, let other = call.options.values.min(by: { $0.mark.offset < $1.mark.offset }) {
                call.error(other.mark, "has no effect beside 'off'")
            }
            if let directory = call.options["directory"], !directory.text.hasPrefix("/") {
                call.error(directory.mark, "directory: expected a path that begins with '/'")
            }
            let draft = BufferDraft(
                isOn: isOn,
                memory: call.number("memory"),
                directory: call.options["directory"]?.text
            )
            block.buffer = Placed(value: draft, mark: call.mark)
        }
    )
}
