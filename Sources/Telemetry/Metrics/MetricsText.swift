import Bytes

/// Everything that a scrape shows.
public struct MetricsText {
    private let snapshots: [MetricsSnapshot]
    private let names: MetricNames
    private let series: SeriesRegistry.Names
    private let process: ProcessFigures
    private let logs: LogFigures
    private let configuration: ConfigurationFigures
    private let build: BuildFigures
    private let cache: StoreFigures
    private let limits: LimitFigures
    private let layout: MetricsLayout
    /// The words of all loops, summed; gauges as well, which each loop keeps for its own part.
    private let loop: [UInt64]
    private let routes: [UInt64]
    private let servers: [UInt64]

    /// Sums what the loops counted.
    /// - Parameters:
    ///   - snapshots: One of each loop, in the order of the loops; those of loops made with other
    ///     names are left out.
    ///   - names: The names that the loops' metrics were made with.
    ///   - series: The registry that their series come from.
    ///   - process: What the system says now.
    ///   - logs: What the log writer says now.
    ///   - configuration: The configuration in force.
    ///   - build: What the program is.
    ///   - cache: What the stores of responses and of dictionaries hold.
    ///   - limits: What the limits have decided and hold.
    public init(
        _ snapshots: [MetricsSnapshot],
        names: MetricNames,
        series: SeriesRegistry,
        process: ProcessFigures,
        logs: LogFigures,
        configuration: ConfigurationFigures,
        build: BuildFigures,
        cache: StoreFigures = StoreFigures(),
        limits: LimitFigures = LimitFigures()
    ) {
        self.cache = cache
        let layout = MetricsLayout(names: names)
        let known = snapshots.filter { $0.layout == layout }
        self.layout = layout
        self.snapshots = known
        self.names = names
        self.series = series.names()
        self.process = process
        self.logs = logs
        self.configuration = configuration
        self.build = build
        self.limits = limits
        loop = Self.sum(known.map(\.loop), count: layout.loopCount)
        routes = Self.sum(
            known.map(\.routes),
            count: self.series.routes.count * MetricsLayout.routeStride
        )
        servers = Self.sum(
            known.map(\.servers),
            count: self.series.servers.count * layout.serverStride
        )
    }

    private static func sum(_ arrays: [[UInt64]], count: Int) -> [UInt64] {
        var total = [UInt64](repeating: 0, count: count)
        for array in arrays {
            // A series newer than the names read here is shown by the next scrape.
            for index in 0..<min(count, array.count) { total[index] &+= array[index] }
        }
        return total
    }

    /// The text of a scrape.
    public func render(_ format: MetricsFormat) -> [UInt8] {
        let writer = SampleWriter(format: format)
        for metric in MetricTable.all {
            writer.begin(metric)
            write(metric, to: writer)
        }
        return writer.finish()
    }

