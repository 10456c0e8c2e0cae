public import Bytes
import CLinux
import Synchronization

extension StoredFiles {
    /// Begins a file that grows while it is read, under a name that nobody looks for.
    /// - Parameter number: Tells those apart that grow at the same time.
    /// - Returns: The file, empty.
    /// - Throws: The system's error.
    public func grow(_ number: UInt64) throws(SystemError) -> GrowingFile {
        let name = StoredFiles.newName + "-\(number)"
        try fail(.write, name)
        let descriptor = unsafe gateway_open_growing(folder, name)
        guard descriptor >= 0 else { throw SystemError.current }
        return GrowingFile(self, name: name, StoredFile(descriptor: descriptor, size: 0) { nil })
    }

    /// Gives a file that is complete the name by which it is found, in the place of what has it.
    public func adopt(_ growing: GrowingFile, as path: String) throws(SystemError) {
        guard unsafe renameat(folder, growing.name, folder, path) == 0 else {
            throw SystemError.current
        }
        growing.isNamed.store(true, ordering: .releasing)
        // Its content is on the disk already; without this the name may not be.
        _ = fsync(folder)
    }

    /// Writes bytes in the midst of a file, if it is still the one that another descriptor is of,
    /// and lets them reach the disk.
    /// - Returns: False when the name is another file's by now.
    public func renew(
        _ path: String,
        if file: StoredFile,
        at offset: Int,
        _ bytes: [UInt8]
    ) throws(SystemError) -> Bool {
        try fail(.write, path)
        let descriptor = unsafe gateway_open_renewable(folder, path)
        guard descriptor >= 0 else { throw SystemError.current }
        defer { close(descriptor) }
        guard gateway_is_same_file(descriptor, file.descriptor) else { return false }
        try StoredFiles.write(bytes.span, to: descriptor, at: offset)
        guard fdatasync(descriptor) == 0 else { throw SystemError.current }
        return true
    }

    /// Removes what a crash has left half; what cannot be listed takes room, and no more.
    func removeLeftovers() {
        unlink(StoredFiles.newJournalName)
        let entries: [Entry]
        do throws(SystemError) { entries = try list(".") } catch { return }
        for entry in entries where !entry.isFolder {
            let name = entry.name.span.string()
            if name == StoredFiles.newName || name.hasPrefix(StoredFiles.newName + "-") {
                unlink(name)
            }
        }
    }

    fileprivate static func write(
        _ bytes: Span<UInt8>,
        to descriptor: Int32,
        at start: Int
    ) throws(SystemError) {
        var offset = 0
        while offset < bytes.count {
            let left = bytes.extracting(droppingFirst: offset)
            // The kernel reads at most the bytes that the span lends.
            let written = retrying {
                unsafe left.withUnsafeBufferPointer {
                    unsafe pwrite(descriptor, $0.baseAddress, $0.count, off_t(start + offset))
                }
            }
            guard written > 0 else {
                throw written == 0 ? SystemError(number: EIO) : SystemError.current
            }
            offset += written
        }
    }
}

/// A file that is being written, and perhaps read meanwhile; gone with this object, unless it has
/// been given a name.
public final class GrowingFile: Sendable {
    /// For who reads along.
    public let file: StoredFile
    fileprivate let name: String
    fileprivate let isNamed = Atomic<Bool>(false)
    private let files: StoredFiles

    fileprivate init(_ files: StoredFiles, name: String, _ file: StoredFile) {
        self.files = files
        self.name = name
        self.file = file
    }

    deinit { discard() }

    /// Whether it has been given a name, or has been removed.
    public var hasName: Bool { isNamed.load(ordering: .acquiring) }

    /// Removes it; who has it open may still read what has been written.
    public func discard() {
        if isNamed.exchange(true, ordering: .acquiringAndReleasing) { return }
        files.unlink(name)
    }

    /// Writes bytes.
    public func write(_ bytes: Span<UInt8>, at offset: Int) throws(SystemError) {
        try files.fail(.write, name)
        try StoredFiles.write(bytes, to: file.descriptor, at: offset)
    }

    /// Lets what has been written begin to reach the disk, so that little is left at the end.
    public func startWriteback(_ range: Range<Int>) {
        // Where that cannot be done, the end takes longer.
        _ = gateway_start_writeback(
            file.descriptor,
            Int64(range.lowerBound),
            Int64(range.count)
        )
    }

    /// Waits until all of it has reached the disk.
    public func synchronise() throws(SystemError) {
        try files.fail(.write, name)
        guard fdatasync(file.descriptor) == 0 else { throw SystemError.current }
    }
}

extension StoredFile {
    /// Bytes that the kernel reads ahead of a reader: what is between two places that are in memory
    /// is there as well, or soon is.
    private static let stride = 128 << 10

    /// Whether a run of bytes is in memory, as far as can be said without waiting for the disk.
    ///
    /// False where the file system cannot say.
    public func isInMemory(_ range: Range<Int>) -> Bool {
        var place = range.lowerBound
        while place < range.upperBound {
            guard gateway_is_in_memory(descriptor, Int64(place)) else { return false }
            place += StoredFile.stride
        }
        return range.isEmpty || gateway_is_in_memory(descriptor, Int64(range.upperBound - 1))
    }

    /// Copies bytes to a buffer.
    /// - Parameters:
    ///   - offset: Where to begin.
    ///   - limit: Bytes at most.
    ///   - buffer: Gets them.
    ///   - mayWait: Whether to wait for the disk, should they not be in memory.
    /// - Returns: How many; 0 where there are none, or waiting would be needed.
    public func read(from offset: Int, atMost limit: Int, into buffer: Buffer, mayWait: Bool)
        -> Int
    {
        buffer.reserve(limit)
        return max(
            0,
            retrying {
                // The kernel writes at most the space that the buffer lends.
                unsafe buffer.fill {
                    let room = min($0.count, limit)
                    return mayWait
                        ? unsafe pread(descriptor, $0.baseAddress, room, off_t(offset))
                        : unsafe gateway_read_now(
                            descriptor,
                            $0.baseAddress,
                            room,
                            Int64(offset)
                        )
                }
            }
        )
    }

    /// Sends what a stream takes now, without a copy; waits for the disk where it has to be read.
    /// - Parameters:
    ///   - stream: A plain socket: `Stream.takesPages`.
    ///   - range: What to send; moves on by what was sent.
    /// - Throws: `closed` when the file has become shorter, and what `Stream.send` throws.
    public func send(to stream: Stream, _ range: inout Range<Int>) throws(StreamError) {
        try stream.sendFile(descriptor, &range)
    }
}

extension SystemError {
    /// There is no room within a file for what was to be written.
    public static let tooLarge = SystemError(number: EFBIG)
    /// What was written can be read no more.
    public static let unreadable = SystemError(number: EIO)
}
