import EventLoop
import Logging
import Synchronization
import TLS
import Telemetry

/// Certificates that change while the gateway runs.
extension Gateway {
    /// Looks after the files of TLS that are in use now, and says what is wrong with them.
    func watchFiles() {
        let tls = state.withLock { state in
            // All files have been read anew.
            state.fileTroubles = [:]
            return state.snapshot.tls
        }
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
            watcher.watch(paths, since: tls.stamps.all)
        } else if !paths.isEmpty {
            ProxyLog.cannotWatch()
        }
        for warning in tls.warnings { logger.warning("\(warning)") }
        noteFindings(tls, of: nil)
    }

    private func startWatching(_ watcher: FileWatcher) -> LoopThread? {
        // The thread ends before the gateway does, which waits for it.
        try? LoopThread { watcher.run { self.filesChanged($0) } }
    }

    /// Takes over what has changed, each part as a whole; for what is broken the old one stays.
    /// - Returns: What cannot be used.
    func filesChanged(_ paths: Set<String>) -> FileWatcher.Unusable {
        let tls = state.withLock { $0.snapshot.tls }
        let outcome = tls.renew(paths)
        let now = SystemClock.monotonicNanoseconds()
        var taken: [FilePart] = []
        var failed: [(part: FilePart, error: TLSSetupError)] = []
        let unusable = state.withLock { state in
            // A reload has read all files anew meanwhile, and knows better.
            guard state.snapshot.tls === tls else { return FileWatcher.Unusable.none }
            for (part, error) in outcome {
                guard let error else {
                    state.fileTroubles[part] = nil
                    state.figures.note(part, isTaken: true)
                    taken.append(part)
                    continue
                }
                var trouble = state.fileTroubles[part] ?? FileTrouble(since: now)
                // The other file of a pair may be on its way.
                if !trouble.isReported, now - trouble.since >= ProxyLimits.fileGrace {
                    trouble.isReported = true
                    if !error.isExpected { state.figures.note(part, isTaken: false) }
                    failed.append((part, error))
                }
                state.fileTroubles[part] = trouble
            }
            return FileWatcher.Unusable(
                paths: Set(state.fileTroubles.keys.flatMap(\.files)),
                isNew: state.fileTroubles.values.contains { !$0.isReported }
            )
        }
        for part in taken.sorted(by: { $0.files[0] < $1.files[0] }) { ProxyLog.taken(part) }
        for (part, error) in failed.sorted(by: { $0.part.files[0] < $1.part.files[0] }) {
            ProxyLog.cannotTake(part, error)
        }
        let chains = taken.filter { $0.kind == .certificate }.map { $0.files[0] }
        if !chains.isEmpty { noteFindings(tls, of: Set(chains)) }
        return unusable
    }

    /// Says what clients or servers would refuse about certificates that are in use.
    /// - Parameters:
    ///   - tls: What is in use.
    ///   - chains: The certificates; nil: all.
    private func noteFindings(_ tls: TLSRuntime, of chains: Set<String>?) {
        for (chain, findings) in tls.findings(now: SystemClock.unixSeconds())
        where chains?.contains(chain) ?? true {
            for finding in findings { logger.warning("certificate '\(chain)' \(finding)") }
        }
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
}

/// A file that has changed and cannot be used.
struct FileTrouble: Sendable {
    /// Since when, in nanoseconds of the system's monotonic clock.
    let since: Int64
    /// Whether the log and the metrics know.
    var isReported = false
}

extension ConfigurationFigures {
    /// Counts files that have changed.
    fileprivate mutating func note(_ part: FilePart, isTaken: Bool) {
        switch (part.kind, isTaken) {
        case (.ticketKeys, true): certificates.ticketKeysTaken += 1
        case (.ticketKeys, false): certificates.ticketKeysRefused += 1
        case (_, true): certificates.reloadsSucceeded += 1
        case (_, false): certificates.reloadsFailed += 1
        }
    }
}
