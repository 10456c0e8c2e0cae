/// What one finished request adds to the metrics.
public struct RequestFigures: Sendable {
    /// Its site and route.
    public var route: RouteSeries
    /// Its method.
    public var method: MethodLabel
    /// The status of the final response, or 0 when none went out.
    public var status: Int
    /// Nanoseconds from the first byte of the request to the last of the response.
    public var total: Int64
    /// Nanoseconds spent with upstreams, or nil when none was asked.
    public var upstream: Int64?
    /// Nanoseconds from the first byte of the request to the first of the response, or nil when
    /// there was no response.
    public var firstByte: Int64?
    /// Bytes of the request as received, head and framing included.
    public var bytesReceived: Int
    /// Bytes of the response as sent, head and framing included.
    public var bytesSent: Int

    /// The figures of one request; durations in nanoseconds, a negative one counts as 0.
    public init(
        route: RouteSeries,
        method: MethodLabel,
        status: Int,
        total: Int64,
        upstream: Int64? = nil,
        firstByte: Int64? = nil,
        bytesReceived: Int,
        bytesSent: Int
    ) {
        self.route = route
        self.method = method
        self.status = status
        self.total = total
        self.upstream = upstream
        self.firstByte = firstByte
        self.bytesReceived = bytesReceived
        self.bytesSent = bytesSent
    }
}

/// The counters of one event loop.
///
/// It belongs to that loop's thread and is deliberately not `Sendable`: no atomics, no locks, and
/// no allocation, but for the first figure of a series that the loop has not met. A scrape asks
/// each loop for a `snapshot()` and sums what it gets.
///
/// Sums wrap instead of trapping: at 10 GB/s the bytes of a route wrap after 58 years.
public final class LoopMetrics {
    private let layout: MetricsLayout
    private let buckets = DurationBuckets()
    private var windowBusy: UInt64 = 0
    private var windowTotal: UInt64 = 0

    // Exclusivity is not checked at run time for the words: they are private to a class that one
    // thread owns, and every access below ends before anything else is called but arithmetic, so no
    // two can overlap. The checks took three quarters of the time of recording a request.

    @exclusivity(unchecked) private var uncheckedLoop: [UInt64]
    @exclusivity(unchecked) private var uncheckedRoutes: [UInt64]
    @exclusivity(unchecked) private var uncheckedServers: [UInt64]

    /// The loop's own figures.
    private var loop: [UInt64] {
        _read { yield unsafe uncheckedLoop }
        _modify { yield unsafe &uncheckedLoop }
    }
    /// The figures by site and route, as far as this loop has met them.
    private var routes: [UInt64] {
        _read { yield unsafe uncheckedRoutes }
        _modify { yield unsafe &uncheckedRoutes }
    }
    /// The figures by server, likewise.
    private var servers: [UInt64] {
        _read { yield unsafe uncheckedServers }
        _modify { yield unsafe &uncheckedServers }
    }

    /// Nanoseconds over which the share of busy time is averaged.
    static var busyWindow: UInt64 { 5_000_000_000 }

    /// Makes counters that stand at 0.
    /// - Parameter names: The same for all loops of the process.
    public init(names: MetricNames) {
        layout = MetricsLayout(names: names)
        unsafe uncheckedLoop = [UInt64](repeating: 0, count: layout.loopCount)
        unsafe uncheckedRoutes = [UInt64](repeating: 0, count: 2 * MetricsLayout.routeStride)
        unsafe uncheckedServers = [UInt64](repeating: 0, count: layout.serverStride)
    }

    // MARK: The loop

    /// Adds to a counter.
    public func add(_ counter: LoopCounter, _ amount: Int = 1) {
        bump(&loop, counter.rawValue, amount)
    }

    /// Moves a gauge up or, by a negative amount, down.
    public func adjust(_ gauge: LoopGauge, by amount: Int) {
        bump(&loop, MetricsLayout.gauges &+ gauge.rawValue, amount)
    }

    /// Sets a figure of this loop.
    public func set(_ figure: LoopFigure, to value: Int) {
        loop[MetricsLayout.figures &+ figure.rawValue] = UInt64(bitPattern: Int64(value))
    }

    /// Counts one more for a reason.
    /// - Parameters:
    ///   - counter: The family.
    ///   - reason: An index into the family's names; any other counts as `other`.
    public func count(_ counter: ReasonCounter, reason: Int) {
        let last = layout.reasonCounts[counter.rawValue] &- 1
        let index = reason >= 0 && reason < last ? reason : last
        bump(&loop, layout.reasonOffsets[counter.rawValue] &+ index, 1)
    }

    /// Adds to a figure of a content coding.
    /// - Parameters:
    ///   - counter: The family.
    ///   - coding: An index into the names; any other counts nothing.
    ///   - amount: What to add.
    public func add(_ counter: CodingCounter, coding: Int, _ amount: Int) {
        guard coding >= 0 && coding < layout.codingCount else { return }
        let base = layout.codings &+ counter.rawValue &* layout.codingCount
        bump(&loop, base &+ coding, amount)
    }

    /// Records one turn of the event loop.
    /// - Parameters:
    ///   - busy: Nanoseconds spent running, from the return of the wait to the next wait.
    ///   - waited: Nanoseconds spent waiting for events.
    ///   - lag: Nanoseconds by which the loop was late: for the timer that was most overdue.
    public func recordTurn(busy: Int64, waited: Int64, lag: Int64) {
        let busy = UInt64(max(0, busy))
        loop[MetricsLayout.iterations] &+= 1
        loop[MetricsLayout.busy] &+= busy
        observe(&loop, MetricsLayout.lag, lag)
        windowBusy &+= busy
        windowTotal &+= busy &+ UInt64(max(0, waited))
        if windowTotal >= Self.busyWindow {
            // In millionths. No overflow: a window would have to last 200 days.
            loop[MetricsLayout.busyShare] = windowBusy &* 1_000_000 / windowTotal
            windowBusy = 0
            windowTotal = 0
        }
    }

