/// The formats of the metrics text.
public enum MetricsFormat: Sendable, CaseIterable {
    /// The Prometheus text format 0.0.4.
    case prometheus
    /// OpenMetrics 1.0.
    case openMetrics

    /// The value of the `Content-Type` field that goes with the text.
    public var contentType: StaticString {
        switch self {
        case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }
}

/// The state of the configuration, for the metrics.
public struct ConfigurationFigures: Sendable, Equatable {
    /// Configurations that the process has loaded: 1 after the start.
    public var generation = 0
    /// When the one in force was loaded, in seconds since 1970.
    public var loadedUnixSeconds: Int64 = 0
    /// Whether the last reload succeeded; true when there was none.
    public var lastReloadSucceeded = true
    /// Reloads that succeeded.
    public var reloadsSucceeded: UInt64 = 0
    /// Reloads that failed and changed nothing.
    public var reloadsFailed: UInt64 = 0
    /// A hash of the configuration in force, or empty for none.
    public var hash = ""

    /// The certificates in use.
    public var certificates = CertificateFigures()

    /// The state before anything was loaded.
    public init() {}
}

/// The certificates in use, for the metrics.
public struct CertificateFigures: Sendable, Equatable {
    /// One certificate: the path of its file, and when it ends in seconds since 1970.
    public struct End: Sendable, Equatable {
        /// The path.
        public var name: String
        /// Seconds since 1970.
        public var end: Int64

        /// Names a certificate and its end.
        public init(name: String, end: Int64) {
            self.name = name
            self.end = end
        }
    }
    /// Each certificate once.
    public var ends: [End] = []
    /// The time of the scrape, in seconds since 1970.
    public var nowUnixSeconds: Int64 = 0
    /// OCSP responses that were fetched.
    public var ocspSucceeded: UInt64 = 0
    /// Attempts to fetch one that brought none.
    public var ocspFailed: UInt64 = 0
    /// Changed files that were taken over.
    public var reloadsSucceeded: UInt64 = 0
    /// Changed files that could not be taken over.
    public var reloadsFailed: UInt64 = 0
    /// Changed files of ticket keys that were taken over.
    public var ticketKeysTaken: UInt64 = 0
    /// Changed files of ticket keys that could not be taken over.
    public var ticketKeysRefused: UInt64 = 0

    /// No certificate.
    public init() {}
}

/// What the program is, for the metrics.
public struct BuildFigures: Sendable, Equatable {
    /// The version.
    public var version: String
    /// The commit, or empty.
    public var revision: String

    /// Names a build.
    public init(version: String, revision: String = "") {
        self.version = version
        self.revision = revision
    }
}
