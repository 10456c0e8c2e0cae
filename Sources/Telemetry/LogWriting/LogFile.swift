import Glibc

/// Whole lines for one destination, handed over as one.
struct LogBatch: Sendable {
    let destination: LogDestination
    let bytes: [UInt8]
    let lines: Int

    /// What the batch counts for against the limits: its bytes and what an array costs by itself.
    var cost: Int { bytes.count + 64 }
}

/// One destination, as the writer's thread sees it: its descriptor and what waits to be written.
///
/// Belongs to the writer's thread alone.
struct LogFile {
    /// What one call of `write` did.
    struct Outcome {
        var written = 0
        var dropped = 0
        var released = 0
        var reopened = 0
    }

    private enum Kind {
        /// A regular file: one write takes a whole batch.
        case file
        /// A pipe, socket or terminal, which may block: written in pieces once there is room.
        case stream
    }

    /// A pipe that polls writable takes this many bytes without blocking, and as one.
    ///
    /// Source: pipe(7).
    static var pieceLimit: Int { 4096 }

    private let target: LogTarget
    private let checkInterval: Int64
    /// The descriptor, or -1 while the target cannot be opened.
    private var descriptor: Int32
    private var kind = Kind.file
    private var device: dev_t = 0
    private var inode: ino_t = 0
    private var lastCheck: Int64
    private var pending: [LogBatch] = []
    /// Batches of `pending` already written.
    private var next = 0
    /// Bytes of the first unwritten batch already written.
    private var offset = 0
    /// Whether the last byte written was inside a line whose rest was lost.
    private var endsInsideLine = false

    /// Takes over a target.
    /// - Parameters:
    ///   - target: What is written to.
    ///   - descriptor: What `open` returned for it.
    ///   - checkInterval: Nanoseconds between two looks at the path.
    ///   - now: Nanoseconds of the monotonic clock.
    init(target: LogTarget, descriptor: Int32, checkInterval: Int64, now: Int64) {
        self.target = target
        self.checkInterval = checkInterval
        self.descriptor = descriptor
        lastCheck = now
        identify()
    }

    /// Opens a target for the first time.
    /// - Returns: A descriptor, or -1 for a FIFO that nobody reads yet.
    static func open(_ target: LogTarget) throws(LogOpenError) -> Int32 {
        switch target {
        case .standardOutput: return STDOUT_FILENO
        case .standardError: return STDERR_FILENO
        case .descriptor(let descriptor): return descriptor
        case .file(let path):
            let descriptor = openFile(path)
            if descriptor >= 0 { return descriptor }
            let code = errno
            switch code {
            case ENXIO: return -1
            case EISDIR: throw .directory(path: path)
            default: throw .refused(path: path, code: code)
            }
        }
    }

    /// Opens without ever blocking (a FIFO would), appending, so that several processes may share a
    /// log: the kernel then puts each write behind the last.
    private static func openFile(_ path: String) -> Int32 {
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK
        while true {
            let descriptor = unsafe Glibc.open(path, flags, 0o640)
            if descriptor >= 0 || errno != EINTR { return descriptor }
        }
    }

    /// The descriptor to poll for room, if lines wait for that.
    var stalledDescriptor: Int32? { next < pending.count ? descriptor : nil }

    /// Adds lines to what waits.
    mutating func enqueue(_ batch: LogBatch) {
        pending.append(batch)
    }

    /// Writes what waits, as far as that is possible without blocking.
    /// - Parameter now: Nanoseconds of the monotonic clock.
    /// - Returns: What became of the lines.
    mutating func write(now: Int64) -> Outcome {
        var outcome = Outcome()
        guard next < pending.count else { return outcome }
        if now - lastCheck >= checkInterval {
            lastCheck = now
            if hasMoved() && reopen() { outcome.reopened += 1 }
        }
        while next < pending.count {
            let code = writeBatch()
            if code == EAGAIN { return outcome }
            let batch = pending[next]
            if code == 0 {
                outcome.written += batch.lines
                outcome.released += batch.cost
                next += 1
                offset = 0
            } else {
                dropAll(after: code, into: &outcome)
            }
        }
        pending.removeAll(keepingCapacity: pending.count <= 64)
        next = 0
        return outcome
    }

