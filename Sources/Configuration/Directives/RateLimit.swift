import Addressing
import Limiting

/// What `rate_limit` says, before it has a name.
struct RateLimitDraft: Sendable {
    /// nil when it is to be named by its rate.
    let name: Placed<String>?
    let rate: LimitRate
    let algorithm: LimitAlgorithm
    let key: CountingKey
    let cost: RateLimit.Cost
    let counted: [ClosedRange<Int>]
    let methods: MethodSet
    let observes: Bool
    let allowed: NetworkSet
    let status: Int
    let capacity: Int?
    let ratesFile: String?
    let overrides: [RateOverride]

    /// Everything that decides what its counters mean.
    var meaning: String {
        "\(rate.count) \(rate.period) \(rate.burst) \(algorithm) \(key) \(capacity ?? 0)"
    }
}

extension Directive {
    static let rateLimit = Directive(
        name: "rate_limit",
        contexts: [.top, .site, .route],
        repetition: .many,
        arguments: [
            Argument("RATE", .rate, "how many in a time: `100/s`, `1000/m`, `5/h`, `10/30s`")
        ],
        options: rateLimitOptions,
        summary: "How many requests there may be in a time.",
        help: """
            Several add up, those of the blocks around included: each has to allow a request, and \
            the one with the least left is told to the client. A request that one of them refuses \
            takes nothing from the others.

            `token_bucket` lets `burst` requests through at once and then the rate; exactly, in \
            any stretch of time, at most rate × time + burst. `sliding_window` counts this window \
            and the share of the one before that still counts: at most limit × (1 + d / window) \
            in any stretch of d. `sliding_log` remembers each request: never more than the limit \
            in a window, for limits up to \(LimitAlgorithm.maximumLogCount). `fixed_window` \
            starts anew at each edge, so twice the limit can pass across one. The page on rate \
            limits shows the four in a picture.

            Refused requests get 429 with `Retry-After`, `RateLimit` and a problem document. \
            Limits of the same `name` and meaning share their counters.
            """,
        example: .site(
            """
            listen :80
            rate_limit 100/s burst=200
            rate_limit 10000/d key=header:x-api-key missing=client_address name=daily
            route /login {
                rate_limit 5/m algorithm=sliding_window count=401,403
                proxy app
            }
            proxy app
            """
        ),
        effect: .set { call, block in
            guard let draft = rateLimitDraft(call) else { return }
            block.rateLimits.append(Placed(value: draft, mark: call.mark))
        }
    )

    private static let rateLimitOptions: [Option] = [
        Option(
            "burst",
            .count(1...LimitRate.maximumCount),
            "requests at once, for `token_bucket`; without it, as many as in the rate"
        ),
        Option(
            "algorithm",
            .keyword(LimitAlgorithm.allCases.map(\.rawValue)),
            default: "token_bucket",
            "how requests are counted"
        ),
        keyOption(default: "client_address"),
        Option(
            "missing",
            .keyword(CountingKey.Missing.allCases.map(\.rawValue)),
            default: "client_address",
            "a request without the key is counted by its client's address, refused, or ignored"
        ),
        Option("ipv4_prefix", .count(1...32), default: "32", "bits of an IPv4 address that count"),
        Option("ipv6_prefix", .count(1...128), default: "64", "bits of an IPv6 address that count"),
        Option("name", .text, "in fields and metrics; without it, the rate"),
        Option(
            "cost",
            .text,
            default: "1",
            "what a request takes: a number, or `response:NAME` for the number in that field of "
                + "the response, which then is not passed on"
        ),
        Option(
            "count",
            .statuses,
            "only responses with these statuses count, such as `401,403`; requests under way "
                + "count until theirs is known"
        ),
        Option("methods", .methods, "methods that count; without it, all"),
        Option(
            "mode",
            .keyword(["enforce", "observe"]),
            default: "enforce",
            "`observe` refuses nothing, and counts what would have been refused"
        ),
        Option("allow", .text, "networks with commas between that the limit does not hold for"),
        Option("status", .status(400...599), default: "429", "the status of a refusal"),
        Option(
            "keys",
            .count(1...100_000_000),
            "keys remembered at most, 64 bytes each; without it, a million"
        ),
        Option(
            "rates",
            .text,
            "a file of other rates for some keys, read again when it changes: lines of a key, a "
                + "rate or `off`, and perhaps `burst=`"
        ),
    ]

    static func keyOption(default fallback: String?) -> Option {
        Option(
            "key",
            .text,
            default: fallback,
            "what requests are counted by: `client_address`, `host`, `path`, `route`, "
                + "`header:NAME`, `cookie:NAME`, `query:NAME`, or several with `+` between"
        )
    }
}

