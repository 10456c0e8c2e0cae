import COpenSSL
import Testing

@testable import TLS

/// Whose a key is; nil when it is nobody's.
private func providerName(_ key: OpaquePointer?) -> String? {
    guard let key = unsafe key, let provider = unsafe EVP_PKEY_get0_provider(key),
        let name = unsafe OSSL_PROVIDER_get0_name(provider)
    else { return nil }
    return unsafe String(cString: name)
}

/// A key of OpenSSL's, by one of both providers.
@safe private final class LibraryKey {
    let key: OpaquePointer

    /// A new one of X25519, or what a group is without any key.
    init?(_ provider: String, isPair: Bool = true, group: String = "X25519") {
        guard Library.isReady,
            let context = unsafe EVP_PKEY_CTX_new_from_name(nil, "X25519", "provider=\(provider)")
        else { return nil }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        let begun = unsafe isPair ? EVP_PKEY_keygen_init(context) : EVP_PKEY_paramgen_init(context)
        guard begun == 1, unsafe EVP_PKEY_CTX_set_group_name(context, group) == 1 else {
            ERR_clear_error()
            return nil
        }
        var made: OpaquePointer?
        let result =
            unsafe isPair
            ? EVP_PKEY_keygen(context, &made) : EVP_PKEY_paramgen(context, &made)
        guard result == 1, let made = unsafe made else { return nil }
        unsafe key = made
    }

    /// The pair of a private key, as it would be read from a file.
    init?(privateBytes: [UInt8]) {
        guard Library.isReady,
            let made = unsafe EVP_PKEY_new_raw_private_key_ex(
                nil,
                "X25519",
                nil,
                privateBytes,
                privateBytes.count
            )
        else { return nil }
        unsafe key = made
    }

    /// A copy without any key, as libssl makes it for the other side's.
    init?(parametersOf other: LibraryKey) {
        guard let blank = unsafe EVP_PKEY_new(),
            unsafe EVP_PKEY_copy_parameters(blank, other.key) == 1
        else { return nil }
        unsafe key = blank
    }

    deinit { unsafe EVP_PKEY_free(key) }

    var provider: String? { unsafe providerName(key) }

    var publicBytes: [UInt8]? {
        var place: UnsafeMutablePointer<UInt8>?
        let count = unsafe EVP_PKEY_get1_encoded_public_key(key, &place)
        defer { unsafe CRYPTO_free(place, "", 0) }
        ERR_clear_error()
        return count == 0 ? nil : unsafe Array(UnsafeBufferPointer(start: place, count: count))
    }

    func take(_ bytes: [UInt8]) -> Bool {
        defer { ERR_clear_error() }
        return unsafe EVP_PKEY_set1_encoded_public_key(key, bytes, bytes.count) == 1
    }

    /// What both agree on; nil when they cannot.
    func agree(with peer: LibraryKey, room: Int = 32) -> [UInt8]? {
        guard let context = unsafe EVP_PKEY_CTX_new_from_pkey(nil, key, LibraryProvider.query)
        else { return nil }
        defer {
            unsafe EVP_PKEY_CTX_free(context)
            ERR_clear_error()
        }
        var count = 0
        guard unsafe EVP_PKEY_derive_init(context) == 1,
            unsafe EVP_PKEY_derive_set_peer(context, peer.key) == 1,
            unsafe EVP_PKEY_derive(context, nil, &count) == 1, count == 32
        else { return nil }
        count = room
        var secret = [UInt8](repeating: 0, count: room)
        return unsafe EVP_PKEY_derive(context, &secret, &count) == 1 ? secret : nil
    }
}

@Suite("RFC 7748: keys of X25519 agree as OpenSSL's do")
struct KeyExchangeTests {
    /// What a party of one provider and one of the other get from each other's bytes.
    private func exchange(
        _ near: LibraryKey,
        _ far: LibraryKey
    ) throws -> (near: [UInt8]?, far: [UInt8]?) {
        let farThere = try #require(LibraryKey(parametersOf: near))
        let nearThere = try #require(LibraryKey(parametersOf: far))
        #expect(try farThere.take(#require(far.publicBytes)))
        #expect(try nearThere.take(#require(near.publicBytes)))
        #expect(farThere.publicBytes == far.publicBytes)
        return (near.agree(with: farThere), far.agree(with: nearThere))
    }

    @Test("With a pair of the default provider's, and with one of its own")
    func agreement() throws {
        var seen = Set<[UInt8]>()
        for _ in 0..<50 {
            let own = try #require(LibraryKey("gateway"))
            #expect(own.provider == "gateway")
            for other in ["default", "gateway"] {
                let far = try #require(LibraryKey(other))
                #expect(far.provider == other)
                let secrets = try exchange(own, far)
                #expect(secrets.near != nil)
                #expect(secrets.near == secrets.far)
                seen.insert(secrets.near ?? [])
            }
        }
        #expect(seen.count == 100)
    }

    /// What a pair with a known private key and public bytes agree on.
    private func agreed(_ privateBytes: [UInt8], _ publicBytes: [UInt8]) throws -> [UInt8]? {
        let pair = try #require(ExchangeKey(privateBytes: privateBytes))
        let peer = ExchangeKey(isPair: false)
        #expect(peer.take(publicBytes: publicBytes))
        #expect(peer.publicBytes == publicBytes)
        var secret = InlineArray<32, UInt8>(repeating: 0)
        var span = secret.mutableSpan
        return pair.agree(with: peer, into: &span) ? secret.indices.map { secret[$0] } : nil
    }

