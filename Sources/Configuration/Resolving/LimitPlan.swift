/// Gives limits their names, makes one of each that several routes share, and puts together which
/// hold for a request.
struct LimitPlan {
    /// What has been made of a block's limits, so that all its routes have the same ones.
    private var rates: [ObjectIdentifier: [RateLimit]] = [:]
    private var concurrency: [ObjectIdentifier: [ConcurrencyLimit]] = [:]
    /// Limits with a name of their own, which counts in the whole file.
    private var named: [String: (limit: RateLimit, mark: Mark)] = [:]
    private var warned: Set<ObjectIdentifier> = []

    /// Every limit that the blocks around a request name.
    mutating func policy(_ plan: PolicyPlan, report: Report) -> LimitPolicy {
        var rates: [RateLimit] = []
        var concurrency: [ConcurrencyLimit] = []
        for (depth, layer) in plan.layers.enumerated() {
            let scope = LimitPlan.scope(Array(plan.layers[...depth]))
            let own = rateLimits(of: layer, scope: scope, around: rates, report: report)
            rates += own
            concurrency += concurrencyLimits(of: layer, scope: scope, around: concurrency)
        }
        warnAboutKeys(plan.layers, rates, report: report)
        return LimitPolicy(
            rates: rates,
            concurrency: concurrency,
            bandwidth: plan.innermost(\.bandwidth)?.value,
            fields: plan.innermost(\.rateLimitFields)?.value ?? .standard
        )
    }

    /// Reports what has no effect.
    func check(top: Block, report: Report) {
        let sites = top.sites
        let hasRates =
            !top.rateLimits.isEmpty
            || sites.contains { site in
                !site.rateLimits.isEmpty || site.routes.contains { !$0.rateLimits.isEmpty }
            }
        guard !hasRates, !report.hasErrors else { return }
        if let redis = top.redis, top.cacheShared == nil {
            report.error(
                redis.mark,
                "redis: has no effect: there is no 'rate_limit' and no 'cache_shared'"
            )
        }
        for block in [top] + sites + sites.flatMap(\.routes) {
            guard let fields = block.rateLimitFields else { continue }
            report.error(fields.mark, "ratelimit_headers: has no effect: there is no 'rate_limit'")
        }
    }

    /// Where a block stands, as metrics and fields name it.
    private static func scope(_ layers: [Block]) -> String {
        var parts: [String] = []
        for layer in layers {
            switch layer.context {
            case .site: parts.append(layer.hosts.first?.value.description ?? "*")
            case .route:
                let methods = layer.methods.names.joined(separator: ",")
                parts.append(layer.pattern.description + (methods.isEmpty ? "" : " " + methods))
            case .top, .upstream: break
            }
        }
        return parts.joined(separator: " ")
    }

    private mutating func rateLimits(
        of block: Block,
        scope: String,
        around: [RateLimit],
        report: Report
    ) -> [RateLimit] {
        if let known = rates[ObjectIdentifier(block)] { return known }
        var made: [RateLimit] = []
        for placed in block.rateLimits {
            let names = (around + made).map(\.name)
            guard let name = placed.value.name else {
                let name = LimitPlan.free(Configuration.text(rate: placed.value.rate), names)
                made.append(RateLimit(placed.value, name: name, scope: scope))
                continue
            }
            if names.contains(name.value) {
                report.error(
                    name.mark,
                    "rate_limit: one request would meet two limits named '\(name.value)'"
                )
                continue
            }
            let limit = RateLimit(placed.value, name: name.value, scope: "")
            guard let first = named[name.value] else {
                named[name.value] = (limit, placed.mark)
                made.append(limit)
                continue
            }
            if first.limit.identity != limit.identity {
                report.error(
                    name.mark,
                    "rate_limit: the name '\(name.value)' is that of another limit",
                    hint: "limits of one name share their counters, and so mean the same",
                    notes: [(first.mark, "it stands here first")]
                )
                continue
            }
            made.append(limit)
        }
        rates[ObjectIdentifier(block)] = made
        return made
    }

    private mutating func concurrencyLimits(
        of block: Block,
        scope: String,
        around: [ConcurrencyLimit]
    ) -> [ConcurrencyLimit] {
        if let known = concurrency[ObjectIdentifier(block)] { return known }
        var made: [ConcurrencyLimit] = []
        for draft in block.concurrencyLimits.map(\.value) {
            let names = (around + made).map(\.name)
            made.append(
                ConcurrencyLimit(
                    name: LimitPlan.free(draft.name?.value ?? "\(draft.limit) at once", names),
                    scope: scope,
                    limit: draft.limit,
                    key: draft.key,
                    queue: draft.queue,
                    wait: draft.wait
                )
            )
        }
        concurrency[ObjectIdentifier(block)] = made
        return made
    }

    /// A name that no limit of the same request has.
    private static func free(_ name: String, _ taken: [String]) -> String {
        if !taken.contains(name) { return name }
        var number = 2
        // Ends, as only finitely many are taken.
        while taken.contains("\(name) \(number)") { number += 1 }
        return "\(name) \(number)"
    }

    /// Warns of keys that a client chooses itself, where no limit by its address stands beside.
    private mutating func warnAboutKeys(
        _ layers: [Block],
        _ rates: [RateLimit],
        report: Report
    ) {
        let hasAddress = rates.contains { $0.key.parts == [.clientAddress] && !$0.observes }
        if hasAddress { return }
        // At the top and in a site, what is missing may stand in each of the routes.
        guard layers.last?.context == .route else { return }
        for layer in layers {
            for placed in layer.rateLimits where !warned.contains(ObjectIdentifier(layer)) {
                let key = placed.value.key
                guard let free = key.parts.first(where: \.isSpoofable) else { continue }
                warned.insert(ObjectIdentifier(layer))
                report.warning(
                    placed.mark,
                    "rate_limit: anyone can send another '\(free.description)' with each request "
                        + "and is never limited",
                    hint: "add a limit with key=client_address beside it"
                )
            }
        }
    }
}
