import Bytes
import Caching
import Redis
import Testing

@testable import Proxy

@Suite("What gateways read of each other in Redis")
struct SharedRecordTests {
    private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test(
        "Places in a stream are read, and ordered",
        arguments: [
            ("0-0", 0, 0), ("1526919030474-55", 1_526_919_030_474, 55),
            ("18446744073709551615-18446744073709551615", .max, .max),
        ] as [(String, UInt64, UInt64)]
    )
    func places(text: String, time: UInt64, number: UInt64) throws {
        let bytes = Self.bytes(text)
        let read = StreamPlace(bytes.span)
        let place = try #require(read)
        #expect(place.time == time && place.number == number && place.text == text)
        #expect(StreamPlace.start <= place)
    }

    @Test(
        "What is no place is none",
        arguments: ["", "-", "1", "1-", "-1", "1-2-3", "a-1", "18446744073709551616-0", "1 -2"]
    )
    func noPlaces(text: String) {
        let bytes = Self.bytes(text)
        let place = StreamPlace(bytes.span)
        #expect(place == nil)
    }

    /// What a record says, as values.
    private static func parts(_ bytes: [UInt8]) -> (
        times: [Int64], epoch: [UInt8], form: [UInt8]
    )? {
        guard let record = SharedRecord(bytes.span) else { return nil }
        return ([record.received, record.asked], record.epoch.bytes(), record.form.bytes())
    }

    @Test("A record is taken apart")
    func record() throws {
        let text = Self.bytes("1700000000500;1700000000000;abc;x;y\0z")
        let parts = Self.parts(text)
        #expect(parts?.times == [1_700_000_000_500, 1_700_000_000_000])
        #expect(parts?.epoch == Self.bytes("abc"))
        #expect(parts?.form == Self.bytes("x;y\0z"))
        // Whatever is cut off or changed, nothing traps.
        for count in 0..<text.count { _ = Self.parts(Array(text[..<count])) }
        for index in text.indices {
            for bit in 0..<8 {
                var changed = text
                changed[index] ^= 1 << bit
                _ = Self.parts(changed)
            }
        }
    }

    @Test(
        "What is no record is none",
        arguments: [
            "", ";", ";;", ";;;", "1;2", "1;0;", "5;6;e;x", "-1;0;e;x", "1;-1;e;x",
            "99999999999999999999;0;e;x", "1125899906842624;0;e;x", "1.5;0;e;x",
        ]
    )
    func noRecords(text: String) { #expect(Self.parts(Self.bytes(text)) == nil) }

    @Test("The answer of the script is taken apart, and refused where it is another one")
    func reading() throws {
        let good: [RedisReply] = [
            .integer(5), .string(Self.bytes("epoch")), .string(Self.bytes("7-1")),
            .string(Self.bytes("accept-language,x-kind\nx-other\n")), .null,
            .string(Self.bytes("value")),
        ]
        let reading = try #require(SharedReading(.array(good), fields: 2))
        #expect(reading.now == 5 && reading.epoch == Self.bytes("epoch"))
        #expect(reading.last.text == "7-1")
        #expect(
            reading.names == [
                [Self.bytes("accept-language"), Self.bytes("x-kind")], [Self.bytes("x-other")],
            ]
        )
        #expect(reading.values == [Self.bytes("value")])
        #expect(SharedReading(.array(good), fields: 1) == nil)
        #expect(SharedReading(.integer(1), fields: 2) == nil)
        for (index, change) in [
            (0, .integer(-1)), (0, .string([])), (0, .integer(.max)),
            (2, .string(Self.bytes("x"))),
        ] as [(Int, RedisReply)] {
            var bad = good
            bad[index] = change
            #expect(SharedReading(.array(bad), fields: 2) == nil, "item \(index)")
        }
    }

    @Test("More lists of fields than are kept count for nothing")
    func manyNames() throws {
        let lines = (0..<100).map { "n\($0)" }.joined(separator: "\n")
        let many = (0..<1000).map { "n\($0)" }.joined(separator: ",")
        for text in [lines, many] {
            let items: [RedisReply] = [.integer(1), .null, .null, .string(Self.bytes(text))]
            let reading = try #require(SharedReading(.array(items), fields: 0))
            #expect(reading.names.count <= SharedCacheLoop.variants)
            #expect(reading.names.allSatisfy { $0.count <= Vary.maximumNames })
        }
    }

    /// An entry as Redis has it.
    private static func entry(_ fields: [(String, [UInt8])]) -> RedisReply {
        let words = fields.flatMap { [RedisReply.string(bytes($0.0)), .string($0.1)] }
        return .array([.string(bytes("5-0")), .array(words)])
    }

    @Test(
        "A purge is understood as it was told",
        arguments: [
            Purge.url(bytes("http://a/b")), .prefix(bytes("http://a/")), .host(bytes("a")),
            .tag(bytes("red")), .group(bytes("g"), origin: bytes("http://a")), .everything,
        ]
    )
    func purges(_ purge: Purge) throws {
        let words = SharedMessage.words(purge)
        let reply = Self.entry([
            ("k", Self.bytes(words.kind)), ("v", words.value), ("o", words.origin),
            ("s", Self.bytes("1")), ("b", Self.bytes("me")),
        ])
        let entry = try #require(SharedEntry(reply))
        #expect(SharedMessage.purge(entry.fields) == purge)
        #expect(entry.isSoft && entry.author == Self.bytes("me") && entry.place.time == 5)
    }

    @Test("A purge that nobody understands means everything")
    func unknownPurge() throws {
        for fields in [[], [("k", Self.bytes("z"))], [("k", []), ("v", Self.bytes("x"))]] {
            let entry = try #require(SharedEntry(Self.entry(fields)))
            #expect(SharedMessage.purge(entry.fields) == .everything)
            #expect(!entry.isSoft)
        }
        let odd: [RedisReply] = [.string(Self.bytes("1-1")), .array([.string(Self.bytes("k"))])]
        #expect(SharedEntry(.array(odd))?.fields.isEmpty == true)
        #expect(SharedEntry(.array([.string(Self.bytes("1-1"))])) == nil)
        #expect(SharedEntry(.array([.integer(1), .array([])])) == nil)
    }
}
