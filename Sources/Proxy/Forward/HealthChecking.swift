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
            Task(executorPreference: executor) { await self.checkUpstream(number) }
        }
    }

    /// Checks the servers of an upstream until the configuration is replaced; names may bring new
    /// servers at any time.
    private func checkUpstream(_ number: Int) async {
        let generation = context.snapshot.generation
        guard let check = context.upstreams[number].runtime.configuration.healthCheck else {
            return
        }
        let policy = HealthCheckPolicy(
            every: check.interval,
            timeout: check.timeout,
            passes: check.passes,
            fails: check.fails,
            expected: StatusRanges(check.expected)
        )
        var states: [UInt64: HealthCheckState] = [:]
        while generation == context.snapshot.generation && !context.reactor.isShutDown {
            let upstream = context.upstreams[number]
            upstream.refresh()
            var next = context.reactor.now + check.interval
            // Names may bring other servers while one is being asked: each round has its own set.
            let servers = upstream.servers
            for (index, server) in servers.set.servers.enumerated() {
                guard generation == context.snapshot.generation, !context.reactor.isShutDown
                else { return }
                var state =
                    states[server.identity]
                    ?? HealthCheckState(
                        now: context.reactor.now,
                        policy: policy,
                        random: context.reactor.random.next()
                    )
                if state.nextCheck <= context.reactor.now {
                    let passed = await isHealthy(servers.addresses[index], check, policy)
                    let change = state.checkEnded(
                        passed: passed,
                        now: context.reactor.now,
                        policy: policy,
                        random: context.reactor.random.next()
                    )
                    note(change, passed: passed, server, upstream, servers.series[index])
                }
                next = min(next, state.nextCheck)
                states[server.identity] = state
            }
            await context.reactor.sleep(until: max(next, context.reactor.now + 1_000_000))
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
        _ address: SocketAddress,
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
            let stream = try await reactor.connect(to: address, deadline: deadline)
            defer { stream.close() }
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
