import Addressing

extension Directive {
    static let cachePurge = Directive(
        name: "cache_purge",
        contexts: [.top],
        options: [
            Option(
                "from",
                .text,
                "networks, with commas between, that may send PURGE to the sites"
            ),
            Option(
                "token",
                .text,
                "what `Authorization: Bearer` must say on the `metrics` listener"
            ),
        ],
        fallback: "nobody can remove what is stored",
        summary: "Who may remove stored responses.",
        help: """
            `PURGE /path` from one of the networks removes that URL with all its variants, and \
            with `Soft-Purge: 1` only makes it stale. On the metrics listener `POST /cache/purge` \
            with `url=`, `prefix=`, `host=`, `tag=` or `all=1`, and `soft=1`, does it for many; \
            `gateway cache` asks there. Keep the token out of the file: `token=${PURGE_TOKEN}`.
            """,
        example: .top(
            """
            metrics 127.0.0.1:9900
            cache_purge from=127.0.0.1/32,10.0.0.0/8 token=0123456789abcdef
            site * {
                listen :8080
                cache
                proxy 127.0.0.1:5000
            }
            """
        ),
        effect: .set { call, block in
            var networks: [Network] = []
            if let option = call.options["from"] {
                for item in CacheDraft.list(option.text) {
                    do throws(AddressError) {
                        networks.append(try Network(item))
                    } catch {
                        call.error(option.mark, "from: \(error)")
                    }
                }
            }
            let token = call.options["token"]
            if call.options.isEmpty { call.error(nil, "expected 'from=' or 'token='") }
            if let token, token.text.utf8.count < 16 {
                call.error(
                    token.mark,
                    "token: 16 characters at least: who guesses it can empty the cache"
                )
            }
            let draft = CachePurge(
                networks: NetworkSet(networks),
                token: token.map { Array($0.text.utf8) }
            )
            block.cachePurge = Placed(value: draft, mark: call.mark)
        }
    )
}
