import Bytes
import HTTP
import Testing

@testable import Caching

/// CRC-32, bit by bit: what the library computes, written down another way.
let checksum: RecordChecksum = { bytes in
    var sum: UInt32 = 0xFFFF_FFFF
    for index in bytes.indices {
        sum ^= UInt32(bytes[index])
        for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
    }
    return ~sum
}

private let place = StoredRecord.Place(epoch: 7, purges: 3)

/// An object with something in every place.
private func sample(
    size: Int,
    part: CachedResponse.Part? = nil,
    forms: [ContentCoding: Int] = [:],
    change: (inout ResponseDraft) -> Void = { _ in }
) -> CachedResponse {
    var lifetime = Lifetime()
    lifetime.seconds = 600
    lifetime.basis = .sharedMaxAge
    lifetime.staleWhileRevalidate = 7
    lifetime.staleIfError = 8
    lifetime.mustRevalidate = true
    var draft = ResponseDraft(
        hash: 1,
        key: bytes("site\nhttps://shop/a?b"),
        vary: bytes("accept-language:=de\n"),
        head: bytes("HTTP/1.1 203 Fine\r\nETag: \"x\"\r\nCache-Tag: a, b\r\nX-Empty: \r\n"),
        status: 203,
        timing: Timing(received: now * 1000 + 5, initialAge: 11, lifetime: lifetime),
        part: part,
        fetchTime: 42,
        traits: [.hasLastModified, .withoutCookies],
        modified: -5
    )
    change(&draft)
    let plain = CachedResponse(draft, content: noise(size), contentCount: size)
    if forms.isEmpty { return plain }
    let made = forms.sorted { $0.key.rawValue < $1.key.rawValue }.map { coding, count in
        count == 0
            ? CodedForm(useless: coding)
            : CodedForm(
                coding,
                made: CachedResponse(draft, content: noise(count), contentCount: count),
                of: plain
            )
    }
    return CachedResponse(plain, with: made)
}

private func noise(_ size: Int) -> [[UInt8]] {
    var chance = Chance(seed: UInt64(size))
    return stride(from: 0, to: size, by: CachedResponse.chunkSize).map { start in
        (0..<min(CachedResponse.chunkSize, size - start)).map { _ in
            UInt8.random(in: 0...255, using: &chance)
        }
    }
}

private func written(_ object: CachedResponse) -> [UInt8] {
    StoredWriting(object, place, checksum: checksum).bytes()
}

private func read(_ bytes: [UInt8], epoch: UInt64 = 7) -> (CachedResponse?, StoredRecord.Reading) {
    StoredRecord.read(
        whole: bytes.span,
        epoch: epoch,
        checksum: checksum,
        extent: { _ in nil }
    ) { $0.hash = 9 }
}

@Suite("Stored responses as bytes: what disks and other gateways keep")
struct StoredRecordTests {
    @Test("The test's checksum is that of gzip")
    func vector() {
        let digits = bytes("123456789")
        let sum = checksum(digits.span)
        #expect(sum == 0xCBF4_3926)
    }

    @Test(
        "What is written is read back, whatever its size",
        arguments: [0, 1, 100, 32 * 1024, 32 * 1024 + 1, 65536, 65537, 200_001]
    )
    func roundTrip(size: Int) throws {
        let before = sample(size: size)
        let out = written(before)
        let after = try #require(read(out).0)
        #expect(after.hash == 9)
        #expect(after.timing == before.timing && after.status == 203)
        #expect(after.key.bytes() == before.key.bytes())
        #expect(after.vary.bytes() == before.vary.bytes())
        #expect(after.head.bytes() == before.head.bytes())
        #expect(after.fetchTime == 42 && after.modified == -5 && after.traits == before.traits)
        #expect(after.content == before.content)
        #expect(written(after) == out)
        guard case .record(let record) = read(out).1 else {
            Issue.record("no record")
            return
        }
        #expect(record.place == place && record.contentCount == size && record.count == out.count)
    }

    @Test("Codings are kept with the content, also those that are of no use")
    func forms() throws {
        let sizes: [ContentCoding: Int] = [.gzip: 70_000, .zstd: 10, .brotli: 0]
        let before = sample(size: 100_000, forms: sizes)
        let after = try #require(read(written(before)).0)
        for coding in ContentCoding.plain {
            let form = after.form(coding)
            #expect(form?.contentCount == sizes[coding])
            #expect(form?.isWorthIt == sizes[coding].map { $0 > 0 })
            #expect(form?.head == before.form(coding)?.head)
            guard let form, form.isWorthIt else { continue }
            let content = Buffer()
            _ = form.content.append(from: 0, form.contentCount, to: content)
            let read = content
            #expect(read.readable.bytes() == noise(form.contentCount).flatMap { $0 })
        }
        #expect(after.content == before.content)
    }

