import Addressing

/// Carries out inheritance: what the blocks around a request say, put together.
struct PolicyPlan {
    /// The top, the site and the route, as far as they are known; outermost first.
    let layers: [Block]
    /// The upstream's own block, if it has one.
    let upstream: Block?
    /// The port that a redirect to https names; nil for 443.
    let securePort: UInt16?

    /// What the innermost block says that says anything.
    func innermost<Value>(_ setting: (Block) -> Value?) -> Value? {
        for layer in layers.reversed() {
            if let value = setting(layer) { return value }
        }
        return nil
    }

    /// The same, with the upstream between the route and the site.
    private func innermostWithUpstream<Value>(_ setting: (Block) -> Value?) -> Value? {
        if let route = layers.last, route.context == .route, let value = setting(route) {
            return value
        }
        if let upstream, let value = setting(upstream) { return value }
        return innermost(setting)
    }

    func policy(
        defaultSource: ClientAddressPolicy.Source,
        accessLog: Int?,
        limits: LimitPolicy
    ) -> Policy {
        let headers = layers.flatMap(\.headers) + (upstream?.headers ?? [])
        let trusted = innermost(\.trusted)?.value ?? TrustDraft()
        let bodyLimit = innermost { $0.limits["body"] }.map(\.value) ?? Defaults.bodySize
        return Policy(
            clientAddress: ClientAddressPolicy(
                source: innermost(\.clientAddress)?.value ?? defaultSource,
                trusted: NetworkSet(trusted.networks),
                trustsUnix: trusted.unix
            ),
            sendsForwarded: innermost(\.forwarded)?.value ?? false,
            requestHeaders: headers.filter(\.value.isRequest).map(\.value.rule),
            responseHeaders: headers.filter { !$0.value.isRequest }.map(\.value.rule),
            access: innermost { $0.access.isEmpty ? nil : $0.access }.map(Self.access),
            timeouts: timeouts(),
            bodyLimit: bodyLimit,
            buffering: buffering(),
            cache: cache(),
            compression: innermost(\.compression)?.value,
            dictionaries: innermost(\.dictionary)?.value,
            requestDecoding: innermost(\.decompression)?.value,
            errorPages: errorPages(),
            limits: limits,
            accessLog: accessLog,
            https: https()
        )
    }

    private func timeouts() -> Timeouts {
        func client(_ name: String, _ fallback: Int64) -> Int64 {
            innermost { $0.timeouts[name]?.value } ?? fallback
        }
        func server(_ name: String, _ fallback: Int64) -> Int64 {
            innermostWithUpstream { $0.timeouts[name]?.value } ?? fallback
        }
        let send = client("send", Defaults.sendTimeout)
        return Timeouts(
            body: client("body", Defaults.bodyTimeout),
            idle: client("idle", Defaults.idleTimeout),
            send: send,
            connect: server("connect", Defaults.connectTimeout),
            response: server("response", Defaults.responseTimeout),
            upstreamSend: upstream?.timeouts["send"]?.value ?? send,
            tunnel: server("tunnel", Defaults.tunnelTimeout)
        )
    }

    private func buffering() -> RequestBuffering {
        let profile = ProfileDefaults(upstream?.profile?.value ?? .generic)
        return RequestBuffering(
            isOn: innermostWithUpstream { $0.buffer?.value.isOn } ?? profile.buffersRequests,
            memory: innermostWithUpstream { $0.buffer?.value.memory } ?? Defaults.bufferMemory,
            directory: innermostWithUpstream { $0.buffer?.value.directory }
                ?? Defaults.bufferDirectory
        )
    }

    private func cache() -> CacheRule? {
        guard let placed = innermost(\.cache), let draft = placed.value else { return nil }
        let key = innermost(\.cacheKey)?.value
        return CacheRule(
            lifetime: draft.lifetime,
            statusLifetimes: draft.statusLifetimes,
            staleWhileRevalidate: draft.staleWhileRevalidate,
            staleIfError: draft.staleIfError,
            minimumUses: draft.minimumUses,
            methods: draft.methods,
            key: draft.key,
            bypass: draft.bypass,
            ignored: draft.ignored,
            vary: draft.vary,
            patience: draft.patience,
            statusField: draft.statusField,
            query: draft.key == .path ? .none : key?.query ?? .all,
            sortsQuery: key?.isSorted ?? false,
            storesCookies: innermost(\.cacheCookies)?.value ?? false
        )
    }

    private func errorPages() -> [ErrorPage] {
        var pages: [ErrorPage] = []
        for placed in layers.reversed().flatMap(\.errorPages)
        where !pages.contains(where: { $0.status == placed.value.status }) {
            pages.append(placed.value)
        }
        return pages.sorted { $0.status < $1.status }
    }

    private static func access(_ drafts: [Placed<AccessDraft>]) -> AccessRules {
        var networks: [(network: Network, value: Bool)] = []
        var unix: Bool?
        var all: Bool?
        for draft in drafts.map(\.value) {
            switch draft.subject {
            case .network(let network): networks.append((network, draft.isAllowed))
            case .unix: unix = draft.isAllowed
            case .all: all = draft.isAllowed
            }
        }
        let others = all ?? !drafts.contains { $0.value.isAllowed }
        return AccessRules(
            networks: NetworkMap(networks),
            allowsOthers: others,
            allowsUnix: unix ?? others
        )
    }
}
