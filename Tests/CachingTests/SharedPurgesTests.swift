import Bytes
import HTTP
import Testing

@testable import Caching

@Suite("Purges that a fleet shares")
struct SharedPurgesTests {
    private static let key = bytes("shop\nhttp://shop.example/a/b?c")
    private static let head = bytes(
        "HTTP/1.1 200 OK\r\nCache-Tag: red, green\r\nSurrogate-Key: blue white\r\n"
            + "Cache-Groups: \"news\"\r\n"
    )

    private static func verdict(_ purges: SharedPurges, born: Int64) -> SharedPurges.Verdict {
        purges.verdict(key: key.span, head: head.span, born: born)
    }

    @Test(
        "What is meant and older is removed, what is newer stays",
        arguments: [
            (Purge.everything, true), (.url(bytes("http://shop.example/a/b?c")), true),
            (.url(bytes("http://shop.example/a/b")), false), (.host(bytes("shop.example")), true),
            (.host(bytes("example")), false), (.prefix(bytes("http://shop.example/a/")), true),
            (.prefix(bytes("http://shop.example/b")), false), (.tag(bytes("red")), true),
            (.tag(bytes("green")), true), (.tag(bytes("white")), true), (.tag(bytes("re")), false),
            (.tag(bytes("news")), true),
            (.group(bytes("news"), origin: bytes("http://shop.example")), true),
            (.group(bytes("news"), origin: bytes("https://shop.example")), false),
            (.group(bytes("red"), origin: bytes("http://shop.example")), false),
        ]
    )
    func kinds(_ purge: Purge, _ isMeant: Bool) {
        var purges = SharedPurges()
        purges.add(purge, isSoft: false, time: 100)
        #expect(Self.verdict(purges, born: 99) == (isMeant ? .removed : .unaffected))
        // Asked for in the same millisecond: nobody knows which came first.
        #expect(Self.verdict(purges, born: 100) == (isMeant ? .removed : .unaffected))
        #expect(Self.verdict(purges, born: 101) == .unaffected)
        // The rule is the one that the memory's own purges have.
        let object = object("shop\nhttp://shop.example/a/b?c", hash: 1, head: bytesText(Self.head))
        #expect(purge.means(object) == isMeant)
    }

    private func bytesText(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test("A soft purge makes stale, a hard one beside it removes")
    func soft() {
        var purges = SharedPurges()
        purges.add(.tag(bytes("red")), isSoft: true, time: 100)
        #expect(Self.verdict(purges, born: 50) == .stale(100))
        purges.add(.everything, isSoft: true, time: 120)
        #expect(Self.verdict(purges, born: 50) == .stale(120))
        #expect(Self.verdict(purges, born: 110) == .stale(120))
        purges.add(.tag(bytes("blue")), isSoft: false, time: 60)
        #expect(Self.verdict(purges, born: 50) == .removed)
        #expect(Self.verdict(purges, born: 61) == .stale(120))
    }

    @Test("Past the bound, what is older than the newest counts as purged")
    func bound() {
        var purges = SharedPurges()
        for number in 0...SharedPurges.maximumCount {
            purges.add(.tag(bytes("t\(number)")), isSoft: false, time: Int64(number))
        }
        #expect(purges.subjects == 0)
        #expect(Self.verdict(purges, born: Int64(SharedPurges.maximumCount)) == .removed)
        #expect(Self.verdict(purges, born: Int64(SharedPurges.maximumCount) + 1) == .unaffected)
        for number in 0...SharedPurges.maximumPrefixes {
            purges.add(.prefix(bytes("p\(number)")), isSoft: false, time: 20_000)
        }
        #expect(purges.horizon == 20_000)
    }

    @Test("The same purge again takes no more room")
    func again() {
        var purges = SharedPurges()
        for time in 0..<100 { purges.add(.tag(bytes("red")), isSoft: false, time: Int64(time)) }
        #expect(purges.subjects == 1)
        #expect(Self.verdict(purges, born: 99) == .removed)
    }

    @Test(
        "A response is of use for its lifetime and the stale times that may follow",
        arguments: [
            (60, 0, 0, false, 60), (60, 30, 10, false, 90), (60, 10, 30, false, 90),
            (60, 30, 30, true, 60), (0, 0, 0, false, 0),
        ] as [(Int64, Int64, Int64, Bool, Int64)]
    )
    func usefulTime(
        seconds: Int64,
        revalidate: Int64,
        error: Int64,
        must: Bool,
        expected: Int64
    ) {
        var lifetime = Lifetime()
        lifetime.seconds = seconds
        lifetime.staleWhileRevalidate = revalidate
        lifetime.staleIfError = error
        lifetime.mustRevalidate = must
        let timing = Timing(received: 1000, initialAge: 2, lifetime: lifetime)
        #expect(timing.usefulTime(now: 1500) == expected * 1000 - 2500)
    }

    @Test("The names that a response varies by are read back off its lines")
    func varyNames() {
        let request = fields(("Accept-Language", "de"), ("X-Kind", "a:b"))
        var lines: [UInt8] = []
        let names = [bytes("accept-language"), bytes("x-kind"), bytes("x-none")]
        Vary.write(names, request: request, to: &lines)
        #expect(Vary.names(in: lines.span) == names)
        #expect(Vary.names(in: bytes("").span) == [])
    }
}
