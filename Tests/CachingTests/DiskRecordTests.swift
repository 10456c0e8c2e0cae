import Bytes
import Testing

@testable import Caching

private let identity = DiskIdentity(epoch: 7, firstSeed: 8, secondSeed: 9)

/// CRC-32, bit by bit: what the library computes, written down another way.
let checksum: DiskChecksum = { bytes in
    var sum: UInt32 = 0xFFFF_FFFF
    for index in bytes.indices {
        sum ^= UInt32(bytes[index])
        for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
    }
    return ~sum
}

/// The file of an object.
private func file(_ object: CachedResponse, purges: UInt64 = 3) -> [UInt8] {
    var bytes = DiskRecord.head(
        of: object,
        identity: identity,
        purges: purges,
        checksum: checksum
    )
    let buffer = Buffer()
    for number in 0..<DiskRecord.chunks(of: object.contentCount) {
        DiskRecord.write(chunk: number, of: object, to: buffer)
        let piece = buffer
        bytes += piece.readable.bytes()
    }
    return bytes
}

private func read(_ bytes: [UInt8], fileSize: Int? = nil) -> DiskRecord.Reading {
    DiskRecord.read(
        bytes.span,
        fileSize: fileSize ?? bytes.count,
        identity: identity,
        checksum: checksum
    )
}

private func record(_ bytes: [UInt8]) -> DiskRecord? {
    guard case .record(let record) = read(bytes) else { return nil }
    return record
}

/// The content, if every piece is as its checksum says.
private func content(_ bytes: [UInt8], _ record: DiskRecord) -> [UInt8]? {
    for (number, sum) in record.checksums.enumerated() {
        let start = record.start + number * CachedResponse.chunkSize
        let piece = Array(bytes[start..<(start + record.count(ofChunk: number))])
        guard checksum(piece.span) == sum else { return nil }
    }
    return Array(bytes[record.start...])
}

/// An object with something in every place.
private func sample(size: Int) -> CachedResponse {
    var lifetime = Lifetime()
    lifetime.seconds = 600
    lifetime.basis = .sharedMaxAge
    lifetime.staleWhileRevalidate = 7
    lifetime.staleIfError = 8
    lifetime.mustRevalidate = true
    let draft = ResponseDraft(
        hash: 1,
        key: bytes("site\nhttps://shop/a?b"),
        vary: bytes("accept-language:=de\n"),
        head: bytes("HTTP/1.1 203 Fine\r\nETag: \"x\"\r\nCache-Tag: a, b\r\n"),
        status: 203,
        timing: Timing(received: now * 1000 + 5, initialAge: 11, lifetime: lifetime),
        part: nil,
        fetchTime: 42,
        traits: [.hasLastModified, .withoutCookies],
        modified: -5
    )
    var pieces: [[UInt8]] = []
    var chance = Chance(seed: UInt64(size))
    for start in stride(from: 0, to: size, by: CachedResponse.chunkSize) {
        let count = min(CachedResponse.chunkSize, size - start)
        pieces.append((0..<count).map { _ in UInt8.random(in: 0...255, using: &chance) })
    }
    return CachedResponse(draft, content: pieces, contentCount: size)
}

@Suite("The file of a stored response")
struct DiskRecordTests {
    @Test("The test's checksum is that of gzip")
    func vector() {
        let digits = bytes("123456789")
        let sum = checksum(digits.span)
        #expect(sum == 0xCBF4_3926)
    }

    @Test("What is written is read again, whatever its size", arguments: [0, 1, 100, 65536, 65537])
    func roundTrip(size: Int) throws {
        let object = sample(size: size)
        let written = file(object)
        let found = record(written)
        let record = try #require(found)
        let draft = record.draft
        #expect(draft.key == object.key.bytes() && draft.vary == object.vary.bytes())
        #expect(draft.head == object.head.bytes() && draft.status == 203)
        #expect(draft.timing == object.timing)
        #expect(draft.fetchTime == 42 && draft.modified == -5)
        #expect(draft.traits == object.traits)
        #expect(record.purges == 3 && record.contentCount == size)
        #expect(content(written, record)?.count == size)
    }

