public import Configuration
import HTTP
public import TLS

/// The TLS of a configuration, made ready: certificates read, contexts made.
public final class TLSRuntime: Sendable {
    /// By listener; nil for one without TLS.
    let servers: [TLSServer?]
    /// By upstream; nil for one without TLS.
    let upstreams: [Slot<ClientContext>?]
    /// Of the connections to Redis; nil where they are not encrypted.
    let redis: Slot<ClientContext>?
    /// The distinct contexts, which changed files replace.
    let slots: [ContextSlot]
    let tickets: TicketKeys
    /// The file of the ticket keys, if they come from one.
    let ticketKeyFile: String?
    /// What each site's certificates stand for, by the path of their chain.
    let hosts: [String: [String]]
    /// What the files were when they were read.
    let stamps: FileStamps

    /// The contexts for upstreams and Redis, which changed files replace.
    var clients: [Slot<ClientContext>] { (upstreams + [redis]).compactMap(\.self) }

    /// The files that are taken over when they change.
    var files: Set<String> {
        var parts = slots.flatMap(\.current.settings.parts)
        parts += clients.flatMap(\.current.settings.parts)
        if let ticketKeyFile { parts.append(FilePart(.ticketKeys, [ticketKeyFile])) }
        return Set(parts.flatMap(\.files))
    }

    /// When each certificate in use ends, in Unix seconds, by the path of its chain.
    var expirations: [(chain: String, end: Int64)] {
        var ends: [(chain: String, end: Int64)] = []
        for context in slots.map(\.current) {
            for (files, end) in zip(context.settings.certificates, context.expirations) {
                ends.append((files.chain, end))
            }
        }
        for context in clients.map(\.current) {
            guard let files = context.settings.certificate, let end = context.expiration
            else { continue }
            ends.append((files.chain, end))
        }
        return ends
    }

    /// What is wrong with files that can be done without, in words.
    public var warnings: [String] { slots.flatMap(\.current.warnings) }

    /// Of a configuration without TLS, or one that is only looked at.
    public static let none = TLSRuntime(
        servers: [],
        upstreams: [],
        redis: nil,
        slots: [],
        tickets: TicketKeys(),
        ticketKeyFile: nil,
        hosts: [:],
        stamps: FileStamps()
    )

    private init(
        servers: [TLSServer?],
        upstreams: [Slot<ClientContext>?],
        redis: Slot<ClientContext>?,
        slots: [ContextSlot],
        tickets: TicketKeys,
        ticketKeyFile: String?,
        hosts: [String: [String]],
        stamps: FileStamps
    ) {
        self.servers = servers
        self.upstreams = upstreams
        self.redis = redis
        self.slots = slots
        self.tickets = tickets
        self.ticketKeyFile = ticketKeyFile
        self.hosts = hosts
        self.stamps = stamps
    }

    /// Reads all files that a configuration names for TLS.
    /// - Parameters:
    ///   - configuration: Loaded and valid.
    ///   - previous: What serves now: its ticket keys go on.
    ///   - read: Reads a file.
    /// - Returns: Contexts for every listener and upstream.
    /// - Throws: What is wrong with a file, in words.
    public static func load(
        _ configuration: Configuration,
        previous: TLSRuntime?,
        read: @escaping FileReader
    ) throws(TLSSetupError) -> TLSRuntime {
        let stamps = FileStamps()
        let read = stamps.noting(read)
        let usesTLS = configuration.listeners.contains(where: \.isSecure)
        let tickets: TicketKeys
        if let path = configuration.tls.ticketKeys, usesTLS {
            tickets = TicketKeys()
            try load(path, into: tickets, read: read)
        } else {
            tickets = previous.map(\.tickets).flatMap { $0.isFixed ? nil : $0 } ?? TicketKeys()
        }
        let keyLog = try usesTLS ? openKeyLog(configuration.tls.keyLog) : nil
        var slots: [ServerSettings: ContextSlot] = [:]
        var order: [ContextSlot] = []
        for site in configuration.sites {
            guard let tls = site.tls else { continue }
            let settings = ServerSettings(tls, logsSecrets: keyLog != nil)
            if slots[settings] != nil { continue }
            let slot = ContextSlot(try ServerContext(settings, read: read))
            slots[settings] = slot
            order.append(slot)
        }
        var servers: [TLSServer?] = []
        for listener in configuration.listeners {
            guard listener.isSecure else {
                servers.append(nil)
                continue
            }
            let sites = listener.sites.compactMap { number -> TLSServer.Site? in
                let site = configuration.sites[number]
                guard let tls = site.tls,
                    let slot = slots[ServerSettings(tls, logsSecrets: keyLog != nil)]
                else { return nil }
                return TLSServer.Site(names: site.hosts.map { .init($0) }, slot: slot)
            }
            servers.append(
                TLSServer(
                    sites: sites,
                    isStrict: listener.strictSNI,
                    tickets: tickets,
                    keyLog: keyLog
                )
            )
        }
        return TLSRuntime(
            servers: servers,
            upstreams: try clients(configuration, read: read),
            redis: try configuration.redis?.tls.map { tls throws(TLSSetupError) in
                Slot(try ClientContext(ClientSettings(tls, speaksHTTP: false), read: read))
            },
            slots: order,
            tickets: tickets,
            ticketKeyFile: usesTLS ? configuration.tls.ticketKeys : nil,
            hosts: hosts(configuration),
            stamps: stamps
        )
    }

