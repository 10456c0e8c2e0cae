import Configuration
import Glibc
import Logging
import TLS

/// Certificates that the gateway makes itself: there before anything listens, and renewed while it
/// runs.
struct CertificateKeeping: Sendable {
    /// By folder, as sites may not agree about one, what is wanted there.
    private let wanted: [String: [LocalCertificates.Wanted]]

    /// Gathers what a configuration wants.
    init(_ configuration: Configuration) {
        var wanted: [String: [LocalCertificates.Wanted]] = [:]
        for source in configuration.sites.compactMap(\.tls).flatMap(\.certificates) {
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
    }

    /// Whether there is nothing to do.
    var isEmpty: Bool { wanted.isEmpty }

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
