import COpenSSL

/// For what a session may be taken up again: OpenSSL compares it, and shakes hands in full where it
/// differs.
///
/// It is made only of what is the same on all machines that share ticket keys: what is demanded,
/// and not where the files are.
enum SessionIdentity {
    /// Bytes that say what the site demands; the rest is the name.
    private static let policyBytes = 24

    /// What a site's handshakes demand.
    /// - Parameters:
    ///   - settings: How it speaks TLS.
    ///   - authorities: Whose clients' certificates it believes.
    /// - Returns: 32 bytes, as many as OpenSSL takes; those for the name are 0.
    static func policy(_ settings: ServerSettings, _ authorities: [AuthorityFile]) -> [UInt8] {
        let clients = settings.clientCertificates.map { $0.isRequired ? "required" : "optional" }
        let text = [
            settings.minimumVersion.rawValue,
            settings.ciphers ?? ServerSettings.intermediateCiphers,
            settings.groups,
            clients ?? "none",
        ]
        let demands = Array(text.joined(separator: "\n").utf8) + authorities.flatMap(\.digest)
        let digest = Certificates.sha256(demands)
        return digest.prefix(policyBytes) + [UInt8](repeating: 0, count: 32 - policyBytes)
    }

    /// The same for one name that a client asks for.
    ///
    /// A session is for the name that it was made for. Before TLS 1.3 that is the rule, and from
    /// then on clients offer it for no other one anyway.
    ///
    /// Source: RFC 6066 §3.
    static func of(_ name: String?, _ policy: [UInt8]) -> [UInt8] {
        // FNV-1a. Who makes two names collide has a session of the same demands for both.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        if let name {
            for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        } else {
            hash = 0
        }
        var identity = policy
        for index in policyBytes..<identity.count {
            identity[index] = UInt8(truncatingIfNeeded: hash)
            hash >>= 8
        }
        return identity
    }
}
