import Bytes
import HTTP

extension Directive {
    static let cache = Directive(
        name: "cache",
        contexts: [.site, .route],
        options: cacheOptions,
        fallback: "nothing is cached",
        summary: "Stores responses and answers later requests with them.",
        help: """
            What may be stored, for how long, and when it is validated, is what RFC 9111 makes of \
            the application's Cache-Control, Expires, ETag, Last-Modified and Vary, or of its \
            CDN-Cache-Control or Gateway-Cache-Control (RFC 9213). Times given here hold for \
            responses that say nothing themselves. Requests for the same thing at the same time \
            cost one request to the application. What was asked with Authorization, and what sets \
            a cookie, is not shared. `bypass` lists `cookie:NAME`, `header:NAME` and \
            `query:NAME`; `status` lists `STATUSES:DURATION`.
            """,
        example: .route(
            """
            cache ttl=60s stale_while_revalidate=30s stale_if_error=1d status=404:10s
            proxy 127.0.0.1:5000
            """
        ),
        effect: .set { call, block in
            if call.has("off") {
                if let other = call.options.values.filter({ $0.word.text != "off" }).min(by: {
                    $0.mark.offset < $1.mark.offset
                }) {
                    call.error(other.mark, "has no effect beside 'off'")
                }
                block.cache = Placed(value: nil, mark: call.mark)
                return
            }
            block.cache = Placed(value: CacheDraft(call), mark: call.mark)
        }
    )

    private static let cacheOptions: [Option] = [
        Option("off", .flag, "nothing is cached here, whatever the site says"),
        Option(
            "ttl",
            .duration(Bounds.duration),
            "how long a response stays fresh that does not say so"
        ),
        Option("status", .text, "the same by status, such as `404:10s,500-599:1s`"),
        Option(
            "stale_while_revalidate",
            .duration(Bounds.duration),
            "how much longer it is served while it is fetched anew"
        ),
        Option(
            "stale_if_error",
            .duration(Bounds.duration),
            "how much longer it is served when it cannot be fetched"
        ),
        Option(
            "key",
            .keyword(CacheRule.Key.allCases.map(\.rawValue)),
            default: "uri",
            "what is stored by: `uri`, `path` without the query, or `body` for POST and QUERY"
        ),
        Option("methods", .methods, default: "GET", "the methods whose responses are stored"),
        Option(
            "min_uses",
            .count(1...1000),
            default: "1",
            "how many requests there must be before a response is stored"
        ),
        Option("bypass", .text, "requests that go past the cache, such as `cookie:session`"),
        Option(
            "ignore",
            .text,
            "what is not listened to: `cache_control`, `request`, `cookies`"
        ),
        Option("vary", .text, "request fields that responses vary by without saying so"),
        Option(
            "lock",
            .duration(Literals.millisecond...Literals.hour),
            default: "5s",
            "how long a request waits for another one's fetch before it asks itself"
        ),
        Option(
            "cache_status",
            .keyword(CacheRule.StatusField.allCases.map(\.rawValue)),
            default: "on",
            "whether responses say what the cache did; `key` tells the key as well"
        ),
    ]
}

/// What `cache` says.
struct CacheDraft: Sendable {
    var lifetime: Int64?
    var statusLifetimes: [CacheRule.StatusLifetime] = []
    var staleWhileRevalidate: Int64?
    var staleIfError: Int64?
    var minimumUses = 1
    var methods = MethodSet(.get)
    var key = CacheRule.Key.uri
    var bypass: [CacheRule.Condition] = []
    var ignored: [CacheRule.Ignored] = []
    var vary: [[UInt8]] = []
    var patience: Int64 = 5000
    var statusField = CacheRule.StatusField.on

