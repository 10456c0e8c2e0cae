import TLS

/// Taking over files that have changed.
extension TLSRuntime {
    /// Makes anew what was made from some files, and puts it in its place; for parts that cannot be
    /// used now, what was there before goes on.
    /// - Parameter paths: The files.
    /// - Returns: Each part that has such a file, and why it cannot be used; nil where it is used.
    func renew(_ paths: Set<String>) -> [FilePart: TLSSetupError?] {
        var outcome: [FilePart: TLSSetupError?] = [:]
        for slot in slots { renew(slot, paths, &outcome) }
        for slot in clients { renew(slot, paths, &outcome) }
        if let path = ticketKeyFile, paths.contains(path) {
            let part = FilePart(.ticketKeys, [path])
            do throws(TLSSetupError) {
                try TLSRuntime.load(path, into: tickets, read: Files.read)
                outcome.updateValue(nil, forKey: part)
            } catch { outcome.updateValue(error, forKey: part) }
        }
        return outcome
    }

    private func renew<Context: RenewableContext>(
        _ slot: Slot<Context>,
        _ paths: Set<String>,
        _ outcome: inout [FilePart: TLSSetupError?]
    ) {
        let changed = slot.current.fileParts.filter { $0.isAmong(paths) }
        if changed.isEmpty { return }
        var troubles: [FilePart: TLSSetupError] = [:]
        do throws(TLSSetupError) {
            let fresh = try slot.current.renewed(read: Files.read)
            slot.current = fresh
            troubles = fresh.troubles
        } catch {
            // As a whole it cannot be made, whatever is in the files.
            for part in changed { troubles[part] = error }
        }
        // A response that was good for the certificate before is none for this one.
        let responses = troubles.keys.filter { $0.kind == .response && !changed.contains($0) }
        for part in changed + responses {
            // Where several contexts use it, one that cannot is enough.
            if case .some(.some) = outcome[part] { continue }
            outcome.updateValue(troubles[part], forKey: part)
        }
    }

    /// What clients or servers would refuse about the certificates in use.
    /// - Parameter now: Unix seconds.
    /// - Returns: Sentences that begin behind the path, by the path of the chain, in its order.
    func findings(now: Int64) -> [(chain: String, findings: [String])] {
        var findings: [String: [String]] = [:]
        for context in clients.map(\.current) {
            guard let chain = context.settings.certificate?.chain else { continue }
            findings[chain] = context.findings(now: now)
        }
        for context in slots.map(\.current) {
            findings.merge(context.findings(now: now, hosts: hosts)) { $1 }
        }
        return findings.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}

extension FilePart {
    fileprivate func isAmong(_ paths: Set<String>) -> Bool { files.contains(where: paths.contains) }
}
