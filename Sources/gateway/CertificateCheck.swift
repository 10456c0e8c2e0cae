import Bytes
import Configuration
import Glibc
import HTTP
import Proxy
import TLS

/// What `gateway check` says about certificates: what stops the gateway, what clients will refuse,
/// and how long each is good.
struct CertificateCheck {
    /// The gateway would not start.
    private(set) var errors: [String] = []
    /// It would, and somebody will not be served.
    private(set) var warnings: [String] = []
    /// A line for each certificate.
    private(set) var summary: [String] = []
    private let authorities = TrustedAuthorities()
    private let now: Int64

    /// Looks at every certificate of a configuration.
    init(_ configuration: Configuration) {
        now = Int64(time(nil))
        var hosts: [CertificateFiles: [String]] = [:]
        var order: [CertificateSource] = []
        for site in configuration.sites {
            for source in site.tls?.certificates ?? [] {
                if !order.contains(source) { order.append(source) }
                hosts[source.files, default: []] += site.hosts.compactMap(CertificateCheck.name)
            }
        }
        for source in order {
            look(at: source.files, hosts: hosts[source.files] ?? [], source)
        }
        for upstream in configuration.upstreams {
            if let files = upstream.tls?.certificate { look(at: files, hosts: [], nil) }
        }
        if errors.isEmpty { load(configuration, order.map(\.files)) }
    }

    /// Makes of the files what `gateway run` would make of them.
    private mutating func load(_ configuration: Configuration, _ certificates: [CertificateFiles]) {
        // Some are made when the gateway starts, and a key log is made when it is opened.
        let files = certificates.flatMap { [$0.chain] + ($0.ocsp.map { [$0] } ?? []) }
        let areAllThere = files.allSatisfy { unsafe access($0, F_OK) == 0 }
        guard areAllThere, configuration.tls.keyLog == nil else { return }
        do {
            warnings += try TLSRuntime.load(configuration, previous: nil, read: Files.read).warnings
        } catch {
            errors.append("tls: \(error)")
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

    private mutating func look(
        at files: CertificateFiles,
        hosts: [String],
        _ source: CertificateSource?
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
        do {
            let reading = try CertificateReading(
                chain: files.chain,
                chainPEM: try CertificateCheck.read(files.chain),
                key: files.key,
                keyPEM: try CertificateCheck.read(files.key)
            )
            let days = reading.daysLeft(now: now)
            summary.append(
                "certificate \(files.chain): \(reading.subject), "
                    + (days < 0 ? "expired" : "\(days) day\(days == 1 ? "" : "s") left")
                    + " (until \(date(reading.notAfter)))"
            )
            // A local authority is no system's, and renews its certificates by itself.
            if isLocal { return }
            var findings = reading.findings(now: now, hosts: hosts, authorities: authorities)
            if (0..<CertificateCheck.soon).contains(days) {
                findings.append("ends in \(days) day\(days == 1 ? "" : "s"): renew it")
            }
            warnings += findings.map { "certificate '\(files.chain)' \($0)" }
        } catch {
            // Certificates of the gateway's own are mended when it starts.
            if !isLocal { errors.append("certificate: \(error)") }
        }
    }

    /// Days before its end from which a certificate is spoken of: who renews by himself has done
    /// so by then.
    private static let soon: Int64 = 14

    private static func read(_ path: String) throws(TLSSetupError) -> [UInt8] {
        do throws(SourceAccess.Failure) {
            return try SourceAccess.system.content(path, atMost: CertificateCheck.fileSize)
        } catch {
            switch error {
            case .unreadable(let reason): throw TLSSetupError("'\(path)' cannot be read: \(reason)")
            case .tooLarge: throw TLSSetupError("'\(path)' is longer than 1 MiB")
            }
        }
    }

    /// Bytes of a file at most; a chain has some 5,000.
    private static let fileSize = 1 << 20

    private func date(_ seconds: Int64) -> String {
        let text = Buffer()
        HTTPDate.write(seconds, to: text)
        return text.readable.string()
    }
}
