import Bytes
import HTTP

/// A stored response as bytes, for what outlives the process: a disk, or another gateway.
///
/// A head of fixed size, then key, Vary lines, field lines, and the content as it is. All numbers
/// are little-endian. What is read back may have been damaged or made up: it is believed as little
/// as a message from the network.
package enum StoredForm {
    /// The bytes are no stored response of this version, or not whole.
    package enum Damage: Error, Sendable, Equatable {
        /// Fewer or more bytes than they say.
        case length
        /// Another program's, or another version's.
        case version
        /// Bytes have changed.
        case checksum
        /// What they say cannot be.
        case meaning
    }

    /// Everything but the content.
    package struct Head: Sendable {
        /// What was stored; its hash is 0, as each process has its own.
        package var draft: ResponseDraft
        /// Bytes of content that follow.
        package var contentCount: Int
        /// What `checksum` makes of them.
        package var contentChecksum: UInt64
        /// Bytes up to the content.
        package var byteCount: Int
    }

    /// Bytes of the part whose size is fixed.
    package static let fixedCount = 136
    /// Bytes of key, Vary lines or field lines at most: far more than any limit lets in.
    static let maximumText = 1 << 20
    /// Bytes of content at most.
    static let maximumContent = 1 << 40
    /// The magic number, whose last byte is the version: another layout gets another number.
    static let version: UInt32 = 0x0143_5747

    // MARK: Writing

    /// Appends a response.
    package static func write(_ response: CachedResponse, to out: inout [UInt8]) {
        var sum = Checksum()
        response.forEachPiece { sum.add($0) }
        writeHead(
            response.draft(timing: response.timing),
            contentCount: response.contentCount,
            contentChecksum: sum.value,
            to: &out
        )
        response.forEachPiece { piece in
            unsafe piece.withUnsafeBufferPointer { unsafe out.append(contentsOf: $0) }
        }
    }

    /// Appends everything but the content.
    ///
    /// `contentChecksum`: What a `Checksum` makes of the content.
    package static func writeHead(
        _ draft: ResponseDraft,
        contentCount: Int,
        contentChecksum: UInt64,
        to out: inout [UInt8]
    ) {
        let start = out.count
        out.reserveCapacity(
            start + fixedCount + draft.key.count + draft.vary.count + draft.head.count
                + contentCount
        )
        let lifetime = draft.timing.lifetime
        append(UInt64(version), bytes: 4, to: &out)
        append(UInt64(draft.status), bytes: 2, to: &out)
        out.append(draft.traits.rawValue)
        out.append(
            number(of: lifetime.basis) | (lifetime.noCache ? 0x10 : 0)
                | (lifetime.mustRevalidate ? 0x20 : 0) | (draft.part == nil ? 0 : 0x40)
        )
        append(0, bytes: 8, to: &out)
        append(contentChecksum, bytes: 8, to: &out)
        append(UInt64(contentCount), bytes: 8, to: &out)
        for text in [draft.key, draft.vary, draft.head] {
            append(UInt64(text.count), bytes: 4, to: &out)
        }
        append(0, bytes: 4, to: &out)
        let numbers = [
            draft.timing.received, draft.timing.initialAge, lifetime.seconds,
            lifetime.staleWhileRevalidate, lifetime.staleIfError, draft.fetchTime, draft.modified,
            Int64(draft.part?.start ?? 0), Int64(draft.part?.total ?? 0), 0, 0,
        ]
        for each in numbers { append(UInt64(bitPattern: each), bytes: 8, to: &out) }
        out += draft.key
        out += draft.vary
        out += draft.head
        let sum = Checksum.of(out.span.extracting(start...))
        for index in 0..<8 {
            out[start + 8 + index] = UInt8(truncatingIfNeeded: sum >> (index * 8))
        }
    }

    private static func append(_ value: UInt64, bytes count: Int, to out: inout [UInt8]) {
        for index in 0..<count { out.append(UInt8(truncatingIfNeeded: value >> (index * 8))) }
    }

    // MARK: Reading

    /// Reads a response that is whole.
    ///
    /// `prepare`: Gives the draft its hash in this process, and its time by this machine's clock.
    package static func read(_ bytes: Span<UInt8>, prepare: (inout ResponseDraft) -> Void)
        throws(Damage) -> CachedResponse
    {
        var head = try readHead(bytes)
        guard bytes.count - head.byteCount == head.contentCount else { throw .length }
        let content = bytes.extracting(droppingFirst: head.byteCount)
        var sum = Checksum()
        var chunks: [[UInt8]] = []
        var start = 0
        while start < content.count {
            let end = min(start + CachedResponse.chunkSize, content.count)
            let piece = content.extracting(start..<end)
            sum.add(piece)
            chunks.append(piece.bytes())
            start = end
        }
        guard sum.value == head.contentChecksum else { throw .checksum }
        prepare(&head.draft)
        return CachedResponse(head.draft, content: chunks, contentCount: head.contentCount)
    }

    /// Reads everything but the content, of which nothing needs to be there.
    package static func readHead(_ bytes: Span<UInt8>) throws(Damage) -> Head {
        guard bytes.count >= fixedCount else { throw .length }
        guard number(bytes, 0, 4) == UInt64(version) else { throw .version }
        let counts = (0..<3).map { Int(number(bytes, 32 + $0 * 4, 4)) }
        guard counts.allSatisfy({ $0 <= maximumText }) else { throw .length }
        let end = fixedCount + counts[0] + counts[1] + counts[2]
        guard bytes.count >= end else { throw .length }
        guard Checksum.of(bytes.extracting(first: end), zeroAt: 8) == number(bytes, 8, 8) else {
            throw .checksum
        }
        let contentCount = number(bytes, 24, 8)
        guard contentCount <= UInt64(maximumContent) else { throw .length }
        let varyStart = fixedCount + counts[0]
        let headStart = varyStart + counts[1]
        let draft = ResponseDraft(
            hash: 0,
            key: bytes.extracting(fixedCount..<varyStart).bytes(),
            vary: bytes.extracting(varyStart..<headStart).bytes(),
            head: bytes.extracting(headStart..<end).bytes(),
            status: Int(number(bytes, 4, 2)),
            timing: try timing(bytes),
            part: try part(bytes, contentCount: Int(contentCount)),
            fetchTime: try bounded(bytes, 88, 0...maximumTime),
            traits: try traits(bytes[6]),
            modified: try bounded(bytes, 96, -maximumTime...maximumTime)
        )
        guard isPlausible(draft, hasContent: contentCount > 0) else { throw .meaning }
        return Head(
            draft: draft,
            contentCount: Int(contentCount),
            contentChecksum: number(bytes, 16, 8),
            byteCount: end
        )
    }

    /// Milliseconds or seconds that no clock of ours will show: room for sums without overflow.
    private static let maximumTime: Int64 = 1 << 50

    private static func timing(_ bytes: Span<UInt8>) throws(Damage) -> Timing {
        let flags = bytes[7]
        guard flags & 0x80 == 0, let basis = basis(flags & 0x0F) else { throw .meaning }
        var lifetime = Lifetime()
        lifetime.basis = basis
        lifetime.noCache = flags & 0x10 != 0
        lifetime.mustRevalidate = flags & 0x20 != 0
        lifetime.seconds = try bounded(bytes, 64, 0...DeltaSeconds.maximum)
        lifetime.staleWhileRevalidate = try bounded(bytes, 72, 0...DeltaSeconds.maximum)
        lifetime.staleIfError = try bounded(bytes, 80, 0...DeltaSeconds.maximum)
        return Timing(
            received: try bounded(bytes, 48, 0...maximumTime),
            initialAge: try bounded(bytes, 56, 0...DeltaSeconds.maximum),
            lifetime: lifetime
        )
    }

    private static func part(_ bytes: Span<UInt8>, contentCount: Int)
        throws(Damage) -> CachedResponse.Part?
    {
        let most = Int64(maximumContent)
        let start = Int(try bounded(bytes, 104, 0...most))
        let total = Int(try bounded(bytes, 112, 0...most))
        guard bytes[7] & 0x40 != 0 else {
            if start != 0 || total != 0 { throw .meaning }
            return nil
        }
        guard start <= total, contentCount <= total - start else { throw .meaning }
        return CachedResponse.Part(start: start, total: total)
    }

    private static func traits(_ byte: UInt8) throws(Damage) -> CachedResponse.Traits {
        let known: CachedResponse.Traits = [
            .hasLastModified, .withoutCookies, .purged, .codable, .ownVary,
        ]
        let traits = CachedResponse.Traits(rawValue: byte)
        guard traits.isSubset(of: known) else { throw .meaning }
        return traits
    }

    private static func number(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in (0..<count).reversed() { value = value << 8 | UInt64(bytes[start + index]) }
        return value
    }

    private static func bounded(_ bytes: Span<UInt8>, _ start: Int, _ bounds: ClosedRange<Int64>)
        throws(Damage) -> Int64
    {
        let value = Int64(bitPattern: number(bytes, start, 8))
        guard bounds.contains(value) else { throw .meaning }
        return value
    }

    /// Whether it could have been stored: what is sent of it must not break a connection's framing.
    private static func isPlausible(_ draft: ResponseDraft, hasContent: Bool) -> Bool {
        guard (200...599).contains(draft.status), !draft.key.isEmpty else { return false }
        if hasContent, Status.forbidsContent(draft.status) { return false }
        guard draft.vary.isEmpty || draft.vary.last == UInt8(ascii: "\n") else { return false }
        return HeadLines.isWellFormed(draft.head.span, status: draft.status)
    }

    // MARK: Names of numbers

    private static let bases: [Lifetime.Basis] = [
        .none, .sharedMaxAge, .maxAge, .expires, .configured, .heuristic,
    ]

    private static func number(of basis: Lifetime.Basis) -> UInt8 {
        UInt8(bases.firstIndex(of: basis) ?? 0)
    }

    private static func basis(_ number: UInt8) -> Lifetime.Basis? {
        Int(number) < bases.count ? bases[Int(number)] : nil
    }
}

