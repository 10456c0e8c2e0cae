public import Bytes
import CLinux
import Synchronization

/// Memory in pages that sockets take without a copy: an unnamed file that lives in memory, whose
/// pages `sendfile(2)` lends to the network.
///
/// No place of it is ever used twice. What the network has been lent may wait for a slow peer long
/// after its extent is gone, and would change under its hands if anybody wrote there. So an extent
/// that goes gives its pages back by punching them out of the file, which leaves those in flight to
/// the network alone, and the next extent begins where none has been. The file is as sparse as it
/// is long; only pages that are there take memory.
public final class PageFile: Sendable {
    /// Where extents begin: no page of the kernel, however large, has a part of two of them, so
    /// that punching one out never clears a page that another one, or the network, needs.
    static let alignment = 2 << 20
    /// Where nothing may begin any more: files end at 2^63.
    private static let end = Int.max / 2

    let descriptor: Int32
    private let next = Atomic<Int>(0)

    /// Makes an empty one.
    ///
    /// nil where the system has none, or where its pages would be larger than what is written: then
    /// nobody could say what an extent costs.
    public init?() {
        guard !gateway_files_are_limited(), !PageFile.hasHugePages() else { return nil }
        descriptor = gateway_make_page_file()
        guard descriptor >= 0 else { return nil }
    }

    deinit { close(descriptor) }

    /// Reserves a place.
    /// - Parameter capacity: Bytes at most; it costs nothing until something is written.
    /// - Returns: nil when the file is used up.
    public func makeExtent(capacity: Int) -> PageExtent? {
        guard capacity > 0, capacity < PageFile.end / 2 else { return nil }
        let size = (capacity + PageFile.alignment - 1) / PageFile.alignment * PageFile.alignment
        let start = next.wrappingAdd(size, ordering: .relaxed).oldValue
        guard start >= 0, start < PageFile.end - size else { return nil }
        return PageExtent(self, start: start, capacity: capacity)
    }

    /// Bytes of memory that its pages take now.
    var bytesInUse: Int { Int(gateway_file_bytes(descriptor)) }

    /// Whether memory files get pages of 2 MiB, which an administrator may have asked for.
    private static func hasHugePages() -> Bool {
        let path = "/sys/kernel/mm/transparent_hugepage/shmem_enabled"
        guard let bytes = SmallFile.content(of: path, atMost: 4096) else { return false }
        let text = String(decoding: bytes, as: UTF8.self)
        return text.contains("[always]") || text.contains("[within_size]")
            || text.contains("[force]")
    }
}

/// A run of bytes in a `PageFile`: written once from front to back, read and sent by any loop.
public final class PageExtent: Sendable {
    /// Bytes above which pages are given back away from the thread that drops the extent: freeing
    /// more of them would hold a loop up for longer than a request takes.
    private static let atOnce = 1 << 20

    private let file: PageFile
    private let start: Int
    private let capacity: Int
    /// How far it has been written.
    private let written = Atomic<Int>(0)

    fileprivate init(_ file: PageFile, start: Int, capacity: Int) {
        self.file = file
        self.start = start
        self.capacity = capacity
    }

    deinit {
        let count = written.load(ordering: .relaxed)
        if count == 0 { return }
        let file = file
        let start = start
        let length = (count + PageFile.alignment - 1) / PageFile.alignment * PageFile.alignment
        if count <= PageExtent.atOnce {
            // A failure leaves pages in memory that nobody finds; there is none for such a range.
            _ = gateway_punch(file.descriptor, Int64(start), Int64(length))
        } else {
            Task.detached { _ = gateway_punch(file.descriptor, Int64(start), Int64(length)) }
        }
    }

