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
        let fault = fault
        let file = StoredFile(descriptor: descriptor, size: 0) { fault?($0, name) }
        return GrowingFile(self, name: name, file)
    }

    /// Gives a file that is complete the name by which it is found, in the place of what has it.
    public func adopt(_ growing: GrowingFile, as path: String) throws(SystemError) {
        try checkHeld()
        guard unsafe renameat(folder, growing.name, folder, path) == 0 else {
            throw SystemError.current
        }
        // A power failure may take the name, and then nothing is found.
        growing.isNamed.store(true, ordering: .releasing)
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
        try StoredFiles.writeAll(bytes.span, to: descriptor, at: offset)
        guard fdatasync(descriptor) == 0 else { throw SystemError.current }
        return true
    }

    /// Removes what has been left half, by a crash or now; what cannot be listed takes room, and no
    /// more.
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

    /// Removes a file of the directory itself, which nobody else has.
    private func unlink(_ name: String) { _ = unsafe unlinkat(folder, name, 0) }

    /// The same, unless somebody else may have it by now.
    fileprivate func discard(_ name: String) {
        if isHeld { unlink(name) }
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
        files.discard(name)
    }

    /// Writes bytes, be the directory its own still or not.
    public func write(_ bytes: Span<UInt8>, at offset: Int) throws(SystemError) {
        if let error = files.fault?(.write, name) { throw error }
        try StoredFiles.writeAll(bytes, to: file.descriptor, at: offset)
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
        guard readsNow else { return false }
        var place = range.lowerBound
        while place < range.upperBound {
            guard gateway_is_in_memory(descriptor, Int64(place)) else { return false }
            place += StoredFile.stride
        }
        return range.isEmpty || gateway_is_in_memory(descriptor, Int64(range.upperBound - 1))
    }

    /// Copies bytes to a buffer that are in memory, as far as can be said without waiting.
    /// - Parameters:
    ///   - offset: Where to begin.
    ///   - limit: Bytes at most.
    ///   - buffer: Gets them.
    /// - Returns: How many; 0 where there are none, or waiting would be needed.
    public func readNow(from offset: Int, atMost limit: Int, into buffer: Buffer) -> Int {
        guard readsNow else { return 0 }
        buffer.reserve(limit)
        return max(
            0,
            retrying {
                // The kernel writes at most the space that the buffer lends.
                unsafe buffer.fill {
                    let room = min($0.count, limit)
                    return unsafe gateway_read_now(
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
