import Bytes
public import Caching
import Compression
import EventLoop
import HTTP
import Synchronization
import Telemetry

/// Stored responses on a disk, behind those in memory: they survive a restart.
///
/// What memory stores is written by one thread, in the order in which it came, so that the last
/// word on a name is the last on the disk too. Readers find what memory has not and put it there. A
/// loop only takes a lock, asks the index, and waits where it waits for everything else.
public final class DiskTier: CacheTier {
    /// What the writer is to do, one after the other.
    enum Change: Sendable {
        /// Write what waits for a name, if something still does.
        case write(DiskName)
        /// Write what is there anew, with what it has got.
        case amend(Waiting)
        /// Remove files, but for those that have been written anew.
        case remove([DiskName])
        /// Remove what a folder that nobody has looked into has of a key.
        case forget(DiskKey)
        /// Write a purge down.
        case note(DiskBans.Ban)
        /// Tell somebody that all before it is done.
        case settle(DiskRead)
    }

    struct Waiting: Sendable {
        let name: DiskName
        let object: CachedResponse
        /// How many purges there had been.
        let purges: UInt64
    }

    struct State {
        var index = DiskIndex()
        var budget: Int
        var bans: DiskBans
        var health = DiskHealth()
        /// Which folders the index knows.
        var isListed = [Bool](repeating: false, count: DiskName.folders)
        var listedCount = 0
        var changes = Queue<Change>()
        var waiting: [DiskKey: [Waiting]] = [:]
        var waitingBytes = 0
        var waitingCount = 0
        /// What is being written, and whether it has been removed meanwhile.
        var writing: DiskName?
        var isWritingDoomed = false
        /// Whether the writer is about something: what it has taken off the queue, or out of the
        /// index, is still on the disk.
        var isAtWork = false
        /// Changes that are on their way into the queue.
        var coming = 0
        /// Keys whose files are still to be removed, and how often.
        var forgotten: [DiskKey: Int] = [:]
        var reads: [DiskKey: DiskRead] = [:]
        var readQueue = Queue<DiskRead>()
        /// Runs of contents that somebody wants to send.
        var loads = Queue<DiskLoad>()
        var isLookNext = false
        /// Responses whose content is too large for memory, with their files open.
        var open: [DiskKey: [Waiting]] = [:]
        var openOrder: [DiskName] = []
        var objectLimit: Int
        var figures = DiskFigures()
        /// It has been given up: nothing is found or stored any more.
        var isClosed = false
        /// Nor can what is being sent be read.
        var isEnded = false
        /// When the log may say again that it does not keep up.
        var nextSlowLog = Int64.min
        weak var store: CacheStore?

        /// Whether the files are as the index has them, but for what waits to be written.
        var isSettled: Bool { changes.isEmpty && coming == 0 && !isAtWork }
    }

    let files: StoredFiles
    /// Nanoseconds that a request waits for it.
    var patience: Int64 { waits.load(ordering: .relaxed) }
    private let waits: Atomic<Int64>
    let identity: DiskIdentity
    let naming: DiskNaming
    let checksum: RecordChecksum = { Checksum.crc32($0) }
    let clock: @Sendable () -> Int64
    let state: Mutex<State>
    /// Whether the journal must be written anew: the last addition may stand in it in part.
    let journalIsTorn = Mutex(false)
    /// One thread at a time lists a folder.
    let listing = Mutex<[UInt8]>([])
    /// The next thing for the scanner.
    let scan = Mutex(DiskScan())
    let arrivals = Mutex(DiskArrivals())
    /// Counts files that grow.
    let growths = Atomic<UInt64>(0)
    let readers: WorkThreads
    let spoolers: WorkThreads
    let finishers: WorkThreads
    let writer: WorkThreads
    let scanner: WorkThreads

