import Bytes
import Testing

@testable import TLS

@Suite("RFC 8446 §5.2, §7.3 traffic keys")
struct TrafficKeysTests {
    private func keys(_ suite: CipherSuite, _ purpose: TrafficKeys.Purpose, _ secret: [UInt8])
        throws -> TrafficKeys
    {
        try #require(trafficKeys(suite, purpose, secret))
    }

    /// "hello" as record 0 and record 258 of three generations of keys, from the secret 00 01 02…,
    /// computed by Python's `cryptography`.
    private static let answers: [(suite: CipherSuite, records: [String])] = [
        (
            .aes128GCM,
            [
                "17030300164d6d8b52c4219f73abf497337bed8c6d80d86f23fcba",
                "1703030016ad339fcda4243863c0b58db629a7ba8b4c54f9fcba4a",
                "1703030016b251030a7625182ab0d04a821756401b6593ef4e2eea",
                "17030300160ea2354dc9ef13a1f66742f930d17a3855ba384f2eb7",
                "1703030016a68e2d354e9f1f4b6beab99bc8a40ee405f57cc5812e",
                "17030300166cc921ecd39c984a42f9760a5fb8195f29418966bc47",
            ]
        ),
        (
            .aes256GCM,
            [
                "1703030016205213507a1ab2a128abae5928a72bee1710dead4c7b",
                "17030300162d87c1ca135c59b86ee9f205f4b65ea47d9adf531c06",
                "170303001644f0cfebe8116f596c306a34678202da56b8f5da1d6a",
                "1703030016454247e0b471f650db0498b2bc023d40732d83ba0653",
                "17030300163f1dd2ecbc2d498c4e8e95c06042a308bb7d43437376",
                "1703030016e3174ba08d7c8cac056d22da289fbd7adfca2b448cd9",
            ]
        ),
        (
            .chaCha20Poly1305,
            [
                "1703030016dacb07926862dd4d07b1c3dded36b9846d879dc2d04f",
                "170303001673892e47d1ce7570f5f45c80aa6b591d0cb169266504",
                "17030300167a6e5d975db6556672673936cda0ac4b1f8dfff12da6",
                "170303001696725ea8fd4b88a6cf95c471e5ff34d16f938e4126db",
                "1703030016556284d18821700929cfc419f04605581a10e9ffdc76",
                "1703030016589f05047d82cb6c40f65217dd2af1bcf21caa797cea",
            ]
        ),
    ]

    @Test("Records are those of another implementation, over three generations of keys")
    func answers() throws {
        for (suite, records) in Self.answers {
            let secret = (0..<suite.secretBytes).map { UInt8($0) }
            let sealing = try keys(suite, .sealing, secret)
            let opening = try keys(suite, .opening, secret)
            let writer = RecordWriter(sealing)
            var reader = RecordReader(opening)
            for generation in 0..<3 {
                if generation > 0 { #expect(sealing.renew() && opening.renew()) }
                for number in 0...258 {
                    let output = Buffer()
                    var owes = false
                    let isWritten = writer.write(
                        buffer(Array("hello".utf8)),
                        owing: &owes,
                        to: output
                    )
                    try #require(isWritten)
                    let expected = records[2 * generation + (number == 0 ? 0 : 1)]
                    if number == 0 || number == 258 {
                        #expect(output.readable.bytes() == hexadecimal(expected))
                    }
                    let target = Buffer()
                    // A context that was given back changes nothing.
                    if number % 7 == 0 {
                        reader.rest()
                        writer.rest()
                    }
                    #expect(reader.read(output, into: target, atMost: 100) == .bytes(5))
                    #expect(target.readable.string() == "hello" && output.isEmpty)
                }
            }
        }
    }

    @Test("The client's records of RFC 8448 §3")
    func clientTrace() throws {
        let secret = hexadecimal(
            "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"
        )
        var reader = RecordReader(try keys(.aes128GCM, .opening, secret))
        let input = buffer(
            hexadecimal(
                "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b"
                    + "395bd54a9a20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4"
                    + "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3"
            )
        )
        let target = Buffer()
        #expect(reader.read(input, into: target, atMost: 100) == .bytes(50))
        #expect(target.readable.bytes() == (0..<50).map { UInt8($0) })
        #expect(reader.read(input, into: target, atMost: 100) == .ended)
        #expect(input.isEmpty && target.count == 50)
    }

    @Test("The server's last record of RFC 8448 §3, which is its third")
    func serverTrace() throws {
        let secret = hexadecimal("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643")
        let output = Buffer()
        let sealing = try #require(
            trafficKeys(.aes128GCM, .sealing, secret, sequence: 2)
        )
        #expect(RecordWriter(sealing).write(.closeNotify, to: output))
        let expected = "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9"
        #expect(output.readable.bytes() == hexadecimal(expected))
    }

    @Test("A secret of another length gives no keys")
    func lengths() {
        for count in [0, 31, 33, 47, 48, 49, 64] {
            let secret = [UInt8](repeating: 7, count: count)
            for suite in CipherSuite.allCases where suite.secretBytes != count {
                #expect(trafficKeys(suite, .opening, secret) == nil)
            }
        }
    }

    @Test("After the last sequence number nothing is sealed or opened")
    func exhaustion() throws {
        let secret = [UInt8](repeating: 7, count: 32)
        let last = try #require(
            trafficKeys(.aes128GCM, .sealing, secret, sequence: .max - 1)
        )
        let writer = RecordWriter(last)
        #expect(writer.write(.closeNotify, to: Buffer()))
        #expect(!writer.write(.closeNotify, to: Buffer()))
    }

    @Test("New keys come before the limit of one key, and are announced by its last record")
    func limit() throws {
        let secret = [UInt8](repeating: 7, count: 32)
        let sealing = try keys(.chaCha20Poly1305, .sealing, secret)
        var reader = RecordReader(try keys(.chaCha20Poly1305, .opening, secret))
        let writer = RecordWriter(sealing, recordsPerKey: 3)
        var owes = false
        for number in 0..<20 {
            let output = Buffer()
            #expect(writer.write(buffer([UInt8(number)]), owing: &owes, to: output))
            #expect(sealing.sequence <= 3)
            // Every third time there is a message before the content: 5 bytes, and 22 around them.
            #expect(output.count == (number > 0 && number.isMultiple(of: 2) ? 50 : 23))
            let target = Buffer()
            #expect(reader.read(output, into: target, atMost: 10) == .bytes(1))
            #expect(target.readable.bytes() == [UInt8(number)])
        }
    }

    @Test("Only secrets with these two labels, and no longer than there is room for, are kept")
    func labels() {
        func keep(_ notes: [(label: String, count: Int)], _ suite: CipherSuite) -> Bool {
            let secrets = TrafficSecrets()
            for note in notes {
                let secret = [UInt8](repeating: 7, count: note.count)
                secrets.note(secret.span, label: Array(note.label.utf8).span)
            }
            return secrets.keys(suite, sent: 0) != nil
        }
        let client = "c ap traffic", server = "s ap traffic"
        #expect(keep([(client, 32), (server, 32)], .aes128GCM))
        #expect(keep([(server, 48), ("exp master", 48), (client, 48)], .aes256GCM))
        #expect(!keep([(client, 32), (server, 32)], .aes256GCM))
        #expect(!keep([], .aes128GCM))
        for label in ["c ap traffic", "", "s ap traffi", "s ap traffic ", "s hs traffic", "key"] {
            #expect(!keep([(client, 32), (label, 32)], .aes128GCM), "\(label)")
        }
        #expect(!keep([(client, 32), (server, 49)], .aes128GCM))
    }
}
