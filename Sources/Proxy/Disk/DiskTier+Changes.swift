import Bytes
package import Caching
import EventLoop
import HTTP
import Synchronization

/// What memory tells the disk.
extension DiskTier {
    package func store(_ object: CachedResponse) {
        let name = naming.name(object)
        let now = clock()
        var arriving: (content: DiskContent, end: DiskContent.End)?
        var isRefused = false
        state.withLock { state in
            state.drop(name)
            if object.part == nil { state.removePart(of: name) }
            guard state.mayWrite(object, now: now) else {
                state.figures.dropped += 1
                // What is there is older than what memory has.
                state.discard(name)
                isRefused = true
                return
            }
            let waiting = Waiting(name: name, object: object, purges: state.bans.count)
            state.waiting[name.key, default: []].append(waiting)
            state.waitingBytes += object.cost
            state.waitingCount += 1
            if let content = object.diskContent, content.isArriving {
                arriving = (content, .init(object: object, name: name, purges: waiting.purges))
            } else {
                state.changes.append(.write(name))
            }
        }
        // Its name comes when all of it is on the disk.
        if let arriving { arriving.content.finish(arriving.end) }
        if isRefused, let content = object.diskContent, content.isArriving { content.giveUp(nil) }
        writer.signal()
    }

    package func amend(_ object: CachedResponse) {
        let name = naming.name(object)
        let now = clock()
        let isTaken = state.withLock { state in
            let place = state.waiting[name.key]?.firstIndex { $0.name == name }
            if let place, state.writing != name, let old = state.waiting[name.key]?[place] {
                // Not written yet: then at once with all that it has.
                guard old.object.isSame(as: object) else { return false }
                let new = Waiting(name: name, object: object, purges: old.purges)
                state.waiting[name.key]?[place] = new
                state.waitingBytes += object.cost - old.object.cost
                return false
            }
            guard place != nil || state.index.contains(name), state.mayWrite(object, now: now)
            else { return false }
            state.waitingBytes += object.cost
            state.waitingCount += 1
            state.changes.append(
                .amend(Waiting(name: name, object: object, purges: state.bans.count))
            )
            return true
        }
        if isTaken { writer.signal() }
    }

    package func replace(_ old: CachedResponse, by new: CachedResponse) {
        let name = naming.name(old)
        state.withLock { state in
            for (place, one) in (state.open[name.key] ?? []).enumerated()
            where one.object.diskContent === old.diskContent {
                let held = Waiting(name: one.name, object: new, purges: one.purges)
                state.open[name.key]?[place] = held
            }
        }
    }

    package func remove(_ object: CachedResponse) {
        let name = naming.name(object)
        state.withLock { state in
            state.drop(name)
            state.discard(name)
        }
        writer.signal()
    }

    package func invalidate(_ key: Span<UInt8>) -> Int {
        let key = naming.key(key)
        let (count, mustSignal) = state.withLock { state in
            let before = state.changes.count
            return (state.invalidate(key), state.changes.count != before)
        }
        if mustSignal { writer.signal() }
        return count
    }

    package func purge(_ purge: Purge, isSoft: Bool, now: Int64) {
        // It holds for who is served by an older configuration still; the directory is not ours.
        if state.withLock({ $0.isClosed }) { return }
        let (ban, all) = state.withLock { state in
            let ban = state.bans.add(purge, isSoft: isSoft, time: now)
            let isAll = ban.purge == .everything && !isSoft
            if isAll {
                state.coming += 1
                state.closeAll()
            }
            return (ban, isAll ? state.index.takeAll() : nil)
        }
        note(ban)
        if let all {
            let names = all.names
            state.withLock { state in
                state.changes.append(.remove(names))
                state.coming -= 1
            }
            writer.signal()
        }
        if state.withLock({ $0.bans.areWorthASweep }) { scanner.signal() }
    }

