import Addressing
import Balancing
import Configuration
import Limiting
import Synchronization
import TLS
import Telemetry

/// One upstream as all loops see it: the configuration, and the servers of the moment.
///
/// Names resolve again while the gateway runs, so the servers are a snapshot behind a lock that is
/// taken only when the generation, an atomic, says that it changed.
final class UpstreamRuntime: Sendable {
    /// A server's address beside its balancing state, in the order of the set.
    struct Servers: Sendable {
        var set: ServerSet
        var addresses: [SocketAddress]
        var series: [ServerSeries]
        /// Bytes of each server's name, for the access log.
        var names: [[UInt8]]
        /// What each server's certificate must say; nil for one without TLS.
        var secureTargets: [SecureTarget?]
        /// Whether names are still waiting for their first answer.
        var unresolved: Bool
    }

    let configuration: Upstream
    let name: [UInt8]
    /// Where requests wait for a place; nil unless `concurrency=auto`.
    let gate: AdaptiveGate?
    /// How servers with TLS are spoken to.
    let tls: Slot<ClientContext>?
    private let servers: Mutex<Servers>
    private let generationCounter = Atomic<Int>(1)

    /// Prepares an upstream; names without an address yet have no server until `update`.
    ///
    /// `previous`: The same upstream before a reload: servers that stay keep their state.
    init(
        _ configuration: Upstream,
        previous: UpstreamRuntime?,
        registry: SeriesRegistry,
        resolved: [Endpoint: [IPAddress]],
        tls: Slot<ClientContext>?
    ) {
        self.configuration = configuration
        self.tls = tls
        name = Array(configuration.name.utf8)
        gate = configuration.adaptsConcurrency ? previous?.gate ?? AdaptiveGate() : nil
        let old = previous?.current.set ?? ServerSet([])
        if configuration.healthCheck == nil {
            // What checks of a former configuration said, nobody will ever take back.
            for server in old.servers { server.status.setHealthy(true) }
        }
        servers = Mutex(
            UpstreamRuntime.expand(configuration, old: old, registry: registry, resolved: resolved)
        )
    }

    /// Counts the changes of `current`.
    var generation: Int { generationCounter.load(ordering: .acquiring) }

    /// The servers of the moment.
    var current: Servers { servers.withLock { $0 } }

    /// Takes in what names resolve to now.
    func update(registry: SeriesRegistry, resolved: [Endpoint: [IPAddress]]) {
        servers.withLock { servers in
            servers = UpstreamRuntime.expand(
                configuration,
                old: servers.set,
                registry: registry,
                resolved: resolved
            )
        }
        generationCounter.wrappingAdd(1, ordering: .releasing)
    }

    private static func expand(
        _ configuration: Upstream,
        old: ServerSet,
        registry: SeriesRegistry,
        resolved: [Endpoint: [IPAddress]]
    ) -> Servers {
        var descriptions: [ServerDescription] = []
        var addresses: [SocketAddress] = []
        var secureTargets: [SecureTarget?] = []
        var unresolved = false
        for server in configuration.servers {
            let targets: [SocketAddress]
            switch server.endpoint {
            case .address(let address): targets = [address]
            case .name(_, let port):
                let answers = resolved[server.endpoint] ?? []
                if answers.isEmpty { unresolved = true }
                targets = answers.map { .ip($0, port: port) }
            }
            for target in targets where descriptions.count < ServerSet.maximumCount {
                descriptions.append(
                    ServerDescription(
                        name: target.description,
                        weight: server.weight,
                        isBackup: server.isBackup,
                        isDown: server.isDown,
                        maximumConnections: server.maximumConnections ?? 0
                    )
                )
                addresses.append(target)
                secureTargets.append(SecureTarget(server, of: configuration))
            }
        }
        return Servers(
            set: old.updated(to: descriptions),
            addresses: addresses,
            series: descriptions.map {
                registry.server(upstream: configuration.name, server: $0.name)
            },
            names: descriptions.map { Array($0.name.utf8) },
            secureTargets: secureTargets,
            unresolved: unresolved
        )
    }
}
