import Bytes
import Caching
import EventLoop
import Synchronization

/// Bringing what is not in memory there, by a thread that may wait for the disk.
extension DiskContent {
    /// A run that is being brought, and who waits for it.
    struct Coming: Sendable {
        let range: Range<Int>
        let since: Int64
        var readers: [any RunReader]
    }

    func readLater(from offset: Int, for reader: any RunReader) -> Bool {
        load(from: offset, DiskLimits.copiedRun, for: reader)
    }

    /// Has a thread read the run of `size` bytes that a place lies in, and hold it against its
    /// checksums; one that is on its way already is waited for.
    ///
    /// Returns Whether the reader will be told; false too for a disk that takes too long.
    func load(from offset: Int, _ size: Int, for reader: any RunReader) -> Bool {
        let now = tier.clock()
        let (isTaken, range) = state.withLock { state -> (Bool, Range<Int>?) in
            guard offset < state.written, !state.isUnreadable else { return (false, nil) }
            if let place = state.coming.firstIndex(where: { $0.range.contains(offset) }) {
                if now - state.coming[place].since >= DiskLimits.runTime { return (false, nil) }
                if !state.coming[place].readers.contains(where: { $0 === reader }) {
                    state.coming[place].readers.append(reader)
                }
                return (true, nil)
            }
            let start = offset / size * size
            let range = start..<min(state.written, start + size)
            state.coming.append(Coming(range: range, since: now, readers: [reader]))
            return (true, range)
        }
        guard let range else { return isTaken }
        if tier.load(DiskLoad(content: self, range: range)) { return true }
        came(range, nil)
        return false
    }

    /// Somebody does not wait any more.
    func leave(_ reader: any RunReader) {
        state.withLock { state in
            for place in state.coming.indices {
                state.coming[place].readers.removeAll { $0 === reader }
            }
        }
    }

    /// Forgets a run if nobody waits for it any more.
    ///
    /// Returns Whether somebody does.
    func isWanted(_ range: Range<Int>) -> Bool {
        state.withLock { state in
            state.coming.removeAll { $0.range == range && $0.readers.isEmpty }
            return state.coming.contains { $0.range == range }
        }
    }

    /// Tells those who wait for a run what has become of it.
    func came(_ range: Range<Int>, _ run: ContentRun?) {
        let readers = state.withLock { state -> [any RunReader] in
            guard let place = state.coming.firstIndex(where: { $0.range == range }) else {
                return []
            }
            return state.coming.remove(at: place).readers
        }
        for reader in readers { reader.take(run) }
    }

    /// Reads a run from the disk; blocks.
    ///
    /// `range`: Begins where a piece does, and ends where one does.
    ///
    /// Returns nil if it is not what was written.
    func read(_ range: Range<Int>) throws(SystemError) -> ContentRun? {
        let size = CachedResponse.chunkSize
        let (file, sums) = state.withLock { ($0.file, $0.sums) }
        guard let file else { return nil }
        let bytes = try file.read(from: start + range.lowerBound, count: range.count)
        guard bytes.count == range.count else { return nil }
        let first = range.lowerBound / size
        for place in stride(from: 0, to: bytes.count, by: size) {
            let piece = bytes.span.extracting(place..<min(bytes.count, place + size))
            guard checksum(piece) == sums[first + place / size] else { return nil }
        }
        state.withLock { state in
            for number in first..<(first + StoredRecord.chunks(of: bytes.count)) {
                state.check(number)
            }
        }
        return ContentRun(start: range.lowerBound, bytes)
    }
}

/// A run of a content that a thread is to read.
struct DiskLoad: Sendable {
    let content: DiskContent
    let range: Range<Int>
}

extension DiskTier {
    /// Has a run of a content read.
    ///
    /// Returns False where too many are to be read, or nobody is left to do it.
    func load(_ load: DiskLoad) -> Bool {
        let isTaken = state.withLock { state in
            guard !state.isEnded, state.loads.count < DiskLimits.loads else { return false }
            state.loads.append(load)
            return true
        }
        if isTaken { readers.signal() }
        return isTaken
    }

    /// Reads it.
    func run(_ load: DiskLoad) {
        let content = load.content
        guard content.isWanted(load.range) else { return }
        var run: ContentRun?
        do throws(SystemError) {
            run = try content.read(load.range)
            if run == nil { state.withLock { $0.figures.damaged += 1 } }
        } catch {
            failed(error, "a response cannot be read")
        }
        // Before those who wait for it look whether there is more.
        if run == nil { drop(content) }
        content.came(load.range, run)
    }

    /// Removes a content that cannot be read, wherever it is held: nobody is to find it again.
    private func drop(_ content: DiskContent) {
        let (origin, name) = content.state.withLock { state in
            state.isUnreadable = true
            return (state.origin, state.origin?.name ?? state.end?.name)
        }
        guard let name else { return }
        state.withLock { state in
            let isIt = { (one: Waiting) in one.object.diskContent === content }
            if state.waiting[name.key]?.contains(where: isIt) ?? false {
                if state.writing == name { state.isWritingDoomed = true }
                state.dropWaiting(name.key, isIt)
                // What has the name is older.
                if origin == nil { state.discard(name) }
            }
            if state.open[name.key]?.contains(where: { $0.name == name && isIt($0) }) ?? false {
                state.close(name)
            }
        }
        if let origin { drop(origin.name, origin.version) }
    }
}
