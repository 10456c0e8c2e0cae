import CLinux
import Synchronization

/// The files of a cache's directory: each has a name and all of its content, or is not there.
///
/// A file is written under another name and then renamed, so that a crash leaves nothing half.
/// Only the journal and contents that grow are synchronised: of all else checksums tell what a
/// power failure has spoilt. All calls may block: they are for threads of their own.
public final class StoredFiles: Sendable {
    /// Why a directory cannot be used.
    public enum Failure: Error, Equatable, Sendable, CustomStringConvertible {
        case cannotOpen(SystemError)
        case cannotWrite(SystemError)
        case isInUse

        /// A phrase for the operator.
        public var description: String {
            switch self {
            case .cannotOpen(let error): "\(error)"
            case .cannotWrite(let error): "cannot write there: \(error)"
            case .isInUse: "another gateway uses it"
            }
        }
    }

    /// An entry of a folder.
    public struct Entry: Sendable {
        /// Its name's bytes.
        public let name: [UInt8]
        /// Whether it is a folder, and else a regular file.
        public let isFolder: Bool
        /// Bytes.
        public let size: Int
        /// Unix seconds.
        public let modified: Int64
    }

    /// What is done with a file, for who lets it fail.
    public enum Call: Sendable, Equatable {
        case open, read, write, remove, list
        /// A read that must not wait, which some file systems refuse.
        case readNow
    }

    /// Bytes of a journal at most: it is begun anew long before.
    public static let journalLimit = 64 << 20
    /// Bytes of a name that is listed at most.
    private static let nameRoom = 128
    private static let journalName = "journal"
    static let newJournalName = "journal.new"
    private static let lockName = "lock"
    /// What is being written: by the one writer, and with a number behind it by those that write
    /// what arrives.
    static let newName = "new"

    /// Where they are.
    public let path: String
    let folder: Int32
    private let lock: Int32
    private let isReleased = Atomic<Bool>(false)
    let fault: (@Sendable (Call, String) -> SystemError?)?

    /// Takes a directory over: nobody else can until this object goes.
    /// - Parameters:
    ///   - path: An existing directory.
    ///   - fault: Lets a call for a file fail, in tests.
    /// - Throws: Why it cannot be used.
    public init(path: String, fault: (@Sendable (Call, String) -> SystemError?)? = nil)
        throws(Failure)
    {
        self.path = path
        self.fault = fault
        // The path is a Swift string, passed NUL-terminated; so are all below.
        let opened = unsafe gateway_open_folder(AT_FDCWD, path)
        guard opened >= 0 else { throw .cannotOpen(SystemError.current) }
        let lock = unsafe gateway_open_lock(opened, StoredFiles.lockName)
        guard lock >= 0 else {
            let error = SystemError.current
            close(opened)
            throw .cannotWrite(error)
        }
        guard gateway_lock_file(lock) == 0 else {
            let error = SystemError.current
            close(opened)
            close(lock)
            throw error.number == EWOULDBLOCK ? .isInUse : .cannotWrite(error)
        }
        folder = opened
        self.lock = lock
        removeLeftovers()
    }

    deinit {
        close(folder)
        close(lock)
    }

    /// Lets another process take the directory over; nothing may be changed there from now on.
    ///
    /// What grows loses its name, and goes with those who read it.
    public func release() {
        if !isReleased.exchange(true, ordering: .sequentiallyConsistent) { removeLeftovers() }
        _ = gateway_unlock_file(lock)
    }

    /// Whether the directory has not been let go, so that it cannot be somebody else's.
    var isHeld: Bool { !isReleased.load(ordering: .sequentiallyConsistent) }

    func checkHeld() throws(SystemError) {
        if !isHeld { throw SystemError(number: EROFS) }
    }

    func fail(_ call: Call, _ path: String) throws(SystemError) {
        if call == .write || call == .remove { try checkHeld() }
        if let error = fault?(call, path) { throw error }
    }

    // MARK: The journal