    /// Takes a directory over, or begins one.
    ///
    /// `files`: The directory.
    ///
    /// `budget`: Bytes that its files may take.
    ///
    /// `objectLimit`: Bytes of content of one response at most.
    ///
    /// `patience`: Nanoseconds that a request waits for it.
    ///
    /// `seed`: A number that no client knows, should it be a new one.
    ///
    /// `clock`: Monotonic nanoseconds.
    init(
        _ files: StoredFiles,
        budget: Int,
        objectLimit: Int,
        patience: Int64,
        seed: UInt64,
        clock: @escaping @Sendable () -> Int64
    ) throws(SystemError) {
        self.files = files
        self.clock = clock
        waits = Atomic(patience)
        readers = try WorkThreads()
        spoolers = try WorkThreads()
        finishers = try WorkThreads()
        writer = try WorkThreads()
        scanner = try WorkThreads()
        let journal: DiskJournal
        let sum = checksum
        if let bytes = try files.readJournal(),
            let known = DiskJournal(bytes.span, checksum: sum)
        {
            journal = known
        } else {
            // Without its purges nothing that is there may be served.
            var chance = SeededGenerator(seed: seed)
            let identity = DiskIdentity(
                epoch: chance.next(),
                firstSeed: chance.next(),
                secondSeed: chance.next()
            )
            journal = DiskJournal(identity)
        }
        identity = journal.identity
        naming = DiskNaming(identity)
        state = Mutex(State(budget: budget, bans: journal.bans, objectLimit: objectLimit))
        try files.makeFolder(identity.folder)
        // Anew in any case: what a crash has cut short goes, and that it can be written is known.
        try files.replaceJournal(DiskJournal.write(identity, journal.bans, checksum: checksum))
    }

    /// Starts its threads.
    func start() throws(SystemError) {
        try readers.start(DiskLimits.readers) { [self] in readNext() }
        try writer.start(1) { [self] in writeNext() }
        try spoolers.start(DiskLimits.spoolers) { [self] in spoolNext() }
        try finishers.start(DiskLimits.finishers) { [self] in finishNext() }
        try scanner.start(1) { [self] in scanNext() }
    }

    /// Ends its threads; what is queued is still written, for a while.
    func close() {
        state.withLock { $0.isEnded = true }
        giveUp([scanner, readers, spoolers, finishers, writer], mayWaitForContents: true)
        let loads = state.withLock { state in
            defer { state.loads = Queue() }
            return state.loads
        }
        for load in loads.all { load.content.came(load.range, nil) }
    }

    /// The same, but contents that are being sent can be read to their ends.
    func retire() {
        for threads in servers { threads.detach() }
        giveUp([scanner, writer], mayWaitForContents: false)
        let isUnused = arrivals.withLock { arrivals in
            arrivals.isRetired = true
            return arrivals.contents == 0
        }
        if isUnused { endServers() }
    }

    /// Those who read and write contents.
    private var servers: [WorkThreads] { [readers, spoolers, finishers] }

    func endServers() { for threads in servers { threads.end() } }

    /// Ends threads, and lets the directory go.
    ///
    /// A reload does not write contents itself: nobody would find them any more.
    private func giveUp(_ threads: [WorkThreads], mayWaitForContents: Bool) {
        state.withLock { $0.isClosed = true }
        let end = clock() + DiskLimits.closingTime
        var areEnded = true
        for threads in threads {
            areEnded = threads.stop(within: max(0, end - clock())) && areEnded
        }
        // A disk that hangs does not hold up the end.
        if mayWaitForContents {
            while areEnded, clock() < end, case .more = spoolNext() {}
            while areEnded, clock() < end, case .more = finishNext() {}
        }
        while areEnded, clock() < end, case .more = writeNext() {}
        let left = state.withLock { state in
            var left = Array(state.reads.values)
            for case .settle(let read) in state.changes.all { left.append(read) }
            state.changes = Queue()
            state.reads = [:]
            state.readQueue = Queue()
            state.waiting = [:]
            state.closeAll()
            return left
        }
        for read in left { read.finish(nil) }
        // One that hangs may still write.
        if areEnded { files.release() }
    }