    private func write(_ metric: MetricDescription, to writer: SampleWriter) {
        switch metric.source {
        case .loopCounter(let counter): writer.sample(value: loop[counter.rawValue])
        case .loopGauge(let gauge):
            writer.sample(signed: loop[MetricsLayout.gauges + gauge.rawValue])
        case .loopFigure(let figure):
            writeLoops(writer) {
                writer.sample($0, signed: $1.loop[MetricsLayout.figures + figure.rawValue])
            }
        case .loopIterations:
            writeLoops(writer) { writer.sample($0, value: $1.loop[MetricsLayout.iterations]) }
        case .loopBusy:
            writeLoops(writer) { writer.sample($0, nanoseconds: $1.loop[MetricsLayout.busy]) }
        case .loopBusyShare:
            writeLoops(writer) {
                writer.sample($0, value: $1.loop[MetricsLayout.busyShare], decimals: 6)
            }
        case .loopLag:
            writeLoops(writer) { writer.histogram($0, $1.loop[MetricsLayout.lag...]) }
        case .connectionsOpen: writeConnectionsOpen(to: writer)
        case .reasons(let counter):
            writeReasons(counter, label: metric.labels.first ?? "reason", to: writer)
        case .coding(let counter): writeCodings(counter, to: writer)
        case .codingRatio: writeCodingRatio(to: writer)
        case .requests, .route, .phase: writeRoutes(metric.source, to: writer)
        case .server, .serverGauge, .serverResponses, .serverDuration, .serverFailures,
            .serverHealthy, .serverEjected:
            writeServers(metric.source, to: writer)
        case .redisDuration: writer.histogram([], loop[MetricsLayout.redis...])
        case .sharedDuration: writer.histogram([], loop[MetricsLayout.shared...])
        case .limit(let limit): limits.write(limit, to: writer)
        case .logWritten, .logDropped, .logReopened, .logQueued:
            writeLogs(metric.source, to: writer)
        case .configurationLoaded, .configurationGeneration, .configurationSucceeded,
            .configurationReloads, .configurationInfo:
            writeConfiguration(metric.source, to: writer)
        case .cacheRequests, .cacheResponses: writeRoutes(metric.source, to: writer)
        case .dictionaryCount: writer.sample(value: cache.dictionaries)
        case .dictionaryBytes: writer.sample(value: cache.dictionaryBytes)
        case .dictionariesDropped: writer.sample(value: cache.dictionariesDropped)
        case .cacheObjects: writer.sample(value: cache.objects)
        case .cacheBytes: writer.sample(value: cache.bytes)
        case .cacheSize: writer.sample(value: cache.budget)
        case .cacheEvictions: writer.sample(value: cache.evictions)
        case .cacheRefusals: writer.sample(value: cache.refusals)
        case .cacheDisk(let disk): cache.disk?.write(disk, to: writer)
        case .certificateExpiry, .certificateDays, .certificateReloads, .ticketKeyReloads,
            .ocspFetches:
            writeCertificates(metric.source, to: writer)
        case .processResident, .processVirtual, .processOpen, .processMaximum, .processCPU,
            .processStart, .build:
            writeProcess(metric.source, to: writer)
        }
    }

    private func writeLoops(
        _ writer: SampleWriter,
        _ body: (_ labels: [UInt8], MetricsSnapshot) -> Void
    ) {
        for (index, snapshot) in snapshots.enumerated() {
            body(LabelText.pairs([("loop", String(index))]), snapshot)
        }
    }

    private func writeConnectionsOpen(to writer: SampleWriter) {
        var open = loop[LoopCounter.connectionsAccepted.rawValue]
        let start = layout.reasonOffsets[ReasonCounter.connectionsClosed.rawValue]
        for index in names.connectionsClosed.indices { open &-= loop[start + index] }
        writer.sample(signed: open)
    }

    private func writeReasons(_ counter: ReasonCounter, label: String, to writer: SampleWriter) {
        let start = layout.reasonOffsets[counter.rawValue]
        for (index, name) in names.names(of: counter).enumerated() {
            writer.sample(LabelText.pairs([(label, name)]), value: loop[start + index])
        }
    }

    // MARK: By content coding

    private func figure(_ counter: CodingCounter, _ coding: Int) -> UInt64 {
        loop[layout.codings + counter.rawValue * layout.codingCount + coding]
    }

    /// Codings that were never used are left out.
    private func writeCodings(_ counter: CodingCounter, to writer: SampleWriter) {
        for (index, name) in names.codings.enumerated() {
            let value = figure(counter, index)
            let labels = LabelText.pairs([("coding", name)])
            if value == 0 { continue }
            if counter == .nanoseconds {
                writer.sample(labels, nanoseconds: value)
            } else {
                writer.sample(labels, value: value)
            }
        }
    }