    init(_ call: Call) {
        func seconds(_ option: String) -> Int64? {
            guard let duration = call.duration(option) else { return nil }
            if duration % Literals.second != 0 {
                call.error(call.options[option]?.mark, "'\(option)=' counts whole seconds")
            }
            return duration / Literals.second
        }
        lifetime = seconds("ttl")
        staleWhileRevalidate = seconds("stale_while_revalidate")
        staleIfError = seconds("stale_if_error")
        minimumUses = call.number("min_uses") ?? 1
        if case .methods(let named)? = call.options["methods"]?.value { methods = named }
        if let word = call.keyword("key"), let key = CacheRule.Key(rawValue: word) {
            self.key = key
        }
        if key == .body, call.options["methods"] == nil {
            methods.formUnion([MethodSet(.post), MethodSet(.query)])
        }
        methods.insert(MethodSet(.head))
        patience = call.duration("lock").map { $0 / Literals.millisecond } ?? 5000
        if let word = call.keyword("cache_status"),
            let field = CacheRule.StatusField(rawValue: word)
        {
            statusField = field
        }
        checkMethods(call)
        readStatuses(call)
        readBypass(call)
        readIgnored(call)
        if let option = call.options["vary"] {
            vary = Self.list(option.text).map { Array($0.lowercased().utf8) }
            for name in vary where !Characters.isToken(name.span) {
                call.error(option.mark, "vary: '\(name.span.string())' is no field name")
            }
        }
    }

    private func checkMethods(_ call: Call) {
        guard let option = call.options["methods"] else { return }
        let cacheable: MethodSet = [
            MethodSet(.get), MethodSet(.head), MethodSet(.post), MethodSet(.query),
        ]
        if !methods.isSubset(of: cacheable) {
            call.error(option.mark, "methods: only GET, HEAD, POST and QUERY can be cached")
        }
        let needsContent: MethodSet = [MethodSet(.post), MethodSet(.query)]
        if key != .body, !methods.isDisjoint(with: needsContent) {
            call.error(
                option.mark,
                "methods: POST and QUERY mean nothing without their content",
                hint: "write key=body"
            )
        }
    }

    private mutating func readStatuses(_ call: Call) {
        guard let option = call.options["status"] else { return }
        for item in Self.list(option.text) {
            let parts = item.split(separator: ":", omittingEmptySubsequences: false)
            let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false)
            let codes = ends.compactMap { $0.utf8.count == 3 ? Int($0) : nil }
            guard parts.count == 2, codes.count == ends.count, let first = codes.first,
                let last = codes.last, codes.count <= 2, first >= 200, last <= 599, first <= last,
                let duration = try? Literals.duration(String(parts[1]))
            else {
                call.error(
                    option.mark,
                    "status: expected statuses and durations such as 404:10s, found '\(item)'"
                )
                continue
            }
            statusLifetimes.append(
                CacheRule.StatusLifetime(
                    statuses: first...last,
                    seconds: duration / Literals.second
                )
            )
        }
    }

    private mutating func readBypass(_ call: Call) {
        guard let option = call.options["bypass"] else { return }
        for item in Self.list(option.text) {
            let parts = item.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let source = CacheRule.Condition.Source(rawValue: "\(parts[0])")
            else {
                call.error(
                    option.mark,
                    "bypass: expected cookie:NAME, header:NAME or query:NAME, found '\(item)'"
                )
                continue
            }
            let name = source == .header ? parts[1].lowercased() : String(parts[1])
            bypass.append(CacheRule.Condition(source: source, name: Array(name.utf8)))
        }
    }

    private mutating func readIgnored(_ call: Call) {
        guard let option = call.options["ignore"] else { return }
        for item in Self.list(option.text) {
            guard let ignored = CacheRule.Ignored(rawValue: item) else {
                let known = CacheRule.Ignored.allCases.map(\.rawValue)
                call.error(
                    option.mark,
                    "ignore: expected \(alternatives(known)), found '\(item)'",
                    hint: suggestion(for: item, among: known)
                )
                continue
            }
            self.ignored.append(ignored)
        }
        if ignored.contains(.cacheControl) {
            if lifetime == nil, statusLifetimes.isEmpty {
                call.error(option.mark, "ignore: 'cache_control' needs a 'ttl=' or 'status='")
            }
            call.warning(
                option.mark,
                "'cache_control' is ignored: everybody gets what the application calls private",
                hint: "let the application say what may be shared"
            )
        }
    }

    /// The words between commas.
    static func list(_ text: String) -> [String] {
        text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
}
