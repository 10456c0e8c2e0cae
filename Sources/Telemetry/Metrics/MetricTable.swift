/// One family of metrics: everything there is to say about it, said once.
struct MetricDescription: Sendable {
    /// What a family measures, in the words of the exposition formats.
    enum Kind: String, Sendable {
        case counter, gauge, histogram, info
    }

    /// What a family's values are counted in, which its name ends in.
    enum Unit: String, Sendable, CaseIterable {
        case none = ""
        case bytes, seconds, ratio
    }

    /// Where a family's values come from.
    ///
    /// `MetricsText` has one case for each.
    enum Source: Sendable {
        case loopCounter(LoopCounter)
        case loopGauge(LoopGauge)
        case loopFigure(LoopFigure)
        case loopIterations, loopBusy, loopBusyShare, loopLag
        case connectionsOpen
        case reasons(ReasonCounter)
        case coding(CodingCounter), codingRatio
        case requests
        case route(RouteCounter)
        case phase(RequestPhase)
        case server(ServerCounter)
        case serverGauge(ServerGauge)
        case serverResponses, serverDuration, serverFailures, serverHealthy, serverEjected
        case limit(LimitMetric)
        case redisDuration, sharedDuration
        case logWritten, logDropped, logReopened, logQueued
        case configurationLoaded, configurationGeneration, configurationSucceeded
        case configurationReloads, configurationInfo
        case certificateExpiry, certificateDays, certificateReloads, ticketKeyReloads, ocspFetches
        case processResident, processVirtual, processOpen, processMaximum, processCPU
        case processStart, build
        case cacheRequests, cacheResponses
        case dictionaryCount, dictionaryBytes, dictionariesDropped
        case cacheObjects, cacheBytes, cacheSize, cacheEvictions, cacheRefusals
        case cacheDisk(DiskMetric)
    }

    /// The name without the `_total` of a counter or the `_info` of an info.
    let name: String
    let kind: Kind
    /// Label names, in the order in which they are written.
    let labels: [String]
    /// One line, ending in a full stop.
    let help: String
    let source: Source

    init(
        _ name: String,
        _ kind: Kind,
        labels: [String] = [],
        _ source: Source,
        _ help: String
    ) {
        self.name = name
        self.kind = kind
        self.labels = labels
        self.help = help
        self.source = source
    }

    /// The unit, which the conventions put last in the name.
    var unit: Unit {
        Unit.allCases.first { $0 != .none && name.hasSuffix("_" + $0.rawValue) } ?? .none
    }

    /// The name of the family's samples, but for the suffixes of a histogram.
    var sampleName: String {
        switch kind {
        case .counter: name + "_total"
        case .info: name + "_info"
        case .gauge, .histogram: name
        }
    }
}

/// All families that the gateway exposes, in the order in which they are written.
///
/// The exposition and Documentation/Metrics.md both come from here. Names follow the Prometheus
/// conventions: base units, the unit last, `process_` for what every exporter has.
enum MetricTable {
    static let all =
        requests + cache + cacheDisk + cacheShared + connections + tls + upstreams + limits
        + compression + logs + configuration + loops + process

    static let route = ["site", "route"]
    private static let server = ["upstream", "server"]

    private static let requests: [MetricDescription] = [
        .init(
            "gateway_requests",
            .counter,
            labels: route + ["method", "status"],
            .requests,
            "Requests finished, by status class; none stands for no final response."
        ),
        .init(
            "gateway_request_duration_seconds",
            .histogram,
            labels: route,
            .phase(.total),
            "From the first byte of a request to the last of its response."
        ),
        .init(
            "gateway_request_upstream_duration_seconds",
            .histogram,
            labels: route,
            .phase(.upstream),
            "The part of a request's duration spent with upstreams."
        ),
        .init(
            "gateway_request_first_byte_duration_seconds",
            .histogram,
            labels: route,
            .phase(.firstByte),
            "From the first byte of a request to the first of its response."
        ),
        .init(
            "gateway_requests_received_bytes",
            .counter,
            labels: route,
            .route(.bytesReceived),
            "Bytes of requests received from clients, heads included."
        ),
        .init(
            "gateway_responses_sent_bytes",
            .counter,
            labels: route,
            .route(.bytesSent),
            "Bytes of responses sent to clients, heads included."
        ),
        .init(
            "gateway_requests_in_flight",
            .gauge,
            .loopGauge(.requestsInFlight),
            "Requests that have begun and not finished."
        ),
        .init(
            "gateway_requests_rejected",
            .counter,
            labels: ["reason"],
            .reasons(.requestsRejected),
            "Requests that the gateway refused, by reason."
        ),
        .init(
            "gateway_clients_refused",
            .counter,
            labels: route,
            .route(.clientsRefused),
            "Requests refused by the addresses that allow and deny name."
        ),
        .init(
            "gateway_retries",
            .counter,
            labels: route,
            .route(.retries),
            "Attempts at upstreams after the first of a request."
        ),
        .init(
            "gateway_request_bodies_spilled",
            .counter,
            .loopCounter(.requestBodiesSpilled),
            "Request bodies that outgrew memory and went to a temporary file."
        ),
    ]