    @Test("The known answers")
    func known() throws {
        // RFC 7748 §5.2, in the second the highest bit is set; §6.1, from both sides.
        let alice = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"
        let bob = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"
        let fromAlice = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
        let fromBob = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
        let both = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
        let cases = [
            (
                "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
                "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
                "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"
            ),
            (
                "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
                "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
                "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"
            ),
            (alice, fromBob, both), (bob, fromAlice, both),
        ]
        for (own, peer, secret) in cases {
            #expect(try agreed(hexadecimal(own), hexadecimal(peer)) == hexadecimal(secret))
        }
        for (own, sent) in [(alice, fromAlice), (bob, fromBob)] {
            #expect(ExchangeKey(privateBytes: hexadecimal(own))?.publicBytes == hexadecimal(sent))
        }
    }

    @Test("Any 32 bytes are a public key, and the default provider makes the same of it")
    func anyBytes() throws {
        for _ in 0..<100 {
            let mine = (0..<32).map { _ in UInt8.random(in: 0...255) }
            let bytes = (0..<32).map { _ in UInt8.random(in: 0...255) }
            let other = try #require(LibraryKey(privateBytes: mine))
            #expect(other.provider == "default")
            #expect(ExchangeKey(privateBytes: mine)?.publicBytes == other.publicBytes)
            let there = try #require(LibraryKey(parametersOf: other))
            #expect(there.take(bytes))
            let secret = try #require(other.agree(with: there))
            #expect(try agreed(mine, bytes) == secret)
            // The highest bit does not count.
            #expect(try agreed(mine, bytes.dropLast() + [bytes[31] ^ 0x80]) == secret)
        }
        #expect(ExchangeKey(privateBytes: [UInt8](repeating: 1, count: 31)) == nil)
    }

    @Test("RFC 8446 §7.4.2: public keys with which nothing is secret are refused")
    func noSecret() throws {
        // The points of small order, which RFC 7748 §6.1 warns of: 0, 1, both of order 8, p - 1,
        // and p and p + 1, which are 0 and 1 once more.
        let points = [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ]
        let pair = try #require(LibraryKey("gateway"))
        for point in points {
            let peer = try #require(LibraryKey(parametersOf: pair))
            #expect(peer.take(hexadecimal(point)))
            #expect(pair.agree(with: peer) == nil, "\(point)")
        }
    }

    @Test("What is no key is refused")
    func refusals() throws {
        let pair = try #require(LibraryKey("gateway"))
        let blank = try #require(LibraryKey(parametersOf: pair))
        #expect(blank.publicBytes == nil)
        for count in [0, 1, 31, 33, 64] {
            #expect(!blank.take([UInt8](repeating: 9, count: count)))
        }
        #expect(blank.publicBytes == nil)
        #expect(pair.agree(with: blank) == nil)
        #expect(blank.agree(with: pair) == nil)
        // A pair stays what it is.
        let before = pair.publicBytes
        #expect(!pair.take([UInt8](repeating: 9, count: 32)))
        #expect(pair.publicBytes == before)
        let peer = try #require(LibraryKey("gateway"))
        #expect(pair.agree(with: peer, room: 31) == nil)
        #expect(pair.agree(with: peer) != nil)
        #expect(LibraryKey("gateway", group: "P-256") == nil)
        #expect(LibraryKey("gateway", isPair: false, group: "X448") == nil)
    }

    @Test("Figures and parts are those of the default provider's keys")
    func figures() throws {
        for isPair in [true, false] {
            let own = try #require(LibraryKey("gateway", isPair: isPair))
            let other = try #require(LibraryKey("default", isPair: isPair))
            #expect(unsafe EVP_PKEY_get_bits(own.key) == EVP_PKEY_get_bits(other.key))
            #expect(
                unsafe EVP_PKEY_get_security_bits(own.key)
                    == EVP_PKEY_get_security_bits(other.key)
            )
            #expect(unsafe EVP_PKEY_get_size(own.key) == EVP_PKEY_get_size(other.key))
            #expect(unsafe EVP_PKEY_is_a(own.key, "X25519") == 1)
            #expect(unsafe EVP_PKEY_get_id(own.key) == EVP_PKEY_get_id(other.key))
            let whole = unsafe EVP_PKEY_dup(own.key)
            #expect(unsafe (whole != nil))
            unsafe EVP_PKEY_free(whole)
        }
    }

    @Test(
        "A handshake takes the pair of the provider that has the group",
        arguments: [
            ("X25519", "gateway"), ("x25519:P-256", "gateway"), ("P-256:X25519", "default"),
            ("X448", "default"),
        ]
    )
    func handshake(groups: String, provider: String) throws {
        let context = try unsafe Library.makeContext(TLS_client_method())
        defer { unsafe SSL_CTX_free(context) }
        try #require(unsafe gateway_ctx_set_groups(context, groups) == 1)
        let session = unsafe SSL_new(context)
        // It takes both with it.
        defer { unsafe SSL_free(session) }
        unsafe SSL_set_bio(session, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()))
        #expect(unsafe SSL_connect(session) == -1)
        ERR_clear_error()
        var key: OpaquePointer?
        #expect(unsafe SSL_ctrl(session, SSL_CTRL_GET_TMP_KEY, 0, &key) == 1)
        defer { unsafe EVP_PKEY_free(key) }
        #expect(unsafe providerName(key) == provider)
    }
}
