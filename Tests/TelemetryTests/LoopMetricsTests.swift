import Testing

@testable import Telemetry

@Suite("Counters of a loop")
struct LoopMetricsTests {
    let names = MetricNames(requestsRejected: ["a", "b"], connectionsClosed: ["c"])

    @Test("A snapshot is not changed by what is counted after it")
    func snapshot() {
        let loop = LoopMetrics(names: names)
        loop.add(.connectionsAccepted)
        let before = loop.snapshot()
        loop.add(.connectionsAccepted)
        #expect(before.loop[LoopCounter.connectionsAccepted.rawValue] == 1)
        #expect(loop.snapshot().loop[LoopCounter.connectionsAccepted.rawValue] == 2)
    }

    @Test("Memory grows to the series that a loop records and no further")
    func growth() {
        let registry = SeriesRegistry()
        let loop = LoopMetrics(names: names)
        let first = registry.route(site: "s", route: "/0")
        for index in 1..<100 { _ = registry.route(site: "s", route: "/\(index)") }
        #expect(loop.snapshot().routes.count == 2 * MetricsLayout.routeStride)
        loop.add(.retries, route: first)
        #expect(loop.snapshot().routes.count == 3 * MetricsLayout.routeStride)
        loop.add(.retries, route: .other)
        #expect(loop.snapshot().routes.count == 3 * MetricsLayout.routeStride)
    }

    @Test("No reason, status or duration can leave its place", arguments: [Int.min, -1, 3, .max])
    func outOfRange(value: Int) {
        let loop = LoopMetrics(names: names)
        loop.count(.requestsRejected, reason: value)
        loop.countFailure(server: .other, reason: value == 3 ? 99 : value)
        loop.recordTurn(busy: Int64(value), waited: Int64(value), lag: Int64(value))
        loop.recordResponse(server: .other, status: value, duration: Int64(value))
        let snapshot = loop.snapshot()
        let other = snapshot.layout.reasonOffsets[0] + names.requestsRejected.count - 1
        #expect(snapshot.loop[other] == 1)
        #expect(snapshot.servers.last == 1)
        #expect(snapshot.servers[MetricsLayout.serverStatuses] == 1)
    }

    @Test("The busy share is that of the last full window")
    func busyShare() {
        let loop = LoopMetrics(names: names)
        loop.recordTurn(busy: 1_000_000_000, waited: 1_000_000_000, lag: 0)
        #expect(loop.snapshot().loop[MetricsLayout.busyShare] == 0)
        loop.recordTurn(busy: 1_000_000_000, waited: 3_000_000_000, lag: 0)
        #expect(loop.snapshot().loop[MetricsLayout.busyShare] == 333_333)
    }

    @Test("Reasons named twice, or like the one that is added, get names of their own")
    func reasonNames() {
        let names = MetricNames(requestsRejected: ["x", "x", "other"], connectionsClosed: [])
        #expect(names.requestsRejected == ["x", "x_1", "other_2", "other"])
        #expect(names.connectionsClosed == ["other"])
    }

    struct MethodCase: CustomTestStringConvertible {
        let method: String
        let label: MethodLabel
        var testDescription: String { method }
    }

    @Test(
        "Methods are told apart by case, and made-up ones are other",
        arguments: [
            MethodCase(method: "GET", label: .get), MethodCase(method: "PUT", label: .put),
            MethodCase(method: "HEAD", label: .head), MethodCase(method: "POST", label: .post),
            MethodCase(method: "PATCH", label: .patch), MethodCase(method: "TRACE", label: .trace),
            MethodCase(method: "DELETE", label: .delete),
            MethodCase(method: "OPTIONS", label: .options),
            MethodCase(method: "get", label: .other), MethodCase(method: "", label: .other),
            MethodCase(method: "CONNECT", label: .other),
            MethodCase(method: "PURGE", label: .other),
        ]
    )
    func methods(row: MethodCase) {
        #expect(MethodLabel(Array(row.method.utf8).span) == row.label)
    }

    @Test("Process figures come from the system")
    func process() {
        let figures = ProcessFigures.current()
        #expect(figures.residentBytes > 1 << 20 && figures.virtualBytes >= figures.residentBytes)
        #expect(figures.openDescriptors >= 3)
        #expect(figures.maximumDescriptors >= figures.openDescriptors)
        #expect(figures.cpuMicroseconds > 0)
        let age = wallClockMilliseconds() - figures.startUnixMilliseconds
        #expect(age > -2000 && age < 86_400_000)
    }
}
