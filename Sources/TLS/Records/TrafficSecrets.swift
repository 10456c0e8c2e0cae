import COpenSSL

/// The traffic secrets of a connection, as OpenSSL tells them during the handshake: wiped when
/// nobody needs them any more.
///
/// OpenSSL gives them away in one form only, that of lines for a key log.
@safe final class TrafficSecrets {
    /// A secret for each side: the client's is at 0, the server's at 48.
    private var bytes = InlineArray<96, UInt8>(repeating: 0)
    private var clientCount = 0
    private var serverCount = 0

    private static let maximum = 48

    deinit {
        unsafe withUnsafeMutableBytes(of: &bytes) { place in
            unsafe OPENSSL_cleanse(place.baseAddress, place.count)
        }
    }

    /// Keeps the secret of a line, if it is one that protects what follows the handshake.
    func note(_ line: Span<UInt8>) {
        if let count = keep(line, behind: "CLIENT_TRAFFIC_SECRET_0 ", at: 0) {
            clientCount = count
        } else if let count = keep(line, behind: "SERVER_TRAFFIC_SECRET_0 ", at: Self.maximum) {
            serverCount = count
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

    /// Decodes a secret.
    /// - Returns: How many bytes it has; nil for another label, or what is no secret.
    private func keep(_ line: Span<UInt8>, behind label: StaticString, at offset: Int) -> Int? {
        // The label, 32 bytes of the client's random number in hexadecimal, a space, the secret.
        let start = label.utf8CodeUnitCount + 65
        guard line.count > start, line[start - 1] == UInt8(ascii: " ") else { return nil }
        let digits = line.count - start
        guard digits.isMultiple(of: 2), digits / 2 <= Self.maximum else { return nil }
        for index in 0..<label.utf8CodeUnitCount {
            // Below the literal's length.
            if unsafe line[index] != label.utf8Start[index] { return nil }
        }
        for index in 0..<(digits / 2) {
            guard let high = Self.value(line[start + 2 * index]),
                let low = Self.value(line[start + 2 * index + 1])
            else { return nil }
            bytes[offset + index] = high << 4 | low
        }
        return digits / 2
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