    /// Opens the path anew; what was open stays so if that fails.
    /// - Returns: Whether it was.
    mutating func reopen() -> Bool {
        guard case .file(let path) = target else { return false }
        let fresh = Self.openFile(path)
        guard fresh >= 0 else { return false }
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
        descriptor = fresh
        endsInsideLine = false
        identify()
        return true
    }

    /// Gives up what waits and closes what was opened here.
    mutating func close() -> Outcome {
        var outcome = Outcome()
        dropAll(after: 0, into: &outcome)
        if case .file = target, descriptor >= 0 { _ = Glibc.close(descriptor) }
        descriptor = -1
        return outcome
    }

    /// Writes the rest of the first waiting batch.
    /// - Returns: 0 when it is written, EAGAIN when there is no room now, else the error.
    private mutating func writeBatch() -> Int32 {
        guard descriptor >= 0 else { return ENXIO }
        if endsInsideLine {
            // The next line must not look like the end of the one that was cut off.
            guard kind == .file || hasRoom() else { return EAGAIN }
            let code = put([10], from: 0, count: 1)
            if code != 0 { return code }
            offset = 0
            endsInsideLine = false
        }
        let bytes = pending[next].bytes
        while offset < bytes.count {
            var count = bytes.count - offset
            if kind == .stream {
                guard hasRoom() else { return EAGAIN }
                count = pieceLength(of: bytes)
            }
            let code = put(bytes, from: offset, count: count)
            if code != 0 { return code }
        }
        return 0
    }

    /// Bytes for the next write to a stream: as many whole lines as fit, or a piece of one that
    /// alone does not.
    private func pieceLength(of bytes: [UInt8]) -> Int {
        let end = min(bytes.count, offset + Self.pieceLimit)
        guard let lineEnd = bytes[offset..<end].lastIndex(of: 10) else { return end - offset }
        return lineEnd + 1 - offset
    }

    /// Writes and moves `offset` by what was taken.
    private mutating func put(_ bytes: [UInt8], from start: Int, count: Int) -> Int32 {
        while true {
            let taken = unsafe bytes.withUnsafeBytes { source -> Int in
                guard let base = source.baseAddress else { return 0 }
                // In bounds: the caller's `start` and `count` lie within the array.
                return unsafe Glibc.write(descriptor, base + start, count)
            }
            if taken > 0 {
                offset += taken
                return 0
            }
            let code = taken == 0 ? EIO : errno
            if code != EINTR { return code }
        }
    }

    /// Counts all that waits as lost.
    ///
    /// One error is enough: a disk that is full for one batch is full for the next, and each try
    /// costs a system call.
    private mutating func dropAll(after code: Int32, into outcome: inout Outcome) {
        for index in next..<pending.count {
            let batch = pending[index]
            var lost = batch.lines
            if index == next && offset > 0 {
                lost = min(lost, batch.bytes[offset...].count { $0 == 10 })
                if batch.bytes[offset - 1] != 10 { endsInsideLine = true }
            }
            outcome.written += batch.lines - lost
            outcome.dropped += lost
            outcome.released += batch.cost
        }
        next = pending.count
        offset = 0
        if code == EPIPE, case .file = target {
            // The FIFO's reader is gone; the next look opens it again.
            _ = Glibc.close(descriptor)
            descriptor = -1
            endsInsideLine = false
        }
    }

    private func hasRoom() -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        // An error counts as room: the write then says which.
        return unsafe poll(&entry, 1, 0) > 0
    }

    /// Whether the path no longer names what is open.
    private func hasMoved() -> Bool {
        guard case .file(let path) = target else { return false }
        guard descriptor >= 0 else { return true }
        var info = stat()
        guard unsafe stat(path, &info) == 0 else { return errno == ENOENT }
        return info.st_dev != device || info.st_ino != inode
    }

    private mutating func identify() {
        guard descriptor >= 0 else { return }
        var info = stat()
        guard unsafe fstat(descriptor, &info) == 0 else { return }
        device = info.st_dev
        inode = info.st_ino
        switch info.st_mode & S_IFMT {
        case S_IFIFO, S_IFSOCK: kind = .stream
        case S_IFCHR: kind = isatty(descriptor) == 1 ? .stream : .file
        default: kind = .file
        }
    }
}
