import Bytes
import Caching
import EventLoop
import Synchronization

/// What the one thread does that writes.
extension DiskTier {
    /// Makes one change.
    func writeNext() -> WorkThreads.Work {
        let now = clock()
        let pause = state.withLock { state -> Int64? in
            state.health.isOff(now: now) ? state.health.resumes - now : nil
        }
        if let pause { return .pause(Int32(clamping: pause / 1_000_000 + 1)) }
        state.withLock { $0.isAtWork = true }
        defer { state.withLock { $0.isAtWork = false } }
        if evictOne(toFit: 0) { return .more }
        guard let change = state.withLock({ $0.changes.popFirst() }) else { return .idle }
        switch change {
        case .write(let name): write(name)
        case .amend(let waiting): amend(waiting)
        case .remove(let names): remove(names)
        case .forget(let key): forget(key)
        case .note(let ban): note(ban)
        case .settle(let read): read.finish(nil)
        }
        return .more
    }

    private func write(_ name: DiskName) {
        let waiting = state.withLock { state -> Waiting? in
            let found = state.waiting[name.key]?.first { $0.name == name }
            state.writing = found == nil ? nil : name
            state.isWritingDoomed = false
            return found
        }
        guard let waiting else { return }
        let object = waiting.object
        if let content = object.diskContent {
            write(content, waiting)
            return
        }
        let writing = StoredWriting(
            object,
            StoredRecord.Place(epoch: identity.epoch, purges: waiting.purges),
            checksum: checksum
        )
        while evictOne(toFit: writing.count) {}
        do throws(SystemError) {
            try writeFile(name, writing)
            try finish(waiting, size: writing.count)
        } catch {
            notWritten(waiting)
            failed(error, "a response cannot be written")
        }
    }

    /// Writes what is on the disk already but for its name, or for its newest head.
    private func write(_ content: DiskContent, _ waiting: Waiting) {
        // What had the name before was to be written; its own turn comes when all of it is there.
        if content.isArriving {
            state.withLock { $0.writing = nil }
            return
        }
        do throws(SystemError) {
            let size = try store(content, waiting)
            try finish(waiting, size: size)
        } catch {
            notWritten(waiting)
            // A head that found no room, or whose file has gone, is nobody's fault.
            if !error.isMissing, error != .tooLarge {
                failed(error, "a response cannot be written")
            }
        }
    }

    private func notWritten(_ waiting: Waiting) {
        let name = waiting.name
        state.withLock { state in
            state.writing = nil
            state.figures.dropped += 1
            state.dropWaiting(name.key) { $0.object === waiting.object }
            // What has the name is older, or should not be there.
            state.index.remove(name)
            state.changes.append(.remove([name]))
        }
    }

    /// Writes a response anew, with a form that it has got: nothing if what is there is another
    /// one by now, or nothing at all.
    private func amend(_ waiting: Waiting) {
        let name = waiting.name
        let isThere = state.withLock { state in
            state.waitingBytes -= waiting.object.cost
            state.waitingCount -= 1
            guard state.index.contains(name) else { return false }
            state.writing = name
            state.isWritingDoomed = false
            return true
        }
        guard isThere else { return }
        do throws(SystemError) {
            guard let (record, _) = try record(of: files.open(path(name))),
                let writing = StoredWriting(waiting.object, after: record, checksum: checksum)
            else {
                state.withLock { $0.writing = nil }
                return
            }
            let size = writing.count
            while evictOne(toFit: size) {}
            try writeFile(name, writing)
            let was = Waiting(name: name, object: waiting.object, purges: record.place.purges)
            try finish(was, size: size)
        } catch {
            // What was there is still whole.
            state.withLock { state in
                state.writing = nil
                state.figures.dropped += 1
            }
            if !error.isMissing { failed(error, "a response cannot be written") }
        }
    }

    private func writeFile(_ name: DiskName, _ writing: StoredWriting) throws(SystemError) {
        do throws(SystemError) {
            try writePieces(name, writing)
        } catch {
            guard error.isMissing else { throw error }
            try files.makeFolder(identity.folder)
            try files.makeFolder("\(identity.folder)/\(DiskName.folderName(name.key.folder))")
            try writePieces(name, writing)
        }
    }

