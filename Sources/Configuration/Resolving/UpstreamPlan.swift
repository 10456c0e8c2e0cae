import Addressing

/// Puts an upstream together from its block and its profile.
struct UpstreamPlan {
    let block: Block
    let top: Block
    let report: Report

    func upstream() -> Upstream {
        checkServers()
        let profile = block.profile?.value ?? .generic
        let defaults = ProfileDefaults(profile)
        warnAboutIdle(defaults, profile)
        // Those in use first, the spare ones behind.
        let servers = block.servers.map(\.value)
        return Upstream(
            name: block.name?.value ?? "",
            servers: servers.filter { !$0.isBackup } + servers.filter(\.isBackup),
            balance: block.balance?.value ?? .roundRobin,
            keepAlive: keepAlive(defaults),
            healthCheck: block.healthCheck,
            ejection: block.ejection.map(\.value) ?? Defaults.ejection,
            attempts: block.attempts ?? Defaults.attempts,
            profile: profile,
            needsContentLength: defaults.needsContentLength,
            connectTimeout: block.timeouts["connect"]?.value ?? top.timeouts["connect"]?.value
                ?? Defaults.connectTimeout,
            tls: tls(servers),
            adaptsConcurrency: block.adaptsConcurrency
        )
    }

    /// How servers with TLS are verified.
    private func tls(_ servers: [UpstreamServer]) -> UpstreamTLS? {
        if servers.contains(where: \.isSecure) {
            checkNames()
            return block.upstreamTLS?.value ?? UpstreamPlan.verified
        }
        if let tls = block.upstreamTLS, !block.isDamaged {
            report.error(
                tls.mark,
                "tls: has no effect: no server of the upstream has 'tls'",
                hint: "write 'server app.internal:443 tls'"
            )
        }
        return nil
    }

    /// Reports servers whose certificates could be for any name: a socket has none.
    private func checkNames() {
        if block.isDamaged || block.upstreamTLS?.value.name != nil { return }
        for placed in block.servers where placed.value.isSecure {
            guard case .address(.unix) = placed.value.endpoint else { continue }
            report.error(
                placed.mark,
                "server: 'tls' over a socket needs the name in the server's certificate",
                hint: "write 'tls name=app.internal' in the upstream"
            )
        }
    }

    /// By the system's authorities, under the name that stands in the file.
    private static let verified = UpstreamTLS(
        authorities: [],
        name: nil,
        certificate: nil,
        isVerified: true
    )

    /// The upstream that an address in a `proxy` stands for.
    static func anonymous(_ endpoint: Endpoint, isSecure: Bool, top: Block) -> Upstream {
        Upstream(
            name: isSecure ? "https://\(endpoint)" : "\(endpoint)",
            servers: [
                UpstreamServer(
                    endpoint: endpoint,
                    weight: 1,
                    isBackup: false,
                    maximumConnections: nil,
                    isDown: false,
                    isSecure: isSecure
                )
            ],
            balance: .roundRobin,
            keepAlive: KeepAlive(
                connections: Defaults.keepAliveConnections,
                idle: Defaults.keepAliveIdle,
                requests: nil
            ),
            healthCheck: nil,
            ejection: Defaults.ejection,
            attempts: Defaults.attempts,
            profile: .generic,
            needsContentLength: false,
            connectTimeout: top.timeouts["connect"]?.value ?? Defaults.connectTimeout,
            tls: isSecure ? verified : nil
        )
    }

    private func checkServers() {
        guard !block.isDamaged else { return }
        let servers = block.servers.map(\.value)
        if servers.isEmpty {
            report.error(
                block.mark,
                "upstream: has no server",
                hint: "write 'server 127.0.0.1:8000' in it"
            )
        } else if servers.count > Bounds.servers {
            report.error(
                block.mark,
                "upstream: has more than \(Bounds.servers) servers"
            )
        } else if servers.allSatisfy(\.isBackup) {
            report.error(
                block.servers[0].mark,
                "server: 'backup' has no effect where every server is one"
            )
        } else if servers.allSatisfy(\.isDown) {
            report.warning(
                block.mark,
                "upstream: every server is 'down': every request gets 503"
            )
        }
    }

    private func keepAlive(_ defaults: ProfileDefaults) -> KeepAlive? {
        if block.keepAlive?.value.isOff == true { return nil }
        guard let draft = block.keepAlive?.value else {
            return defaults.keepAliveIdle.map {
                KeepAlive(connections: Defaults.keepAliveConnections, idle: $0, requests: nil)
            }
        }
        return KeepAlive(
            connections: draft.connections ?? Defaults.keepAliveConnections,
            idle: draft.idle?.value ?? defaults.keepAliveIdle ?? Defaults.keepAliveIdle,
            requests: draft.requests
        )
    }

    private func warnAboutIdle(_ defaults: ProfileDefaults, _ profile: Profile) {
        guard let idle = block.keepAlive?.value.idle, let serverIdle = defaults.serverIdle,
            idle.value >= serverIdle
        else { return }
        report.warning(
            idle.mark,
            "keepalive: \(profile.rawValue) closes idle connections after "
                + "\(Literals.text(duration: serverIdle)): requests will meet closed ones",
            hint: "stay below that, unless the servers are set up otherwise"
        )
    }
}
