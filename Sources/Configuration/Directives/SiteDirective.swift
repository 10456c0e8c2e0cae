extension Directive {
    static let site = Directive(
        name: "site",
        contexts: [.top],
        repetition: .many,
        arguments: [
            Argument(
                "HOST",
                .host,
                .oneOrMore,
                "a host name, `*.example.com` for every name below one, an address, or `*`"
            )
        ],
        block: .site,
        summary: "The hosts of a web site, and what happens to their requests.",
        help: """
            The most specific host wins, whatever the order in the file: a whole name, else the \
            longest `*.` name, else `*`. `*.example.com` takes names at any depth below \
            `example.com`, but not `example.com` itself. The same host may stand in several sites \
            that listen on different addresses.

            A name beyond ASCII is written in its A-label form (`xn--…`), as clients send it. The \
            first host names the site in metrics and logs.

            Settings in a site are defaults for its routes. An action in it (`proxy`, `respond` or \
            `redirect`) answers on every path that no route takes, and in every route that has \
            none of its own.
            """,
        example: .top(
            """
            site shop.example.com *.shop.example.com {
                listen :80
                proxy 127.0.0.1:5000
            }
            """
        ),
        effect: .open { call, block in
            let site = Block(.site, mark: call.mark)
            for argument in call.arguments {
                guard case .host(let host) = argument.value else { continue }
                if let first = site.hosts.first(where: { $0.value == host }) {
                    call.error(
                        argument.mark,
                        "the host '\(host)' stands twice",
                        notes: [(first.mark, "it stands here first")]
                    )
                    continue
                }
                site.hosts.append(Placed(value: host, mark: argument.mark))
            }
            block.sites.append(site)
            return site
        }
    )
}