    private static let connections: [MetricDescription] = [
        .init(
            "gateway_connections_accepted",
            .counter,
            .loopCounter(.connectionsAccepted),
            "Client connections accepted."
        ),
        .init(
            "gateway_connections_open",
            .gauge,
            .connectionsOpen,
            "Client connections open, parked ones included."
        ),
        .init(
            "gateway_connections_parked",
            .gauge,
            .loopGauge(.connectionsParked),
            "Idle client connections that have given back their buffers and task."
        ),
        .init(
            "gateway_connections_closed",
            .counter,
            labels: ["reason"],
            .reasons(.connectionsClosed),
            "Client connections closed, by reason."
        ),
        .init(
            "gateway_accept_pauses",
            .counter,
            .loopCounter(.acceptPauses),
            "Times that accepting paused for want of descriptors or memory."
        ),
        .init(
            "gateway_tunnels_opened",
            .counter,
            .loopCounter(.tunnelsOpened),
            "Connections upgraded to another protocol, such as WebSocket."
        ),
        .init(
            "gateway_tunnels_open",
            .gauge,
            .loopGauge(.tunnelsOpen),
            "Upgraded connections open."
        ),
        .init(
            "gateway_buffers_bytes",
            .gauge,
            .loopGauge(.bufferBytes),
            "Memory of the connection buffers in use, at the size they start with."
        ),
        .init(
            "gateway_spliced_bytes",
            .counter,
            .loopCounter(.bytesSpliced),
            "Bytes carried by splice, without a copy to the gateway."
        ),
    ]

    private static let upstreams: [MetricDescription] = [
        .init(
            "gateway_upstream_responses",
            .counter,
            labels: server + ["status"],
            .serverResponses,
            "Final responses of upstream servers, by status class."
        ),
        .init(
            "gateway_upstream_duration_seconds",
            .histogram,
            labels: server,
            .serverDuration,
            "From sending a request to a server to the end of its response."
        ),
        .init(
            "gateway_upstream_failures",
            .counter,
            labels: server + ["reason"],
            .serverFailures,
            "Attempts at upstream servers that failed, by reason."
        ),
        .init(
            "gateway_upstream_requests_in_flight",
            .gauge,
            labels: server,
            .serverGauge(.requestsInFlight),
            "Requests that a server has and has not answered."
        ),
        .init(
            "gateway_upstream_sent_bytes",
            .counter,
            labels: server,
            .server(.bytesSent),
            "Bytes sent to upstream servers."
        ),
        .init(
            "gateway_upstream_received_bytes",
            .counter,
            labels: server,
            .server(.bytesReceived),
            "Bytes received from upstream servers."
        ),
        .init(
            "gateway_upstream_connections_opened",
            .counter,
            labels: server,
            .server(.connectionsOpened),
            "Connections opened to upstream servers."
        ),
        .init(
            "gateway_upstream_connections_reused",
            .counter,
            labels: server,
            .server(.connectionsReused),
            "Requests sent on a connection that was open already."
        ),
        .init(
            "gateway_upstream_connections_open",
            .gauge,
            labels: server,
            .serverGauge(.connectionsOpen),
            "Connections open to upstream servers."
        ),
        .init(
            "gateway_upstream_connections_idle",
            .gauge,
            labels: server,
            .serverGauge(.connectionsIdle),
            "Connections that wait for a request."
        ),
        .init(
            "gateway_upstream_healthy",
            .gauge,
            labels: server,
            .serverHealthy,
            "1 when every loop sends requests to the server, 0 when one does not."
        ),
        .init(
            "gateway_upstream_ejected",
            .gauge,
            labels: server,
            .serverEjected,
            "Loops that have set the server aside because requests to it failed."
        ),
        .init(
            "gateway_upstream_ejections",
            .counter,
            labels: server,
            .server(.ejections),
            "Times that a loop set the server aside."
        ),
        .init(
            "gateway_upstream_health_checks_passed",
            .counter,
            labels: server,
            .server(.healthChecksPassed),
            "Active health checks that passed."
        ),
        .init(
            "gateway_upstream_health_checks_failed",
            .counter,
            labels: server,
            .server(.healthChecksFailed),
            "Active health checks that failed."
        ),
        .init(
            "gateway_name_lookup_failures",
            .counter,
            .loopCounter(.nameLookupFailures),
            "Host names of upstream servers that could not be resolved."
        ),
    ]

