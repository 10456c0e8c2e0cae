import Addressing
import HTTP

extension Directive {
    static let redis = Directive(
        name: "redis",
        contexts: [.top],
        arguments: [
            Argument(
                "URL",
                .text,
                .oneOrMore,
                "`redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, or `rediss://` for TLS; of "
                    + "several, the first that takes writes is used"
            )
        ],
        options: redisOptions,
        summary: "Shares the rate limits, and what is stored, with other gateways.",
        help: """
            Every `rate_limit` is then counted in Redis, by one atomic script for each request, \
            sent over one connection for each event loop. No request waits longer than `timeout=`: \
            after that, Redis counts as gone until it answers again, and requests are decided as \
            `on_failure=` says without waiting. Gateways share what has the same name, place and \
            numbers. `concurrency_limit` and `bandwidth_limit` stay each gateway's own.

            With `sync=lease` a loop fetches a twentieth of a limit at a time, so that most \
            requests cost no round trip; more than the limit can pass, by at most a twentieth of \
            it for each event loop of each gateway.

            The servers may be masters and replicas, of which the one is found that takes \
            writes, or the nodes of a Redis Cluster, or, with `sentinel=`, sentinels, which are \
            asked where the master is whenever a connection is made. With `rediss://` the \
            certificate must be valid by the system's authorities, or those of `ca=`, for the \
            host in the URL, or for `server_name=`; a server that a cluster or a sentinel tells \
            of by its address must have that in its certificate unless `server_name=` is given. \
            In user and password `%XX` stands for a byte. What is stored is shared where \
            `cache_shared` says so.
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
            guard let policy = redisPolicy(call) else { return }
            if policy.failing != .local, let gateways = call.options["gateways"] {
                call.error(gateways.mark, "'gateways=' has no effect without on_failure=local")
            }
            block.redis = Placed(value: policy, mark: call.mark)
        }
    )

    private static let redisOptions: [Option] = [
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
        Option(
            "sentinel",
            .text,
            "the name of a master: the URLs are those of sentinels (port 26379), which know it"
        ),
        Option("sentinel_password", .text, "the password of the sentinels themselves"),
        Option("ca", .text, "PEM file: authorities to believe, not the system's"),
        Option("server_name", .text, "the name in the servers' certificates"),
        Option("certificate", .text, "PEM file: the chain to show to servers"),
        Option("key", .text, "PEM file: the private key of `certificate`"),
        Option(
            "verify",
            .keyword(["on", "off"]),
            default: "on",
            "whether the servers' certificates are verified"
        ),
    ]
}

/// What a `redis` says; nil once an error has been reported.
private func redisPolicy(_ call: Call) -> RedisPolicy? {
    var first: RedisURL?
    var servers: [Endpoint] = []
    for argument in call.arguments {
        do throws(ValueError) {
            let port: UInt16 = call.has("sentinel") ? 26379 : 6379
            let url = try RedisURL(argument.text, defaultPort: port)
            if let first, first.login != url.login {
                call.error(argument.mark, "user, password and database are those of all URLs")
                return nil
            }
            if let first, first.isSecure != url.isSecure {
                call.error(argument.mark, "all URLs are redis://, or all are rediss://")
                return nil
            }
            first = first ?? url
            servers.append(url.server)
        } catch {
            call.error(argument.mark, error.message, hint: error.hint)
            return nil
        }
    }
    guard let first else { return nil }
    if let password = call.options["sentinel_password"], !call.has("sentinel") {
        call.error(password.mark, "'sentinel_password=' has no effect without 'sentinel='")
    }
    if let sentinel = call.options["sentinel"], sentinel.text.isEmpty {
        call.error(sentinel.mark, "'sentinel=' needs the name of a master")
    }
    return RedisPolicy(
        servers: servers,
        sentinel: call.options["sentinel"].map {
            .init(master: $0.text, password: call.options["sentinel_password"]?.text ?? "")
        },
        tls: redisTLS(call, isSecure: first.isSecure),
        user: first.login.user,
        password: first.login.password,
        database: first.login.database,
        timeout: call.duration("timeout") ?? 50 * Literals.millisecond,
        sync: call.keyword("sync").flatMap { RedisPolicy.Sync(rawValue: $0) } ?? .exact,
        failing: call.keyword("on_failure").flatMap { RedisPolicy.Failing(rawValue: $0) } ?? .local,
        gateways: call.number("gateways") ?? 2,
        prefix: call.options["prefix"]?.text ?? "{gateway}:"
    )
}

/// How connections are encrypted; reports options that mean nothing.
private func redisTLS(_ call: Call, isSecure: Bool) -> UpstreamTLS? {
    guard isSecure else {
        for name in ["ca", "server_name", "certificate", "key", "verify"] {
            guard let option = call.options[name] else { continue }
            call.error(
                option.mark,
                "'\(name)=' has no effect without TLS",
                hint: "write rediss:// in the URL"
            )
        }
        return nil
    }
    return clientTLS(call, name: "server_name")
}

/// A URL such as `redis://user:password@10.0.0.7:6379/2`.
private struct RedisURL {
    struct Login: Equatable {
        var user = ""
        var password = ""
        var database = 0
    }
    let server: Endpoint
    let isSecure: Bool
    var login = Login()

    init(_ text: String, defaultPort: UInt16) throws(ValueError) {
        for scheme in ["sentinel://", "redis-sentinel://", "redis+sentinel://"]
        where text.hasPrefix(scheme) {
            throw ValueError(
                "'\(scheme)' is no scheme of a URL here",
                hint: "write redis://HOST:26379 and the option sentinel=NAME"
            )
        }
        isSecure = text.hasPrefix("rediss://")
        guard isSecure || text.hasPrefix("redis://") else {
            throw ValueError("expected a URL such as redis://10.0.0.7:6379, found '\(text)'")
        }
        var rest = text.dropFirst(isSecure ? "rediss://".count : "redis://".count)
        if let at = rest.lastIndex(of: "@") {
            let parts = rest[..<at].split(
                separator: ":",
                maxSplits: 1,
                omittingEmptySubsequences: false
            )
            login.user = parts.count == 2 ? try RedisURL.decoded(parts[0]) : ""
            login.password = try RedisURL.decoded(parts.last ?? "")
            rest = rest[rest.index(after: at)...]
        }
        if rest.contains("?") {
            throw ValueError(
                "a URL of Redis has no '?' here",
                hint: "write what it says as options of the directive"
            )
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
            server = try Endpoint(String(rest), defaultPort: defaultPort)
        } catch { throw ValueError("\(error)") }
    }

    /// A part of the URL, whose bytes may stand as `%XX`.
    private static func decoded(_ text: Substring) throws(ValueError) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(Characters.hexadecimalValue),
                let low = rest.popFirst().flatMap(Characters.hexadecimalValue)
            else {
                throw ValueError("a '%' without two digits", hint: "write %25 for a '%' itself")
            }
            bytes.append(high << 4 | low)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
