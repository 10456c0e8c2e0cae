import Addressing
import Configuration
import EventLoop
import Logging
import Resolving
import Synchronization
import Telemetry

/// The host names of servers: asked for when a configuration begins to name them, and again when
/// an answer's time is over.
extension Gateway {
    /// Has names resolved from now on, and waits for what is heard of the new ones first: without
    /// that each start and reload would answer 503 until then.
    /// - Returns: What names resolve to.
    @discardableResult
    func lookUp(_ names: Set<Endpoint>) -> [Endpoint: [IPAddress]] {
        let fresh = state.withLock { state in names.filter { state.watches[$0] == nil } }
        // Without a descriptor for it nothing is lost but the waiting.
        if !fresh.isEmpty, let resolver = startedResolver() {
            let barrier = try? LoopBarrier(fresh.count)
            for name in fresh {
                guard case .name(let host, _) = name else { continue }
                state.withLock { $0.awaited[name] = barrier }
                let watch = resolver.watch(host) { [weak self] resolution in
                    self?.resolved(name, resolution)
                }
                state.withLock { $0.watches[name] = watch }
            }
            _ = barrier?.wait(within: ProxyLimits.firstLookups)
        }
        return state.withLock { $0.resolved }
    }

    /// Ends the interest in all other names.
    func forgetNames(except names: Set<Endpoint>) {
        let known = state.withLock { $0.watches }
        for (name, watch) in known where !names.contains(name) {
            resolver.withLock { $0 }?.unwatch(watch)
            state.withLock { state in
                state.watches[name] = nil
                state.resolved[name] = nil
                state.awaited[name] = nil
            }
        }
    }

    /// Lets the upstreams in use take in what names resolve to now.
    ///
    /// One thread at a time: else what is older might come last, and stay.
    func updateServers() {
        namesLock.withLock { _ in
            let (snapshot, resolved) = state.withLock { ($0.snapshot, $0.resolved) }
            snapshot.update(resolved: resolved, registry: registry)
        }
    }

    private func startedResolver() -> Resolver? {
        resolver.withLock { resolver in
            if resolver == nil {
                do throws(ResolutionError) {
                    resolver = try Resolver()
                } catch {
                    logger.error(
                        "host names cannot be resolved until the next reload",
                        metadata: ["reason": "\(error)"]
                    )
                }
            }
            return resolver
        }
    }

    /// Takes in what has become known of a name, on the resolver's thread.
    private func resolved(_ name: Endpoint, _ resolution: Resolution) {
        if case .resolved = resolution {
            logger.debug("resolved", metadata: ["name": "\(name)"])
        } else {
            if let worker = workers.first {
                run(on: worker) { $0.context.metrics.add(.nameLookupFailures) }
            }
            logger.warning(
                "a server's name cannot be resolved",
                metadata: ["name": "\(name)", "reason": "\(resolution)"]
            )
        }
        if !resolution.addresses.isEmpty {
            state.withLock { $0.resolved[name] = resolution.addresses }
        }
        updateServers()
        state.withLock { $0.awaited.removeValue(forKey: name) }?.arrive()
    }
}

extension Configuration {
    /// The host names of servers.
    var serverNames: Set<Endpoint> {
        let servers = upstreams.flatMap { $0.servers.map(\.endpoint) } + (redis?.servers ?? [])
        return Set(servers.filter { if case .name = $0 { true } else { false } })
    }
}
