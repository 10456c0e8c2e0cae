public import Configuration
public import TLS

/// Something that is wrong with the files or the settings of TLS.
public struct TLSProblem: Sendable {
    /// The setting that it is about; numbers are those of the configuration.
    public enum Subject: Sendable, Hashable {
        case certificate(site: Int, index: Int)
        case ciphers(site: Int)
        case groups(site: Int)
        case clientCertificates(site: Int)
        case upstream(Int)
        case redis
        case ticketKeys
    }
    /// The setting that it is about.
    public let subject: Subject
    /// What, in words.
    public let text: String
    /// Whether the gateway would not start.
    public let isError: Bool
}

/// Makes of a configuration what `TLSRuntime.load` would make of it, and goes on where that stops:
/// what cannot be used is noted and left out.
public struct TLSCheck {
    /// What is wrong, in the order of the configuration.
    public private(set) var problems: [TLSProblem] = []
    private let read: FileReader
    private let isMissing: (String) -> Bool

    /// Looks at everything.
    /// - Parameters:
    ///   - configuration: Loaded and valid.
    ///   - isMissing: Whether there is no such file: some are made when the gateway starts.
    ///   - read: Reads a file.
    public init(
        _ configuration: Configuration,
        isMissing: @escaping (String) -> Bool,
        read: @escaping FileReader
    ) {
        self.read = read
        self.isMissing = isMissing
        var seen: Set<SiteTLS> = []
        for (number, site) in configuration.sites.enumerated() {
            guard let tls = site.tls, seen.insert(tls).inserted else { continue }
            look(at: tls, of: number)
        }
        for (number, upstream) in configuration.upstreams.enumerated() {
            if let tls = upstream.tls { look(at: ClientSettings(tls), .upstream(number)) }
        }
        if let tls = configuration.redis?.tls {
            look(at: ClientSettings(tls, speaksHTTP: false), .redis)
        }
        if let path = configuration.tls.ticketKeys,
            configuration.listeners.contains(where: \.isSecure)
        {
            attempt(.ticketKeys) { () throws(TLSSetupError) in
                try TLSRuntime.load(path, into: TicketKeys(), read: read)
            }
        }
    }

    /// Does something.
    /// - Returns: Whether it went well; if not, it has been noted.
    @discardableResult
    private mutating func attempt(
        _ subject: TLSProblem.Subject,
        _ action: () throws(TLSSetupError) -> Void
    ) -> Bool {
        do throws(TLSSetupError) {
            try action()
            return true
        } catch {
            note(subject, error.description)
            return false
        }
    }

    private mutating func note(
        _ subject: TLSProblem.Subject,
        _ text: String,
        isError: Bool = true
    ) {
        problems.append(TLSProblem(subject: subject, text: text, isError: isError))
    }

    // MARK: Clients

    private mutating func look(at tls: SiteTLS, of site: Int) {
        var settings = ServerSettings(tls, logsSecrets: false)
        settings.certificates = []
        /// The numbers of those that can be used.
        var indices: [Int] = []
        for (index, source) in tls.certificates.enumerated() {
            guard isUsable(source, .certificate(site: site, index: index)) else { continue }
            let files = source.files
            let isUnfetched = files.fetchesOCSP && files.ocsp.map(isMissing) ?? false
            settings.certificates.append(
                .init(chain: files.chain, key: files.key, ocsp: isUnfetched ? nil : files.ocsp)
            )
            indices.append(index)
        }
        if let clients = settings.clientCertificates {
            let good = usable(clients.authorities, .clientCertificates(site: site))
            settings.clientCertificates =
                good.isEmpty ? nil : .init(isRequired: clients.isRequired, authorities: good)
        }
        load(settings, of: site, indices: indices, isWhole: indices.count == tls.certificates.count)
    }

    private mutating func isUsable(_ source: CertificateSource, _ subject: TLSProblem.Subject)
        -> Bool
    {
        let files = source.files
        let read = read
        func load() throws(TLSSetupError) {
            _ = try CertificateReading(
                chain: files.chain,
                chainPEM: try read(files.chain),
                key: files.key,
                keyPEM: try read(files.key)
            )
        }
        // The gateway's own are made, or mended, when it starts.
        if case .local = source { return (try? load()) != nil }
        return attempt(subject, load)
    }

    private mutating func usable(_ authorities: [String], _ subject: TLSProblem.Subject)
        -> [String]
    {
        let read = read
        return authorities.filter { path in
            attempt(subject) { () throws(TLSSetupError) in
                try AuthorityFile.check(path, read: read)
            }
        }
    }

    /// Makes a context, without what stands in its way.
    private mutating func load(
        _ wanted: ServerSettings,
        of site: Int,
        indices: [Int],
        isWhole: Bool
    ) {
        var settings = wanted
        var indices = indices
        var isWhole = isWhole
        while true {
            do throws(TLSSetupError) {
                let context = try ServerContext(settings, read: read)
                for text in context.warnings {
                    note(.certificate(site: site, index: indices.first ?? 0), text, isError: false)
                }
                for text in context.cipherFindings(hasAllCertificates: isWhole) {
                    note(.ciphers(site: site), text, isError: false)
                }
                return
            } catch {
                switch error.part {
                case .ciphers where settings.ciphers != nil:
                    note(.ciphers(site: site), error.description)
                    settings.ciphers = nil
                case .groups where settings.groups != TLSCheck.anyGroup:
                    note(.groups(site: site), error.description)
                    settings.groups = TLSCheck.anyGroup
                case .certificate(let number) where indices.indices.contains(number):
                    note(.certificate(site: site, index: indices[number]), error.description)
                    settings.certificates.remove(at: number)
                    indices.remove(at: number)
                    isWhole = false
                default:
                    note(
                        .certificate(site: site, index: indices.first ?? 0),
                        error.description
                    )
                    return
                }
            }
        }
    }

    /// One that OpenSSL knows.
    private static let anyGroup = "P-256"

    // MARK: Servers

    private mutating func look(at wanted: ClientSettings, _ subject: TLSProblem.Subject) {
        var settings = wanted
        settings.authorities = usable(wanted.authorities, subject)
        // None left would stand for the system's.
        if settings.authorities.count < wanted.authorities.count { settings.isVerified = false }
        let read = read
        attempt(subject) { () throws(TLSSetupError) in
            _ = try ClientContext(settings, read: read)
        }
    }
}
