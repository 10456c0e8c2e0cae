import Bytes
import Configuration
import HTTP
import HTTP1

/// What `https` and `cookies` add to responses, as bytes made once, when a configuration is loaded.
final class SecureResponses: Sendable {
    let policy: HTTPSPolicy
    /// The whole line of Strict-Transport-Security; empty for none.
    private let strictTransportLine: [UInt8]
    private let sameSite: [UInt8]
    /// What of an upstream's response is written anew here: to a secure client, and to others.
    private let replaced: (secure: FieldNameSet, plain: FieldNameSet)

    init(_ policy: HTTPSPolicy) {
        self.policy = policy
        strictTransportLine =
            policy.strictTransport.map {
                Array("Strict-Transport-Security: \($0.value)\r\n".utf8)
            } ?? []
        let words: [CookieRules.SameSite: String] = [.lax: "Lax", .strict: "Strict", .none: "None"]
        sameSite =
            policy.cookies.sameSite.flatMap { words[$0] }.map { Array("; SameSite=\($0)".utf8) }
            ?? []
        var plain = FieldNameSet()
        if policy.cookies.isHTTPOnly || policy.cookies.sameSite != nil { plain.insert(.setCookie) }
        if policy.strictTransport != nil { plain.insert(.strictTransportSecurity) }
        var secure = plain
        if policy.cookies.isSecure { secure.insert(.setCookie) }
        replaced = (secure, plain)
    }

    /// The fields that must not be passed on as the upstream sent them.
    func replacedFields(isSecure: Bool) -> FieldNameSet {
        isSecure ? replaced.secure : replaced.plain
    }

    /// Writes what belongs into every response.
    ///
    /// Source: RFC 6797 §7.2: never over a connection that is not secure.
    func write(isSecure: Bool, to out: Buffer) {
        if isSecure { out.append(strictTransportLine) }
    }

    /// Writes the cookies of a response with the attributes that they lack.
    func writeCookies(of fields: borrowing FieldSection, isSecure: Bool, to out: Buffer) {
        guard replacedFields(isSecure: isSecure).contains(.setCookie) else { return }
        var next = fields.first(.setCookie)
        while let index = next {
            let value = fields.value(at: index)
            let present = CookieAttributes(of: value)
            out.append("Set-Cookie: ")
            out.append(value)
            if policy.cookies.isSecure, isSecure, !present.contains(.secure) {
                out.append("; Secure")
            }
            if policy.cookies.isHTTPOnly, !present.contains(.httpOnly) { out.append("; HttpOnly") }
            if !present.contains(.sameSite) { out.append(sameSite) }
            out.append("\r\n")
            next = fields.next(.setCookie, from: index + 1)
        }
    }
}
