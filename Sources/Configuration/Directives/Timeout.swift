extension Directive {
    static let timeout = Directive(
        name: "timeout",
        contexts: [.top, .site, .route, .upstream],
        options: [
            wait("header", Defaults.headerTimeout, [.top], "for a whole request head"),
            wait("handshake", Defaults.handshakeTimeout, [.top], "for a whole TLS handshake"),
            wait(
                "body",
                Defaults.bodyTimeout,
                [.top, .site, .route],
                "between two pieces of a request's content"
            ),
            wait(
                "idle",
                Defaults.idleTimeout,
                [.top, .site],
                "for the next request of a connection"
            ),
            wait(
                "send",
                Defaults.sendTimeout,
                [.top, .site, .route, .upstream],
                "for the client, and in an upstream for the server, to take the next piece"
            ),
            wait(
                "connect",
                Defaults.connectTimeout,
                [.top, .site, .route, .upstream],
                "for a connection to a server"
            ),
            wait(
                "response",
                Defaults.responseTimeout,
                [.top, .site, .route, .upstream],
                "for the next piece of a server's response, its head included"
            ),
            wait(
                "tunnel",
                Defaults.tunnelTimeout,
                [.top, .site, .route, .upstream],
                "without a byte either way on an upgraded connection, such as a WebSocket"
            ),
            wait(
                "drain",
                Defaults.drainTimeout,
                [.top],
                "for requests in flight when the gateway stops"
            ),
        ],
        summary: "How long each wait may take.",
        help: """
            Each wait is replaced on its own: a route's counts before its upstream's, the \
            upstream's before the site's, and that before the one at the top. `header` stands at \
            the top only, because the site is not known until the head was read.
            """,
        example: .top("timeout header=5s response=2m drain=1m"),
        effect: .set { call, block in
            if call.options.isEmpty {
                call.error(nil, "expected an option", hint: "write \(call.directive.usageLine)")
            }
            for (name, parsed) in call.options {
                guard let duration = parsed.duration else { continue }
                block.timeouts[name] = Placed(value: duration, mark: parsed.mark)
            }
        }
    )

    private static func wait(
        _ name: String,
        _ fallback: Int64,
        _ contexts: [Context],
        _ summary: String
    ) -> Option {
        Option(
            name,
            .duration(Bounds.duration),
            default: Literals.text(duration: fallback),
            in: contexts,
            summary
        )
    }
}
