import Addressing

/// Turns what the directives said into the model: names become numbers, inheritance is carried out,
/// and what has no effect or contradicts itself is reported.
struct Resolver {
    let report: Report
    let top: Block
    /// Whether everything was understood so far; else nothing is said about what seems missing.
    let isSound: Bool
    /// Numbers of the named upstreams.
    private(set) var upstreamNumbers: [String: Int] = [:]
    /// What `proxy` was given besides names; their numbers follow those of the named ones.
    private(set) var anonymous: [AnonymousServer] = []
    private var usedUpstreams: Set<String> = []
    private var accessLogs: [AccessLog] = []
    private var listeners = ListenerPlan()
    private var limits = LimitPlan()

    /// Where state is kept, unless the file says it.
    private let stateDirectory: String

    init(report: Report, top: Block, stateDirectory: String) {
        self.report = report
        self.stateDirectory = stateDirectory
        self.top = top
        isSound = !report.hasErrors
    }

    /// The model; nil when there are errors.
    mutating func resolve() -> Configuration? {
        nameUpstreams()
        if isSound, top.sites.isEmpty {
            report.error(
                top.mark,
                "there is no site, so nothing would be served",
                hint: "write site * { listen :8080; proxy 127.0.0.1:5000 }"
            )
        }
        for (number, site) in top.sites.enumerated() {
            listeners.add(site, number: number, top: top, report: report)
        }
        listeners.check(top: top, isSound: isSound, report: report)
        let policy = policy([top], upstream: nil, source: .forwardedFor)
        let sites = top.sites.enumerated().map { site($0.element, number: $0.offset) }
        checkUnusedUpstreams()
        let upstreams =
            top.upstreams.map { UpstreamPlan(block: $0, top: top, report: report).upstream() }
            + anonymous.map {
                UpstreamPlan.anonymous($0.endpoint, isSecure: $0.isSecure, top: top)
            }
        checkCache(sites)
        let tls = tlsPlan
        if isSound {
            tls.checkState(sites)
            tls.checkAddresses(sites, listeners)
            let secure = top.sites.indices.filter { listeners.isSecure($0) }
            tls.checkTop(
                isSecure: !secure.isEmpty,
                everySiteHasOwn: secure.allSatisfy { !top.sites[$0].certificates.isEmpty }
            )
        }
        limits.check(top: top, report: report)
        warnAboutDangers(top: top, listeners: listeners, report: report)
        if report.hasErrors { return nil }
        return Configuration(
            sites: sites,
            upstreams: upstreams,
            listeners: listeners.listeners(sites: top.sites, strictSNI: tls.strictSNI),
            accessLogs: accessLogs,
            redis: top.redis?.value,
            workers: top.workers ?? .automatic,
            metrics: top.metrics?.value,
            controlToken: top.controlToken,
            log: top.log ?? OperationalLog(level: .info, format: .text),
            connection: connection(),
            cachePurge: top.cachePurge?.value,
            cache: cacheSettings(sites),
            cacheSharing: cacheSharing(),
            tls: tls.process(),
            origins: tls.origins(),
            policy: policy,
            compression: top.compressionSettings
                ?? CompressionSettings(
                    memory: Defaults.compressMemory,
                    lag: Defaults.compressLag,
                    dictionaries: Defaults.dictionaryMemory
                ),
            drainTimeout: top.timeouts["drain"]?.value ?? Defaults.drainTimeout,
            warnings: report.diagnostics(.warning)
        )
    }

    private var tlsPlan: TLSPlan {
        TLSPlan(top: top, report: report, state: top.state?.value ?? stateDirectory)
    }

