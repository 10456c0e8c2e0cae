import Configuration
import Glibc
import Logging
import TLS

/// What TLS needs from the gateway besides serving: certificates that it makes itself, and OCSP
/// responses; there before anything listens, and renewed while it runs.
struct CertificateKeeping: Sendable {
    /// By folder, as sites may not agree about one, what is wanted there.
    private let wanted: [String: [LocalCertificates.Wanted]]
    /// The certificates whose OCSP responses are fetched.
    let responses: [OCSPKeeper.Wanted]

    /// Gathers what a configuration wants.
    init(_ configuration: Configuration) {
        var wanted: [String: [LocalCertificates.Wanted]] = [:]
        var responses: [OCSPKeeper.Wanted] = []
        for source in configuration.sites.compactMap(\.tls).flatMap(\.certificates) {
            if source.files.fetchesOCSP, let path = source.files.ocsp {
                let each = OCSPKeeper.Wanted(chain: source.files.chain, response: path)
                if !responses.contains(each) { responses.append(each) }
            }
            guard case .local(let local) = source else { continue }
            let each = LocalCertificates.Wanted(
                names: local.names,
                chain: local.files.chain,
                key: local.files.key
            )
            if wanted[local.directory]?.contains(each) != true {
                wanted[local.directory, default: []].append(each)
            }
        }
        self.wanted = wanted
        self.responses = responses
    }

    /// Whether there is nothing to do.
    var isEmpty: Bool { wanted.isEmpty && responses.isEmpty }

    /// Makes what is missing or about to end, and says so.
    /// - Throws: What the system or OpenSSL says.
    func ensure(_ logger: Logger) throws(TLSSetupError) {
        for (directory, certificates) in wanted.sorted(by: { $0.key < $1.key }) {
            let authority = LocalCertificates(directory: directory)
            let outcome = try authority.ensure(
                certificates,
                machine: machineName(),
                now: Int64(time(nil))
            )
            for path in outcome.made {
                logger.notice("made a local certificate", metadata: ["path": "\(path)"])
            }
            if outcome.hasNewAuthority {
                logger.notice(
                    "made a local certificate authority: clients must be told to trust it",
                    metadata: ["path": "\(authority.authorityPath)"]
                )
            }
        }
    }

    /// Everything that must be there before the certificates are read.
    /// - Throws: What the system or OpenSSL says.
    func prepare(_ logger: Logger) throws(TLSSetupError) {
        try ensure(logger)
        var keeper = OCSPKeeper(responses)
        try keeper.prepare(now: Int64(time(nil)))
    }

    /// How to trust the authorities, line by line.
    var advice: [String] {
        wanted.keys.sorted().flatMap { directory in
            let path = LocalCertificates(directory: directory).authorityPath
            return [
                "certificate internal: nobody trusts \(path) until told to:",
                "  one request       curl --cacert \(path) https://…",
                "  this machine      sudo cp \(path) /usr/local/share/ca-certificates/gateway.crt"
                    + " && sudo update-ca-certificates",
                "  Firefox, Chrome   Settings, Certificates, Authorities, Import",
            ]
        }
    }
}

private func machineName() -> String {
    var name = [CChar](repeating: 0, count: 256)
    // The kernel ends it with NUL if it fits; the last byte stays NUL in any case.
    guard unsafe gethostname(&name, name.count - 1) == 0 else { return "this machine" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
