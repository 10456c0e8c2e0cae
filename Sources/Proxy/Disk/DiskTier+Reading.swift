import Bytes
import Caching
import EventLoop
import HTTP
import Synchronization

/// Finding what memory has not.
extension DiskTier {
    /// What a look-up finds out at once.
    enum Lookup {
        case absent
        case found(CachedResponse)
        /// It may be on the disk: wait for this.
        case wait(DiskRead)
    }

    /// Looks a response up that fits a request.
    func find(_ key: Span<UInt8>, request: FieldSection) -> Lookup {
        let hash = naming.key(key)
        let now = clock()
        let found = state.withLock { state -> Lookup in
            guard !state.isClosed else { return .absent }
            if let object = state.waitingFor(hash, key, request) { return .found(object) }
            if let (name, object) = state.openFor(hash, key, request) {
                state.index.use(name, hash: 0)
                state.touch(name)
                return .found(object)
            }
            guard state.forgotten[hash] == nil,
                !state.isListed[hash.folder] || state.index.contains(hash)
            else {
                state.figures.misses += 1
                return .absent
            }
            if let read = state.reads[hash] { return .wait(read) }
            guard !state.health.isOff(now: now), state.reads.count < DiskLimits.reads else {
                state.figures.late += 1
                return .absent
            }
            let read = DiskRead(key: key.bytes(), hash: hash, request: request)
            state.reads[hash] = read
            state.readQueue.append(read)
            return .wait(read)
        }
        if case .wait = found { readers.signal() }
        return found
    }

    /// Takes note of what came of waiting.
    func count(hit: Bool, late: Bool) {
        state.withLock { state in
            if hit { state.figures.hits += 1 } else { state.figures.misses += 1 }
            if late { state.figures.late += 1 }
        }
    }

    /// Whether the disk has a response, or will have.
    func has(_ object: CachedResponse) -> Bool {
        let name = naming.name(object)
        return state.withLock { state in
            state.index.contains(name)
                || state.waiting[name.key]?.contains { $0.name == name } ?? false
        }
    }

    /// What the disk has of a key, without the contents; blocks, so not for a loop.
    ///
    /// Returns The heads, and how many bytes of content each has.
    func drafts(_ key: Span<UInt8>) -> [(DiskName, ResponseDraft, Int)] {
        let hash = naming.key(key)
        guard list(hash.folder) else { return [] }
        let names = state.withLock { state in
            state.forgotten[hash] == nil ? state.index.find(hash).map(\.name) : []
        }
        var found: [(DiskName, ResponseDraft, Int)] = []
        for name in names {
            do throws(SystemError) {
                guard let (record, _) = try record(of: files.open(path(name))),
                    record.draft.key.span.equals(key)
                else { continue }
                var draft = record.draft
                let verdict = state.withLock { state in
                    state.bans.verdict(key: key, head: draft.head.span, purges: record.place.purges)
                }
                if verdict == .removed { continue }
                if case .stale(let time) = verdict {
                    draft.timing = draft.timing.expired(now: time)
                }
                found.append((name, draft, record.contentCount))
            } catch { continue }
        }
        return found
    }

    /// Reads one response, or a run of a content.
    func readNext() -> WorkThreads.Work {
        let read: DiskRead
        switch state.withLock({ $0.nextRead() }) {
        case .load(let load):
            run(load)
            return .more
        case .look(let next): read = next
        case nil: return .idle
        }
        let found = search(read)
        let kept = state.withLock { state -> CachedResponse? in
            state.reads[read.hash] = nil
            if read.isDoomed { return nil }
            var answer: CachedResponse?
            for one in found {
                guard let object = state.accept(one) else { continue }
                // Under the lock, so that who removes it from here first finds it in memory after.
                state.store?.recall(object)
                if object.isOnFile {
                    let purges = one.purges
                    state.keepOpen(Waiting(name: one.name, object: object, purges: purges))
                }
                if one.answers { answer = object }
            }
            return answer
        }
        read.finish(kept)
        return .more
    }

    /// What was read, and from where.
    struct Found {
        let name: DiskName
        let version: UInt64
        let purges: UInt64
        let object: CachedResponse
        /// Whether it answers the request; else it is a part, which what is fetched may be put
        /// together with.
        var answers = true
    }

