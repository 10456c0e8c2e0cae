extension Directive {
    static let profile = Directive(
        name: "profile",
        contexts: [.upstream],
        arguments: [
            Argument("SERVER", .keyword(Profile.allCases.map(\.rawValue)), "what the servers are")
        ],
        fallback: "`generic`",
        summary: "Defaults that fit a kind of application server.",
        help: """
            `gunicorn`: requests are taken in whole before they are forwarded, so that a slow \
            client holds no worker; content gets a Content-Length; idle connections are used for \
            1.5 s, because gunicorn closes them after 2 s. `uwsgi`: the same, without idle \
            connections. `uvicorn`, `node`: idle connections are used for 4 s, because the \
            servers close them after 5 s. `generic`: nothing is known. What the file \
            says itself always wins.
            """,
        example: .upstream(
            """
            server unix:/run/gunicorn.sock
            profile gunicorn
            """
        ),
        effect: .set { call, block in
            guard let word = call.argument(0)?.keyword, let profile = Profile(rawValue: word)
            else { return }
            block.profile = Placed(value: profile, mark: call.mark)
        }
    )
}
