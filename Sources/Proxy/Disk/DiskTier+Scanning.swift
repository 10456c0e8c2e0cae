import Bytes
import Caching
import EventLoop
import Synchronization

/// How far the scanner has come.
struct DiskScan: Sendable {
    /// The next folder to be listed.
    var folder = 0
    var hasCleared = false
    /// Where a sweep for purges goes on, and up to which purge it goes; nil: there is none.
    var sweep: (next: Int, upTo: UInt64)?
    var started: Int64 = 0
}

/// What is done in the background: finding the files of an earlier process, and holding all of them
/// against the purges.
extension DiskTier {
    /// Does the next piece of that.
    func scanNext() -> WorkThreads.Work {
        var scan = self.scan.withLock { $0 }
        defer { self.scan.withLock { $0 = scan } }
        if scan.folder < DiskName.folders {
            if scan.folder == 0 { scan.started = clock() }
            let now = clock()
            let pause = state.withLock { state in
                state.health.isOff(now: now) ? state.health.resumes - now : 0
            }
            if pause > 0 { return .pause(Int32(clamping: pause / 1_000_000 + 1)) }
            if list(scan.folder) { scan.folder += 1 }
            // Perhaps there is more than there may be.
            writer.signal()
            if scan.folder == DiskName.folders {
                let figures = figures
                ProxyLog.diskIsKnown(
                    files.path,
                    objects: figures.objects,
                    bytes: figures.bytes,
                    milliseconds: (clock() - scan.started) / 1_000_000
                )
            }
            return .more
        }
        if !scan.hasCleared {
            removeStrangers()
            scan.hasCleared = true
            return .more
        }
        return sweep(&scan)
    }

    /// Takes a folder into the index, unless it is there.
    ///
    /// Returns False if it cannot be read.
    func list(_ folder: Int) -> Bool {
        if state.withLock({ $0.isListed[folder] }) { return true }
        return listing.withLock { _ in
            if state.withLock({ $0.isListed[folder] }) { return true }
            let path = "\(identity.folder)/\(DiskName.folderName(folder))"
            var entries: [(name: DiskName, size: Int, modified: Int64)] = []
            do throws(SystemError) {
                for entry in try files.list(path) where !entry.isFolder {
                    guard let name = DiskName(entry.name.span), name.key.folder == folder
                    else { continue }
                    entries.append((name, entry.size, entry.modified))
                }
            } catch {
                failed(error, "a folder cannot be read")
                return false
            }
            // Each is put behind the one before.
            entries.sort { $0.modified > $1.modified }
            var start = 0
            while start < entries.count {
                let end = min(entries.count, start + DiskLimits.entriesPerStep)
                state.withLock { state in
                    for entry in entries[start..<end] {
                        if state.index.count >= DiskIndex.maximumCount {
                            state.changes.append(.remove([entry.name]))
                        } else {
                            state.index.insertFound(entry.name, size: entry.size)
                        }
                    }
                }
                start = end
            }
            state.withLock { state in
                state.isListed[folder] = true
                state.listedCount += 1
            }
            return true
        }
    }

    /// Removes the files of other identities, whose journal is lost and with it their purges, and
    /// those of other versions, which nobody here can read.
    private func removeStrangers() {
        do throws(SystemError) {
            for entry in try files.list(".") where entry.isFolder {
                let name = entry.name.span.string()
                guard DiskIdentity.isFolder(name), name != identity.folder else { continue }
                for number in 0..<DiskName.folders {
                    let folder = "\(name)/\(DiskName.folderName(number))"
                    for file in try files.list(folder)
                    where !file.isFolder && DiskName(file.name.span) != nil {
                        try files.remove("\(folder)/\(file.name.span.string())")
                    }
                    files.removeFolder(folder)
                }
                files.removeFolder(name)
            }
        } catch {
            failed(error, "old files cannot be removed")
        }
    }

    /// Holds some files against the purges.
    private func sweep(_ scan: inout DiskScan) -> WorkThreads.Work {
        if scan.sweep == nil {
            let begins = state.withLock { state -> UInt64? in
                state.bans.areWorthASweep ? state.bans.count : nil
            }
            guard let begins else { return .idle }
            scan.sweep = (0, begins)
        }
        guard let (start, end) = scan.sweep else { return .idle }
        let (names, next) = state.withLock { state in
            state.index.scan(from: start, atMost: DiskLimits.namesPerStep)
        }
        for name in names { holdAgainstPurges(name) }
        if let next {
            scan.sweep = (next, end)
            return .more
        }
        if forgetPurges(upTo: end) {
            scan.sweep = nil
            return .more
        }
        // Behind the last: only the forgetting is still to be done.
        scan.sweep = (DiskIndex.maximumCount, end)
        return .pause(DiskLimits.sweepPause)
    }

    private func holdAgainstPurges(_ name: DiskName) {
        let version = state.withLock { state in
            state.index.find(name.key).first { $0.name == name }?.version
        }
        guard let version else { return }
        do throws(SystemError) {
            guard let (record, _) = try record(of: files.open(path(name))) else {
                drop(name, version)
                return
            }
            let verdict = state.withLock { state in
                state.bans.verdict(
                    key: record.draft.key.span,
                    head: record.draft.head.span,
                    purges: record.place.purges
                )
            }
            // One that would be stale goes too: its purge is to be forgotten.
            if verdict != .unaffected { drop(name, version) }
        } catch {
            drop(name, version)
            if !error.isMissing { failed(error, "a response cannot be read") }
        }
    }

    /// No file is older than these purges any more.
    ///
    /// Returns False if that is not so yet.
    private func forgetPurges(upTo number: UInt64) -> Bool {
        var isReady = true
        let failure = journalIsTorn.withLock { isTorn -> SystemError? in
            let bans = state.withLock { state -> DiskBans? in
                // What still waits may be older than they.
                let isOlder = state.waiting.values.contains { all in
                    all.contains { $0.purges < number }
                }
                // What is to be removed is still on the disk.
                guard !isOlder, state.isSettled else { return nil }
                state.bans.forget(upTo: number)
                return state.bans
            }
            guard let bans else {
                isReady = false
                return nil
            }
            do throws(SystemError) {
                try files.replaceJournal(DiskJournal.write(identity, bans, checksum: checksum))
                isTorn = false
                return nil
            } catch {
                isTorn = true
                return error
            }
        }
        if let failure { failed(failure, "the journal cannot be written") }
        return isReady
    }
}