    /// Writes behind what has been written; one thread at a time.
    /// - Returns: False when there is no room or no memory; then the extent is worth nothing.
    public func append(_ bytes: Span<UInt8>) -> Bool {
        var offset = written.load(ordering: .relaxed)
        guard bytes.count <= capacity - offset else { return false }
        let end = offset + bytes.count
        // Before the first page is there, so that none is forgotten.
        written.store(end, ordering: .relaxed)
        var taken = 0
        while offset < end {
            let result = retrying {
                // The kernel reads at most the bytes that the span lends.
                unsafe bytes.extracting(droppingFirst: taken).withUnsafeBytes {
                    unsafe pwrite(file.descriptor, $0.baseAddress, $0.count, start + offset)
                }
            }
            guard result > 0 else { return false }
            offset += result
            taken += result
        }
        return true
    }

    /// Copies what has been written to a buffer.
    /// - Parameters:
    ///   - offset: Where to begin.
    ///   - limit: Bytes at most.
    ///   - buffer: Gets them.
    /// - Returns: How many; 0 behind the end.
    public func read(from offset: Int, atMost limit: Int, into buffer: Buffer) -> Int {
        let wanted = min(limit, written.load(ordering: .relaxed) - offset)
        var count = 0
        while count < wanted {
            let place = start + offset + count
            let room = wanted - count
            buffer.reserve(room)
            let result = retrying {
                // The kernel writes at most the space that the buffer lends.
                unsafe buffer.fill {
                    unsafe pread(file.descriptor, $0.baseAddress, min($0.count, room), place)
                }
            }
            guard result > 0 else { break }
            count += result
        }
        return count
    }

    /// Sends what a stream takes now, without a copy.
    /// - Parameters:
    ///   - stream: A plain socket: `Stream.takesPages`.
    ///   - range: What to send; moves on by what was sent.
    /// - Throws: `closed` when not all of it was written, and what `Stream.send` throws.
    public func send(to stream: Stream, _ range: inout Range<Int>) throws(StreamError) {
        var place = (start + range.lowerBound)..<(start + range.upperBound)
        defer { range = (place.lowerBound - start)..<(place.upperBound - start) }
        try stream.sendFile(file.descriptor, &place)
    }
}

extension Stream {
    /// Whether pages of memory can be sent as they are: to sockets, not through TLS.
    public var takesPages: Bool { descriptor != nil }

    /// Sends what the socket takes now of a file, without a copy.
    /// - Parameters:
    ///   - file: Its descriptor.
    ///   - range: What to send; moves on by what was sent.
    /// - Throws: `cancelled` when this is no plain socket, `closed` when the file ends too early:
    ///   what was promised cannot be sent then.
    func sendFile(_ file: Int32, _ range: inout Range<Int>) throws(StreamError) {
        guard let socket = descriptor else { throw .cancelled }
        while !range.isEmpty && mayWrite {
            var position = off_t(range.lowerBound)
            let wanted = range.count
            // The offset is this call's own.
            let sent = retrying { unsafe sendfile(socket, file, &position, wanted) }
            if sent > 0 {
                range = (range.lowerBound + sent)..<range.upperBound
            } else if sent == 0 {
                throw .closed
            } else if gateway_errno() == EAGAIN {
                mayWrite = false
            } else {
                mayRead = true
                throw StreamError(errno: gateway_errno())
            }
        }
    }

    /// Sends what the kernel takes now of a head that pages follow at once.
    ///
    /// In one segment with the first pages it saves a segment, 2 µs of 16 for 100 KB. Where the
    /// congestion control paces by itself it goes alone: BBR puts a pause behind a first segment of
    /// 64 KiB, which costs 15 µs (measured on loopback, Linux 6.18).
    /// - Parameter head: At least one byte of pages must follow, or it waits for 200 ms.
    /// - Throws: What `send` throws.
    public func send(aheadOfPages head: Buffer) throws(StreamError) {
        guard let socket = descriptor else { return try send(head) }
        let paced = isPaced ?? Sockets.isPaced(socket)
        isPaced = paced
        if paced { return try send(head) }
        let result = Sockets.send(socket, from: head, flags: Int32(MSG_MORE))
        // What did not go now is for who waits until more of it goes.
        if result < 0 { return try send(head) }
    }
}
