extension Directive {
    static let balance = Directive(
        name: "balance",
        contexts: [.upstream],
        arguments: [
            Argument(
                "METHOD",
                .keyword(["round_robin", "least_conn", "random", "hash"]),
                "how a server is chosen"
            )
        ],
        options: [
            Option(
                "key",
                .text,
                default: "client_address",
                "for `hash`: `client_address`, `host`, `path`, `uri`, `header:NAME` or "
                    + "`cookie:NAME`"
            )
        ],
        fallback: "`round_robin`",
        summary: "How a server is chosen.",
        help: """
            `round_robin`: in turn, by weight. `least_conn`: the one with the fewest requests in \
            flight for its weight. `random`: the less busy of two taken at random. `hash`: the \
            same key, the same server, with as few changes as possible when servers come and go.
            """,
        example: .upstream(
            """
            server 10.0.0.5:8000
            server 10.0.0.6:8000
            balance hash key=cookie:session
            """
        ),
        effect: .set { call, block in
            guard let method = call.argument(0)?.keyword else { return }
            let balance: Balance
            switch method {
            case "least_conn": balance = .leastConnections
            case "random": balance = .random
            case "hash":
                guard let key = hashKey(call) else { return }
                balance = .hash(key)
            default: balance = .roundRobin
            }
            if method != "hash", let key = call.options["key"] {
                call.error(key.mark, "'key=' has no effect without 'hash'")
            }
            block.balance = Placed(value: balance, mark: call.mark)
        }
    )
}

/// nil when the key is none; then that is reported.
private func hashKey(_ call: Call) -> HashKey? {
    guard let key = call.options["key"] else { return .clientAddress }
    switch key.text {
    case "client_address": return .clientAddress
    case "host": return .host
    case "path": return .path
    case "uri": return .uri
    default: break
    }
    for (prefix, isHeader) in [("header:", true), ("cookie:", false)]
    where key.text.hasPrefix(prefix) {
        let name = String(key.text.dropFirst(prefix.count))
        guard !name.isEmpty, name.utf8.allSatisfy(isTokenByte) else {
            call.error(key.mark, "key: '\(name)' is no name of a field or cookie")
            return nil
        }
        return isHeader ? .header(name.lowercased()) : .cookie(name)
    }
    let words = ["client_address", "host", "path", "uri", "header:NAME", "cookie:NAME"]
    call.error(
        key.mark,
        "key: expected \(alternatives(words)), found '\(key.text)'",
        hint: suggestion(for: key.text, among: words)
    )
    return nil
}