    private static func clients(_ configuration: Configuration, read: FileReader)
        throws(TLSSetupError) -> [Slot<ClientContext>?]
    {
        var slots: [Slot<ClientContext>?] = []
        for upstream in configuration.upstreams {
            slots.append(
                try upstream.tls.map { tls throws(TLSSetupError) in
                    Slot(try ClientContext(ClientSettings(tls), read: read))
                }
            )
        }
        return slots
    }

    private static func hosts(_ configuration: Configuration) -> [String: [String]] {
        var hosts: [String: [String]] = [:]
        for site in configuration.sites {
            for source in site.tls?.certificates ?? [] {
                hosts[source.files.chain, default: []] += site.hosts.compactMap { host in
                    switch host {
                    case .exact(let name): name
                    case .below(let name): "*.\(name)"
                    // It is for whatever the certificate covers.
                    case .any: nil
                    }
                }
            }
        }
        return hosts
    }

    static func load(_ path: String, into tickets: TicketKeys, read: FileReader)
        throws(TLSSetupError)
    {
        let bytes = try read(path)
        do {
            try tickets.replace(with: bytes)
        } catch { throw TLSSetupError("the file '\(path)' of ticket keys \(error)") }
    }

    private static func openKeyLog(_ path: String?) throws(TLSSetupError) -> KeyLog? {
        guard let path else { return nil }
        return try KeyLog(path: path)
    }
}

extension ServerSettings {
    /// The settings of a site.
    init(_ tls: SiteTLS, logsSecrets: Bool) {
        self.init(
            certificates: tls.certificates.map { Certificate($0.files) },
            minimumVersion: tls.policy.minimumVersion == .tls13 ? .tls13 : .tls12,
            ciphers: tls.policy.ciphers,
            groups: tls.policy.groups,
            // The certificates of a chain are not in the ticket: they are shown anew each time.
            tickets: tls.clientCertificates?.sendsChain == true ? 0 : tls.policy.tickets,
            earlyData: tls.policy.earlyData,
            clientCertificates: tls.clientCertificates.map {
                ClientCertificates(isRequired: $0.isRequired, authorities: $0.authorities)
            },
            logsSecrets: logsSecrets
        )
    }
}

extension ServerSettings.Certificate {
    init(_ files: CertificateFiles) {
        self.init(chain: files.chain, key: files.key, ocsp: files.ocsp)
    }
}

extension ClientSettings {
    /// The settings of an upstream, or of Redis.
    init(_ tls: UpstreamTLS, speaksHTTP: Bool = true) {
        self.init(
            authorities: tls.authorities,
            certificate: tls.certificate.map { ServerSettings.Certificate($0) },
            isVerified: tls.isVerified,
            speaksHTTP: speaksHTTP
        )
    }
}

extension TLSServer.Site.Name {
    /// The name of a site as a client asks for it.
    init(_ pattern: HostPattern) {
        switch pattern {
        case .exact(let name): self = .exact(name)
        case .below(let name): self = .below(name)
        case .any: self = .any
        }
    }
}
