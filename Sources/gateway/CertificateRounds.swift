import Bytes
import Configuration
import Glibc
import HTTP
import Logging
import Proxy
import TLS

/// Looks after certificates and OCSP responses while the gateway runs, beside its event loops: what
/// it writes is taken over like any file that changes.
///
/// A task on the global pool, whose threads serve nothing else: a responder may take its time.
final class CertificateRounds {
    /// Seconds between two rounds.
    private static let interval = 60
    /// Rounds between two looks at the gateway's own certificates, which last for weeks.
    private static let roundsBetweenRenewals = 60
    private var task: Task<Void, Never>?

    /// Looks after another configuration from now on.
    func start(_ keeping: CertificateKeeping, of gateway: Gateway, _ logger: Logger) {
        task?.cancel()
        task = nil
        if keeping.isEmpty { return }
        task = Task.detached {
            var keeper = OCSPKeeper(keeping.responses)
            var round = 0
            while !Task.isCancelled {
                round += 1
                if round % CertificateRounds.roundsBetweenRenewals == 0 {
                    CertificateRounds.renew(keeping, logger)
                }
                for event in keeper.round(now: Int64(time(nil))) {
                    CertificateRounds.note(event, gateway, logger)
                }
                try? await Task.sleep(for: .seconds(CertificateRounds.interval))
            }
        }
    }

    private static func renew(_ keeping: CertificateKeeping, _ logger: Logger) {
        do throws(TLSSetupError) {
            try keeping.ensure(logger)
        } catch {
            logger.error("a local certificate cannot be renewed", metadata: ["reason": "\(error)"])
        }
    }

    private static func note(_ event: OCSPKeeper.Event, _ gateway: Gateway, _ logger: Logger) {
        switch event {
        case .fetched(let chain, let until):
            gateway.noteOCSP(succeeded: true)
            let date = Buffer()
            HTTPDate.write(until, to: date)
            logger.info(
                "OCSP response fetched",
                metadata: ["certificate": "\(chain)", "until": "\(date.readable.string())"]
            )
        case .failed(let chain, let reason):
            gateway.noteOCSP(succeeded: false)
            logger.warning(
                "no OCSP response: what is stapled stays until it ends",
                metadata: ["certificate": "\(chain)", "reason": "\(reason)"]
            )
        }
    }
}
