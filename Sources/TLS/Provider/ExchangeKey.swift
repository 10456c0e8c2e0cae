import Crypto
// The only type in which swift-crypto hands a public key out is Foundation's Data; the command
// line's library links this part of Foundation in anyway.
import FoundationEssentials

/// A key of X25519: a pair, or somebody's public key, or neither yet.
///
/// swift-crypto's, not OpenSSL's own, because a pair takes a third of the time there. Its
/// arithmetic is generated from proofs, and branches on no secret. Private keys and what is agreed
/// on are wiped before their memory is freed.
///
/// Source: RFC 7748 §6.1, RFC 8446 §7.4.2.
final class ExchangeKey {
    /// How many bytes a public key, and what two parties agree on, have.
    static let byteCount = 32

    private let pair: Curve25519.KeyAgreement.PrivateKey?
    private var publicKey: Curve25519.KeyAgreement.PublicKey?

    /// A new pair, or none yet.
    ///
    /// Its randomness is the kernel's; swift-crypto ends the process when there is none.
    init(isPair: Bool) {
        pair = isPair ? Curve25519.KeyAgreement.PrivateKey() : nil
        publicKey = pair?.publicKey
    }

    /// A pair whose private key is known already, as tests have one; nil for another length.
    init?(privateBytes: [UInt8]) {
        guard let known = try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: privateBytes)
        else { return nil }
        pair = known
        publicKey = known.publicKey
    }

    /// As much of another one as is wanted.
    init(_ other: ExchangeKey, withPair: Bool, withPublic: Bool) {
        pair = withPair ? other.pair : nil
        publicKey = withPublic ? other.publicKey : nil
    }

    /// Whether there is a private key.
    var hasPair: Bool { pair != nil }

    /// Whether there is a public key.
    var hasPublic: Bool { publicKey != nil }

    /// The public key as it is sent; nil when there is none.
    var publicBytes: [UInt8]? { publicKey.map { [UInt8]($0.rawRepresentation) } }

    /// Takes a public key as it was sent.
    /// - Returns: False when it has another length, or this is a pair already.
    func take(publicBytes bytes: [UInt8]) -> Bool {
        guard pair == nil,
            let key = try? Curve25519.KeyAgreement.PublicKey(rawRepresentation: bytes)
        else { return false }
        publicKey = key
        return true
    }

    /// Writes what this pair and somebody's public key agree on.
    /// - Returns: False when either has no such key, when there is no room, or when nothing secret
    ///   comes of it: the bytes are all 0 for the few public keys that leave no choice.
    func agree(with peer: ExchangeKey, into target: inout MutableSpan<UInt8>) -> Bool {
        guard let pair, let key = peer.publicKey, target.count >= Self.byteCount,
            let secret = try? pair.sharedSecretFromKeyAgreement(with: key)
        else { return false }
        var sum: UInt8 = 0
        // A secret of X25519 has so many bytes.
        unsafe secret.withUnsafeBytes { bytes in
            for index in 0..<Self.byteCount {
                let byte = unsafe bytes[index]
                target[index] = byte
                sum |= byte
            }
        }
        return sum != 0
    }
}
