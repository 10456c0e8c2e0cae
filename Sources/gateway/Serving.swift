import Configuration
import EventLoop
import Glibc
import Logging
import Proxy
import Telemetry

/// What `gateway run` does: serves by a configuration until the process is told to stop.
struct Serving {
    /// The configuration's file.
    let path: String

    /// Serves.
    /// - Throws: `Failed`, after everything has been said.
    func run() throws(Failed) {
        Signals.block()
        let loaded = try ConfigurationLoading.load(path)
        OperationalLogging.start(loaded.log)
        let logger = Logger(label: "gateway")
        ProcessResources.raiseDescriptorLimit()
        let gateway: Gateway
        let certificates = CertificateKeeping(loaded)
        do {
            try certificates.prepare(logger)
            gateway = try Gateway(
                loaded,
                workerCount: workerCount(loaded.workers),
                seed: randomSeed(),
                build: BuildFigures(version: gatewayVersion)
            )
            let inherited = ServiceManager.inheritedDescriptors().compactMap {
                InheritedSocket(descriptor: $0)
            }
            try gateway.start(inherited: inherited) { Signals.announceEnd() }
        } catch {
            StandardError.write(problems(loaded))
            logger.critical("\(error)")
            throw Failed()
        }
        for listener in loaded.listeners {
            logger.notice("listening", metadata: ["address": "\(listener.address)"])
        }
        for line in certificates.advice { StandardOutput.write(printable(line) + "\n") }
        ServiceManager.ready()
        let rounds = CertificateRounds()
        rounds.start(certificates, of: gateway, logger)
        ProcessResources.releaseStartupCode()
        serve(gateway, logger, started: loaded, rounds)
        gateway.join()
    }

    /// Does what signals ask for, until all loops have ended.
    private func serve(
        _ gateway: Gateway,
        _ logger: Logger,
        started: Configuration,
        _ rounds: CertificateRounds
    ) {
        var isStopping = false
        while true {
            switch Signals.next() {
            case .ended:
                return
            case .reopenLogs:
                gateway.reopenLogs()
            case .reload:
                if !isStopping { reload(gateway, logger, started: started, rounds) }
            case .stop:
                ServiceManager.stopping()
                if isStopping {
                    logger.notice("stopping at once")
                    gateway.stop()
                } else {
                    logger.notice("finishing requests in flight, then stopping")
                    gateway.drain()
                }
                isStopping = true
            }
        }
    }

    private func reload(
        _ gateway: Gateway,
        _ logger: Logger,
        started: Configuration,
        _ rounds: CertificateRounds
    ) {
        ServiceManager.reloading()
        defer { ServiceManager.ready() }
        var understood: Configuration?
        do {
            let loaded = try Configuration.load(path, access: .system)
            understood = loaded
            for warning in loaded.warnings { logger.warning("\(warning)") }
            let certificates = CertificateKeeping(loaded)
            try certificates.prepare(logger)
            try gateway.reload(loaded)
            rounds.start(certificates, of: gateway, logger)
            if loaded.workers != started.workers || loaded.log != started.log {
                logger.warning(
                    "'workers' and 'log' are as they were at start: they change at a restart"
                )
            }
            logger.notice("configuration reloaded")
        } catch {
            gateway.reloadFailed()
            // Where it was TLS, all of it with its places; else that comes on top.
            let problems = understood.map(problems) ?? ""
            var reason = "\(error)"
            if !problems.isEmpty {
                reason = isAboutTLS(error) ? problems : reason + "\n" + problems
            }
            logger.error(
                "configuration not taken over, the running one stays",
                metadata: ["reason": "\(reason)"]
            )
        }
    }

    private func isAboutTLS(_ error: any Error) -> Bool {
        if case .cannotUseTLS = error as? Gateway.Failure { true } else { false }
    }

    /// All that is wrong with the TLS of a configuration that cannot be served by, with its places,
    /// and not only what was met first.
    private func problems(_ configuration: Configuration) -> String {
        Diagnostic.render(
            CertificateCheck(configuration).diagnostics.filter { $0.severity == .error }
        )
    }

    private func workerCount(_ workers: Workers) -> Int {
        switch workers {
        case .count(let count): count
        case .automatic: ProcessResources.processorCount
        }
    }
}

/// The command failed, and has said why.
struct Failed: Error {}

private func randomSeed() -> UInt64 {
    var generator = SystemRandomNumberGenerator()
    return generator.next()
}
