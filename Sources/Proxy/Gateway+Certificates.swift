import EventLoop
import Logging
import Synchronization
import TLS
import Telemetry

/// Certificates that change while the gateway runs.
extension Gateway {
    /// Looks after the files of TLS that are in use now.
    func watchFiles() {
        let tls = state.withLock { $0.snapshot.tls }
        let paths = tls.files
        let watcher = state.withLock { state -> FileWatcher? in
            if let watcher = state.fileWatcher { return watcher }
            if paths.isEmpty { return nil }
            guard let fresh = try? FileWatcher() else { return nil }
            // A gateway that cannot have a thread more still serves: a reload takes files over.
            guard let thread = startWatching(fresh) else { return nil }
            state.fileWatcher = fresh
            state.threads.append(thread)
            return fresh
        }
        if let watcher {
            watcher.watch(paths)
        } else if !paths.isEmpty {
            ProxyLog.cannotWatch()
        }
    }

    private func startWatching(_ watcher: FileWatcher) -> LoopThread? {
        // The thread ends before the gateway does, which waits for it.
        try? LoopThread { watcher.run { self.filesChanged($0) } }
    }

    /// Takes over what has changed, each context as a whole; what is broken leaves the old one.
    func filesChanged(_ paths: Set<String>) {
        let tls = state.withLock { $0.snapshot.tls }
        for slot in tls.slots {
            let settings = slot.current.settings
            guard settings.files.contains(where: paths.contains) else { continue }
            let name = settings.certificates.map(\.chain).joined(separator: " ")
            do throws(TLSSetupError) {
                slot.current = try ServerContext(settings, read: Files.read)
                state.withLock { $0.figures.certificates.reloadsSucceeded += 1 }
                logger.notice("certificate taken over", metadata: ["certificate": "\(name)"])
                for warning in slot.current.warnings { logger.warning("\(warning)") }
            } catch {
                state.withLock { $0.figures.certificates.reloadsFailed += 1 }
                logger.error(
                    "a changed certificate cannot be used: the one before stays",
                    metadata: ["certificate": "\(name)", "reason": "\(error)"]
                )
            }
        }
        if let path = tls.ticketKeyFile, paths.contains(path) { ticketKeysChanged(path, tls) }
    }

    /// Counts an attempt to fetch an OCSP response.
    public func noteOCSP(succeeded: Bool) {
        state.withLock { state in
            if succeeded {
                state.figures.certificates.ocspSucceeded += 1
            } else {
                state.figures.certificates.ocspFailed += 1
            }
        }
    }

    private func ticketKeysChanged(_ path: String, _ tls: TLSRuntime) {
        do throws(TLSSetupError) {
            try tls.tickets.replace(with: try Files.read(path))
            logger.notice("ticket keys taken over", metadata: ["file": "\(path)"])
        } catch {
            logger.error(
                "changed ticket keys cannot be used: those before stay",
                metadata: ["file": "\(path)", "reason": "\(error)"]
            )
        }
    }
}