    /// What the journal holds; nil if there is none.
    public func readJournal() throws(SystemError) -> [UInt8]? {
        do throws(SystemError) {
            let file = try open(StoredFiles.journalName)
            guard file.size <= StoredFiles.journalLimit else { return [] }
            return try file.read(from: 0, count: file.size)
        } catch {
            if error.number == ENOENT { return nil }
            throw error
        }
    }

    /// Puts another journal in the place of the one there is.
    public func replaceJournal(_ bytes: [UInt8]) throws(SystemError) {
        try write(bytes, as: StoredFiles.newJournalName, isLasting: true)
        try rename(StoredFiles.newJournalName, to: StoredFiles.journalName)
        // Without this the name may still be the old one's after a power failure.
        _ = fsync(folder)
    }

    /// Adds to the journal, and lets it reach the disk.
    public func appendJournal(_ bytes: [UInt8]) throws(SystemError) {
        try fail(.write, StoredFiles.journalName)
        let descriptor = unsafe gateway_open_append(folder, StoredFiles.journalName)
        guard descriptor >= 0 else { throw SystemError.current }
        defer { close(descriptor) }
        try StoredFiles.writeAll(bytes.span, to: descriptor)
        guard fdatasync(descriptor) == 0 else { throw SystemError.current }
    }

    // MARK: Files

    /// Makes a folder, unless it is there.
    public func makeFolder(_ path: String) throws(SystemError) {
        guard unsafe mkdirat(folder, path, 0o700) == 0 || gateway_errno() == EEXIST else {
            throw SystemError.current
        }
    }

    /// Opens a file to read from.
    public func open(_ path: String) throws(SystemError) -> StoredFile {
        try fail(.open, path)
        let descriptor = retrying { Int(unsafe gateway_open_stored(folder, path)) }
        guard descriptor >= 0 else { throw SystemError.current }
        let size = gateway_regular_size(Int32(descriptor))
        guard size >= 0 else {
            close(Int32(descriptor))
            throw SystemError(number: ENOENT)
        }
        let fault = fault
        return StoredFile(descriptor: Int32(descriptor), size: Int(size)) { fault?($0, path) }
    }

    /// Writes a file, in the place of what has its name; one at a time.
    /// - Parameters:
    ///   - path: Below the directory.
    ///   - head: The first of its bytes.
    ///   - count: How many pieces follow.
    ///   - piece: Gives each of them to a closure that writes it.
    /// - Throws: The system's error; then nothing has changed.
    public func write(
        _ path: String,
        head: [UInt8],
        pieces count: Int,
        piece: (Int, (Span<UInt8>) throws(SystemError) -> Void) throws(SystemError) -> Void
    ) throws(SystemError) {
        let name = StoredFiles.newName
        let descriptor = try create(name)
        do throws(SystemError) {
            defer { close(descriptor) }
            try StoredFiles.writeAll(head.span, to: descriptor)
            try fail(.write, path)
            for number in 0..<count {
                try piece(number) { (bytes: Span<UInt8>) throws(SystemError) in
                    try StoredFiles.writeAll(bytes, to: descriptor)
                }
            }
        } catch {
            // What cannot be written is not left to take room.
            _ = unsafe unlinkat(folder, name, 0)
            throw error
        }
        try rename(name, to: path)
    }

    /// Removes a file, if it is there.
    public func remove(_ path: String) throws(SystemError) {
        try fail(.remove, path)
        guard unsafe unlinkat(folder, path, 0) == 0 || gateway_errno() == ENOENT else {
            throw SystemError.current
        }
    }

    /// Removes an empty folder; one that is not empty stays.
    public func removeFolder(_ path: String) { _ = unsafe unlinkat(folder, path, AT_REMOVEDIR) }

