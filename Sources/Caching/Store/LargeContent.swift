package import Bytes

/// A place outside the process's own memory that takes a content once, from front to back.
///
/// One thread at a time appends; any thread reads what has been appended.
package protocol ContentExtent: AnyObject, Sendable {
    /// Takes bytes behind those before; false when there is no room, and then there is no more.
    func append(_ bytes: Span<UInt8>) -> Bool
    /// Copies bytes to a buffer.
    ///
    /// Returns How many, at most `limit`.
    func read(from offset: Int, atMost limit: Int, into buffer: Buffer) -> Int
    /// Whether it stands in a file and takes no memory; then not all of it may be readable at once.
    var isFile: Bool { get }
    /// Has bytes brought that have been appended and cannot be read now.
    ///
    /// Returns Whether `reader` has been, or will be, given a run of them; once, however often it
    /// asks before that.
    func readLater(from offset: Int, for reader: any RunReader) -> Bool
}

extension ContentExtent {
    package var isFile: Bool { false }
    package func readLater(from: Int, for: any RunReader) -> Bool { false }
}

/// Bytes of a content that could not be read at once.
package struct ContentRun: Sendable {
    /// Where in the content it begins.
    package let start: Int
    private let bytes: [UInt8]

    package init(start: Int, _ bytes: [UInt8]) {
        self.start = start
        self.bytes = bytes
    }

    /// Copies what it has from a place of the content on.
    ///
    /// Returns How many bytes.
    package func read(from offset: Int, atMost limit: Int, into buffer: Buffer) -> Int {
        let place = offset - start
        guard place >= 0, place < bytes.count else { return 0 }
        let count = min(limit, bytes.count - place)
        buffer.append(bytes.span.extracting(place..<(place + count)))
        return count
    }
}

/// Who waits for a run of a content.
package protocol RunReader: AnyObject, Sendable {
    /// It has come, or, with nil, will not; called from any thread.
    func take(_ run: ContentRun?)
}

/// A content that is too large to stand beside the head of its response.
///
/// Those responses share it that a validation or a purge made of the first one.
package final class LargeContent: Sendable {
    /// Where it stands.
    package enum Place: Sendable {
        /// In pieces of `CachedResponse.chunkSize`, the last one shorter.
        case memory([[UInt8]])
        /// Where the kernel can send it from.
        case extent(any ContentExtent)
    }

    package let place: Place

    package init(_ place: Place) { self.place = place }

    /// What an extent costs besides its pages: the kernel's tree of them, and two objects.
    private static let extentOverhead = 1024
    /// An extent's last page counts whole.
    private static let pageSize = 4096

    /// What so many bytes of content cost here.
    func cost(_ count: Int) -> Int {
        guard case .extent(let extent) = place else { return count }
        if extent.isFile { return Self.extentOverhead }
        return Self.extentOverhead + (count + Self.pageSize - 1) & ~(Self.pageSize - 1)
    }

    /// Appends a piece of the content to a buffer.
    ///
    /// `offset`, `count`: Lie within the content.
    ///
    /// Returns How many bytes.
    package func append(from offset: Int, _ count: Int, to buffer: Buffer) -> Int {
        switch place {
        case .extent(let extent): return extent.read(from: offset, atMost: count, into: buffer)
        case .memory(let chunks):
            return LargeContent.copy(chunks, from: offset, count, to: buffer)
        }
    }

    /// Copies out of chunks, of which all but the last are full.
    static func copy(_ chunks: [[UInt8]], from offset: Int, _ count: Int, to buffer: Buffer)
        -> Int
    {
        let size = CachedResponse.chunkSize
        var copied = 0
        while copied < count {
            let place = offset + copied
            guard place / size < chunks.count else { break }
            let held = chunks[place / size]
            let chunk = held.span
            let start = place % size
            guard start < chunk.count else { break }
            let length = min(count - copied, chunk.count - start)
            buffer.append(chunk.extracting(start..<(start + length)))
            copied += length
        }
        return copied
    }
}

/// A content as it arrives: in memory, and from there to an extent, chunk by chunk, so that nobody
/// waits for all of it to be moved at the end.
struct ArrivingContent {
    private var chunks: [[UInt8]] = []
    /// Where it will stand; nil for memory.
    var extent: (any ContentExtent)?
    /// Bytes that have gone to the extent, all of them full chunks.
    private(set) var moved = 0
    private(set) var count = 0
    /// The extent had no room for the rest, so that nothing can be stored.
    private var isTorn = false

    /// Takes in content.
    ///
    /// `length`: Bytes of all of it, if that is known.
    mutating func append(_ bytes: Span<UInt8>, of length: Int?) {
        var offset = 0
        while offset < bytes.count {
            let last = chunks.count - 1
            let room = last < 0 ? 0 : CachedResponse.chunkSize - chunks[last].count
            if room == 0 {
                moveFull()
                var chunk: [UInt8] = []
                let left = (length ?? CachedResponse.chunkSize) - count
                chunk.reserveCapacity(
                    min(CachedResponse.chunkSize, max(left, bytes.count - offset))
                )
                chunks.append(chunk)
                continue
            }
            let taken = min(room, bytes.count - offset)
            let piece = bytes.extracting(offset..<(offset + taken))
            // Lent for the call only.
            unsafe piece.withUnsafeBufferPointer {
                unsafe chunks[last].append(contentsOf: $0)
            }
            count += taken
            offset += taken
        }
    }

    /// Moves full chunks on; what cannot be moved stays for those who read along.
    private mutating func moveFull(onlyFull: Bool = false) {
        guard let extent, !isTorn, !chunks.isEmpty else { return }
        for chunk in chunks where !onlyFull || chunk.count == CachedResponse.chunkSize {
            guard extent.append(chunk.span) else {
                isTorn = true
                return
            }
            moved += chunk.count
            chunks.removeFirst()
        }
    }

    /// Goes on in another place, which takes over what has come.
    ///
    /// `make`: Makes it of what has come so far, in full chunks.
    ///
    /// Returns False, and changes nothing, when there is none.
    mutating func move(
        to make: (_ prior: LargeContent, _ count: Int) -> (any ContentExtent)?
    ) -> Bool {
        moveFull(onlyFull: true)
        if isTorn { return false }
        if let extent {
            guard let next = make(LargeContent(.extent(extent)), moved) else { return false }
            self.extent = next
            return true
        }
        let full = chunks.filter { $0.count == CachedResponse.chunkSize }
        let count = full.count * CachedResponse.chunkSize
        guard let next = make(LargeContent(.memory(full)), count) else { return false }
        chunks.removeFirst(full.count)
        moved = count
        extent = next
        return true
    }

    /// Copies out of what is still in memory: nothing below `moved`.
    func read(from offset: Int, atMost limit: Int, into buffer: Buffer) -> Int {
        guard offset >= moved, offset < count else { return 0 }
        let wanted = min(limit, count - offset)
        return LargeContent.copy(chunks, from: offset - moved, wanted, to: buffer)
    }

    /// The whole as a stored response; nil when it cannot be kept.
    mutating func finish(_ draft: ResponseDraft) -> CachedResponse? {
        if isTorn { return nil }
        guard let extent, extent.isFile || count > CachedResponse.inlineLimit else {
            return CachedResponse(draft, content: chunks, contentCount: count)
        }
        let isFirst = moved == 0
        moveFull()
        if isTorn {
            return isFirst
                ? CachedResponse(draft, content: chunks, contentCount: count) : nil
        }
        return CachedResponse(draft, LargeContent(.extent(extent)), contentCount: count)
    }
}