    private func writeCodingRatio(to writer: SampleWriter) {
        for (index, name) in names.codings.enumerated() {
            let output = figure(.bytesOut, index)
            if output == 0 { continue }
            let thousandths = figure(.bytesIn, index).multipliedReportingOverflow(by: 1000)
            let ratio = thousandths.overflow ? 0 : thousandths.partialValue / output
            writer.sample(LabelText.pairs([("coding", name)]), value: ratio, decimals: 3)
        }
    }

    // MARK: By site and route

    /// Series that never counted anything are left out: most routes never see most methods.
    private func writeRoutes(_ source: MetricDescription.Source, to writer: SampleWriter) {
        for (index, labels) in series.routes.enumerated() {
            let base = index * MetricsLayout.routeStride
            switch source {
            case .requests: writeRequests(base: base, labels: labels, to: writer)
            case .cacheRequests:
                writeCache(MetricsText.cacheResults, base: base, labels: labels, to: writer)
            case .cacheResponses:
                writeCache(MetricsText.cacheStorings, base: base, labels: labels, to: writer)
            case .route(let counter):
                let value = routes[base + counter.rawValue]
                if value != 0 { writer.sample(labels, value: value) }
            case .phase(let phase):
                let start =
                    base + MetricsLayout.histograms + phase.rawValue * DurationBuckets.stride
                writer.histogram(labels, routes[start...])
            default: break
            }
        }
    }

    private func writeCache(
        _ counters: [(RouteCounter, String)],
        base: Int,
        labels: [UInt8],
        to writer: SampleWriter
    ) {
        for (counter, name) in counters where routes[base + counter.rawValue] != 0 {
            let result = LabelText.pairs([("result", name)])
            writer.sample(labels + [44] + result, value: routes[base + counter.rawValue])
        }
    }

    private func writeRequests(base: Int, labels: [UInt8], to writer: SampleWriter) {
        var index = base + MetricsLayout.requests
        for method in MethodLabel.allCases {
            for status in StatusClass.allCases {
                if routes[index] != 0 {
                    writer.sample(
                        labels,
                        ("method", method.text),
                        ("status", status.text),
                        value: routes[index]
                    )
                }
                index += 1
            }
        }
    }

    // MARK: By server

    private func writeServers(_ source: MetricDescription.Source, to writer: SampleWriter) {
        for (index, labels) in series.servers.enumerated() {
            let base = index * layout.serverStride
            // The reserved `other` shows only once it is used.
            let words = servers[base..<base + layout.serverStride]
            if index == ServerSeries.other.index && words.allSatisfy({ $0 == 0 }) { continue }
            switch source {
            case .server(let counter):
                writer.sample(labels, value: servers[base + counter.rawValue])
            case .serverGauge(let gauge):
                writer.sample(
                    labels,
                    signed: servers[base + MetricsLayout.serverGauges + gauge.rawValue]
                )
            case .serverResponses:
                for status in StatusClass.allCases {
                    let value = servers[base + MetricsLayout.serverStatuses + Int(status.rawValue)]
                    if value != 0 { writer.sample(labels, ("status", status.text), value: value) }
                }
            case .serverDuration:
                writer.histogram(labels, servers[(base + MetricsLayout.serverDuration)...])
            case .serverFailures:
                let start = base + MetricsLayout.serverFailures
                for (reason, name) in names.upstreamFailures.enumerated() {
                    writer.sample(
                        labels + [44] + LabelText.pairs([("reason", name)]),
                        value: servers[start + reason]
                    )
                }
            case .serverHealthy, .serverEjected:
                writeHealth(source, server: index, labels: labels, to: writer)
            default: break
            }
        }
    }

