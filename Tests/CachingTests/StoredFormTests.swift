import Bytes
import HTTP
import Testing

@testable import Caching

@Suite("Stored responses as bytes: what disks and other gateways keep")
struct StoredFormTests {
    /// A response with every number in use.
    private static func rich(size: Int, part: CachedResponse.Part? = nil) -> CachedResponse {
        var lifetime = Lifetime()
        lifetime.seconds = 60
        lifetime.basis = .sharedMaxAge
        lifetime.staleWhileRevalidate = 30
        lifetime.staleIfError = 86_400
        lifetime.mustRevalidate = true
        let draft = ResponseDraft(
            hash: 7,
            key: bytes("shop\nhttp://shop.example/a?b=c"),
            vary: bytes("accept-language:=de\n"),
            head: bytes("HTTP/1.1 200 OK\r\nETag: \"e\"\r\nCache-Tag: a, b\r\nX-Empty: \r\n"),
            status: 200,
            timing: Timing(received: now * 1000 + 5, initialAge: 3, lifetime: lifetime),
            part: part,
            fetchTime: 250,
            traits: [.hasLastModified, .withoutCookies],
            modified: now - 1000
        )
        var chance = Chance(seed: 42)
        var content: [[UInt8]] = []
        var left = size
        while left > 0 {
            let count = min(left, CachedResponse.chunkSize)
            content.append((0..<count).map { _ in UInt8(truncatingIfNeeded: chance.next()) })
            left -= count
        }
        return CachedResponse(draft, content: content, contentCount: size)
    }

    private static func written(_ response: CachedResponse) -> [UInt8] {
        var out: [UInt8] = []
        StoredForm.write(response, to: &out)
        return out
    }

    @Test(
        "What is written is read back, whatever its size",
        arguments: [0, 1, 100, 32 * 1024, 32 * 1024 + 1, 64 * 1024, 200_001]
    )
    func roundTrip(size: Int) throws {
        let before = Self.rich(size: size)
        let out = Self.written(before)
        let after = try StoredForm.read(out.span) { $0.hash = 9 }
        #expect(after.hash == 9)
        #expect(after.timing == before.timing)
        #expect(after.key.bytes() == before.key.bytes())
        #expect(after.vary.bytes() == before.vary.bytes())
        #expect(after.head.bytes() == before.head.bytes())
        #expect(after.status == 200 && after.fetchTime == 250 && after.modified == now - 1000)
        #expect(after.traits == before.traits)
        #expect(after.content == before.content)
        #expect(Self.written(after) == out)
    }

    @Test("A part is read back as one")
    func part() throws {
        let out = Self.written(Self.rich(size: 10, part: .init(start: 5, total: 15)))
        #expect(try StoredForm.read(out.span) { _ in }.part == .init(start: 5, total: 15))
    }

    @Test("Whatever is missing or too much is noticed")
    func lengths() {
        let out = Self.written(Self.rich(size: 100))
        for count in 0..<out.count {
            #expect(throws: StoredForm.Damage.self) {
                try StoredForm.read(out.span.extracting(first: count)) { _ in }
            }
        }
        #expect(throws: StoredForm.Damage.length) {
            try StoredForm.read((out + [0]).span) { _ in }
        }
    }

    @Test("Every flipped bit is noticed", arguments: [100, 33_000])
    func flippedBits(size: Int) {
        var out = Self.written(Self.rich(size: size))
        // All bits of the head and of the content's first bytes, then some of each chunk.
        let places =
            Array(0..<(StoredForm.fixedCount + 200))
            + Array(
                stride(
                    from: StoredForm.fixedCount + 200,
                    to: out.count,
                    by: 97
                )
            )
        for place in places where place < out.count {
            for bit in 0..<8 {
                out[place] ^= 1 << bit
                #expect(throws: StoredForm.Damage.self, "byte \(place), bit \(bit)") {
                    try StoredForm.read(out.span) { _ in }
                }
                out[place] ^= 1 << bit
            }
        }
    }

    @Test("Bytes by chance, and the right beginning with chance behind it, are refused")
    func noise() {
        var chance = Chance(seed: 1)
        let good = Self.written(Self.rich(size: 10))
        for round in 0..<2000 {
            let kept = round % 2 == 0 ? 0 : Int(chance.next() % UInt64(good.count))
            let count = Int(chance.next() % 400)
            let bytes =
                good[..<kept] + (0..<count).map { _ in UInt8.random(in: 0...255, using: &chance) }
            #expect(throws: StoredForm.Damage.self) {
                try StoredForm.read(Array(bytes).span) { _ in }
            }
        }
    }

    /// Writes a response that nobody would store, with a right checksum.
    private static func forged(_ change: (inout ResponseDraft) -> Void) -> [UInt8] {
        let response = rich(size: 0)
        var draft = response.draft(timing: response.timing)
        change(&draft)
        var out: [UInt8] = []
        let sum = Checksum()
        StoredForm.writeHead(draft, contentCount: 0, contentChecksum: sum.value, to: &out)
        return out
    }

    @Test(
        "Forged heads are refused though their checksums are right",
        arguments: [
            "", "HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 404 Not Found\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
            "HTTP/1.1 200 OK\r\nConnection: close\r\n", "HTTP/1.1 200 OK\r\nAge: 5\r\n",
            "HTTP/1.1 200 OK\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nA: b\n",
            "HTTP/1.1 200 OK\r\nA: b\u{0}c\r\n", "HTTP/1.1 200 OK\r\nA b: c\r\n",
            "HTTP/1.1 200 OK\r\n: c\r\n", "HTTP/1.1 200 OK\r\nA:b\r\n",
            "HTTP/1.1 200 OK\r\nA: b\rc\r\n",
        ]
    )
    func heads(_ head: String) {
        let out = Self.forged { $0.head = bytes(head) }
        #expect(throws: StoredForm.Damage.meaning) { try StoredForm.read(out.span) { _ in } }
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
        ]
        for (number, change) in changes.enumerated() {
            let out = Self.forged(change)
            #expect(throws: StoredForm.Damage.meaning, "change \(number)") {
                try StoredForm.read(out.span) { _ in }
            }
        }
        #expect(throws: Never.self) {
            try StoredForm.read(Self.forged { _ in }.span) { _ in }
        }
    }

    @Test("Another version is told apart from damage")
    func version() {
        var out = Self.written(Self.rich(size: 10))
        out[3] = 2
        #expect(throws: StoredForm.Damage.version) { try StoredForm.read(out.span) { _ in } }
    }
}
