import Addressing

extension Directive {
    static let redis = Directive(
        name: "redis",
        contexts: [.top],
        arguments: [
            Argument(
                "URL",
                .text,
                .oneOrMore,
                "`redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`; of several, the first that "
                    + "takes writes is used"
            )
        ],
        options: [
            Option(
                "timeout",
                .duration(Literals.millisecond...(10 * Literals.second)),
                default: "50ms",
                "how long a request waits for an answer; then Redis counts as gone"
            ),
            Option(
                "sync",
                .keyword(RedisPolicy.Sync.allCases.map(\.rawValue)),
                default: "exact",
                "`exact` asks for every request; `lease` fetches units in batches"
            ),
            Option(
                "on_failure",
                .keyword(RedisPolicy.Failing.allCases.map(\.rawValue)),
                default: "local",
                "while Redis is gone: `local` limits at this gateway's share, `open` limits "
                    + "nothing, `closed` refuses with 503"
            ),
            Option(
                "gateways",
                .count(1...1000),
                default: "2",
                "how many gateways share the limits, for `on_failure=local`"
            ),
            Option(
                "prefix",
                .text,
                default: "{gateway}:",
                "what keys begin with; the part in braces keeps them in one slot of a cluster"
            ),
        ],
        summary: "Shares the rate limits with other gateways.",
        help: """
            Every `rate_limit` is then counted in Redis, by one atomic script for each request, \
            sent over one connection for each event loop. No request waits longer than `timeout=`: \
            after that, Redis counts as gone until it answers again, and requests are decided as \
            `on_failure=` says without waiting. Gateways share what has the same name, place and \
            numbers. `concurrency_limit` and `bandwidth_limit` stay each gateway's own.

            With `sync=lease` a loop fetches a twentieth of a limit at a time, so that most \
            requests cost no round trip; more than the limit can pass, by at most a twentieth of \
            it for each event loop of each gateway.
            """,
        example: .top(
            """
            redis redis://10.0.0.7:6379 redis://10.0.0.8:6379 timeout=20ms gateways=3
            site * {
                listen :80
                rate_limit 100/s
                proxy 127.0.0.1:5000
            }
            """
        ),
        effect: .set { call, block in
            var draft: RedisURL?
            var servers: [Endpoint] = []
            for argument in call.arguments {
                do throws(ValueError) {
                    let url = try RedisURL(argument.text)
                    if let draft, draft.login != url.login {
                        call.error(
                            argument.mark,
                            "user, password and database are those of all URLs"
                        )
                        return
                    }
                    draft = draft ?? url
                    servers.append(url.server)
                } catch {
                    call.error(argument.mark, error.message, hint: error.hint)
                    return
                }
            }
            guard let login = draft?.login else { return }
            let policy = RedisPolicy(
                servers: servers,
                user: login.user,
                password: login.password,
                database: login.database,
                timeout: call.duration("timeout") ?? 50 * Literals.millisecond,
                sync: call.keyword("sync").flatMap { RedisPolicy.Sync(rawValue: $0) } ?? .exact,
                failing: call.keyword("on_failure").flatMap { RedisPolicy.Failing(rawValue: $0) }
                    ?? .local,
                gateways: call.number("gateways") ?? 2,
                prefix: call.options["prefix"]?.text ?? "{gateway}:"
            )
            if policy.failing != .local, let gateways = call.options["gateways"] {
                call.error(gateways.mark, "'gateways=' has no effect without on_failure=local")
            }
            block.redis = Placed(value: policy, mark: call.mark)
        }
    )
}

/// A URL such as `redis://user:password@10.0.0.7:6379/2`.
private struct RedisURL {
    struct Login: Equatable {
        var user = ""
        var password = ""
        var database = 0
    }
    let server: Endpoint
    var login = Login()

    init(_ text: String) throws(ValueError) {
        if text.hasPrefix("rediss://") {
            throw ValueError(
                "rediss:// is not supported",
                hint: "put Redis behind a tunnel, or use redis:// within a trusted network"
            )
        }
        guard text.hasPrefix("redis://") else {
            throw ValueError("expected a URL such as redis://10.0.0.7:6379, found '\(text)'")
        }
        var rest = text.dropFirst("redis://".count)
        if let at = rest.lastIndex(of: "@") {
            let parts = rest[..<at].split(
                separator: ":",
                maxSplits: 1,
                omittingEmptySubsequences: false
            )
            login.user = parts.count == 2 ? String(parts[0]) : ""
            login.password = String(parts.last ?? "")
            rest = rest[rest.index(after: at)...]
        }
        if let slash = rest.lastIndex(of: "/") {
            let number = rest[rest.index(after: slash)...]
            guard let database = number.isEmpty ? 0 : Int(number),
                (0...1_000_000).contains(database)
            else { throw ValueError("'\(number)' is no number of a database") }
            login.database = database
            rest = rest[..<slash]
        }
        do throws(AddressError) {
            server = try Endpoint(String(rest), defaultPort: 6379)
        } catch { throw ValueError("\(error)") }
    }
}