    /// Puts what it finds into a store from now on.
    func attach(_ store: CacheStore) { state.withLock { $0.store = store } }

    /// Changes how many bytes its files may take, and how long a request waits for it.
    func adopt(budget: Int, objectLimit: Int, patience: Int64) {
        state.withLock { state in
            state.budget = budget
            state.objectLimit = objectLimit
        }
        waits.store(patience, ordering: .relaxed)
        writer.signal()
    }

    /// What it holds and has done.
    var figures: DiskFigures {
        let now = clock()
        return state.withLock { state in
            var figures = state.figures
            figures.objects = state.index.count
            figures.bytes = state.index.bytes
            figures.budget = state.budget
            figures.queuedBytes = state.waitingBytes
            figures.queued = state.waitingCount
            (figures.arriving, figures.reserved) = arrivals.withLock { ($0.count, $0.reserved) }
            figures.loads = state.loads.count
            figures.errors = state.health.errors
            figures.isOff = state.health.isOff(now: now)
            figures.listedFolders = state.listedCount
            figures.bans = state.bans.bans.count
            return figures
        }
    }

    /// The path of a file below the directory.
    func path(_ name: DiskName) -> String { "\(identity.folder)/\(name.path)" }

    /// Whether the disk is left alone, as it has failed.
    var isOff: Bool {
        let now = clock()
        return state.withLock { $0.health.isOff(now: now) }
    }

    /// The disk has failed: it is left alone for a while.
    func failed(_ error: SystemError, _ what: String) {
        let now = clock()
        let mustTell = state.withLock { !$0.isClosed && $0.health.failed(now: now) }
        if mustTell { ProxyLog.diskFailed(files.path, what, error) }
    }
}

/// What the disk tier holds and has done.
struct DiskFigures: Sendable, Equatable {
    var objects = 0
    var bytes = 0
    var budget = 0
    /// Requests that it had an answer for, and those that it had none for.
    var hits = 0
    var misses = 0
    /// Look-ups that were not answered in time, or not taken.
    var late = 0
    var writes = 0
    var writtenBytes = 0
    /// Responses that were not written because too many waited, or the disk was off.
    var dropped = 0
    var evictions = 0
    var errors = 0
    var damaged = 0
    var queued = 0
    var queuedBytes = 0
    var arriving = 0
    /// Bytes that are set aside for those.
    var reserved = 0
    /// Those that were not stored after all, by `DiskLoss`.
    var losses = [Int](repeating: 0, count: DiskLoss.allCases.count)
    /// Runs of contents that wait to be read.
    var loads = 0
    var isOff = false
    var listedFolders = 0
    /// Purges that not all files have been held against.
    var bans = 0

    /// The same as metrics show it.
    var shown: DiskTierFigures {
        let all: [(DiskTierFigures.Figure, Int)] = [
            (.hits, hits), (.misses, misses), (.late, late), (.written, writes),
            (.dropped, dropped), (.objects, objects), (.bytes, bytes), (.budget, budget),
            (.writtenBytes, writtenBytes), (.queued, queued), (.queuedBytes, queuedBytes),
            (.arriving, arriving), (.reserved, reserved), (.pendingReads, loads),
            (.lostSlow, losses[DiskLoss.slow.rawValue]),
            (.lostFailed, losses[DiskLoss.failed.rawValue]),
            (.lostFull, losses[DiskLoss.full.rawValue]),
            (.evictions, evictions), (.errors, errors), (.damaged, damaged),
            (.isOff, isOff ? 1 : 0), (.knownFolders, listedFolders), (.purges, bans),
        ]
        var shown = DiskTierFigures()
        for (figure, value) in all { shown[figure] = UInt64(max(0, value)) }
        return shown
    }
}