    /// Something to wait for until all that was told so far is on the disk; nil: it is.
    func settling() -> DiskRead? {
        let settling: DiskRead? = state.withLock { state in
            guard !state.isClosed, !state.isSettled else { return nil }
            let settling = DiskRead(
                key: [],
                hash: DiskKey(high: 0, low: 0),
                request: .init()
            )
            state.changes.append(.settle(settling))
            return settling
        }
        if settling != nil { writer.signal() }
        return settling
    }

    /// Writes a purge down; one that cannot be is tried again later.
    func note(_ ban: DiskBans.Ban) {
        let failure = journalIsTorn.withLock { isTorn -> SystemError? in
            do throws(SystemError) {
                if isTorn || ban.purge == .everything {
                    let bans = state.withLock { $0.bans }
                    try files.replaceJournal(
                        DiskJournal.write(identity, bans, checksum: checksum)
                    )
                } else {
                    try files.appendJournal(DiskJournal.record(of: ban, checksum: checksum))
                }
                isTorn = false
                return nil
            } catch {
                isTorn = true
                return error
            }
        }
        guard let failure else { return }
        failed(failure, "a purge cannot be written down")
        state.withLock { $0.changes.append(.note(ban)) }
        writer.signal()
    }
}

extension DiskTier.State {
    /// Whether a response may wait to be written.
    func mayWrite(_ object: CachedResponse, now: Int64) -> Bool {
        !isClosed && !health.isOff(now: now)
            && waitingBytes + object.cost <= DiskLimits.queuedBytes
            && object.contentCount <= objectLimit
    }

    /// Removes the part whose place a whole takes.
    mutating func removePart(of name: DiskName) {
        let part = name.ofPart
        if writing == part { isWritingDoomed = true }
        dropWaiting(name.key) { $0.name == part }
        // In a folder that nobody has looked into there may be one: a whole is looked at first.
        if index.remove(part) || !isListed[name.key.folder] { change(.remove([part])) }
    }

    /// Drops what is on its way to or from the disk under a name.
    mutating func drop(_ name: DiskName) {
        // A read of another variant is dropped as well, which costs one.
        reads[name.key]?.doom()
        if writing == name { isWritingDoomed = true }
        close(name)
        dropWaiting(name.key) { $0.name == name }
    }

    /// Removes those that wait to be written and fit a condition.
    mutating func dropWaiting(_ key: DiskKey, _ condition: (DiskTier.Waiting) -> Bool) {
        guard let all = waiting[key] else { return }
        var left: [DiskTier.Waiting] = []
        for one in all {
            if condition(one) {
                waitingBytes -= one.object.cost
                waitingCount -= 1
            } else {
                left.append(one)
            }
        }
        waiting[key] = left.isEmpty ? nil : left
    }

    /// Lets the writer remove the file of a name, if there may be one.
    mutating func discard(_ name: DiskName) {
        if !isListed[name.key.folder] {
            forget(name.key)
        } else if index.remove(name) {
            change(.remove([name]))
        }
    }

    /// Removes everything of a key.
    ///
    /// Returns How many, as far as is known.
    mutating func invalidate(_ key: DiskKey) -> Int {
        reads[key]?.doom()
        if writing?.key == key { isWritingDoomed = true }
        for one in open[key] ?? [] { close(one.name) }
        let waited = waiting[key]?.count ?? 0
        dropWaiting(key) { _ in true }
        let names = index.remove(key)
        if !isListed[key.folder] {
            forget(key)
            if !names.isEmpty { change(.remove(names)) }
        } else if !names.isEmpty {
            change(.remove(names))
        }
        return max(names.count, waited)
    }

    private mutating func forget(_ key: DiskKey) {
        forgotten[key, default: 0] += 1
        change(.forget(key))
    }

    private mutating func change(_ change: DiskTier.Change) {
        if changes.count < DiskLimits.queuedChanges {
            changes.append(change)
            return
        }
        // The writer hangs: what it cannot be told one by one it is told of all.
        let isTold = bans.bans.last?.purge == .everything
        if !isTold { changes.append(.note(bans.add(.everything, isSoft: false, time: 0))) }
    }
}
