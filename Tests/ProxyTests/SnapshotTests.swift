import Balancing
import Configuration
import Telemetry
import Testing

@testable import Proxy

@Suite("Taking over a configuration")
struct SnapshotTests {
    @Test(
        "A server that failed its checks is usable again once nobody checks it",
        arguments: [true, false]
    )
    func healthWithoutChecks(stillChecked: Bool) throws {
        let registry = SeriesRegistry()
        let before = try snapshot("health_check /up", previous: nil, registry)
        let status = try #require(before.upstreams.first?.current.set.servers.first?.status)
        status.setHealthy(false)
        let after = try snapshot(stillChecked ? "health_check /up" : "", previous: before, registry)
        let kept = try #require(after.upstreams.first?.current.set.servers.first?.status)
        #expect(kept === status)
        #expect(kept.isHealthy == !stillChecked)
    }

    private func snapshot(_ check: String, previous: ServingSnapshot?, _ registry: SeriesRegistry)
        throws -> ServingSnapshot
    {
        let text = """
            upstream app { server 10.0.0.1:8000; \(check) }
            site * { listen 192.0.2.1:80; proxy app }
            """
        let access = SourceAccess(
            read: { _, _ throws(SourceAccess.Failure) in Array(text.utf8) },
            matches: { _ in [] },
            environment: { _ in nil }
        )
        let configuration = try Configuration.load("gateway.conf", access: access)
        return ServingSnapshot(
            configuration,
            previous: previous,
            registry: registry,
            logs: configuration.accessLogs.map { _ in nil },
            resolved: [:]
        )
    }
}
