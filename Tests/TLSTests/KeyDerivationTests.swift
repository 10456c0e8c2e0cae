import COpenSSL
import Testing

@testable import TLS

@Suite("RFC 8446 §7.1, RFC 5246 §5: keys are derived as OpenSSL derives them")
struct KeyDerivationTests {
    @Test("HMAC's known answers, with keys shorter and longer than a block")
    func authentication() throws {
        // RFC 4231 §4.2, §4.3, §4.7.
        let cases: [(key: [UInt8], content: String, sha256: String, sha384: String)] = [
            (
                [UInt8](repeating: 0x0B, count: 20), "Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
                "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
                    + "faea9ea9076ede7f4af152e8b2fa9cb6"
            ),
            (
                Array("Jefe".utf8), "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
                "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
                    + "8e2240ca5e69e2c78b3239ecfab21649"
            ),
            (
                [UInt8](repeating: 0xAA, count: 131),
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
                "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6"
                    + "0c2ef6ab4030fe8296248df163f44952"
            ),
        ]
        let thread = try #require(KeyDerivation.ofThread)
        for one in cases {
            for hash in KeyHash.allCases {
                let keyed = thread.keyed(hash)
                keyed.begin(one.key.span)
                for byte in one.content.utf8 { keyed.add([byte].span) }
                #expect(keyed.finish())
                let result = (0..<hash.byteCount).map { keyed.result[$0] }
                #expect(result == hexadecimal(hash == .sha256 ? one.sha256 : one.sha384))
                keyed.wipe()
                #expect((0..<48).allSatisfy { keyed.result[$0] == 0 })
            }
        }
    }

    /// So many bytes, of any value.
    private func some(_ counts: ClosedRange<Int>) -> [UInt8] {
        (0..<Int.random(in: counts)).map { _ in .random(in: 0...255) }
    }

    /// Answers of both providers, which have to be the same, and be one.
    private func expectSame(_ asking: Asking, _ count: Int, _ comment: String) {
        let own = asking.answer(count, by: "gateway")
        #expect(own != nil, "\(comment)")
        #expect(own == asking.answer(count, by: "default"), "\(comment)")
    }

    @Test("TLS 1.3: as the default provider, whatever is asked for")
    func random13() {
        for _ in 0..<300 {
            for (digest, count) in [("SHA2-256", 32), ("SHA2-384", 48)] {
                var asking = Asking(digest: digest)
                asking.octets = [("prefix", Array("tls13 ".utf8)), ("label", some(1...20))]
                asking.octets.append(("key", some(count...count)))
                if Bool.random() { asking.octets.append(("data", some(0...64))) }
                let length = Bool.random() ? count : .random(in: 1...300)
                expectSame(asking, length, "\(asking)")
                asking.mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY
                asking.octets = [
                    ("prefix", Array("tls13 ".utf8)), ("label", Array("derived".utf8)),
                ]
                if Bool.random() { asking.octets.append(("key", some(1...200))) }
                if Bool.random() { asking.octets.append(("salt", some(count...count))) }
                expectSame(asking, count, "\(asking)")
            }
        }
    }

    @Test("TLS 1.2: as the default provider, whatever is asked for")
    func random12() {
        for _ in 0..<300 {
            for digest in ["SHA2-256", "SHA2-384"] {
                var asking = Asking(name: "TLS1-PRF", digest: digest, mode: nil)
                asking.octets = [("secret", some(1...200))]
                asking.octets.append(("seed", some(1...20)))
                for _ in 0..<Int.random(in: 0...4) {
                    asking.octets.append(("seed", some(0...100)))
                }
                // libssl passes such ones.
                if Bool.random() { asking.octets.append(("seed", nil)) }
                expectSame(asking, .random(in: 1...300), "\(asking)")
            }
        }
    }

    @Test("What cannot be derived is refused")
    func refusals() {
        let secret = [UInt8](repeating: 1, count: 32)
        let whole: [(name: StaticString, bytes: [UInt8]?)] = [
            ("key", secret), ("prefix", Array("tls13 ".utf8)), ("label", [1]),
        ]
        #expect(Asking(octets: whole).answer(32, by: "gateway") != nil)
        for missing in 0..<3 where missing != 1 {
            var octets = whole
            octets.remove(at: missing)
            #expect(Asking(octets: octets).answer(32, by: "gateway") == nil)
        }
        #expect(Asking(digest: "SHA2-512", octets: whole).answer(32, by: "gateway") == nil)
        #expect(Asking(mode: nil, octets: whole).answer(32, by: "gateway") == nil)
        #expect(
            Asking(mode: EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND, octets: whole)
                .answer(32, by: "gateway") == nil
        )
        // Source: RFC 5869 §2.3.
        #expect(Asking(octets: whole).answer(255 * 32, by: "gateway") != nil)
        #expect(Asking(octets: whole).answer(255 * 32 + 1, by: "gateway") == nil)
        for name: StaticString in ["label", "data"] {
            let octets = whole.filter { "\($0.name)" != "\(name)" }
            let long = [UInt8](repeating: 1, count: 256)
            #expect(Asking(octets: octets + [(name, long)]).answer(32, by: "gateway") == nil)
        }
        var old = Asking(name: "TLS1-PRF", mode: nil, octets: [("seed", [1])])
        #expect(old.answer(12, by: "gateway") == nil)
        old.octets.append(("secret", secret))
        #expect(old.answer(12, by: "gateway") != nil)
        old.digest = "MD5-SHA1"
        #expect(old.answer(12, by: "gateway") == nil)
    }

    @Test("A thread keeps those two secrets for whom it shakes hands for, and no others")
    func secrets() throws {
        var asking = Asking(octets: [
            ("key", [UInt8](repeating: 1, count: 32)), ("prefix", Array("tls13 ".utf8)),
            ("label", Array("c ap traffic".utf8)),
        ])
        let thread = try #require(KeyDerivation.ofThread)
        let secrets = TrafficSecrets()
        thread.secrets = secrets
        defer { thread.secrets = nil }
        #expect(asking.answer(32, by: "gateway") != nil)
        #expect(secrets.keys(.aes128GCM, sent: 0) == nil)
        asking.octets[2].bytes = Array("s ap traffic".utf8)
        #expect(asking.answer(32, by: "gateway") != nil)
        #expect(secrets.keys(.aes128GCM, sent: 0) != nil)
    }
}