    /// What a look into one file shows.
    private enum Look {
        case found(Found)
        /// It answers another request.
        case other
        case gone
        /// Another version wrote it.
        case outdated
        case damaged
        /// A purge meant it.
        case purged
    }

    /// What there is for a request: parts that do not answer it, and behind them what does.
    private func search(_ read: DiskRead) -> [Found] {
        guard list(read.hash.folder) else { return [] }
        let candidates = state.withLock { state in
            state.index.find(read.hash).filter { candidate in
                // What is about to be written in its place is newer.
                !(state.waiting[read.hash]?.contains { $0.name == candidate.name } ?? false)
            }
        }
        var found: [Found] = []
        for candidate in candidates.prefix(DiskLimits.variants) {
            do throws(SystemError) {
                switch try look(candidate.name, candidate.version, for: read) {
                case .found(let one):
                    found.append(one)
                    if one.answers { return found }
                case .other: continue
                case .gone, .purged, .outdated: drop(candidate.name, candidate.version)
                case .damaged:
                    state.withLock { $0.figures.damaged += 1 }
                    drop(candidate.name, candidate.version)
                }
            } catch {
                drop(candidate.name, candidate.version)
                failed(error, "a response cannot be read")
                return found
            }
        }
        return found
    }

    /// Removes a file that is no use, unless it has been written anew.
    func drop(_ name: DiskName, _ version: UInt64) {
        let isDropped = state.withLock { state in
            guard state.index.remove(name, version: version) else { return false }
            state.close(name)
            state.changes.append(.remove([name]))
            return true
        }
        if isDropped { writer.signal() }
    }

    private func look(_ name: DiskName, _ version: UInt64, for read: DiskRead)
        throws(SystemError) -> Look
    {
        let file: StoredFile
        do throws(SystemError) {
            file = try files.open(path(name))
        } catch {
            if error.isMissing { return .gone }
            throw error
        }
        let record: StoredRecord
        let bytes: [UInt8]
        switch try reading(of: file) {
        case .found(let read): (record, bytes) = read
        case .outdated: return .outdated
        case .damaged: return .damaged
        }
        let draft = record.draft
        guard draft.key == read.key else { return .other }
        var scratch: [UInt8] = []
        let language = HeadLines.value(of: "content-language", in: draft.head.span)
        guard
            Vary.matches(
                draft.vary.span,
                language: draft.head.span.extracting(language ?? 0..<0),
                request: read.request,
                scratch: &scratch
            )
        else { return .other }
        let (verdict, store) = state.withLock { state in
            let verdict = state.bans.verdict(
                key: draft.key.span,
                head: draft.head.span,
                purges: record.place.purges
            )
            return (verdict, state.store)
        }
        if verdict == .removed { return .purged }
        guard let store else { return .other }
        let made: CachedResponse?
        if record.contentCount > store.objectLimit {
            var whole = draft
            whole.hash = store.hash(draft.key.span)
            let origin = DiskContent.Origin(name: name, version: version)
            made = try largeObject(of: record, file, bytes, whole, origin)
        } else {
            made = try object(of: record, file, bytes) { draft in
                draft.hash = store.hash(draft.key.span)
            } extent: {
                store.makeExtent($0)
            }
        }
        guard let object = made else { return .damaged }
        return .found(
            Found(
                name: name,
                version: version,
                purges: record.place.purges,
                object: object,
                answers: object.part == nil || object.hasRange(of: read.request)
            )
        )
    }

    /// What the beginning of a file shows.
    private enum Beginning {
        /// A head, and the bytes that were read with it.
        case found((StoredRecord, [UInt8]))
        case outdated
        case damaged
    }

    private func reading(of file: StoredFile) throws(SystemError) -> Beginning {
        var bytes = try file.read(from: 0, count: min(file.size, StoredRecord.Limits.firstRead))
        for _ in 0..<2 {
            let reading = StoredRecord.read(
                bytes.span,
                count: file.size,
                epoch: identity.epoch,
                checksum: checksum
            )
            switch reading {
            case .record(let record): return .found((record, bytes))
            case .damaged: return .damaged
            case .outdated: return .outdated
            case .needs(let count): bytes = try file.read(from: 0, count: count)
            }
        }
        return .damaged
    }

