/// The traffic secrets of a connection, kept while OpenSSL has them derived in the handshake
/// (`LibraryProvider`): wiped when nobody needs them any more.
@safe final class TrafficSecrets {
    /// A secret for each side: the client's is at 0, the server's at 48.
    private var bytes = InlineArray<96, UInt8>(repeating: 0)
    private var clientCount = 0
    private var serverCount = 0

    private static let maximum = 48

    deinit { KeyedHash.wipe(&bytes) }

    /// Keeps a secret, if its label is of one that protects what follows the handshake.
    func note(_ secret: Span<UInt8>, label: Span<UInt8>) {
        guard secret.count <= Self.maximum else { return }
        if label.spell("c ap traffic") {
            keep(secret, at: 0)
            clientCount = secret.count
        } else if label.spell("s ap traffic") {
            keep(secret, at: Self.maximum)
            serverCount = secret.count
        }
    }

    /// Keys for the client's and the server's records, of which some have been sent.
    /// - Returns: nil unless both secrets have come, in the length of the suite's.
    func keys(_ suite: CipherSuite, sent: UInt64) -> (client: TrafficKeys, server: TrafficKeys)? {
        let all = bytes.span
        guard
            let client = TrafficKeys(
                suite,
                for: .opening,
                secret: all.extracting(0..<clientCount)
            ),
            let server = TrafficKeys(
                suite,
                for: .sealing,
                secret: all.extracting(Self.maximum..<(Self.maximum + serverCount)),
                sequence: sent
            )
        else { return nil }
        return (client, server)
    }

    private func keep(_ secret: Span<UInt8>, at offset: Int) {
        for index in secret.indices { bytes[offset + index] = secret[index] }
    }
}
