/// Documentation/Metrics.md, from the table that the exposition comes from.
enum MetricsDocument {
    /// The whole page in Markdown.
    static func render() -> String {
        var page = """
            # Metrics

            Generated from `Sources/Telemetry/Metrics/MetricTable.swift`; a test compares them, and
            `GOLDEN_UPDATE=1 swift test --filter TelemetryTests` writes this page anew.

            `/metrics` answers in the Prometheus text format, or in OpenMetrics when that is asked
            for. Values of `site`, `route`, `upstream` and `server` come from the configuration and
            from nothing else. Over the life of a process there are at most
            \(SeriesRegistry.Limits().routes) pairs of site and route and \
            \(SeriesRegistry.Limits().servers) of upstream and server; what comes
            later counts under `other`. Requests that reach no site count under `none`. A counter by
            site and route, or by status, appears with its first count. Counters never go backwards
            while the process lives, reloads included.

            The buckets of every histogram end at \(boundaries) seconds.

            | metric | type | labels | meaning |
            |---|---|---|---|

            """
        for metric in MetricTable.all {
            let labels = metric.labels.map { "`\($0)`" }.joined(separator: " ")
            page += "| `\(metric.sampleName)` | \(metric.kind.rawValue) | \(labels) "
            page += "| \(metric.help) |\n"
        }
        return page
    }

    private static var boundaries: String {
        let labels = DurationBuckets.labels.dropLast().map(\.description)
        return labels.dropLast().joined(separator: ", ") + " and " + (labels.last ?? "")
    }
}
