import Bytes
import HTTP
import HTTP1
import TLS

/// What the app is told of a certificate that the client has proved to own.
extension FieldSection {
    /// The names of these fields in lower case; nobody but the gateway may say them.
    private static let names: [StaticString] = [
        "client-cert", "client-cert-chain", "x-client-cert-subject", "x-client-cert-fingerprint",
    ]

    /// Takes out what a client says about a certificate.
    ///
    /// Source: RFC 9440 §4, which asks for it whatever the peer is.
    mutating func removeClientCertificate() {
        for index in indices where known(at: index) == .other && isPresent(at: index) {
            if isClientCertificate(name(at: index)) { remove(at: index) }
        }
    }

    private func isClientCertificate(_ name: Span<UInt8>) -> Bool {
        for own in FieldSection.names where name.equalsIgnoringCase(own) { return true }
        return false
    }
}

extension Buffer {
    /// Writes what is known of a client's certificate.
    /// - Parameters:
    ///   - certificate: Verified in the handshake.
    ///   - withChain: Whether the certificates that lead to its authority follow.
    ///
    /// Source: RFC 9440 §2.2, §2.3; byte sequences of RFC 8941 §3.3.5.
    func writeClientCertificate(_ certificate: PeerCertificate, withChain: Bool) {
        append("Client-Cert: ")
        appendByteSequence(certificate.der)
        append("\r\n")
        if withChain, !certificate.chain.isEmpty {
            append("Client-Cert-Chain: ")
            for (index, link) in certificate.chain.enumerated() {
                if index > 0 { append(", ") }
                appendByteSequence(link)
            }
            append("\r\n")
        }
        append("X-Client-Cert-Subject: ")
        // The name is the client's choice, within what its authority lets pass.
        for byte in certificate.subject.utf8 {
            append((0x20..<0x7F).contains(byte) ? byte : UInt8(ascii: "?"))
        }
        append("\r\nX-Client-Cert-Fingerprint: ")
        for byte in certificate.fingerprint {
            append(hexadecimalDigit(byte >> 4))
            append(hexadecimalDigit(byte & 15))
        }
        append("\r\n")
    }

    private func appendByteSequence(_ bytes: [UInt8]) {
        append(UInt8(ascii: ":"))
        appendBase64(bytes.span)
        append(UInt8(ascii: ":"))
    }

    /// Appends bytes in base64, padded.
    ///
    /// Source: RFC 4648 §4.
    func appendBase64(_ bytes: Span<UInt8>) {
        reserve(bytes.count / 3 * 4 + 4)
        var index = 0
        while index < bytes.count {
            let left = bytes.count - index
            let first = UInt32(bytes[index])
            let second = left > 1 ? UInt32(bytes[index + 1]) : 0
            let third = left > 2 ? UInt32(bytes[index + 2]) : 0
            let group = first << 16 | second << 8 | third
            append(base64Digit(group >> 18))
            append(base64Digit(group >> 12))
            append(left > 1 ? base64Digit(group >> 6) : UInt8(ascii: "="))
            append(left > 2 ? base64Digit(group) : UInt8(ascii: "="))
            index += 3
        }
    }
}

private func hexadecimalDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + (value - 10)
}

private func base64Digit(_ bits: UInt32) -> UInt8 {
    let value = UInt8(truncatingIfNeeded: bits & 63)
    switch value {
    case 0..<26: return UInt8(ascii: "A") + value
    case 26..<52: return UInt8(ascii: "a") + (value - 26)
    case 52..<62: return UInt8(ascii: "0") + (value - 52)
    case 62: return UInt8(ascii: "+")
    default: return UInt8(ascii: "/")
    }
}
