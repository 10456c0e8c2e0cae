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
    var queue = Queue<DiskContent>()
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
        let wanted = length ?? DiskLimits.reservation
        let isTaken = state.withLock { state in
            let room = state.budget / DiskLimits.arrivingShare
            guard !state.isClosed, !state.health.isOff(now: now), wanted <= state.objectLimit,
                arrivals.withLock({ $0.begin(wanted, room: room) })
            else {
                state.figures.dropped += 1
                return false
            }
            return true
        }
        guard isTaken else { return nil }
        // What it will need leaves meanwhile.
        writer.signal()
        return DiskContent(
            self,
            slotSize: StoredRecord.slotSize(for: draft),
            reserved: wanted
        )
    }

    /// Sets budget aside for so many bytes of a content whose length is not known.
    ///
    /// Returns False where that would be too much.
    func reserve(_ count: Int, for content: DiskContent) -> Bool {
        let reserved = content.state.withLock { $0.reserved }
        if count <= reserved { return true }
        let isTaken = state.withLock { state in
            let room = state.budget / DiskLimits.arrivingShare
            let isTaken = arrivals.withLock { $0.reserve(DiskLimits.reservation, room: room) }
            if !isTaken { state.figures.dropped += 1 }
            return isTaken
        }
        guard isTaken else { return false }
        content.state.withLock { $0.reserved += DiskLimits.reservation }
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

    /// A content that was to be stored cannot be written.
    func lost(_ end: DiskContent.End) {
        state.withLock { state in
            state.figures.dropped += 1
            state.dropWaiting(end.name.key) { $0.object === end.object }
            // What has the name is older.
            state.discard(end.name)
        }
        writer.signal()
    }

    // MARK: Reading

    /// Has a run of a content read, for who is sending it: so there are no more than connections.
    func load(_ load: DiskLoad) {
        let isTaken = state.withLock { state in
            if state.isClosed { return false }
            state.loads.append(load)
            return true
        }
        if isTaken { readers.signal() } else { load.finish(false) }
    }

    /// Reads it.
    func run(_ load: DiskLoad) {
        var isRight = false
        do throws(SystemError) {
            isRight = try load.content.load(load.range)
            if !isRight { state.withLock { $0.figures.damaged += 1 } }
        } catch {
            failed(error, "a response cannot be read")
        }
        if !isRight, let origin = load.content.origin { drop(origin.name, origin.version) }
        load.finish(isRight)
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
        open[waiting.name.key, default: []].append(waiting)
        openOrder.append(waiting.name)
        if openOrder.count > DiskLimits.openFiles { close(openOrder[0]) }
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
