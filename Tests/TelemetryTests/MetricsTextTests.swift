import Foundation
import Testing

@testable import Telemetry

@Suite("Prometheus text 0.0.4 and OpenMetrics 1.0")
struct MetricsTextTests {
    @Test(
        "Every loop's figures are summed",
        arguments: [
            #"gateway_requests_total{site="shop.example.com",route="/api/*",method="GET",status="2xx"} 2"#,
            #"gateway_requests_total{site="a\"b\\c\nd",route="*",method="other",status="none"} 1"#,
            #"gateway_request_duration_seconds_bucket{site="shop.example.com",route="/api/*",le="0.0025"} 0"#,
            #"gateway_request_duration_seconds_bucket{site="shop.example.com",route="/api/*",le="0.005"} 2"#,
            #"gateway_request_duration_seconds_bucket{site="shop.example.com",route="/api/*",le="+Inf"} 2"#,
            #"gateway_request_duration_seconds_sum{site="shop.example.com",route="/api/*"} 0.006000000"#,
            #"gateway_request_duration_seconds_count{site="shop.example.com",route="/api/*"} 2"#,
            #"gateway_request_first_byte_duration_seconds_bucket{site="shop.example.com",route="/api/*",le="0.0005"} 2"#,
            #"gateway_responses_sent_bytes_total{site="shop.example.com",route="/api/*"} 10000"#,
            #"gateway_requests_in_flight 4"#,
            #"gateway_connections_accepted_total 4"#,
            #"gateway_connections_open 2"#,
            #"gateway_connections_closed_total{reason="idle"} 2"#,
            #"gateway_connections_closed_total{reason="other"} 0"#,
            #"gateway_requests_rejected_total{reason="body_too_large"} 1"#,
            #"gateway_requests_rejected_total{reason="other"} 2"#,
            #"gateway_upstream_failures_total{upstream="app",server="unix:/run/app.sock",reason="other"} 1"#,
            #"gateway_upstream_duration_seconds_bucket{upstream="app",server="unix:/run/app.sock",le="60.0"} 0"#,
            #"gateway_upstream_duration_seconds_bucket{upstream="app",server="unix:/run/app.sock",le="+Inf"} 2"#,
            #"gateway_upstream_healthy{upstream="app",server="unix:/run/app.sock"} 0"#,
            #"gateway_upstream_ejected{upstream="app",server="unix:/run/app.sock"} 1"#,
            #"gateway_loop_busy_ratio{loop="1"} 0.200000"#,
            #"gateway_loop_busy_seconds_total{loop="0"} 1.000000000"#,
            #"gateway_loop_timers{loop="0"} 7"#,
            #"process_cpu_seconds_total 1.234567"#,
            #"process_start_time_seconds 1795371031.042"#,
            #"gateway_build_info{version="0.1.0",revision="d8ae726"} 1"#,
        ]
    )
    func sums(line: String) {
        let scrape = SampleScrape()
        for format in MetricsFormat.allCases {
            #expect(scrape.lines(format).count { $0 == line } == 1)
        }
    }

    @Test("Prometheus names a counter with its suffix, OpenMetrics without and with its unit")
    func comments() {
        let scrape = SampleScrape()
        let prometheus = scrape.lines(.prometheus)
        #expect(prometheus.contains("# TYPE gateway_requests_received_bytes_total counter"))
        #expect(prometheus.contains("# TYPE gateway_build_info gauge"))
        #expect(!prometheus.contains { $0.hasPrefix("# UNIT") || $0 == "# EOF" })
        let openMetrics = scrape.lines(.openMetrics)
        #expect(openMetrics.contains("# TYPE gateway_requests_received_bytes counter"))
        #expect(openMetrics.contains("# UNIT gateway_requests_received_bytes bytes"))
        #expect(openMetrics.contains("# TYPE gateway_build info"))
        #expect(openMetrics.last == "# EOF")
    }

    @Test("No sample stands twice, and each belongs to the family above it")
    func families() throws {
        for format in MetricsFormat.allCases {
            var seen: Set<String> = []
            var family = ""
            for line in SampleScrape().lines(format) where line != "# EOF" {
                if line.hasPrefix("# TYPE ") {
                    family = String(line.split(separator: " ")[2])
                    continue
                }
                if line.hasPrefix("#") { continue }
                let space = try #require(line.lastIndex(of: " "))
                let series = line[..<space]
                #expect(series.hasPrefix(family))
                #expect(seen.insert(String(series)).inserted)
            }
        }
    }

    @Test("A gauge that went below zero between two loops' snapshots shows its sign")
    func negative() {
        let sample = SampleScrape()
        sample.loops[0].adjust(.tunnelsOpen, by: -2)
        #expect(sample.lines(.prometheus).contains("gateway_tunnels_open -2"))
    }

    @Test("Without any loop every family still has its comments")
    func empty() {
        let names = MetricNames(requestsRejected: [], connectionsClosed: [])
        let scrape = MetricsText(
            [],
            names: names,
            series: SeriesRegistry(),
            process: ProcessFigures(),
            logs: LogFigures(),
            configuration: ConfigurationFigures(),
            build: BuildFigures(version: "1")
        )
        let lines = text(scrape.render(.prometheus)).split(separator: "\n")
        #expect(lines.count { $0.hasPrefix("# TYPE") } == MetricTable.all.count)
    }

    @Test("A server that a configuration lost no longer has a say in health")
    func lostServer() {
        let sample = SampleScrape()
        let server = sample.registry.server(upstream: "app", server: "unix:/run/app.sock")
        for loop in sample.loops { loop.setHealth(.unknown, server: server) }
        #expect(!sample.lines(.prometheus).contains { $0.hasPrefix("gateway_upstream_healthy{") })
    }

    @Test(
        "A parser of another make takes both formats",
        .enabled(if: ProcessInfo.processInfo.environment["GATEWAY_SCRAPE_FOLDER"] != nil)
    )
    func forAnotherParser() throws {
        let folder = try #require(ProcessInfo.processInfo.environment["GATEWAY_SCRAPE_FOLDER"])
        let scrape = SampleScrape().scrape()
        try Data(scrape.render(.prometheus)).write(to: URL(filePath: folder + "/prometheus.txt"))
        try Data(scrape.render(.openMetrics)).write(to: URL(filePath: folder + "/openmetrics.txt"))
    }
}