    @Test("No flipped bit is taken for what was written", arguments: [0, 300])
    func flippedBits(size: Int) {
        let written = file(sample(size: size))
        for place in written.indices {
            for bit in 0..<8 {
                var damaged = written
                damaged[place] ^= 1 << UInt8(bit)
                guard let record = record(damaged) else { continue }
                #expect(content(damaged, record) == nil, "byte \(place), bit \(bit)")
            }
        }
    }

    @Test("A file that was cut short or has grown is damaged")
    func lengths() {
        let written = file(sample(size: 100))
        for count in 0..<written.count {
            #expect(record(Array(written.prefix(count))) == nil, "\(count) bytes")
        }
        #expect(record(written + [0]) == nil)
        #expect(record([]) == nil)
    }

    @Test("A long head asks for all of itself, once")
    func longHead() {
        let written = file(sample(size: 10))
        guard case .needs(let count) = read(Array(written.prefix(40)), fileSize: written.count)
        else {
            Issue.record("the head was not asked for")
            return
        }
        guard case .record = read(Array(written.prefix(count)), fileSize: written.count) else {
            Issue.record("the head alone is not enough")
            return
        }
    }

    @Test("The file of another directory is none of ours")
    func identities() {
        let written = file(sample(size: 10))
        let reading = DiskRecord.read(
            written.span,
            fileSize: written.count,
            identity: DiskIdentity(epoch: 8, firstSeed: 8, secondSeed: 9),
            checksum: checksum
        )
        guard case .damaged = reading else {
            Issue.record("it was read")
            return
        }
    }

    /// Whoever can write files can compute checksums too: nonsense must not trap.
    @Test("Nonsense with right checksums traps nowhere", arguments: 1...40)
    func nonsense(seed: UInt64) {
        var chance = Chance(seed: seed)
        let written = file(sample(size: 200))
        let headCount = written.count - 200
        for _ in 0..<200 {
            var damaged = written
            for _ in 0..<Int.random(in: 1...4, using: &chance) {
                let place = Int.random(in: 16..<headCount, using: &chance)
                let values: [UInt8] = [0, 1, 0x7F, 0x80, 0xFF]
                damaged[place] =
                    values.randomElement(using: &chance)
                    ?? UInt8.random(in: 0...255, using: &chance)
            }
            let sum = checksum(damaged.span.extracting(16..<headCount))
            for index in 0..<4 {
                damaged[12 + index] = UInt8(truncatingIfNeeded: sum >> UInt32(index * 8))
            }
            guard let record = record(damaged) else { continue }
            #expect(record.contentCount == 200, "seed \(seed)")
            // What is done with it all the same must not trap either.
            let object = CachedResponse(
                record.draft,
                content: [Array(damaged[record.start...])],
                contentCount: 200
            )
            _ = object.timing.remaining(now: now * 1000)
            _ = object.timing.expired(now: now * 1000).age(now: .max / 4)
            _ = Reuse.decide(object.timing, request: RequestDirectives(), now: now * 1000)
            _ = Purge.tag(bytes("a")).means(object)
            _ = Purge.host(bytes("shop")).means(object)
            HeadLines.forEach(object.head) { _, _, _ in }
        }
    }
}

@Suite("Names of stored responses")
struct DiskNameTests {
    @Test("A name is read as it was written, and nothing else is")
    func names() {
        let name = DiskName(key: DiskKey(high: 0xAB00_0000_0000_0001, low: 2), variant: .max)
        let text = name.text
        #expect(text == "ab000000000000010000000000000002ffffffffffffffff")
        func read(_ text: String) -> DiskName? { DiskName(bytes(text).span) }
        #expect(read(text) == name)
        #expect(name.path == "ab/" + text)
        for wrong in ["", "new", "lock", text.uppercased(), text + "0", String(text.dropLast())] {
            #expect(read(wrong) == nil, "\(wrong)")
        }
    }

    @Test("Variants of a key are kept apart, and the seeds decide where a key falls")
    func naming() {
        let naming = DiskNaming(identity)
        let plain = object("k", hash: 1)
        let german = object("k", hash: 1, vary: "accept-language:=de\n")
        #expect(naming.name(plain).key == naming.name(german).key)
        #expect(naming.name(plain) != naming.name(german))
        #expect(naming.name(plain).variant == 0)
        let other = DiskNaming(DiskIdentity(epoch: 7, firstSeed: 1, secondSeed: 9))
        #expect(other.name(plain).key != naming.name(plain).key)
        #expect(identity.folder == "objects-0000000000000007")
    }
}
