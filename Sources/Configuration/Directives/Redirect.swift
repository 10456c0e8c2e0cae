extension Directive {
    static let redirect = Directive(
        name: "redirect",
        contexts: [.site, .route],
        arguments: [
            Argument(
                "TARGET",
                .template,
                "a URL, or a path that begins with `/`; variables as in `header`"
            )
        ],
        options: [
            Option(
                "status",
                .keyword(["301", "302", "303", "307", "308"]),
                default: "308",
                "308 and 307 keep the method, 301 and 302 may turn POST into GET, 303 always does"
            )
        ],
        summary: "Sends the client to another address.",
        help: """
            The target may hold variables: `$uri` is the path with its query, as the client sent \
            them.
            """,
        example: .route("redirect https://www.example.com$uri status=301"),
        effect: .set { call, block in
            guard let argument = call.argument(0), let target = argument.template else { return }
            checkTarget(argument, target, call)
            let status = call.keyword("status").flatMap { Int($0) } ?? 308
            setAction(.redirect(Redirection(status: status, target: target)), call, block)
        }
    )
}

/// A target must be a URL or a path whatever its variables say; else it might lead anywhere.
private func checkTarget(_ argument: Parsed, _ target: Template, _ call: Call) {
    let text = argument.text
    if text.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F }) {
        call.error(
            argument.mark,
            "a target has no spaces and no characters beyond ASCII",
            hint: "write them percent-encoded"
        )
        return
    }
    if case .variable(let variable)? = target.segments.first {
        switch variable {
        case .path, .uri: return
        case .scheme: if text.hasPrefix("$scheme://") { return }
        default: break
        }
    } else if text.hasPrefix("/"), !text.hasPrefix("//") {
        return
    } else if text.hasPrefix("http://") || text.hasPrefix("https://") {
        return
    }
    call.error(
        argument.mark,
        "expected a URL with http:// or https://, or a path that begins with '/'"
    )
}
