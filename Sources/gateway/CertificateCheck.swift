import Bytes
import Configuration
import Glibc
import HTTP
import Proxy
import TLS

/// What `gateway check` says about TLS: what stops the gateway, what clients will refuse, and how
/// long each certificate is good.
struct CertificateCheck {
    /// What is wrong, each at its place; an error keeps the gateway from starting.
    private(set) var diagnostics: [Diagnostic] = []
    /// Errors that no line of the file stands for.
    private(set) var errors: [String] = []
    /// A line for each certificate.
    private(set) var summary: [String] = []
    private let authorities = TrustedAuthorities()
    private let configuration: Configuration
    private let now: Int64

    /// Whether the gateway would not start.
    var hasErrors: Bool { !errors.isEmpty || diagnostics.contains { $0.severity == .error } }

    /// Looks at every certificate of a configuration, and at what else TLS needs.
    init(_ configuration: Configuration) {
        self.configuration = configuration
        now = Int64(time(nil))
        let check = TLSCheck(
            configuration,
            isMissing: { unsafe access($0, F_OK) != 0 },
            read: Files.read
        )
        for problem in check.problems { note(problem) }
        checkCertificates()
        checkKeyLog()
        checkState()
    }

    /// Says something at its place, once: a certificate at the top is one of many sites.
    private mutating func say(_ severity: Diagnostic.Severity, _ origin: Origin?, _ text: String) {
        guard let origin else {
            if severity == .error { errors.append(text) }
            return
        }
        let diagnostic = Diagnostic(severity, at: origin, text)
        if !diagnostics.contains(diagnostic) { diagnostics.append(diagnostic) }
    }

    private mutating func note(_ problem: TLSProblem) {
        let origins = configuration.origins
        let origin: Origin?
        let directive: String
        switch problem.subject {
        case .certificate(let site, let index):
            (directive, origin) = ("certificate", certificateOrigin(site, index))
        case .ciphers(let site): (directive, origin) = ("tls", origins.sites[site].ciphers)
        case .groups(let site): (directive, origin) = ("tls", origins.sites[site].groups)
        case .clientCertificates(let site):
            (directive, origin) = ("client_certificate", origins.sites[site].clientCertificates)
        case .upstream(let number): (directive, origin) = ("tls", upstreamOrigin(number))
        case .redis: (directive, origin) = ("redis", origins.redis)
        case .ticketKeys: (directive, origin) = ("ticket_keys", origins.ticketKeys)
        }
        say(problem.isError ? .error : .warning, origin, "\(directive): \(problem.text)")
    }

    private func certificateOrigin(_ site: Int, _ index: Int) -> Origin? {
        let certificates = configuration.origins.sites[site].certificates
        return index < certificates.count ? certificates[index] : nil
    }

    private func upstreamOrigin(_ number: Int) -> Origin? {
        let origins = configuration.origins.upstreams
        return number < origins.count ? origins[number] : nil
    }

    // MARK: Certificates

    private mutating func checkCertificates() {
        var hosts: [CertificateFiles: [String]] = [:]
        var order: [(source: CertificateSource, origin: Origin?)] = []
        for (number, site) in configuration.sites.enumerated() {
            for (index, source) in (site.tls?.certificates ?? []).enumerated() {
                if !order.contains(where: { $0.source == source }) {
                    order.append((source, certificateOrigin(number, index)))
                }
                hosts[source.files, default: []] += site.hosts.compactMap(CertificateCheck.name)
            }
        }
        for (source, origin) in order {
            look(at: source.files, hosts: hosts[source.files] ?? [], source, origin)
        }
        for (number, upstream) in configuration.upstreams.enumerated() {
            if let files = upstream.tls?.certificate {
                look(at: files, hosts: [], nil, upstreamOrigin(number))
            }
        }
    }

    /// What a certificate has to cover; nothing for `*`, which is for whatever it covers.
    private static func name(_ host: HostPattern) -> String? {
        switch host {
        case .exact(let name): name
        case .below(let name): "*.\(name)"
        case .any: nil
        }
    }

    /// Says how long a certificate is good, and what clients refuse about it.
    private mutating func look(
        at files: CertificateFiles,
        hosts: [String],
        _ source: CertificateSource?,
        _ origin: Origin?
    ) {
        var isLocal = false
        if case .local(let local)? = source {
            isLocal = true
            // Made when the gateway starts.
            guard unsafe access(files.chain, F_OK) == 0 else {
                let names = local.names.joined(separator: " ")
                summary.append("certificate internal, for \(names): made at the start")
                return
            }
        }
        // `TLSCheck` has said why one cannot be read.
        let readable = try? CertificateReading(
            chain: files.chain,
            chainPEM: try Files.read(files.chain),
            key: files.key,
            keyPEM: try Files.read(files.key)
        )
        guard let reading = readable else { return }
        let days = reading.daysLeft(now: now)
        summary.append(
            "certificate \(files.chain): \(reading.subject), "
                + (days < 0 ? "expired" : "\(days) day\(days == 1 ? "" : "s") left")
                + " (until \(date(reading.notAfter)))"
        )
        // A local authority is no system's, and renews its certificates by itself.
        if isLocal { return }
        // Whom servers trust is their own business: often an authority of the house.
        let trusted = source == nil ? nil : authorities
        var findings = reading.findings(now: now, hosts: hosts, authorities: trusted)
        if (0..<CertificateCheck.soon).contains(days) {
            findings.append("ends in \(days) day\(days == 1 ? "" : "s"): renew it")
        }
        for finding in findings { say(.warning, origin, "certificate '\(files.chain)' \(finding)") }
    }

    /// Days before its end from which a certificate is spoken of: who renews by himself has done
    /// so by then.
    private static let soon: Int64 = 14

    private func date(_ seconds: Int64) -> String {
        let text = Buffer()
        HTTPDate.write(seconds, to: text)
        return text.readable.string()
    }

    // MARK: What is made at the start

    /// The file of secrets is made when it is opened.
    private mutating func checkKeyLog() {
        guard let path = configuration.tls.keyLog, let problem = SystemCheck.logProblem(path) else {
            return
        }
        say(.error, configuration.origins.keyLog, "tls: keylog: \(problem)")
    }

    /// The folders of certificates and OCSP responses that the gateway puts there itself.
    private mutating func checkState() {
        var folders: Set<String> = []
        for (number, site) in configuration.sites.enumerated() {
            for (index, source) in (site.tls?.certificates ?? []).enumerated() {
                let file: String
                switch source {
                case .local(let local): file = local.files.chain
                case .files(let files):
                    guard files.fetchesOCSP, let path = files.ocsp else { continue }
                    file = path
                }
                let folder = SystemCheck.folder(of: file)
                guard folders.insert(folder).inserted,
                    let problem = SystemCheck.makingProblem(folder)
                else { continue }
                let state = configuration.origins.state
                say(
                    .error,
                    state ?? certificateOrigin(number, index),
                    "\(state == nil ? "certificate" : "state"): '\(folder)' cannot be used: "
                        + problem
                )
            }
        }
    }
}