/// A checksum of what is stored: 64 bits that tell whether bytes have changed by accident.
///
/// Choice: the store's own hash with a fixed seed, a few bytes a nanosecond. It is no signature:
/// who can write the bytes can write their checksum.
package struct Checksum: Sendable {
    private static let hash = KeyHash(seed: 0x5EED_0F5C_ACED_0001)
    private var state: UInt64 = 0x9E37_79B9_7F4A_7C15

    package init() {}

    /// Adds a piece: all but the last one have `CachedResponse.chunkSize` bytes.
    package mutating func add(_ piece: Span<UInt8>) {
        let sum = Self.hash.hash(piece)
        state = (state << 23 | state >> 41) &* 0xD6E8_FEB8_6659_FD93 ^ sum
    }

    /// The checksum of all that was added.
    package var value: UInt64 { state }

    /// The checksum of one run of bytes, of which eight count as zero: where it will stand itself.
    static func of(_ bytes: Span<UInt8>, zeroAt hole: Int = 8) -> UInt64 {
        let before = hash.hash(bytes.extracting(first: hole))
        let after = hash.hash(bytes.extracting(droppingFirst: hole + 8))
        return (before << 32 | before >> 32) &* 0xD6E8_FEB8_6659_FD93 ^ after
    }
}

extension CachedResponse {
    /// Gives the content to a closure, in pieces of `chunkSize`, the last one shorter.
    func forEachPiece(_ body: (Span<UInt8>) -> Void) {
        guard let large else {
            if contentCount > 0 { body(inlineContent) }
            return
        }
        switch large.place {
        case .memory(let chunks): for chunk in chunks { body(chunk.span) }
        case .extent:
            let piece = Buffer()
            var offset = 0
            while offset < contentCount {
                let wanted = min(CachedResponse.chunkSize, contentCount - offset)
                piece.removeAll()
                let count = large.append(from: offset, wanted, to: piece)
                // What is written with this is not whole, and its checksum says so.
                if count == 0 { return }
                body(piece.readable)
                offset += count
            }
        }
    }
}