    private func writePieces(_ name: DiskName, _ writing: StoredWriting) throws(SystemError) {
        if writing.count <= StoredRecord.Limits.firstRead {
            // One call for most.
            try files.write(path(name), head: writing.bytes(), pieces: 0) { _, _ in }
            return
        }
        let buffer = Buffer()
        try files.write(path(name), head: writing.head, pieces: writing.pieceCount) {
            (number, write: (Span<UInt8>) throws(SystemError) -> Void) throws(SystemError) in
            writing.put(number, into: buffer)
            let piece = buffer
            try write(piece.readable)
        }
    }

    /// The file is there: the index is told, unless it has become wrong meanwhile.
    ///
    /// `size`: Bytes of the file; nil if it is one that was there, with another head.
    private func finish(_ waiting: Waiting, size: Int?) throws(SystemError) {
        let now = clock()
        let name = waiting.name
        let isWrong = state.withLock { state in
            state.writing = nil
            state.health.succeeded(now: now)
            state.figures.writes += 1
            state.figures.writtenBytes += size ?? 0
            let object = waiting.object
            let verdict = state.bans.verdict(
                key: object.key,
                head: object.head,
                purges: waiting.purges
            )
            // One that is only to be stale is dropped too: a sweep may have passed its place.
            let isWrong = state.isWritingDoomed || verdict != .unaffected
            state.dropWaiting(name.key) { $0.object === object }
            if isWrong {
                state.index.remove(name)
            } else {
                if let size { state.index.insert(name, size: size, hash: object.hash) }
                if let content = object.diskContent {
                    content.state.withLock { $0.origin = state.origin(of: name) }
                    state.keepOpen(waiting)
                }
            }
            object.diskContent?.endArrival()
            return isWrong
        }
        if isWrong { try files.remove(path(name)) }
    }

    /// Removes one file if all together are too large, or would be with one more.
    ///
    /// Returns Whether there may be more to remove.
    private func evictOne(toFit size: Int) -> Bool {
        let victim = state.withLock { state -> DiskName? in
            let arriving = arrivals.withLock { $0.reserved }
            let needed = state.index.bytes + arriving + DiskIndex.space(size)
            guard needed > state.budget || state.index.count >= DiskIndex.maximumCount
            else { return nil }
            let store = state.store
            let victim = state.index.evict { store?.contains($0) ?? false }
            if let victim {
                state.figures.evictions += 1
                state.close(victim)
            }
            return victim
        }
        guard let victim else { return false }
        do throws(SystemError) {
            try files.remove(path(victim))
        } catch {
            state.withLock { $0.changes.append(.remove([victim])) }
            failed(error, "a file cannot be removed")
            return false
        }
        return true
    }

    private func remove(_ names: [DiskName]) {
        for (place, name) in names.enumerated() {
            if place >= DiskLimits.removals {
                let rest = Array(names[place...])
                state.withLock { $0.changes.append(.remove(rest)) }
                return
            }
            // Written anew since: that one stays.
            if state.withLock({ $0.index.contains(name) }) { continue }
            do throws(SystemError) {
                try files.remove(path(name))
            } catch {
                let rest = Array(names[place...])
                state.withLock { $0.changes.prepend(.remove(rest)) }
                failed(error, "a file cannot be removed")
                return
            }
        }
    }

    private func forget(_ key: DiskKey) {
        guard list(key.folder) else {
            state.withLock { $0.changes.prepend(.forget(key)) }
            return
        }
        let names = state.withLock { state in state.index.remove(key) }
        for (place, name) in names.enumerated() {
            do throws(SystemError) {
                try files.remove(path(name))
            } catch {
                let rest = Array(names[place...])
                state.withLock { state in
                    state.changes.prepend(.forget(key))
                    state.changes.prepend(.remove(rest))
                }
                failed(error, "a file cannot be removed")
                return
            }
        }
        state.withLock { state in
            let left = (state.forgotten[key] ?? 1) - 1
            state.forgotten[key] = left > 0 ? left : nil
        }
    }
}
