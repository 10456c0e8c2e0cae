/// Reading what requests are counted by, for the limits.

/// The key that a call names; nil when it is none, and then that is reported.
func countingKey(_ call: Call, fallback: [CountingKey.Part]) -> CountingKey? {
    var parts: [CountingKey.Part] = []
    if let option = call.options["key"] {
        for text in option.text.split(separator: "+", omittingEmptySubsequences: false) {
            guard let part = countingPart(String(text), option.mark, call) else { return nil }
            if parts.contains(part) {
                call.error(option.mark, "key: '\(text)' stands twice")
                return nil
            }
            parts.append(part)
        }
    } else {
        parts = fallback
    }
    let hasAddress = parts.contains(.clientAddress)
    let missing = call.keyword("missing").flatMap { CountingKey.Missing(rawValue: $0) }
    let mayLack = parts.contains { part in
        switch part {
        case .header, .cookie, .query: true
        case .clientAddress, .host, .path, .route: false
        }
    }
    if missing != nil, !mayLack, let option = call.options["missing"] {
        call.error(option.mark, "'missing=' has no effect: every request has this key")
        return nil
    }
    for name in ["ipv4_prefix", "ipv6_prefix"] where !hasAddress && !mayLack {
        if let option = call.options[name] {
            call.error(option.mark, "'\(name)=' has no effect: no address is in the key")
            return nil
        }
    }
    return CountingKey(
        parts: parts,
        missing: missing ?? .clientAddress,
        ipv4Prefix: call.number("ipv4_prefix") ?? 32,
        ipv6Prefix: call.number("ipv6_prefix") ?? 64
    )
}

private func countingPart(_ text: String, _ mark: Mark, _ call: Call) -> CountingKey.Part? {
    switch text {
    case "client_address": return .clientAddress
    case "host": return .host
    case "path": return .path
    case "route": return .route
    default: break
    }
    for prefix in ["header:", "cookie:", "query:"] where text.hasPrefix(prefix) {
        let name = String(text.dropFirst(prefix.count))
        guard !name.isEmpty, name.utf8.allSatisfy(isTokenByte) else {
            call.error(mark, "key: '\(name)' is no name of a field, cookie or parameter")
            return nil
        }
        switch prefix {
        case "header:": return .header(name.lowercased())
        case "cookie:": return .cookie(name)
        default: return .query(name)
        }
    }
    let words = [
        "client_address", "host", "path", "route", "header:NAME", "cookie:NAME", "query:NAME",
    ]
    call.error(
        mark,
        "key: expected \(alternatives(words)), found '\(text)'",
        hint: suggestion(for: text, among: words)
    )
    return nil
}