    @Test("A part is read back as one")
    func part() throws {
        let out = written(sample(size: 10, part: .init(start: 5, total: 15)))
        #expect(read(out).0?.part == .init(start: 5, total: 15))
    }

    @Test("Large contents go where a place is made for them")
    func places() throws {
        final class Place: ContentExtent {
            func append(_ bytes: Span<UInt8>) -> Bool { false }
            func read(from offset: Int, atMost limit: Int, into buffer: Buffer) -> Int { 0 }
        }
        let out = written(sample(size: 40_000))
        let (object, _) = StoredRecord.read(
            whole: out.span,
            epoch: 7,
            checksum: checksum,
            extent: { $0 == 40_000 ? Place() : nil }
        ) { _ in }
        // One without room leaves it in memory.
        #expect(object?.contentCount == 40_000)
    }

    @Test("Every flipped bit is noticed", arguments: [0, 300])
    func flippedBits(size: Int) {
        let object =
            size == 0 ? sample(size: 0) : sample(size: size, forms: [.gzip: 30, .zstd: 0])
        var out = written(object)
        for place in out.indices {
            for bit in 0..<8 {
                out[place] ^= 1 << UInt8(bit)
                #expect(read(out).0 == nil, "byte \(place), bit \(bit)")
                out[place] ^= 1 << UInt8(bit)
            }
        }
    }

    @Test("Whatever is missing or too much is noticed")
    func lengths() {
        let out = written(sample(size: 100, forms: [.gzip: 20]))
        for count in out.indices {
            #expect(read(Array(out.prefix(count))).0 == nil, "\(count) bytes")
        }
        #expect(read(out + [0]).0 == nil)
    }

    @Test("A long head asks for all of itself, once")
    func longHead() {
        let out = written(sample(size: 10))
        let begun = StoredRecord.read(
            out.span.extracting(first: 40),
            count: out.count,
            epoch: 7,
            checksum: checksum
        )
        guard case .needs(let count) = begun else {
            Issue.record("the head was not asked for")
            return
        }
        let whole = StoredRecord.read(
            out.span.extracting(first: count),
            count: out.count,
            epoch: 7,
            checksum: checksum
        )
        guard case .record = whole else {
            Issue.record("the head alone is not enough")
            return
        }
    }

    @Test("What belongs to another directory, or was written by another version, is told apart")
    func strangers() {
        let out = written(sample(size: 10))
        let other = read(out, epoch: 8)
        #expect(other.0 == nil)
        for version in [UInt8(1), 2, 4, 255] {
            var old = out
            old[7] = version
            guard case .outdated = read(old).1 else {
                Issue.record("version \(version) was not told apart")
                continue
            }
        }
        // As the first version wrote it to Redis.
        guard case .outdated = read([0x47, 0x57, 0x43, 1] + [UInt8](repeating: 0, count: 200)).1
        else {
            Issue.record("the oldest version was not told apart")
            return
        }
    }

    @Test("Bytes by chance, and the right beginning with chance behind it, are refused")
    func noiseBehind() {
        var chance = Chance(seed: 1)
        let good = written(sample(size: 10))
        for round in 0..<2000 {
            let kept = round % 2 == 0 ? 0 : Int(chance.next() % UInt64(good.count))
            let count = Int(chance.next() % 400)
            let bytes =
                good[..<kept] + (0..<count).map { _ in UInt8.random(in: 0...255, using: &chance) }
            #expect(read(Array(bytes)).0 == nil)
        }
    }

    @Test(
        "Forged heads are refused though their checksums are right",
        arguments: [
            "", "HTTP/1.1 203 OK", "HTTP/1.1 203 OK\r\n\r\n", "HTTP/1.1 404 Not Found\r\n",
            "HTTP/1.1 203 OK\r\nContent-Length: 5\r\n",
            "HTTP/1.1 203 OK\r\nTransfer-Encoding: chunked\r\n",
            "HTTP/1.1 203 OK\r\nConnection: close\r\n", "HTTP/1.1 203 OK\r\nAge: 5\r\n",
            "HTTP/1.1 203 OK\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n", "HTTP/1.1 203 OK\r\nA: b\n",
            "HTTP/1.1 203 OK\r\nA: b\u{0}c\r\n", "HTTP/1.1 203 OK\r\nA b: c\r\n",
            "HTTP/1.1 203 OK\r\n: c\r\n", "HTTP/1.1 203 OK\r\nA:b\r\n",
            "HTTP/1.1 203 OK\r\nA: b\rc\r\n",
        ]
    )
    func heads(_ head: String) {
        #expect(read(written(sample(size: 0) { $0.head = bytes(head) })).0 == nil)
        #expect(read(written(sample(size: 0) { $0.head = bytes("HTTP/1.1 203 A\r\n") })).0 != nil)
    }