    /// Files and folders in a folder; none if it is not there.
    public func list(_ path: String) throws(SystemError) -> [Entry] {
        try fail(.list, path)
        let descriptor = unsafe gateway_open_folder(folder, path)
        guard descriptor >= 0 else {
            if gateway_errno() == ENOENT { return [] }
            throw SystemError.current
        }
        // Takes the descriptor over.
        guard let stream = unsafe fdopendir(descriptor) else {
            let error = SystemError.current
            close(descriptor)
            throw error
        }
        defer { unsafe closedir(stream) }
        var entries: [Entry] = []
        var name = [CChar](repeating: 0, count: StoredFiles.nameRoom)
        while true {
            var size: Int64 = 0
            var modified: Int64 = 0
            // Writes a name that ends in NUL, within the room that it is told.
            let kind = unsafe gateway_next_entry(stream, &name, name.count, &size, &modified)
            if kind < 0 { throw SystemError.current }
            if kind == 0 { return entries }
            entries.append(
                Entry(
                    name: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) },
                    isFolder: kind == 2,
                    size: Int(size),
                    modified: modified
                )
            )
        }
    }

    // MARK: Pieces

    private func write(_ bytes: [UInt8], as name: String, isLasting: Bool) throws(SystemError) {
        let descriptor = try create(name)
        defer { close(descriptor) }
        try StoredFiles.writeAll(bytes.span, to: descriptor)
        if isLasting, fdatasync(descriptor) != 0 { throw SystemError.current }
    }

    /// Makes a file anew; what a crash has left in its place goes.
    private func create(_ name: String) throws(SystemError) -> Int32 {
        var descriptor = unsafe gateway_open_new(folder, name)
        if descriptor < 0, gateway_errno() == EEXIST {
            _ = unsafe unlinkat(folder, name, 0)
            descriptor = unsafe gateway_open_new(folder, name)
        }
        guard descriptor >= 0 else { throw SystemError.current }
        return descriptor
    }

    private func rename(_ name: String, to path: String) throws(SystemError) {
        guard unsafe renameat(folder, name, folder, path) == 0 else {
            let error = SystemError.current
            _ = unsafe unlinkat(folder, name, 0)
            throw error
        }
    }

    /// Writes bytes behind what has been written, or at a place.
    static func writeAll(
        _ bytes: Span<UInt8>,
        to descriptor: Int32,
        at place: Int? = nil
    ) throws(SystemError) {
        var offset = 0
        while offset < bytes.count {
            let left = bytes.extracting(droppingFirst: offset)
            // The kernel reads at most the bytes that the span lends.
            let written = retrying {
                unsafe left.withUnsafeBufferPointer {
                    guard let place else {
                        return unsafe CLinux.write(descriptor, $0.baseAddress, $0.count)
                    }
                    let start = off_t(place + offset)
                    return unsafe pwrite(descriptor, $0.baseAddress, $0.count, start)
                }
            }
            guard written > 0 else {
                throw written == 0 ? SystemError(number: EIO) : SystemError.current
            }
            offset += written
        }
    }
}

/// A file that is open to be read from, as it was when it was opened, whatever becomes of its name.
public final class StoredFile: Sendable {
    let descriptor: Int32
    /// Bytes; 0 for one that grows.
    public let size: Int

    private let fault: @Sendable (StoredFiles.Call) -> SystemError?

    init(
        descriptor: Int32,
        size: Int,
        fault: @escaping @Sendable (StoredFiles.Call) -> SystemError?
    ) {
        self.descriptor = descriptor
        self.size = size
        self.fault = fault
    }

    deinit { close(descriptor) }

    /// Whether what must not wait can be read at all.
    var readsNow: Bool { fault(.readNow) == nil }

    /// Reads bytes; fewer only at the end of the file.
    public func read(from offset: Int, count: Int) throws(SystemError) -> [UInt8] {
        var failure = fault(.read)
        if let failure { throw failure }
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: max(0, count)) { buffer, filled in
            while filled < count {
                // At most as many bytes as there is room for.
                let got = retrying {
                    unsafe pread(
                        descriptor,
                        buffer.baseAddress.map { unsafe $0 + filled },
                        count - filled,
                        off_t(offset + filled)
                    )
                }
                if got < 0 { failure = SystemError.current }
                if got <= 0 { return }
                filled += got
            }
        }
        if let failure { throw failure }
        return bytes
    }
}