extension HeadLines {
    /// Whether lines are such as `write` writes: a status line, then fields of which none says
    /// anything about one connection or about framing.
    static func isWellFormed(_ head: Span<UInt8>, status: Int) -> Bool {
        var line: [UInt8] = Array("HTTP/1.1 \(status) ".utf8)
        guard head.count >= line.count + 2, head.extracting(first: line.count).equals(line.span),
            head[head.count - 2] == 0x0D, head[head.count - 1] == 0x0A
        else { return false }
        line.removeAll()
        var start = 0
        var isFirst = true
        while start < head.count {
            var end = start
            while end < head.count, head[end] != 0x0D { end += 1 }
            guard end + 1 < head.count, head[end + 1] == 0x0A else { return false }
            let text = head.extracting(start..<end)
            start = end + 2
            if isFirst {
                guard Characters.isFieldValue(text.extracting(droppingFirst: 13)) else {
                    return false
                }
                isFirst = false
                continue
            }
            guard isField(text) else { return false }
        }
        return true
    }

    private static let forbidden = unstored.union(.hopByHop)

    private static func isField(_ line: Span<UInt8>) -> Bool {
        guard let colon = line.firstIndex(of: 0x3A), colon + 1 < line.count,
            line[colon + 1] == 0x20
        else { return false }
        let name = line.extracting(first: colon)
        return Characters.isToken(name) && !forbidden.contains(FieldName.match(name))
            && Characters.isFieldValue(line.extracting(droppingFirst: colon + 2))
    }
}
