import Foundation
import Testing

@testable import Telemetry

@Suite("The table of metrics")
struct MetricTableTests {
    @Test("Names are unique, well-formed, and leave the suffixes to the formats")
    func names() {
        var seen: Set<String> = []
        for metric in MetricTable.all {
            #expect(seen.insert(metric.name).inserted)
            #expect(metric.name.wholeMatch(of: /(gateway|process)(_[a-z]+)+/) != nil)
            for suffix in ["_total", "_info", "_bucket", "_sum", "_count", "_created"] {
                #expect(!metric.name.hasSuffix(suffix), "\(metric.name)")
            }
            #expect(metric.kind != .histogram || metric.unit == .seconds)
        }
    }

    @Test("Help is one sentence on one line")
    func help() {
        for metric in MetricTable.all {
            #expect(metric.help.hasSuffix(".") && !metric.help.contains("\n"), "\(metric.name)")
            #expect(metric.help.count <= 90 && !metric.help.contains("|"), "\(metric.name)")
        }
    }

    @Test("Every counter of the loops has its family")
    func complete() {
        let sources = MetricTable.all.map { "\($0.source)" }
        let expected =
            LoopCounter.allCases.map { "loopCounter(Telemetry.LoopCounter.\($0))" }
            + LoopGauge.allCases.map { "loopGauge(Telemetry.LoopGauge.\($0))" }
            + LoopFigure.allCases.map { "loopFigure(Telemetry.LoopFigure.\($0))" }
            + ReasonCounter.allCases.map { "reasons(Telemetry.ReasonCounter.\($0))" }
            + RouteCounter.allCases.filter { counter in
                // These are the results of two families.
                !(MetricsText.cacheResults + MetricsText.cacheStorings).contains { $0.0 == counter }
            }.map { "route(Telemetry.RouteCounter.\($0))" }
            + RequestPhase.allCases.map { "phase(Telemetry.RequestPhase.\($0))" }
            + ServerCounter.allCases.map { "server(Telemetry.ServerCounter.\($0))" }
            + ServerGauge.allCases.map { "serverGauge(Telemetry.ServerGauge.\($0))" }
        for source in expected {
            #expect(sources.count { $0 == source } == 1, "\(source)")
        }
        #expect(Set(sources).count == sources.count)
    }

    @Test("The counts that are written out are those of the cases")
    func counts() {
        #expect(LoopCounter.count == LoopCounter.allCases.count)
        #expect(LoopGauge.count == LoopGauge.allCases.count)
        #expect(LoopFigure.count == LoopFigure.allCases.count)
        #expect(ReasonCounter.count == ReasonCounter.allCases.count)
        #expect(RouteCounter.count == RouteCounter.allCases.count)
        #expect(RequestPhase.count == RequestPhase.allCases.count)
        #expect(ServerCounter.count == ServerCounter.allCases.count)
        #expect(ServerGauge.count == ServerGauge.allCases.count)
        #expect(MethodLabel.count == MethodLabel.allCases.count)
        #expect(StatusClass.count == StatusClass.allCases.count)
        #expect(DurationBuckets.count == DurationBuckets.bounds.count + 1)
        #expect(DurationBuckets.count == DurationBuckets.labels.count)
        #expect(DurationBuckets.stride == DurationBuckets.count + 1)
    }

    @Test("Documentation/Metrics.md is what the table says")
    func document() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let file = root.appending(path: "Documentation/Metrics.md")
        let expected = MetricsDocument.render()
        if ProcessInfo.processInfo.environment["GOLDEN_UPDATE"] == "1" {
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data(expected.utf8).write(to: file)
        }
        #expect(try String(contentsOf: file, encoding: .utf8) == expected)
    }
}