    /// The head of a file, and the bytes that were read with it; nil if it is damaged, which is
    /// counted, or another version's.
    func record(of file: StoredFile) throws(SystemError) -> (StoredRecord, [UInt8])? {
        switch try reading(of: file) {
        case .found(let found): return found
        case .outdated: return nil
        case .damaged:
            state.withLock { $0.figures.damaged += 1 }
            return nil
        }
    }

    /// The response in a file; nil if it is not what was written.
    private func object(
        of record: StoredRecord,
        _ file: StoredFile,
        _ bytes: [UInt8],
        _ prepare: (inout ResponseDraft) -> Void,
        extent: @escaping (Int) -> (any ContentExtent)?
    ) throws(SystemError) -> CachedResponse? {
        let table = try piece(record.table, of: file, bytes)
        let begun = StoredAssembly(record, table: table.span, checksum: checksum, extent: extent)
        guard var assembly = begun else { return nil }
        while let next = assembly.next {
            let piece = try piece(next, of: file, bytes)
            guard assembly.take(piece.span) else { return nil }
        }
        return assembly.finish(prepare)
    }

    /// The response in a file whose content stays there; nil if its table is not what was written.
    private func largeObject(
        of record: StoredRecord,
        _ file: StoredFile,
        _ bytes: [UInt8],
        _ draft: ResponseDraft,
        _ origin: DiskContent.Origin
    ) throws(SystemError) -> CachedResponse? {
        let table = try piece(record.table, of: file, bytes)
        guard let sums = record.sums(in: table.span, checksum: checksum) else { return nil }
        let content = DiskContent(file, record, sums: sums, origin, self)
        return CachedResponse(
            draft,
            LargeContent(.extent(content)),
            contentCount: record.contentCount
        )
    }

    /// Bytes of a file, of which the first have been read; fewer where it has become shorter.
    private func piece(_ place: Range<Int>, of file: StoredFile, _ bytes: [UInt8])
        throws(SystemError) -> [UInt8]
    {
        if place.upperBound <= bytes.count { return Array(bytes[place]) }
        return try file.read(from: place.lowerBound, count: place.count)
    }
}

extension DiskTier.State {
    /// What a reader has to do.
    enum Reading {
        case look(DiskRead)
        case load(DiskLoad)
    }

    /// The next thing to read: who asks and who is being sent something take turns.
    mutating func nextRead() -> Reading? {
        isLookNext.toggle()
        if isLookNext || loads.isEmpty, let read = readQueue.popFirst() { return .look(read) }
        return loads.popFirst().map { .load($0) }
    }

    /// What waits to be written and answers a request.
    func waitingFor(_ hash: DiskKey, _ key: Span<UInt8>, _ request: FieldSection)
        -> CachedResponse?
    {
        waiting[hash].flatMap { first(of: $0, key, request)?.object }
    }

    /// What stands in a file that is open, and answers a request.
    func openFor(_ hash: DiskKey, _ key: Span<UInt8>, _ request: FieldSection)
        -> (name: DiskName, object: CachedResponse)?
    {
        // What waits in its place is newer, though it may not answer.
        open[hash].flatMap { first(of: $0, key, request) }
    }

    private func first(of all: [DiskTier.Waiting], _ key: Span<UInt8>, _ request: FieldSection)
        -> (name: DiskName, object: CachedResponse)?
    {
        var scratch: [UInt8] = []
        for one in all.reversed() {
            let object = one.object
            guard object.key.equals(key),
                object.part == nil || object.hasRange(of: request),
                Vary.matches(
                    object.vary,
                    language: object.language,
                    request: request,
                    scratch: &scratch
                )
            else { continue }
            switch bans.verdict(key: object.key, head: object.head, purges: one.purges) {
            case .unaffected: return (one.name, object)
            case .stale(let time): return (one.name, object.expired(now: time))
            case .removed: continue
            }
        }
        return nil
    }

    /// What may be used of something that was read, now that all else has been heard.
    mutating func accept(_ found: DiskTier.Found) -> CachedResponse? {
        guard index.find(found.name.key).contains(where: { $0 == (found.name, found.version) })
        else { return nil }
        let object = found.object
        switch bans.verdict(key: object.key, head: object.head, purges: found.purges) {
        case .removed: return nil
        case .unaffected:
            index.use(found.name, hash: object.hash)
            return object
        case .stale(let time):
            index.use(found.name, hash: object.hash)
            return object.expired(now: time)
        }
    }
}