    private static let logs: [MetricDescription] = [
        .init("gateway_log_lines_written", .counter, .logWritten, "Log lines written."),
        .init(
            "gateway_log_lines_dropped",
            .counter,
            labels: ["reason"],
            .logDropped,
            "Log lines lost: queue stands for a full queue, write for a refusal of the system."
        ),
        .init("gateway_log_reopened", .counter, .logReopened, "Times that a log was reopened."),
        .init(
            "gateway_log_queued_bytes",
            .gauge,
            .logQueued,
            "Log bytes that wait to be written."
        ),
    ]

    private static let configuration: [MetricDescription] = [
        .init(
            "gateway_configuration_generation",
            .gauge,
            .configurationGeneration,
            "Configurations that the process has loaded."
        ),
        .init(
            "gateway_configuration_loaded_timestamp_seconds",
            .gauge,
            .configurationLoaded,
            "When the configuration in force was loaded, since 1970."
        ),
        .init(
            "gateway_configuration_last_reload_successful",
            .gauge,
            .configurationSucceeded,
            "1 when the last reload succeeded, 0 when it failed and changed nothing."
        ),
        .init(
            "gateway_configuration_reloads",
            .counter,
            labels: ["result"],
            .configurationReloads,
            "Reloads asked for, by result: success or failure."
        ),
        .init(
            "gateway_configuration",
            .info,
            labels: ["hash"],
            .configurationInfo,
            "The hash of the configuration in force."
        ),
    ]

    private static let loops: [MetricDescription] = [
        .init(
            "gateway_loop_lag_seconds",
            .histogram,
            labels: ["loop"],
            .loopLag,
            "How late the most overdue timer of each turn of an event loop was."
        ),
        .init(
            "gateway_loop_busy_seconds",
            .counter,
            labels: ["loop"],
            .loopBusy,
            "Time that an event loop spent running rather than waiting."
        ),
        .init(
            "gateway_loop_busy_ratio",
            .gauge,
            labels: ["loop"],
            .loopBusyShare,
            "Share of time that an event loop was busy, over its last full five seconds."
        ),
        .init(
            "gateway_loop_turns",
            .counter,
            labels: ["loop"],
            .loopIterations,
            "Turns of an event loop."
        ),
        .init(
            "gateway_loop_timers",
            .gauge,
            labels: ["loop"],
            .loopFigure(.timers),
            "Timers armed in an event loop."
        ),
        .init(
            "gateway_loop_tasks",
            .gauge,
            labels: ["loop"],
            .loopFigure(.tasks),
            "Tasks alive in an event loop."
        ),
    ]

    private static let process: [MetricDescription] = [
        .init(
            "process_cpu_seconds",
            .counter,
            .processCPU,
            "User and system CPU time spent."
        ),
        .init(
            "process_resident_memory_bytes",
            .gauge,
            .processResident,
            "Resident memory size."
        ),
        .init(
            "process_virtual_memory_bytes",
            .gauge,
            .processVirtual,
            "Virtual memory size."
        ),
        .init("process_open_fds", .gauge, .processOpen, "Open file descriptors."),
        .init("process_max_fds", .gauge, .processMaximum, "Most file descriptors allowed."),
        .init(
            "process_start_time_seconds",
            .gauge,
            .processStart,
            "When the process started, since 1970."
        ),
        .init(
            "gateway_build",
            .info,
            labels: ["version", "revision"],
            .build,
            "The program's version."
        ),
    ]
}
