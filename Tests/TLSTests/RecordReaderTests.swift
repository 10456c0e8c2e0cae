import Bytes
import Testing

@testable import TLS

@Suite("RFC 8446 §5 records after the handshake")
struct RecordReaderTests {
    /// Records in a row, what is read of them, and how that ends.
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// Each: content, type, padding.
        let records: [(content: [UInt8], type: UInt8, padding: Int)]
        /// Changes the last record on its way.
        let change: (@Sendable (inout [UInt8]) -> Void)?
        let content: [UInt8]
        let end: RecordReader.Reading

        init(
            _ name: String,
            _ records: [([UInt8], UInt8, Int)],
            change: (@Sendable (inout [UInt8]) -> Void)? = nil,
            reads content: [UInt8] = [],
            _ end: RecordReader.Reading
        ) {
            testDescription = name
            self.records = records
            self.change = change
            self.content = content
            self.end = end
        }
    }

    private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
    private static let long = (0..<16384).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    private static let empty: ([UInt8], UInt8, Int) = ([], 23, 0)
    /// KeyUpdate(update_not_requested); its first two bytes and the rest.
    private static let update: [UInt8] = [24, 0, 0, 1, 0]
    private static let some: ([UInt8], UInt8, Int) = ([9], 23, 0)

    private static let cases: [Case] = [
        Case("content", [([1, 2], 23, 0), ([3], 23, 0)], reads: [1, 2, 3], .wantsInput),
        Case("content that ends with zeros", [([1, 0, 0], 23, 0)], reads: [1, 0, 0], .wantsInput),
        Case("padding", [([1], 23, 1), ([2], 23, 300)], reads: [1, 2], .wantsInput),
        Case("the longest content", [(long, 23, 0)], reads: long, .wantsInput),
        Case("padding up to the limit", [([1], 23, 16383)], reads: [1], .wantsInput),
        Case("padding past it", [([1], 23, 16384)], .failed(.recordOverflow)),
        Case("content past it", [(long + [1], 23, 0)], .failed(.recordOverflow)),
        Case("ciphertext past it", [(zeros(16625), 23, 0)], .failed(.recordOverflow)),
        Case("nothing but padding", [([], 0, 40)], .failed(.unexpectedMessage)),
        Case("a type that is none", [([1], 20, 0)], .failed(.unexpectedMessage)),
        Case("another one", [([1], 24, 0)], .failed(.unexpectedMessage)),

        Case("a changed tag", [some], change: { $0[$0.count - 1] ^= 1 }, .failed(.badRecordMAC)),
        Case("changed content", [some], change: { $0[5] ^= 1 }, .failed(.badRecordMAC)),
        Case("a changed version", [some], change: { $0[2] ^= 1 }, .failed(.badRecordMAC)),
        Case(
            "a record that was cut",
            [some],
            change: {
                $0[4] -= 1
                $0.removeLast()
            },
            .failed(.badRecordMAC)
        ),
        Case(
            "no room for a tag",
            [some],
            change: { $0 = [23, 3, 3, 0, 15] },
            .failed(.badRecordMAC)
        ),
        Case(
            "a tag alone",
            [some],
            change: {
                $0 = [23, 3, 3, 0, 16] + [UInt8](repeating: 1, count: 16)
            },
            .failed(.badRecordMAC)
        ),
        Case(
            "the same record twice",
            [some],
            change: { $0 += $0 },
            reads: [9],
            .failed(.badRecordMAC)
        ),
        Case(
            "change_cipher_spec",
            [some],
            change: { $0 = [20, 3, 3, 0, 1, 1] },
            .failed(.unexpectedMessage)
        ),
        Case(
            "a plain alert",
            [some],
            change: { $0 = [21, 3, 3, 0, 2, 1, 0] },
            .failed(.unexpectedMessage)
        ),
        Case(
            "a plain handshake",
            [some],
            change: { $0 = [22, 3, 3, 0, 1, 1] },
            .failed(.unexpectedMessage)
        ),
        Case("HTTP", [some], change: { $0 = Array("GET".utf8) }, .failed(.unexpectedMessage)),
        Case(
            "too long a length",
            [some],
            change: { $0 = [23, 3, 3, 0x41, 1] },
            .failed(.recordOverflow)
        ),
        Case("the longest length", [some], change: { $0 = [23, 3, 3, 0x41, 0] }, .wantsInput),

        Case(
            "32 empty records",
            .init(repeating: empty, count: 32) + [some],
            reads: [9],
            .wantsInput
        ),
        Case(
            "33 of them",
            .init(repeating: empty, count: 33) + [some],
            .failed(.unexpectedMessage)
        ),
        Case(
            "many of them, content between",
            [[[UInt8]]](repeating: .init(repeating: [], count: 30) + [[9]], count: 3)
                .flatMap { $0 }.map { ($0, 23, 0) },
            reads: [9, 9, 9],
            .wantsInput
        ),

        Case("close_notify", [some, ([1, 0], 21, 0), some], reads: [9], .ended),
        Case("close_notify of another level", [([2, 0], 21, 0)], .ended),
        Case("user_canceled, and content", [([1, 90], 21, 0), some], reads: [9], .wantsInput),
        Case(
            "33 times user_canceled",
            .init(repeating: ([1, 90], 21, 0), count: 33),
            .failed(.unexpectedMessage)
        ),
        Case("a fatal alert", [([2, 40], 21, 0)], .refused(40)),
        Case("an unknown one, as a warning", [([1, 200], 21, 0)], .refused(200)),
        Case("half an alert", [([2], 21, 0)], .failed(.decodeError)),
        Case("two alerts", [([1, 0, 1, 0], 21, 0)], .failed(.decodeError)),
        Case("an empty alert", [([], 21, 0)], .failed(.unexpectedMessage)),

        Case("an empty message", [([], 22, 0)], .failed(.unexpectedMessage)),
        Case("another message", [([1, 0, 0, 0], 22, 0)], .failed(.unexpectedMessage)),
        Case("its first byte", [([11], 22, 0)], .failed(.unexpectedMessage)),
        Case("a KeyUpdate of no byte", [([24, 0, 0, 0], 22, 0)], .failed(.decodeError)),
        Case("a KeyUpdate of two bytes", [([24, 0, 0, 2], 22, 0)], .failed(.decodeError)),
        Case("a KeyUpdate of 2 to the 16 bytes", [([24, 1], 22, 0)], .failed(.decodeError)),
        Case(
            "a KeyUpdate that asks for 2",
            [([24, 0, 0, 1, 2], 22, 0)],
            .failed(.illegalParameter)
        ),
        Case("two KeyUpdates in a record", [(update + update, 22, 0)], .failed(.unexpectedMessage)),
        Case(
            "half of another one behind it",
            [(update + [24], 22, 0)],
            .failed(.unexpectedMessage)
        ),
        Case("content within a message", [([24, 0], 22, 0), some], .failed(.unexpectedMessage)),
        Case(
            "an alert within it",
            [([24, 0], 22, 0), ([1, 0], 21, 0)],
            .failed(.unexpectedMessage)
        ),
        Case("an empty record within it", [([24], 22, 0), empty], .failed(.unexpectedMessage)),
        Case("a record without keys anew", [(update, 22, 0), some], .failed(.badRecordMAC)),
    ]

    @Test("Each rule", arguments: cases)
    func rule(_ each: Case) throws {
        // Room for all, for less than a record, for a byte; a limit below the room.
        for (room, limit) in [(40_000, 40_000), (300, 300), (256, 1), (40_000, 3)] {
            for step in [Int.max, 1000, 1] {
                var peer = try Peer()
                var records = try each.records.map {
                    try peer.record($0.content, type: $0.type, padding: $0.padding)
                }
                if let change = each.change { change(&records[records.count - 1]) }
                let bytes = records.flatMap { $0 }
                // In tiny pieces many bytes would take long in a debug build.
                if bytes.count > 3000 && (step == 1 || limit < 300) { continue }
                let input = Buffer()
                var content: [UInt8] = []
                var end = RecordReader.Reading.wantsInput
                var position = 0
                while position < bytes.count && end == .wantsInput {
                    let next = min(position + min(step, bytes.count), bytes.count)
                    input.append(Array(bytes[position..<next]))
                    position = next
                    let mayRead = peer.reader.mayRead(input)
                    let read = peer.readAll(input, room: room, limit: limit)
                    content += read.content
                    end = read.end
                    #expect(mayRead || (read.content.isEmpty && end == .wantsInput))
                }
                #expect(content == each.content && end == each.end, "\(room) \(limit) \(step)")
            }
        }
    }

    @Test("New keys: split over records, asked for or not, one after the other")
    func keyUpdates() throws {
        for split in 0..<5 {
            for asks in [UInt8(0), 1] {
                for suite in CipherSuite.allCases {
                    let keys = try #require(trafficKeys(suite, .sealing, Peer.secret(suite)))
                    let writer = RecordWriter(keys)
                    var reader = try Peer(suite).reader
                    let input = Buffer()
                    for _ in 0..<3 {
                        let message: [UInt8] = [24, 0, 0, 1, asks]
                        let parts = [message[..<split], message[split...]].filter { !$0.isEmpty }
                        for part in parts {
                            #expect(writer.seal(Array(part + [22]), to: input))
                        }
                        #expect(keys.renew())
                        #expect(writer.seal([8, 23], to: input))
                    }
                    let target = Buffer()
                    for _ in 0..<3 {
                        #expect(reader.read(input, into: target, atMost: 9) == .bytes(1))
                    }
                    #expect(reader.read(input, into: target, atMost: 9) == .wantsInput)
                    #expect(target.readable.bytes() == [8, 8, 8])
                    #expect(reader.owesKeyUpdate == (asks == 1))
                }
            }
        }
    }

    @Test("Requests for new keys without content between are bounded")
    func keyUpdateFlood() throws {
        let keys = try #require(trafficKeys(.aes128GCM, .sealing, Peer.secret(.aes128GCM)))
        let writer = RecordWriter(keys)
        var reader = try Peer().reader
        let target = Buffer()
        for number in 1...33 {
            let input = Buffer()
            #expect(writer.seal([24, 0, 0, 1, 1, 22], to: input) && keys.renew())
            let reading = reader.read(input, into: target, atMost: 9)
            #expect(reading == (number <= 32 ? .wantsInput : .failed(.unexpectedMessage)))
        }
    }

    @Test(
        "New keys are bounded by what comes between, too",
        // 32 at once, and one for each 1,024 bytes.
        arguments: [(1, 32), (512, 63), (1024, 200), (16_384, 200)]
    )
    func keyUpdateFloodWithContent(between size: Int, allowed: Int) throws {
        let keys = try #require(trafficKeys(.aes128GCM, .sealing, Peer.secret(.aes128GCM)))
        let writer = RecordWriter(keys)
        var reader = try Peer().reader
        let target = Buffer()
        var renewals = 0
        for _ in 0..<200 {
            let input = Buffer()
            #expect(writer.seal([24, 0, 0, 1, 0, 22], to: input) && keys.renew())
            #expect(writer.seal([UInt8](repeating: 7, count: size) + [23], to: input))
            target.removeAll()
            target.reserve(size + 32)
            guard reader.read(input, into: target, atMost: size) == .bytes(size) else { break }
            renewals += 1
        }
        #expect(renewals == allowed)
    }

    @Test("A look leaves content where it is, and says when there is none")
    func peeking() throws {
        var peer = try Peer()
        let input = Buffer()
        #expect(peer.reader.peek(input) == .wantsInput)
        input.append(try peer.record([]))
        #expect(peer.reader.peek(input) == .wantsInput && input.isEmpty)
        input.append(try peer.record([1, 2, 3], padding: 9))
        input.append(try peer.record([4]))
        #expect(peer.reader.peek(input) == .bytes(3) && peer.reader.peek(input) == .bytes(3))
        #expect(peer.readAll(input, limit: 2) == ([1, 2, 3, 4], .wantsInput))
        input.append(try peer.record([1, 0], type: 21))
        #expect(peer.reader.peek(input) == .ended)
    }

    @Test("Nothing of a changed record is let out, not even into free space")
    func changed() throws {
        var peer = try Peer()
        var record = try peer.record(Array("secret".utf8))
        record[record.count - 1] ^= 0x80
        let target = Buffer()
        // What a buffer lends is not initialised; the free space is marked first.
        _ = unsafe target.fill { space in
            unsafe space.initializeMemory(as: UInt8.self, repeating: 0xEE)
            return 0
        }
        let reading = peer.reader.read(buffer(record), into: target, atMost: 100)
        #expect(reading == .failed(.badRecordMAC) && target.isEmpty)
        var first: [UInt8] = []
        _ = unsafe target.fill { space in
            first = unsafe Array(space.prefix(8))
            return 0
        }
        #expect(first == [0, 0, 0, 0, 0, 0, 0, 0xEE])
    }

    @Test("However records are made, cut and asked for, the content is what was sent")
    func randomSlices() throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        var generator = Sequence64(seed: seed)
        for _ in 0..<60 {
            let suite = CipherSuite.allCases.randomElement(using: &generator) ?? .aes128GCM
            let keys = try #require(trafficKeys(suite, .sealing, Peer.secret(suite)))
            let writer = RecordWriter(keys)
            var peer = try Peer(suite)
            let stream = Buffer()
            var sent: [UInt8] = []
            for _ in 0..<Int.random(in: 1...30, using: &generator) {
                switch Int.random(in: 0..<10, using: &generator) {
                case 0:
                    #expect(writer.renewKeys(to: stream))
                case 1:
                    #expect(writer.seal([23, 0, 0], to: stream))
                default:
                    let most = [1, 40, 3000, 16384].randomElement(using: &generator) ?? 1
                    let count = Int.random(in: 1...most, using: &generator)
                    let content = (0..<count).map { _ in
                        UInt8.random(in: 0...255, using: &generator)
                    }
                    let padding = Int.random(in: 0...min(20, 16384 - count), using: &generator)
                    let inner = content + [23] + [UInt8](repeating: 0, count: padding)
                    #expect(writer.seal(inner, to: stream))
                    sent += content
                }
            }
            let input = Buffer()
            var received: [UInt8] = []
            while !stream.isEmpty {
                input.move(
                    min(stream.count, Int.random(in: 1...9000, using: &generator)),
                    from: stream
                )
                var end = RecordReader.Reading.bytes(0)
                while case .bytes = end {
                    let target = Buffer(capacity: Int.random(in: 256...20_000, using: &generator))
                    let limit = Int.random(in: 1...20_000, using: &generator)
                    end = peer.reader.read(input, into: target, atMost: limit)
                    if case .bytes(let count) = end {
                        #expect(count == target.count && count <= limit)
                    }
                    received += target.readable.bytes()
                }
                #expect(end == .wantsInput, "seed \(seed)")
            }
            #expect(received == sent && input.isEmpty, "seed \(seed)")
        }
    }
}

/// Chance that can be repeated.
///
/// Source: SplitMix64.
private struct Sequence64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