    private func connection() -> ConnectionSettings {
        func limit(_ name: String, _ fallback: Int) -> Int {
            top.limits[name]?.value ?? fallback
        }
        let connections = top.limits["connections"].map(\.value) ?? Defaults.connections
        return ConnectionSettings(
            headerTimeout: top.timeouts["header"]?.value ?? Defaults.headerTimeout,
            idleTimeout: top.timeouts["idle"]?.value ?? Defaults.idleTimeout,
            headerSize: limit("header_size", Defaults.headerSize),
            headerCount: limit("header_count", Defaults.headerCount),
            targetSize: limit("target", Defaults.targetSize),
            connections: connections
        )
    }

    // MARK: Upstreams

    private mutating func nameUpstreams() {
        var first: [String: Mark] = [:]
        for (number, upstream) in top.upstreams.enumerated() {
            guard let name = upstream.name else { continue }
            if let mark = first[name.value] {
                report.error(
                    name.mark,
                    "upstream: the name '\(name.value)' stands twice",
                    notes: [(mark, "it stands here first")]
                )
                continue
            }
            first[name.value] = name.mark
            upstreamNumbers[name.value] = number
        }
    }

    private func checkUnusedUpstreams() {
        guard isSound else { return }
        for upstream in top.upstreams {
            guard let name = upstream.name, !usedUpstreams.contains(name.value) else { continue }
            report.error(
                name.mark,
                "upstream: no 'proxy' uses '\(name.value)', so it has no effect"
            )
        }
    }

    /// The number of the upstream that a `proxy` names, and its block if it has one.
    private mutating func upstream(
        _ action: Placed<ActionDraft>
    ) -> (number: Int, block: Block?)? {
        switch action.value {
        case .proxyName(let name):
            usedUpstreams.insert(name)
            if let number = upstreamNumbers[name] { return (number, top.upstreams[number]) }
            // Where the file is damaged, the upstream may be what could not be read.
            report.error(
                action.mark,
                "proxy: there is no upstream '\(name)'",
                hint: suggestion(for: name, among: upstreamNumbers.keys.sorted())
                    ?? "an address has a port: \(name):8000"
            )
            return nil
        case .proxyEndpoint(let endpoint, let isSecure):
            let server = AnonymousServer(endpoint: endpoint, isSecure: isSecure)
            let index = anonymous.firstIndex(of: server) ?? anonymous.count
            if index == anonymous.count { anonymous.append(server) }
            return (top.upstreams.count + index, nil)
        case .respond, .redirect: return nil
        }
    }

    // MARK: Sites and routes

    private mutating func site(_ block: Block, number: Int) -> Site {
        let source = listeners.defaultSource(of: number)
        var routes: [Route] = []
        for plan in RoutePlan.plans(of: block) {
            if let route = route(plan, in: block, number: number, source: source) {
                routes.append(route)
            }
        }
        let isWhole = !block.isDamaged && !block.routes.contains(where: \.isDamaged)
        checkInertSite(block, isSound: isWhole, report: report)
        if isSound {
            checkHTTPS(block, number: number, top: top, listeners: listeners, report: report)
        }
        return Site(
            hosts: block.hosts.map(\.value),
            routes: routes,
            table: RouteTable(routes.map { ($0.pattern, $0.methods) }),
            listeners: listeners.numbers(of: number),
            listenerNames: (block.listens.isEmpty ? top.listens : block.listens).map {
                $0.value.address.description
            },
            policy: policy([top, block], upstream: nil, source: source, site: number),
            tls:
                tlsPlan
                .site(block, isSecure: listeners.isSecure(number))
        )
    }

