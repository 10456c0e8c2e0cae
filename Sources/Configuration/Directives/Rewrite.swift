extension Directive {
    static let rewrite = Directive(
        name: "rewrite",
        contexts: [.site, .route],
        repetition: .many,
        arguments: [
            Argument("FROM", .pattern, "a path, or a prefix such as `/old/*`"),
            Argument("TO", .wirePattern, "a path for a path, a prefix for a prefix"),
        ],
        summary: "Changes the path before a request is forwarded.",
        help: """
            Routes are chosen before, so a rewritten path meets no other route. The query stays. \
            Of several `rewrite` in one block the most specific FROM that fits is carried out, and \
            only that one; those of a route replace those of its site.
            """,
        example: .route(
            """
            rewrite /old/* /new/*
            proxy app
            """
        ),
        effect: .set { call, block in
            guard let from = call.argument(0), let to = call.argument(1),
                case .pattern(let source) = from.value, case .pattern(let target) = to.value
            else { return }
            let replacement: String
            switch (source, target) {
            case (.exact, .exact(let path)): replacement = path
            case (.prefix, .prefix(let path)): replacement = path
            case (.prefix, .any): replacement = "/"
            case (.any, .prefix(let path)): replacement = String(path.dropLast())
            case (.any, .any), (.exact, _), (_, .exact):
                call.error(
                    to.mark,
                    source == target
                        ? "FROM and TO are the same"
                        : "a path becomes a path, and a prefix with '/*' a prefix with '/*'"
                )
                return
            }
            if source == target {
                call.error(to.mark, "FROM and TO are the same")
                return
            }
            addRewrite(source, replacement, call, block)
        }
    )

    static let stripPrefix = Directive(
        name: "strip_prefix",
        contexts: [.site, .route],
        arguments: [Argument("PREFIX", .pattern, "a path such as `/app`")],
        summary: "Takes a prefix off the path before a request is forwarded.",
        help: """
            `/app/page` becomes `/page`, and `/app` becomes `/`; a path without the prefix stays \
            as it is. The same as `rewrite /app/* /*`.
            """,
        example: .route(
            """
            strip_prefix /app
            proxy app
            """
        ),
        effect: .set { call, block in
            guard let argument = call.argument(0), case .pattern(let pattern) = argument.value
            else { return }
            switch pattern {
            case .exact(let path) where path != "/":
                addRewrite(.prefix(path.hasSuffix("/") ? path : path + "/"), "/", call, block)
            case .prefix(let path) where path != "/": addRewrite(.prefix(path), "/", call, block)
            case .exact, .prefix, .any:
                call.error(argument.mark, "expected a prefix to take off, such as /app")
            }
        }
    )
}

private func addRewrite(
    _ source: PathPattern,
    _ replacement: String,
    _ call: Call,
    _ block: Block
) {
    if let first = block.rewrites.first(where: { $0.value.from == source }) {
        call.error(
            nil,
            "paths that fit '\(source)' are changed twice",
            notes: [(first.mark, "they are changed here first")]
        )
        return
    }
    let rule = Rewriting.Rule(from: source, replacement: Array(replacement.utf8))
    block.rewrites.append(Placed(value: rule, mark: call.mark))
}
