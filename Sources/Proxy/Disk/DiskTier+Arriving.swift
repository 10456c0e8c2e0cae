import Bytes
import Caching
import EventLoop
import Synchronization

/// Contents that arrive, and files that are to be closed.
///
/// Behind a lock of its own, because a content may end while that of the tier is held.
struct DiskArrivals {
    private(set) var count = 0
    /// Bytes of the budget that are set aside.
    private(set) var reserved = 0
    /// Those of which there is something to write, and those of which all has been.
    var queue = Queue<DiskContent>()
    var ended = Queue<DiskContent>()
    /// Contents that somebody holds, and whether the threads that serve them end with the last.
    var contents = 0
    var isRetired = false
    var closing = Queue<(growing: GrowingFile?, file: StoredFile?)>()

    /// Takes one more in, if there is room.
    mutating func begin(_ wanted: Int, room: Int) -> Bool {
        guard count < DiskLimits.arriving, reserve(wanted, room: room) else { return false }
        count += 1
        return true
    }

    mutating func reserve(_ wanted: Int, room: Int) -> Bool {
        guard reserved + wanted <= room else { return false }
        reserved += wanted
        return true
    }

    mutating func end(_ reserved: Int) {
        count -= 1
        self.reserved -= reserved
    }
}

/// Contents that are too large for memory: written while they arrive, and sent from their files.
extension DiskTier {
    /// Bytes of content of one response at most, and bytes that all contents which arrive may take.
    var objectLimit: Int { state.withLock { $0.objectLimit } }

    /// A place for a content that is too large for memory; nil where the disk takes none now.
    ///
    /// `length`: Its bytes, if they are known.
    func makeContent(for draft: ResponseDraft, length: Int?) -> DiskContent? {
        let now = clock()
        let taken = state.withLock { state -> Int? in
            let wanted = length ?? min(DiskLimits.reservation, state.objectLimit)
            let room = state.budget / DiskLimits.arrivingShare
            guard !state.isClosed, !state.health.isOff(now: now), wanted <= state.objectLimit,
                arrivals.withLock({ $0.begin(wanted, room: room) })
            else {
                state.figures.dropped += 1
                return nil
            }
            return wanted
        }
        guard let taken else { return nil }
        // What it will need leaves meanwhile.
        writer.signal()
        return DiskContent(
            self,
            slotSize: StoredRecord.slotSize(for: draft),
            reserved: taken
        )
    }

    /// Sets budget aside for so many bytes of a content whose length is not known.
    ///
    /// Returns False where that would be too much.
    func reserve(_ count: Int, for content: DiskContent) -> Bool {
        guard let reserved = content.state.withLock({ $0.reserved }), count > reserved
        else { return true }
        let more = state.withLock { state -> Int? in
            let more = min(DiskLimits.reservation, state.objectLimit)
            let room = state.budget / DiskLimits.arrivingShare
            return arrivals.withLock { $0.reserve(more, room: room) } ? more : nil
        }
        guard let more else { return false }
        content.state.withLock { $0.reserved = reserved + more }
        writer.signal()
        return true
    }

    /// One does not arrive any more; what was set aside for it.
    func endArrival(_ reserved: Int) {
        arrivals.withLock { $0.end(reserved) }
    }

    func grow() throws(SystemError) -> GrowingFile {
        try files.grow(growths.wrappingAdd(1, ordering: .relaxed).newValue)
    }

    /// Has a thread write what has come of a content.
    func enqueue(_ content: DiskContent) {
        arrivals.withLock { $0.queue.append(content) }
        spoolers.signal()
    }

    /// Has a thread let all of a content reach the disk.
    func enqueueEnd(_ content: DiskContent) {
        arrivals.withLock { $0.ended.append(content) }
        finishers.signal()
    }

    func finishNext() -> WorkThreads.Work {
        guard let content = arrivals.withLock({ $0.ended.popFirst() }) else { return .idle }
        content.conclude()
        return .more
    }

    func contentBegins() { arrivals.withLock { $0.contents += 1 } }

    func contentEnds() {
        let isLast = arrivals.withLock { arrivals in
            arrivals.contents -= 1
            return arrivals.isRetired && arrivals.contents == 0
        }
        if isLast { endServers() }
    }