    /// Health is a word of each loop and not a count, so the loops are asked one by one.
    private func writeHealth(
        _ source: MetricDescription.Source,
        server: Int,
        labels: [UInt8],
        to writer: SampleWriter
    ) {
        let position = server * layout.serverStride + MetricsLayout.serverHealth
        var votes: [ServerHealth] = []
        for snapshot in snapshots where position < snapshot.servers.count {
            let health = ServerHealth(rawValue: snapshot.servers[position]) ?? .unknown
            if health != .unknown { votes.append(health) }
        }
        guard !votes.isEmpty else { return }
        if case .serverHealthy = source {
            writer.sample(labels, value: votes.allSatisfy { $0 == .healthy } ? 1 : 0)
        } else {
            writer.sample(labels, value: UInt64(votes.count { $0 == .ejected }))
        }
    }

    // MARK: Of the process

    private func writeLogs(_ source: MetricDescription.Source, to writer: SampleWriter) {
        switch source {
        case .logWritten: writer.sample(value: logs.linesWritten)
        case .logDropped:
            writer.sample([], ("reason", "queue"), value: logs.linesDroppedQueue)
            writer.sample([], ("reason", "write"), value: logs.linesDroppedWrite)
        case .logReopened: writer.sample(value: logs.reopened)
        default: writer.sample(value: UInt64(max(0, logs.bytesQueued)))
        }
    }

    private func writeConfiguration(_ source: MetricDescription.Source, to writer: SampleWriter) {
        switch source {
        case .configurationGeneration:
            writer.sample(value: UInt64(max(0, configuration.generation)))
        case .configurationLoaded:
            writer.sample(value: UInt64(max(0, configuration.loadedUnixSeconds)))
        case .configurationSucceeded:
            writer.sample(value: configuration.lastReloadSucceeded ? 1 : 0)
        case .configurationReloads:
            writer.sample([], ("result", "success"), value: configuration.reloadsSucceeded)
            writer.sample([], ("result", "failure"), value: configuration.reloadsFailed)
        default:
            guard !configuration.hash.isEmpty else { return }
            writer.sample(LabelText.pairs([("hash", configuration.hash)]), value: 1)
        }
    }

    private func writeCertificates(_ source: MetricDescription.Source, to writer: SampleWriter) {
        let figures = configuration.certificates
        if case .ocspFetches = source {
            writer.sample([], ("result", "success"), value: figures.ocspSucceeded)
            writer.sample([], ("result", "failure"), value: figures.ocspFailed)
            return
        }
        if case .certificateReloads = source {
            writer.sample([], ("result", "success"), value: figures.reloadsSucceeded)
            writer.sample([], ("result", "failure"), value: figures.reloadsFailed)
            return
        }
        if case .ticketKeyReloads = source {
            writer.sample([], ("result", "success"), value: figures.ticketKeysTaken)
            writer.sample([], ("result", "failure"), value: figures.ticketKeysRefused)
            return
        }
        for certificate in figures.ends {
            let (name, end) = (certificate.name, certificate.end)
            let labels = LabelText.pairs([("certificate", name)])
            if case .certificateExpiry = source {
                writer.sample(labels, value: UInt64(max(0, end)))
            } else {
                // Rounded down, below zero too; the times are of this century.
                let left = end &- figures.nowUnixSeconds
                let days = left >= 0 ? left / 86_400 : (left &- 86_399) / 86_400
                writer.sample(labels, signed: UInt64(bitPattern: days))
            }
        }
    }

    private func writeProcess(_ source: MetricDescription.Source, to writer: SampleWriter) {
        switch source {
        case .processResident: writer.sample(value: process.residentBytes)
        case .processVirtual: writer.sample(value: process.virtualBytes)
        case .processOpen: writer.sample(value: process.openDescriptors)
        case .processMaximum: writer.sample(value: process.maximumDescriptors)
        case .processCPU: writer.sample(value: process.cpuMicroseconds, decimals: 6)
        case .processStart:
            writer.sample(value: UInt64(max(0, process.startUnixMilliseconds)), decimals: 3)
        default:
            let labels = [("version", build.version), ("revision", build.revision)]
            writer.sample(LabelText.pairs(labels), value: 1)
        }
    }
}
