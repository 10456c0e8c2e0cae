import Testing

@testable import Telemetry

@Suite("The registry of series")
struct SeriesRegistryTests {
    @Test("The same labels keep their series, so that no counter goes backwards at a reload")
    func stable() {
        let registry = SeriesRegistry()
        let first = registry.route(site: "a", route: "/x")
        _ = registry.route(site: "b", route: "/y")
        #expect(registry.route(site: "a", route: "/x") == first)
        let server = registry.server(upstream: "app", server: "10.0.0.1:80")
        #expect(registry.server(upstream: "app", server: "10.0.0.1:80") == server)
        #expect(registry.server(upstream: "app", server: "10.0.0.2:80") != server)
    }

    @Test("Past the limit everything new is other, and what was known stays")
    func limit() {
        var limits = SeriesRegistry.Limits()
        limits.routes = 3
        limits.servers = 2
        let registry = SeriesRegistry(limits: limits)
        let routes = (0..<5).map { registry.route(site: "s", route: "/\($0)") }
        #expect(routes[0..<3].allSatisfy { $0 != .other } && Set(routes[0..<3]).count == 3)
        #expect(routes[3...].allSatisfy { $0 == .other })
        #expect(registry.route(site: "s", route: "/0") == routes[0])
        let servers = (0..<4).map { registry.server(upstream: "u", server: "\($0)") }
        #expect(servers[0..<2].allSatisfy { $0 != .other })
        #expect(servers[2...].allSatisfy { $0 == .other })
        #expect(registry.names().routes.count == 5 && registry.names().servers.count == 3)
    }

    @Test("A site named like a reserved series does not become a second one")
    func reserved() {
        let registry = SeriesRegistry()
        #expect(registry.route(site: "other", route: "other") == .other)
        #expect(registry.route(site: "none", route: "none") == .unrouted)
        #expect(registry.server(upstream: "other", server: "other") == .other)
    }

    @Test("Names that would read the same once joined stay apart")
    func quoting() {
        let registry = SeriesRegistry()
        let one = registry.route(site: #"a",route="b"#, route: "c")
        let two = registry.route(site: "a", route: #"b",route="c"#)
        #expect(one != two)
    }
}