    /// Has files closed by a thread that may wait.
    func letGo(_ growing: GrowingFile?, _ file: StoredFile?) {
        arrivals.withLock { $0.closing.append((growing, file)) }
        spoolers.signal()
    }

    /// Writes what has come of one content.
    func spoolNext() -> WorkThreads.Work {
        let (content, old) = arrivals.withLock { arrivals in
            (arrivals.queue.popFirst(), arrivals.closing.popFirst())
        }
        if content == nil, old == nil { return .idle }
        content?.work()
        old?.growing?.discard()
        return .more
    }

    /// All of a content is on the disk: the writer gives it its name.
    func arrived(_ content: DiskContent, _ end: DiskContent.End) {
        state.withLock { $0.changes.append(.write(end.name)) }
        writer.signal()
    }

    /// One that arrives is not stored after all.
    func count(_ loss: DiskLoss) {
        let now = clock()
        let mustTell = state.withLock { state in
            state.figures.dropped += 1
            state.figures.losses[loss.rawValue] += 1
            guard loss == .slow, now >= state.nextSlowLog else { return false }
            state.nextSlowLog = now + DiskHealth.logInterval
            return true
        }
        if mustTell { ProxyLog.diskSlow(files.path) }
    }

    /// A content that was to be stored cannot be written.
    func lost(_ end: DiskContent.End) {
        state.withLock { state in
            state.dropWaiting(end.name.key) { $0.object === end.object }
            // What has the name is older.
            state.discard(end.name)
        }
        writer.signal()
    }

    // MARK: Writing

    /// Gives a content that has arrived its name, or renews the head of one that was found.
    ///
    /// Returns Bytes of its file; nil when there is nothing to put into the index anew.
    func store(_ content: DiskContent, _ waiting: Waiting) throws(SystemError) -> Int? {
        let growing = content.state.withLock { $0.growing }
        let path = path(waiting.name)
        if let growing, !growing.hasName {
            do throws(SystemError) {
                try files.adopt(growing, as: path)
            } catch {
                guard error.isMissing else { throw error }
                try files.makeFolder(identity.folder)
                let folder = DiskName.folderName(waiting.name.key.folder)
                try files.makeFolder("\(identity.folder)/\(folder)")
                try files.adopt(growing, as: path)
            }
            return content.size
        }
        let file = try files.open(path)
        guard let (record, _) = try record(of: file), let own = content.state.withLock({ $0.file }),
            let (place, bytes) = record.renewed(
                by: waiting.object.draft(timing: waiting.object.timing),
                purges: waiting.purges,
                checksum: checksum
            ),
            try files.renew(path, if: own, at: place, bytes)
        else { throw SystemError.tooLarge }
        return nil
    }
}

extension DiskTier.State {
    /// Keeps a content's file open, for those who will ask for it next.
    mutating func keepOpen(_ waiting: DiskTier.Waiting) {
        close(waiting.name)
        // Nobody will ask, and the threads end with the last content.
        if isClosed { return }
        open[waiting.name.key, default: []].append(waiting)
        openOrder.append(waiting.name)
        if openOrder.count > DiskLimits.openFiles { close(openOrder[0]) }
    }

    /// Where the index has a file.
    func origin(of name: DiskName) -> DiskContent.Origin? {
        let found = index.find(name.key).first { $0.name == name }
        return found.map { DiskContent.Origin(name: $0.name, version: $0.version) }
    }

    /// It was asked for: others are closed first.
    mutating func touch(_ name: DiskName) {
        guard let place = openOrder.firstIndex(of: name) else { return }
        openOrder.append(openOrder.remove(at: place))
    }

    /// Closes one, when nobody is sending it any more.
    mutating func close(_ name: DiskName) {
        guard let place = openOrder.firstIndex(of: name) else { return }
        openOrder.remove(at: place)
        let left = (open[name.key] ?? []).filter { $0.name != name }
        open[name.key] = left.isEmpty ? nil : left
    }

    mutating func closeAll() {
        open = [:]
        openOrder = []
    }
}
