/// Where a setting stands in the file, for what only the machine can say of it.
public struct Origin: Sendable, Hashable {
    let place: Place
    /// The line there, without its end.
    let line: String
}

/// Where the settings of TLS stand that name files, or what only OpenSSL knows.
public struct TLSOrigins: Sendable {
    /// Those of a site.
    public struct Site: Sendable {
        /// In the order of `SiteTLS.certificates`.
        public let certificates: [Origin]
        /// nil where the default holds.
        public let ciphers: Origin?
        /// nil where the default holds.
        public let groups: Origin?
        /// nil where clients are not asked for certificates.
        public let clientCertificates: Origin?
    }

    /// By site.
    public let sites: [Site]
    /// By upstream, as far as they have a name; nil for one without `tls`.
    public let upstreams: [Origin?]
    /// nil without `redis`.
    public let redis: Origin?
    /// nil without `ticket_keys`.
    public let ticketKeys: Origin?
    /// nil without `tls`, where `keylog=` would stand.
    public let keyLog: Origin?
    /// nil without `state`.
    public let state: Origin?
}

extension Diagnostic {
    /// Says something of a setting once the file has been understood.
    /// - Parameters:
    ///   - severity: Whether the gateway would start.
    ///   - origin: Where the setting stands.
    ///   - message: What, beginning with the directive's name.
    public init(_ severity: Severity, at origin: Origin, _ message: String) {
        self.init(
            severity: severity,
            place: origin.place,
            message: Report.printable(message),
            hint: nil,
            notes: [],
            line: origin.line
        )
    }
}