    @Test("Forged numbers are refused though their checksums are right")
    func numbers() {
        let changes: [(inout ResponseDraft) -> Void] = [
            { $0.status = 100 }, { $0.status = 999 }, { $0.key = [] }, { $0.vary = bytes("a:b") },
            { $0.timing.received = -1 }, { $0.timing.received = .max },
            { $0.timing.initialAge = .max }, { $0.timing.initialAge = -1 },
            { $0.timing.lifetime.seconds = .max }, { $0.timing.lifetime.seconds = -1 },
            { $0.timing.lifetime.staleIfError = 1 << 40 }, { $0.fetchTime = -1 },
            { $0.modified = .min }, { $0.traits = .init(rawValue: 0x80) },
            { $0.part = .init(start: -1, total: 5) }, { $0.part = .init(start: 6, total: 5) },
            { $0.part = .init(start: 0, total: 1 << 41) },
        ]
        for (number, change) in changes.enumerated() {
            let out = written(sample(size: 0, change: change))
            #expect(read(out).0 == nil, "change \(number)")
        }
        #expect(read(written(sample(size: 0))).0 != nil)
    }

    @Test("Contents that cannot be are refused though their checksums are right")
    func contents() {
        let bodyless = sample(size: 5) {
            $0.status = 204
            $0.head = bytes("HTTP/1.1 204 No\r\n")
        }
        #expect(read(written(bodyless)).0 == nil)
        #expect(read(written(sample(size: 9, part: .init(start: 5, total: 13)))).0 == nil)
        let coded = sample(size: 9, part: .init(start: 0, total: 13), forms: [.gzip: 3])
        #expect(read(written(coded)).0 == nil)
        #expect(read(written(sample(size: 9, forms: [.dictionaryZstd: 3]))).0 == nil)
    }

    /// Whoever can write files can compute checksums too: nonsense must not trap.
    @Test("Nonsense with right checksums traps nowhere", arguments: 1...40)
    func nonsense(seed: UInt64) {
        var chance = Chance(seed: seed)
        let good = written(sample(size: 200, forms: [.gzip: 50]))
        let headCount = StoredWriting(
            sample(size: 200, forms: [.gzip: 50]),
            place,
            checksum: checksum
        ).head.count
        for _ in 0..<200 {
            var damaged = good
            for _ in 0..<Int.random(in: 1...4, using: &chance) {
                let place = Int.random(in: 28..<headCount, using: &chance)
                let values: [UInt8] = [0, 1, 0x7F, 0x80, 0xFF]
                damaged[place] =
                    values.randomElement(using: &chance)
                    ?? UInt8.random(in: 0...255, using: &chance)
            }
            let sum = checksum(damaged.span.extracting(28..<headCount))
            for index in 0..<4 {
                damaged[24 + index] = UInt8(truncatingIfNeeded: sum >> UInt32(index * 8))
            }
            guard let object = read(damaged).0 else { continue }
            #expect(object.contentCount == 200, "seed \(seed)")
            // What is done with it all the same must not trap either.
            _ = object.timing.remaining(now: now * 1000)
            _ = object.timing.expired(now: now * 1000).age(now: .max / 4)
            _ = Reuse.decide(object.timing, request: RequestDirectives(), now: now * 1000)
            _ = Purge.tag(bytes("a")).means(object)
            _ = Purge.host(bytes("shop")).means(object)
            HeadLines.forEach(object.head) { _, _, _ in }
        }
    }

    @Test("The bytes that tell responses apart are equal where key, head and content are")
    func identity() {
        func identity(_ object: CachedResponse) -> [UInt8] {
            Array(written(object)[StoredRecord.identity])
        }
        let plain = identity(sample(size: 100))
        #expect(identity(sample(size: 100, forms: [.gzip: 10])) == plain)
        #expect(identity(sample(size: 100) { $0.timing.received += 1 }) == plain)
        #expect(identity(sample(size: 101)) != plain)
        #expect(identity(sample(size: 100) { $0.head += bytes("A: b\r\n") }) != plain)
        #expect(identity(sample(size: 100) { $0.key += bytes("x") }) != plain)
    }

    @Test("A record is written anew with a form only if it is of the same response")
    func amended() throws {
        let before = sample(size: 100)
        guard case .record(let record) = read(written(before)).1 else {
            Issue.record("no record")
            return
        }
        let later = sample(size: 100, forms: [.gzip: 10]) { $0.timing.received += 9 }
        let amended = try #require(StoredWriting(later, after: record, checksum: checksum))
        let after = try #require(read(amended.bytes()).0)
        #expect(after.form(.gzip)?.contentCount == 10)
        // When it came, and which purges it has been held against, stays.
        #expect(after.timing == before.timing)
        let others = [
            sample(size: 101, forms: [.gzip: 10]),
            sample(size: 100, forms: [.gzip: 10]) { $0.head += bytes("A: b\r\n") },
            sample(size: 100, forms: [.gzip: 10]) { $0.vary = [] },
        ]
        for other in others {
            #expect(StoredWriting(other, after: record, checksum: checksum) == nil)
        }
    }
}
