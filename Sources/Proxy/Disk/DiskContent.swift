import Bytes
import Caching
import EventLoop
import Synchronization

/// A content in a file: too large for memory, and sent from where it stands.
///
/// It comes in two ways. One that arrives is written by a thread while the response is passed on:
/// what is not written yet is in memory, and read from there. One that was found in the directory
/// is held against its checksums the first time that a piece of it is wanted.
///
/// An open file keeps its content, whatever becomes of its name: who is sending it goes on when it
/// is purged, replaced or evicted.
final class DiskContent: ContentExtent {
    /// What a thread has to do for one that arrives.
    enum Writing: Sendable {
        case idle
        case wanted
        case underWay
    }

    struct State: Sendable {
        /// What it is read from; nil until something has been written.
        var file: StoredFile?
        /// What it is written to; nil for one that was found.
        var growing: GrowingFile?
        /// What has come in memory before it was known to be too large for that; nil once written.
        var prior: LargeContent?
        var priorCount = 0
        /// What has come since and is not written, in pieces of `CachedResponse.chunkSize`.
        var queue = Queue<[UInt8]>()
        var queued = 0
        /// Bytes that have been written, and those that have come.
        var written = 0
        var count = 0
        /// Of each piece, for the table.
        var sums: [UInt32] = []
        /// Pieces that are as their checksums say.
        var checked: [UInt64] = []
        var writing = Writing.idle
        /// Bytes of the disk's budget that are set aside for it; nil once the index counts it.
        var reserved: Int?
        /// Whether it is still to be written.
        var isArriving = false
        /// What it is stored as, once all has come.
        var end: End?
        var isFailed = false
        var isComplete = false
        /// Where it is found; nil while it has no name.
        var origin: Origin?
        /// It cannot be read, or is not what was written.
        var isUnreadable = false
        /// Runs of it that are being brought into memory.
        var coming: [Coming] = []
        /// Who wants to hear when there is room to write again, or when there will be none.
        var listener: (@Sendable () -> Void)?
    }

    /// What is known when all has come.
    struct End: Sendable {
        var object: CachedResponse
        var name: DiskName
        var purges: UInt64
    }

    /// A file as the index has it.
    struct Origin: Sendable {
        var name: DiskName
        var version: UInt64
    }

    /// Where the content begins in the file.
    let start: Int
    /// Bytes of a slot for its head, while it arrives.
    let slotSize: Int
    let tier: DiskTier
    let checksum: RecordChecksum
    let state: Mutex<State>

    /// Begins one that arrives.
    init(_ tier: DiskTier, slotSize: Int, reserved: Int) {
        self.tier = tier
        self.slotSize = slotSize
        checksum = tier.checksum
        start = StoredRecord.start(slotSize: slotSize)
        var state = State()
        state.reserved = reserved
        state.isArriving = true
        self.state = Mutex(state)
        tier.contentBegins()
    }

    /// One that was found: whole, and not yet held against its checksums.
    init(
        _ file: StoredFile,
        _ record: StoredRecord,
        sums: [UInt32],
        _ origin: Origin,
        _ tier: DiskTier
    ) {
        self.tier = tier
        checksum = tier.checksum
        start = record.start
        slotSize = 0
        var state = State()
        state.file = file
        state.written = record.contentCount
        state.count = record.contentCount
        state.sums = sums
        state.checked = [UInt64](repeating: 0, count: sums.count / 64 + 1)
        state.isComplete = true
        state.origin = origin
        self.state = Mutex(state)
        tier.contentBegins()
    }

    deinit {
        let (reserved, growing, file) = state.withLock { ($0.reserved, $0.growing, $0.file) }
        if let reserved { tier.endArrival(reserved) }
        // Closing the last descriptor of a large file that has no name takes the disk's time.
        if growing != nil || file != nil { tier.letGo(growing, file) }
        tier.contentEnds()
    }

    var isFile: Bool { true }

    // MARK: Arriving

    /// Bytes that wait to be written.
    var backlog: Int { state.withLock { $0.queued } }

    /// Bytes of its file, once all has come.
    var size: Int {
        let count = state.withLock { $0.written }
        return start + count + 4 * StoredRecord.chunks(of: count)
    }

    /// Whether it cannot be stored any more.
    var isFailed: Bool { state.withLock { $0.isFailed } }

    /// Whether it still has to be written.
    var isArriving: Bool { state.withLock { $0.isArriving } }

