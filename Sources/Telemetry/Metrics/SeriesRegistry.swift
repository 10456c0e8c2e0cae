import Synchronization

/// Which site and route a figure belongs to: a small number made by `SeriesRegistry`.
public struct RouteSeries: Sendable, Hashable {
    let index: Int

    /// Sites and routes past the registry's limit.
    public static let other = RouteSeries(index: 0)
    /// Requests that never reached a site, such as malformed ones.
    public static let unrouted = RouteSeries(index: 1)
}

/// Which upstream's server a figure belongs to: a small number made by `SeriesRegistry`.
public struct ServerSeries: Sendable, Hashable {
    let index: Int

    /// Servers past the registry's limit.
    public static let other = ServerSeries(index: 0)
}

/// The label values of all series, which come from the configuration and from nothing else.
///
/// One per process. It only ever grows, up to its limits: a reload that names a site again finds
/// its old index, so that no counter goes backwards. Asked when a configuration is loaded and when
/// metrics are scraped, never on the path of a request.
public final class SeriesRegistry: Sendable {
    /// The largest number of series, over all configurations that the process has had.
    public struct Limits: Sendable, Equatable {
        /// Pairs of site and route.
        ///
        /// Each costs about 1 KiB a loop once used, and at most some 75 lines of a scrape; 1,000
        /// keep a scrape under 8 MiB.
        public var routes = 1000
        /// Pairs of upstream and server.
        public var servers = 500

        /// The limits used unless others are named.
        public init() {}
    }

    /// The labels of all series so far, in the order of their indices, ready to be written.
    struct Names: Sendable {
        /// `site="…",route="…"`, escaped.
        var routes: [[UInt8]]
        /// `upstream="…",server="…"`, escaped.
        var servers: [[UInt8]]
    }

    private struct State {
        var names: Names
        var routes: [[UInt8]: Int]
        var servers: [[UInt8]: Int]
    }

    /// The limits that hold.
    public let limits: Limits
    private let state: Mutex<State>

    /// Makes a registry that knows only the reserved series.
    public init(limits: Limits = Limits()) {
        self.limits = limits
        let other = LabelText.pairs([("site", "other"), ("route", "other")])
        let unrouted = LabelText.pairs([("site", "none"), ("route", "none")])
        let otherServer = LabelText.pairs([("upstream", "other"), ("server", "other")])
        state = Mutex(
            State(
                names: Names(routes: [other, unrouted], servers: [otherServer]),
                routes: [other: 0, unrouted: 1],
                servers: [otherServer: 0]
            )
        )
    }

    /// The series of a site's route, made if there is room for it, else `other`.
    /// - Parameters:
    ///   - site: The site's name as configured.
    ///   - route: The route's pattern as configured, never a path that a client sent.
    /// - Returns: The same series for the same labels, for the life of the process.
    public func route(site: String, route: String) -> RouteSeries {
        let labels = LabelText.pairs([("site", site), ("route", route)])
        let limit = limits.routes
        return state.withLock { state in
            if let known = state.routes[labels] { return RouteSeries(index: known) }
            // The two reserved series stand outside the limit.
            let index = state.names.routes.count
            guard index < limit + 2 else { return .other }
            state.names.routes.append(labels)
            state.routes[labels] = index
            return RouteSeries(index: index)
        }
    }

    /// The series of an upstream's server, made if there is room for it, else `other`.
    /// - Parameters:
    ///   - upstream: The upstream's name, or the address when `proxy` names one directly.
    ///   - server: The server's address as configured.
    /// - Returns: The same series for the same labels, for the life of the process.
    public func server(upstream: String, server: String) -> ServerSeries {
        let labels = LabelText.pairs([("upstream", upstream), ("server", server)])
        let limit = limits.servers
        return state.withLock { state in
            if let known = state.servers[labels] { return ServerSeries(index: known) }
            let index = state.names.servers.count
            guard index < limit + 1 else { return .other }
            state.names.servers.append(labels)
            state.servers[labels] = index
            return ServerSeries(index: index)
        }
    }

    /// The labels so far.
    func names() -> Names {
        state.withLock { $0.names }
    }
}
