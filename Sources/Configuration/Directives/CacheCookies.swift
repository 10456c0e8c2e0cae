extension Directive {
    static let cacheCookies = Directive(
        name: "cache_cookies",
        contexts: [.route],
        arguments: [
            Argument("on|off", .keyword(["on", "off"]), "whether Set-Cookie is stored")
        ],
        fallback: "`off`: a response that sets a cookie is not stored",
        summary: "Stores responses that set cookies, and the cookies with them.",
        help: "Every client gets the cookie that the first one was given: never for sessions.",
        example: .route(
            """
            cache ttl=60s
            cache_cookies on
            proxy 127.0.0.1:5000
            """
        ),
        effect: .set { call, block in
            let isOn = call.argument(0)?.keyword == "on"
            block.cacheCookies = Placed(value: isOn, mark: call.mark)
        }
    )
}
