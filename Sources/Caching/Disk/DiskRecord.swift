package import Bytes

/// The head of a stored response's file: everything but the content, which follows it.
///
/// ```
/// "GWCACHE" 0x01   8 bytes: magic and version
/// count            4 bytes: of the whole head, which is where the content begins
/// checksum         4 bytes: of all the head that follows
/// numbers        104 bytes: identity, purges, times, lengths
/// key, Vary lines, head lines
/// checksums        4 bytes for each 64 KiB of content
/// ```
///
/// The head holds the checksums of the content, so a piece of another file, or of an older content,
/// is found out like any other damage. Numbers have the lowest byte first.
package struct DiskRecord: Sendable {
    /// Bounds of what is read.
    package enum Limits {
        /// Bytes of a head at most: keys may hold 64 KiB of a request's content, heads 256 KiB.
        package static let head = 4 << 20
        /// Bytes read at first: the whole of most files.
        package static let firstRead = 64 * 1024
    }

    /// What a look at the beginning of a file shows.
    package enum Reading: Sendable {
        /// The head is so long.
        case needs(Int)
        /// It is not what was written.
        case damaged
        case record(DiskRecord)
    }

    static let magic: [UInt8] = Array("GWCACHE".utf8) + [1]
    /// Bytes before what the checksum is of.
    private static let prefix = 16

    /// What is stored but for the content; its `hash` is 0 until a store has been asked.
    package let draft: ResponseDraft
    /// How many purges there had been when it was stored.
    package let purges: UInt64
    /// Where the content begins.
    package let start: Int
    package let contentCount: Int
    /// Of each chunk of content.
    package let checksums: [UInt32]

    // MARK: Writing

    /// The head of an object's file.
    ///
    /// Partial responses have none: they are kept in memory only.
    package static func head(
        of object: CachedResponse,
        identity: DiskIdentity,
        purges: UInt64,
        checksum: DiskChecksum
    ) -> [UInt8] {
        var sums: [UInt32] = []
        let piece = Buffer()
        for number in 0..<chunks(of: object.contentCount) {
            write(chunk: number, of: object, to: piece)
            let piece = piece
            sums.append(checksum(piece.readable))
        }
        let draft = object.draft(timing: object.timing)
        var out = DiskWriter()
        out.append(magic.span)
        out.append(UInt32(0))
        out.append(UInt32(0))
        out.append(identity.epoch)
        out.append(purges)
        let timing = draft.timing
        out.append(timing.received)
        out.append(timing.initialAge)
        out.append(timing.lifetime.seconds)
        out.append(timing.lifetime.staleWhileRevalidate)
        out.append(timing.lifetime.staleIfError)
        out.append(draft.fetchTime)
        out.append(draft.modified)
        out.append(UInt64(object.contentCount))
        out.append(UInt16(truncatingIfNeeded: draft.status))
        out.append(code(timing.lifetime.basis))
        out.append(
            (timing.lifetime.noCache ? 1 : 0) | (timing.lifetime.mustRevalidate ? 2 : 0) as UInt8
        )
        out.append(UInt32(draft.traits.rawValue))
        out.append(UInt32(draft.key.count))
        out.append(UInt32(draft.vary.count))
        out.append(UInt32(draft.head.count))
        out.append(UInt32(sums.count))
        out.append(draft.key.span)
        out.append(draft.vary.span)
        out.append(draft.head.span)
        for sum in sums { out.append(sum) }
        out.set(UInt32(out.bytes.count), at: 8)
        let bytes = out.bytes
        out.set(checksum(bytes.span.extracting(prefix..<bytes.count)), at: 12)
        return out.bytes
    }

    /// Puts a chunk of an object's content into a buffer, in the place of what is there.
    package static func write(chunk number: Int, of object: CachedResponse, to buffer: Buffer) {
        buffer.removeAll()
        var left = CachedResponse.chunkSize
        var offset = number * CachedResponse.chunkSize
        while left > 0 {
            let count = object.append(from: offset, atMost: left, to: buffer)
            if count == 0 { return }
            left -= count
            offset += count
        }
    }

    private static func code(_ basis: Lifetime.Basis) -> UInt8 {
        switch basis {
        case .none: 0
        case .sharedMaxAge: 1
        case .maxAge: 2
        case .expires: 3
        case .configured: 4
        case .heuristic: 5
        }
    }

    private static func basis(_ code: UInt8) -> Lifetime.Basis? {
        switch code {
        case 0: Lifetime.Basis.none
        case 1: .sharedMaxAge
        case 2: .maxAge
        case 3: .expires
        case 4: .configured
        case 5: .heuristic
        default: nil
        }
    }

    // MARK: Reading

    /// Reads the head of a file.
    ///
    /// `bytes`: The first bytes of it.
    ///
    /// `fileSize`: How many it has.
    package static func read(
        _ bytes: Span<UInt8>,
        fileSize: Int,
        identity: DiskIdentity,
        checksum: DiskChecksum
    ) -> Reading {
        guard bytes.count >= prefix, bytes.extracting(first: magic.count).equals(magic.span)
        else { return .damaged }
        var reader = DiskReader(bytes)
        _ = reader.take(magic.count)
        let count = Int(reader.number(UInt32.self))
        let sum = reader.number(UInt32.self)
        guard count > prefix, count <= Limits.head, count <= fileSize else { return .damaged }
        guard bytes.count >= count else { return .needs(count) }
        let head = bytes.extracting(first: count)
        guard checksum(head.extracting(prefix..<count)) == sum else { return .damaged }
        guard let record = DiskRecord(head, fileSize: fileSize, identity: identity) else {
            return .damaged
        }
        return .record(record)
    }

    /// Takes a head apart whose checksum is right; nil if it makes no sense all the same.
    private init?(_ head: Span<UInt8>, fileSize: Int, identity: DiskIdentity) {
        var reader = DiskReader(head.extracting(droppingFirst: Self.prefix))
        guard reader.number(UInt64.self) == identity.epoch else { return nil }
        purges = reader.number(UInt64.self)
        let received = reader.time()
        let initialAge = reader.time()
        var lifetime = Lifetime()
        lifetime.seconds = reader.time()
        lifetime.staleWhileRevalidate = reader.time()
        lifetime.staleIfError = reader.time()
        let fetchTime = reader.time()
        let modified = Int64(bitPattern: reader.number(UInt64.self))
        let content = reader.number(UInt64.self)
        let status = Int(reader.number(UInt16.self))
        let basis = Self.basis(reader.number(UInt8.self))
        let flags = reader.number(UInt8.self)
        let traits = reader.number(UInt32.self)
        let keyCount = Int(reader.number(UInt32.self))
        let varyCount = Int(reader.number(UInt32.self))
        let headCount = Int(reader.number(UInt32.self))
        let sumCount = Int(reader.number(UInt32.self))
        guard reader.isSound, let basis, (200...599).contains(status), traits <= 0xFF,
            content <= UInt64(fileSize), modified > -1 << 50, modified < 1 << 50
        else { return nil }
        let key = reader.take(keyCount)
        let vary = reader.take(varyCount)
        let lines = reader.take(headCount)
        var sums: [UInt32] = []
        guard reader.isSound, Int(content) == fileSize - head.count,
            sumCount == Self.chunks(of: Int(content))
        else { return nil }
        sums.reserveCapacity(sumCount)
        for _ in 0..<sumCount {
            sums.append(reader.number(UInt32.self))
            guard reader.isSound else { return nil }
        }
        guard reader.position == head.count - Self.prefix else { return nil }
        lifetime.basis = basis
        lifetime.noCache = flags & 1 != 0
        lifetime.mustRevalidate = flags & 2 != 0
        start = head.count
        contentCount = Int(content)
        checksums = sums
        draft = ResponseDraft(
            hash: 0,
            key: key,
            vary: vary,
            head: lines,
            status: status,
            timing: Timing(received: received, initialAge: initialAge, lifetime: lifetime),
            part: nil,
            fetchTime: fetchTime,
            traits: CachedResponse.Traits(rawValue: UInt8(truncatingIfNeeded: traits)),
            modified: modified
        )
    }

    /// How many chunks, each with its checksum, a content has.
    package static func chunks(of contentCount: Int) -> Int {
        (contentCount + CachedResponse.chunkSize - 1) / CachedResponse.chunkSize
    }

    /// Bytes of a chunk of this content.
    package func count(ofChunk number: Int) -> Int {
        let start = number * CachedResponse.chunkSize
        return min(CachedResponse.chunkSize, contentCount - start)
    }
}