    /// Records how long Redis took for one command.
    /// - Parameter duration: Nanoseconds until the answer, or until nobody waited any more.
    public func recordRedis(_ duration: Int64) { observe(&loop, MetricsLayout.redis, duration) }

    /// Records how long a request looked into the store that gateways share.
    /// - Parameter duration: Nanoseconds until it went on.
    public func recordShared(_ duration: Int64) { observe(&loop, MetricsLayout.shared, duration) }

    // MARK: Sites and routes

    /// Records a finished request: its count, its durations and its bytes.
    public func record(_ request: RequestFigures) {
        let base = routeBase(request.route)
        bump(&routes, base &+ RouteCounter.bytesReceived.rawValue, request.bytesReceived)
        bump(&routes, base &+ RouteCounter.bytesSent.rawValue, request.bytesSent)
        let status = Int(StatusClass(status: request.status).rawValue)
        let method = Int(request.method.rawValue) &* StatusClass.count
        routes[base &+ MetricsLayout.requests &+ method &+ status] &+= 1
        let histograms = base &+ MetricsLayout.histograms
        observe(&routes, histograms, request.total)
        if let upstream = request.upstream {
            observe(&routes, histograms &+ DurationBuckets.stride, upstream)
        }
        if let firstByte = request.firstByte {
            observe(&routes, histograms &+ 2 &* DurationBuckets.stride, firstByte)
        }
    }

    /// Adds to a counter of a site and route.
    public func add(_ counter: RouteCounter, route: RouteSeries, _ amount: Int = 1) {
        bump(&routes, routeBase(route) &+ counter.rawValue, amount)
    }

    // MARK: Upstreams

    /// Records a server's response to one request.
    /// - Parameters:
    ///   - server: Which server.
    ///   - status: The status of the final response.
    ///   - duration: Nanoseconds from sending the request to the last byte of the response.
    public func recordResponse(server: ServerSeries, status: Int, duration: Int64) {
        let base = serverBase(server)
        let index = Int(StatusClass(status: status).rawValue)
        servers[base &+ MetricsLayout.serverStatuses &+ index] &+= 1
        observe(&servers, base &+ MetricsLayout.serverDuration, duration)
    }

    /// Counts an attempt at a server that failed.
    /// - Parameters:
    ///   - server: Which server.
    ///   - reason: An index into `MetricNames.upstreamFailures`; any other counts as `other`.
    public func countFailure(server: ServerSeries, reason: Int) {
        let last = layout.failureCount &- 1
        let index = reason >= 0 && reason < last ? reason : last
        bump(&servers, serverBase(server) &+ MetricsLayout.serverFailures &+ index, 1)
    }

    /// Adds to a counter of a server.
    public func add(_ counter: ServerCounter, server: ServerSeries, _ amount: Int = 1) {
        bump(&servers, serverBase(server) &+ counter.rawValue, amount)
    }

    /// Moves a gauge of a server up or, by a negative amount, down.
    public func adjust(_ gauge: ServerGauge, server: ServerSeries, by amount: Int) {
        bump(&servers, serverBase(server) &+ MetricsLayout.serverGauges &+ gauge.rawValue, amount)
    }

    /// Says what this loop thinks of a server; `.unknown` once the configuration lost it.
    public func setHealth(_ health: ServerHealth, server: ServerSeries) {
        servers[serverBase(server) &+ MetricsLayout.serverHealth] = health.rawValue
    }

    // MARK: Reading

    /// What has been counted so far, as a value for another thread.
    public func snapshot() -> MetricsSnapshot {
        MetricsSnapshot(
            layout: layout,
            loop: copy(of: loop),
            routes: copy(of: routes),
            servers: copy(of: servers)
        )
    }

    /// A copy with memory of its own: a shared one would make the next figure, on the path of a
    /// request, pay for the copy.
    private func copy(of words: [UInt64]) -> [UInt64] {
        var copy: [UInt64] = []
        copy.reserveCapacity(words.count)
        copy.append(contentsOf: words)
        return copy
    }

    // MARK: Writing

    private func bump(_ words: inout [UInt64], _ index: Int, _ amount: Int) {
        words[index] &+= UInt64(bitPattern: Int64(amount))
    }

    private func observe(_ words: inout [UInt64], _ base: Int, _ nanoseconds: Int64) {
        let value = UInt64(max(0, nanoseconds))
        words[base &+ buckets.bucket(of: value)] &+= 1
        words[base &+ DurationBuckets.count] &+= value
    }

    /// Where a series starts.
    ///
    /// Its index comes from the registry, so its limit bounds the growth.
    private func routeBase(_ series: RouteSeries) -> Int {
        let base = series.index &* MetricsLayout.routeStride
        if base >= routes.count { grow(&routes, to: base &+ MetricsLayout.routeStride) }
        return base
    }

    private func serverBase(_ series: ServerSeries) -> Int {
        let base = series.index &* layout.serverStride
        if base >= servers.count { grow(&servers, to: base &+ layout.serverStride) }
        return base
    }

    /// Grows to a count of words: to the series that is recorded, not to all that have a number.
    private func grow(_ words: inout [UInt64], to count: Int) {
        words.append(contentsOf: repeatElement(0, count: count - words.count))
    }
}