/// nil when something is wrong; then that is reported.
private func rateLimitDraft(_ call: Call) -> RateLimitDraft? {
    guard case .rate(let count, let period)? = call.argument(0)?.value else { return nil }
    let algorithm =
        call.keyword("algorithm").flatMap { LimitAlgorithm(rawValue: $0) } ?? .tokenBucket
    if algorithm != .tokenBucket, let burst = call.options["burst"] {
        call.error(
            burst.mark,
            "'burst=' has no effect with \(algorithm.rawValue)",
            hint: "it belongs to token_bucket"
        )
        return nil
    }
    if algorithm == .slidingLog, count > LimitAlgorithm.maximumLogCount {
        call.error(
            call.argument(0)?.mark,
            "sliding_log remembers at most \(LimitAlgorithm.maximumLogCount) requests of a key",
            hint: "use sliding_window for larger limits"
        )
        return nil
    }
    guard let rate = LimitRate(count, per: period, burst: call.number("burst")) else {
        call.error(call.argument(0)?.mark, "a bucket of that size would take decades to fill")
        return nil
    }
    guard let key = countingKey(call, fallback: [.clientAddress]),
        let cost = cost(call, rate, algorithm), let allowed = networks(call)
    else { return nil }
    guard let file = overrides(call, key, algorithm) else { return nil }
    var counted: [ClosedRange<Int>] = []
    if case .statuses(let ranges)? = call.options["count"]?.value { counted = ranges }
    var methods = MethodSet.all
    if case .methods(let set)? = call.options["methods"]?.value { methods = set }
    guard let name = limitName(call) else { return nil }
    return RateLimitDraft(
        name: name.value,
        rate: rate,
        algorithm: algorithm,
        key: key,
        cost: cost,
        counted: counted,
        methods: methods,
        observes: call.keyword("mode") == "observe",
        allowed: allowed,
        status: call.number("status") ?? 429,
        capacity: call.number("keys"),
        ratesFile: file.path,
        overrides: file.rates
    )
}

/// A name that may be missing; nil when it is wrong.
func limitName(_ call: Call) -> (value: Placed<String>?, Void)? {
    guard let option = call.options["name"] else { return (nil, ()) }
    // It stands in quotes in a structured field, and in a label.
    let isName = option.text.utf8.allSatisfy { byte in
        isTokenByte(byte) || byte == 0x2F || byte == 0x20
    }
    guard isName, (1...64).contains(option.text.utf8.count) else {
        call.error(option.mark, "a name has 1 to 64 letters, digits and marks, no quotes")
        return nil
    }
    return (Placed(value: option.text, mark: option.mark), ())
}

private func cost(_ call: Call, _ rate: LimitRate, _ algorithm: LimitAlgorithm) -> RateLimit.Cost? {
    guard let option = call.options["cost"] else { return .fixed(1) }
    if option.text.hasPrefix("response:") {
        let name = String(option.text.dropFirst("response:".count))
        guard !name.isEmpty, name.utf8.allSatisfy(isTokenByte) else {
            call.error(option.mark, "cost: '\(name)' is no name of a field")
            return nil
        }
        return .response(name.lowercased())
    }
    guard let number = try? Literals.count(option.text), number >= 1 else {
        call.error(
            option.mark,
            "cost: expected a number of at least 1, or response:NAME, found '\(option.text)'"
        )
        return nil
    }
    let most = algorithm == .tokenBucket ? rate.burst : rate.count
    guard number <= most else {
        call.error(option.mark, "cost: \(number) is more than there ever is, \(most)")
        return nil
    }
    return .fixed(number)
}

private func networks(_ call: Call) -> NetworkSet? {
    guard let option = call.options["allow"] else { return .empty }
    var networks: [Network] = []
    for part in option.text.split(separator: ",", omittingEmptySubsequences: false) {
        do throws(AddressError) {
            networks.append(try Network(String(part)))
        } catch {
            call.error(option.mark, "allow: \(error)")
            return nil
        }
    }
    return NetworkSet(networks)
}

/// The file of other rates; nil when it cannot be read.
private func overrides(_ call: Call, _ key: CountingKey, _ algorithm: LimitAlgorithm)
    -> (path: String?, rates: [RateOverride])?
{
    guard let option = call.options["rates"] else { return (nil, []) }
    if algorithm == .slidingLog {
        call.error(option.mark, "'rates=' is not possible with sliding_log")
        return nil
    }
    let path = resolvedPath(option.text, from: call.report.files[option.mark.file].name)
    do {
        let bytes = try call.access.read(path, RateOverride.maximumFileSize)
        return (path, try RateOverride.parse(bytes, parts: key.parts.count, algorithm))
    } catch let failure as SourceAccess.Failure {
        switch failure {
        case .unreadable(let reason):
            call.error(option.mark, "rates: '\(path)' cannot be read: \(reason)")
        case .tooLarge: call.error(option.mark, "rates: '\(path)' is too large")
        }
    } catch let error as RateOverride.Failure {
        call.error(option.mark, "rates: \(path):\(error.line): \(error.message)")
    } catch {}
    return nil
}