    private mutating func route(
        _ plan: RoutePlan,
        in site: Block,
        number: Int,
        source: ClientAddressPolicy.Source
    ) -> Route? {
        guard let action = plan.block?.action ?? site.action else {
            if let block = plan.block, !block.isDamaged, !site.isDamaged {
                report.error(
                    block.mark,
                    "route: does nothing: expected 'proxy', 'respond' or 'redirect'",
                    hint: "one in the site holds for all its routes"
                )
            }
            return nil
        }
        let resolved: Action
        var upstreamBlock: Block?
        switch action.value {
        case .respond(let response): resolved = .respond(response)
        case .redirect(let redirection): resolved = .redirect(redirection)
        case .proxyName, .proxyEndpoint:
            guard let found = upstream(action) else { return nil }
            resolved = .proxy(upstream: found.number)
            upstreamBlock = found.block
        }
        let layers = [top, site] + (plan.block.map { [$0] } ?? [])
        if isSound, action.value.forwards {
            checkInertDictionary(
                layers,
                isSecure: listeners.isSecure(number) || (site.trusted ?? top.trusted) != nil,
                report: report
            )
        }
        if let block = plan.block, !block.isDamaged, !site.isDamaged {
            checkInertRoute(block, action, report: report)
            checkInertCache(layers, report: report)
        }
        let rewrites =
            plan.block?.rewrites.isEmpty == false
            ? plan.block?.rewrites ?? [] : site.rewrites
        return Route(
            site: number,
            pattern: plan.pattern,
            methods: plan.methods,
            action: resolved,
            rewriting: action.value.forwards
                ? Rewriting(sorting: rewrites.map(\.value)) : .none,
            policy: policy(layers, upstream: upstreamBlock, source: source, site: number)
        )
    }

    // MARK: Policies

    private mutating func policy(
        _ layers: [Block],
        upstream: Block?,
        source: ClientAddressPolicy.Source,
        site: Int? = nil
    ) -> Policy {
        let port = site.flatMap { listeners.securePort($0) }
        let plan = PolicyPlan(layers: layers, upstream: upstream, securePort: port)
        let placed = plan.innermost(\.accessLog)
        let fallback = AccessLog(destination: .standardOutput, format: .combined)
        if let placed { checkFormat(placed) }
        let log = placed.map(\.value) ?? fallback
        return plan.policy(
            defaultSource: source,
            accessLog: log.map { number(of: $0) },
            limits: limits.policy(plan, report: report)
        )
    }

    /// Lines of two formats in one file could be read by no program.
    private func checkFormat(_ placed: Placed<AccessLog?>) {
        guard let log = placed.value, case .file(let path) = log.destination else { return }
        let first = accessLogs.first { $0.destination == log.destination }
        let isMixed = first.map { $0.format != log.format } ?? false
        if isMixed {
            report.error(placed.mark, "access_log: '\(path)' has another format elsewhere")
        }
    }

    private mutating func number(of log: AccessLog) -> Int {
        if let index = accessLogs.firstIndex(of: log) { return index }
        accessLogs.append(log)
        return accessLogs.count - 1
    }
}

/// A server that stands in a `proxy`.
struct AnonymousServer: Equatable {
    let endpoint: Endpoint
    let isSecure: Bool
}

/// A route to be: one of the file, or the one that a site's own action stands for.
struct RoutePlan {
    /// nil for what a site's own action stands for.
    let block: Block?
    let pattern: PathPattern
    let methods: MethodSet

    /// The routes of a site.
    ///
    /// Its own action takes what no route `*` takes.
    static func plans(of site: Block) -> [RoutePlan] {
        var plans = site.routes.map {
            RoutePlan(block: $0, pattern: $0.pattern, methods: $0.methods)
        }
        if needsOwnRoute(site) {
            plans.append(RoutePlan(block: nil, pattern: .any, methods: .all))
        }
        return plans
    }

    static func needsOwnRoute(_ site: Block) -> Bool {
        site.action != nil
            && !site.routes.contains { $0.pattern == .any && $0.methods == .all }
    }
}

extension Rewriting {
    /// The most specific rules first: whole paths, then longer prefixes before shorter ones.
    init(sorting rules: [Rule]) {
        func rank(_ rule: Rule) -> Int {
            switch rule.from {
            case .exact: .max
            case .prefix(let path): path.utf8.count
            case .any: 0
            }
        }
        self.init(rules: rules.sorted { rank($0) > rank($1) })
    }
}
