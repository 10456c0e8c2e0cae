import Bytes

/// Fields by which a client could pass for somebody else at an app that believes its proxy.
extension FieldSection {
    /// Names that apps and servers take for a proxy's word, besides those in `FieldName`: gunicorn
    /// reads the first two, others the rest.
    private static let claims: [StaticString] = [
        "x-forwarded-ssl", "x-forwarded-protocol", "x-forwarded-scheme", "x-url-scheme",
        "front-end-https", "x-forwarded-by", "x-forwarded-server", "x-original-host",
        "x-original-url", "x-rewrite-url",
        // What a proxy that ends TLS says of the client's certificate: RFC 9440, and the gateway.
        "client-cert", "client-cert-chain", "x-client-cert-subject", "x-client-cert-fingerprint",
    ]

    /// Removes fields that spell a known name with `_` for `-`, which CGI and WSGI cannot tell from
    /// the name itself, and, from a peer that is not believed, what only a proxy may say.
    /// - Parameter isTrusted: Whether the peer is believed.
    public mutating func removeImpostors(isTrusted: Bool) {
        for index in indices where known(at: index) == .other && isPresent(at: index) {
            if isImpostor(at: index, isTrusted: isTrusted) { remove(at: index) }
        }
    }

    private func isImpostor(at index: Int, isTrusted: Bool) -> Bool {
        let name = self.name(at: index)
        // The names in question start with one of a few letters; the many fields that browsers
        // add (Sec-…) do not.
        guard name.count >= 4, asciiLowercase(name[0]) != UInt8(ascii: "s") else { return false }
        if name.firstIndex(of: UInt8(ascii: "_")) != nil {
            var plain: [UInt8] = []
            for index in name.indices {
                plain.append(name[index] == UInt8(ascii: "_") ? UInt8(ascii: "-") : name[index])
            }
            return FieldName.match(plain.span) != .other || FieldSection.isClaim(plain.span)
        }
        return !isTrusted && FieldSection.isClaim(name)
    }

    private static func isClaim(_ name: Span<UInt8>) -> Bool {
        let first = asciiLowercase(name[0])
        guard
            first == UInt8(ascii: "x") || first == UInt8(ascii: "f") || first == UInt8(ascii: "c")
        else { return false }
        for claim in claims where name.equalsIgnoringCase(claim) { return true }
        return false
    }
}
