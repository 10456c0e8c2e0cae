import Bytes
import Testing

@testable import Telemetry

/// Bytes as text, for comparing.
func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

/// A scrape of figures that touch every family.
struct SampleScrape {
    let names = MetricNames(
        requestsRejected: ["bad_header", "body_too_large"],
        connectionsClosed: ["idle", "client"],
        upstreamFailures: ["connect_refused", "reset"]
    )
    let registry = SeriesRegistry()
    let loops: [LoopMetrics]

    init() {
        loops = [LoopMetrics(names: names), LoopMetrics(names: names)]
        let shop = registry.route(site: "shop.example.com", route: "/api/*")
        let odd = registry.route(site: "a\"b\\c\nd", route: "*")
        let server = registry.server(upstream: "app", server: "unix:/run/app.sock")
        for loop in loops {
            loop.add(.connectionsAccepted, 2)
            loop.count(.connectionsClosed, reason: 0)
            loop.adjust(.requestsInFlight, by: 3)
            loop.adjust(.requestsInFlight, by: -1)
            loop.record(
                RequestFigures(
                    route: shop,
                    method: .get,
                    status: 200,
                    total: 3_000_000,
                    upstream: 2_000_000,
                    firstByte: 400_000,
                    bytesReceived: 300,
                    bytesSent: 5000
                )
            )
            loop.recordTurn(busy: 1_000_000_000, waited: 4_000_000_000, lag: 1_000_000)
            loop.set(.timers, to: 7)
            loop.setHealth(.healthy, server: server)
            loop.recordResponse(server: server, status: 204, duration: 70_000_000_000)
        }
        loops[0].record(
            RequestFigures(
                route: odd,
                method: .other,
                status: 0,
                total: -5,
                bytesReceived: 1,
                bytesSent: 0
            )
        )
        loops[0].count(.requestsRejected, reason: 1)
        loops[0].count(.requestsRejected, reason: 99)
        loops[0].count(.requestsRejected, reason: -1)
        loops[0].add(.clientsRefused, route: shop)
        loops[0].countFailure(server: server, reason: 0)
        loops[0].countFailure(server: server, reason: 2)
        loops[0].add(.connectionsOpened, server: server)
        loops[0].adjust(.connectionsOpen, server: server, by: 1)
        loops[1].setHealth(.ejected, server: server)
    }

    func scrape() -> MetricsText {
        var process = ProcessFigures()
        process.cpuMicroseconds = 1_234_567
        process.startUnixMilliseconds = 1_795_371_031_042
        process.residentBytes = 12 << 20
        var configuration = ConfigurationFigures()
        configuration.generation = 2
        configuration.loadedUnixSeconds = 1_795_371_031
        configuration.hash = "abc"
        return MetricsText(
            loops.map { $0.snapshot() },
            names: names,
            series: registry,
            process: process,
            logs: LogFigures(),
            configuration: configuration,
            build: BuildFigures(version: "0.1.0", revision: "d8ae726")
        )
    }

    func lines(_ format: MetricsFormat) -> [String] {
        let bytes = scrape().render(format)
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
