import Addressing
import Balancing
import Bytes
import Configuration
import EventLoop
import HTTP
import HTTP1
import Telemetry

/// Active health checks: the first worker asks every server of every upstream that wants it.
extension Worker {
    /// Starts checking by the present configuration; checks of an older one end by themselves.
    func startHealthChecks() {
        for number in context.upstreams.indices
        where context.upstreams[number].runtime.configuration.healthCheck != nil {
            Task { await self.checkUpstream(number) }
        }
    }

    /// Has each server of an upstream checked, until the configuration is replaced; names may bring
    /// new servers at any time.
    private func checkUpstream(_ number: Int) async {
        let generation = context.snapshot.generation
        guard let check = context.upstreams[number].runtime.configuration.healthCheck else {
            return
        }
        while generation == context.snapshot.generation && !context.reactor.isShutDown {
            let upstream = context.upstreams[number]
            upstream.refresh()
            for server in upstream.servers.set.servers {
                let subject = CheckedServer(
                    generation: generation,
                    upstream: number,
                    identity: server.identity
                )
                guard checkedServers.insert(subject).inserted else { continue }
                // One task each: a server that keeps its checker waiting holds up no other.
                Task { await self.checkServer(subject, check) }
            }
            await context.reactor.sleep(until: context.reactor.now + check.interval)
        }
    }

    /// Checks one server for as long as the upstream has it.
    private func checkServer(_ subject: CheckedServer, _ check: HealthCheck) async {
        let reactor = context.reactor
        let policy = HealthCheckPolicy(
            every: check.interval,
            timeout: check.timeout,
            passes: check.passes,
            fails: check.fails,
            expected: StatusRanges(check.expected)
        )
        var state = HealthCheckState(
            now: reactor.now,
            policy: policy,
            random: reactor.random.next()
        )
        var series: ServerSeries?
        while true {
            await reactor.sleep(until: state.nextCheck)
            guard !reactor.isShutDown, subject.generation == context.snapshot.generation else {
                break
            }
            // Looked up anew each time: names may have moved the server, or taken it away.
            let upstream = context.upstreams[subject.upstream]
            let servers = upstream.servers
            guard
                let index = servers.set.servers.firstIndex(where: {
                    $0.identity == subject.identity
                })
            else { break }
            series = servers.series[index]
            let passed = await isHealthy(upstream, index, check, policy)
            let change = state.checkEnded(
                passed: passed,
                now: reactor.now,
                policy: policy,
                random: reactor.random.next()
            )
            note(
                change,
                passed: passed,
                servers.set.servers[index],
                upstream,
                servers.series[index]
            )
        }
        checkedServers.remove(subject)
        // Of a server that nobody checks any more, nobody knows.
        if let series, !checkedServers.contains(where: { $0.identity == subject.identity }) {
            context.metrics.setHealth(.unknown, server: series)
        }
    }

    private func note(
        _ change: HealthCheckState.Change?,
        passed: Bool,
        _ server: Balancing.Server,
        _ upstream: UpstreamLoop,
        _ series: ServerSeries
    ) {
        context.metrics.add(passed ? .healthChecksPassed : .healthChecksFailed, server: series)
        guard let change else { return }
        let isHealthy = change == .becameHealthy
        server.status.setHealthy(isHealthy)
        context.metrics.setHealth(isHealthy ? .healthy : .unhealthy, server: series)
        ProxyLog.healthChanged(
            upstream: upstream.runtime.configuration.name,
            server: server.description.name,
            isHealthy: isHealthy
        )
    }

    /// Asks a server once.
    private func isHealthy(
        _ upstream: UpstreamLoop,
        _ index: Int,
        _ check: HealthCheck,
        _ policy: HealthCheckPolicy
    ) async -> Bool {
        let reactor = context.reactor
        let deadline = reactor.now + check.timeout
        let buffer = reactor.buffers.take()
        defer { reactor.buffers.give(buffer) }
        buffer.append("GET ")
        buffer.append(utf8: check.path)
        buffer.append(" HTTP/1.1\r\nHost: ")
        buffer.append(utf8: check.host ?? "localhost")
        buffer.append("\r\nUser-Agent: gateway-health-check\r\nConnection: close\r\n\r\n")
        do throws(StreamError) {
            let address = upstream.servers.addresses[index]
            let stream = try await reactor.connect(to: address, deadline: deadline)
            defer { stream.close() }
            guard (try? await upstream.secure(stream, index, deadline: deadline)) != nil else {
                return false
            }
            try await stream.write(buffer, deadline: deadline)
            var parser = ResponseParser()
            var head = ResponseHead()
            buffer.removeAll()
            while true {
                buffer.reserve(LoopLimits.smallBuffer / 2)
                if try await stream.read(into: buffer, deadline: deadline) == 0 { return false }
                switch parser.parse(buffer.readable, limits: context.snapshot.limits, into: &head) {
                case .complete(let count):
                    buffer.consume(count)
                    if !head.isInterim { return policy.expected.contains(head.status) }
                    parser.reset()
                case .incomplete: continue
                case .invalid: return false
                }
            }
        } catch {
            return false
        }
    }
}

/// A server under an active health check.
struct CheckedServer: Hashable, Sendable {
    let generation: Int
    let upstream: Int
    let identity: UInt64
}