    /// Goes on behind what has come in memory.
    func begin(behind prior: LargeContent, _ count: Int) {
        let mustSignal = state.withLock { state in
            state.prior = prior
            state.priorCount = count
            state.count = count
            return state.want()
        }
        if mustSignal { tier.enqueue(self) }
    }

    func append(_ bytes: Span<UInt8>) -> Bool {
        let piece = bytes.bytes()
        let (isTaken, mustSignal) = state.withLock { state in
            if state.isFailed { return (false, false) }
            state.queue.append(piece)
            state.queued += piece.count
            state.count += piece.count
            return (true, state.want())
        }
        if mustSignal { tier.enqueue(self) }
        return isTaken
    }

    /// All has come, and is to be stored so.
    func finish(_ end: End) {
        let (mustSignal, isFailed) = state.withLock { state in
            state.end = end
            return (state.want(), state.isFailed)
        }
        if mustSignal { tier.enqueue(self) }
        if isFailed { tier.lost(end) }
    }

    /// What was set aside for it is not needed any more: the index counts its file, or it has none.
    func endArrival() {
        let reserved = state.withLock { state in
            defer { state.reserved = nil }
            return state.reserved
        }
        if let reserved { tier.endArrival(reserved) }
    }

    // MARK: Reading

    /// Copies what can be read without waiting for the disk.
    func read(from offset: Int, atMost limit: Int, into buffer: Buffer) -> Int {
        var file: StoredFile?
        let count = state.withLock { state -> Int in
            if offset < state.written {
                file = state.file
                return state.endOfChecked(offset, atMost: offset + limit) - offset
            }
            return state.readUnwritten(from: offset, atMost: limit, into: buffer)
        }
        guard let file, count > 0 else { return count }
        return file.readNow(from: start + offset, atMost: count, into: buffer)
    }

    /// Where what is in the file ends.
    var written: Int { state.withLock { $0.written } }

    /// Whether a run of bytes can be sent from the file without waiting for the disk.
    func isReady(_ range: Range<Int>) -> Bool {
        let file = state.withLock { state in
            let end = state.endOfChecked(range.lowerBound, atMost: range.upperBound)
            return end >= range.upperBound ? state.file : nil
        }
        let place = (start + range.lowerBound)..<(start + range.upperBound)
        return file?.isInMemory(place) ?? false
    }

    /// Sends what a stream takes now of a run that is ready.
    func send(to stream: EventLoop.Stream, _ range: inout Range<Int>) throws(StreamError) {
        guard let file = state.withLock({ $0.file }) else { throw .closed }
        var place = (start + range.lowerBound)..<(start + range.upperBound)
        defer { range = (place.lowerBound - start)..<(place.upperBound - start) }
        try file.send(to: stream, &place)
    }
}

extension DiskContent.State {
    /// Lets a thread look at it, unless one will.
    ///
    /// Returns Whether it is to be queued for that.
    mutating func want() -> Bool {
        defer { if case .idle = writing { writing = .wanted } }
        if case .idle = writing { return true }
        return false
    }

    /// Up to where, from a place on, pieces in the file are known to be as their checksums say; a
    /// limit bounds what is looked at.
    func endOfChecked(_ offset: Int, atMost limit: Int) -> Int {
        let limit = min(written, limit)
        // What arrived was in memory when its checksums were made.
        if checked.isEmpty { return limit }
        var end = offset
        while end < limit {
            let number = end / CachedResponse.chunkSize
            guard checked[number / 64] >> UInt64(number % 64) & 1 == 1 else { break }
            end = (number + 1) * CachedResponse.chunkSize
        }
        return min(end, limit)
    }

    mutating func check(_ number: Int) {
        guard number / 64 < checked.count else { return }
        checked[number / 64] |= 1 << UInt64(number % 64)
    }

    /// Copies out of what is not written yet.
    func readUnwritten(from offset: Int, atMost limit: Int, into buffer: Buffer) -> Int {
        if let prior, offset < priorCount {
            return prior.append(from: offset, min(limit, priorCount - offset), to: buffer)
        }
        var place = max(priorCount, written)
        var copied = 0
        for piece in queue.all where copied < limit {
            let end = place + piece.count
            let from = offset + copied
            if from >= place, from < end {
                let count = min(limit - copied, end - from)
                buffer.append(piece.span.extracting((from - place)..<(from - place + count)))
                copied += count
            }
            place = end
        }
        return copied
    }
}
