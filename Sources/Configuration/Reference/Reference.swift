/// The reference of the directives, made from their declarations.
public enum Reference {
    /// The names of all directives, in the order of the reference.
    public static var names: [String] { Directive.all.map(\.name) }

    /// What `gateway reference` prints.
    /// - Parameter name: A directive; nil for a list of all of them.
    /// - Returns: Text for a terminal, or nil when there is no such directive.
    public static func text(for name: String?) -> String? {
        guard let name else { return overview }
        return Directive.all.first { $0.name == name }?.terminalText
    }

    /// The directive that was probably meant by an unknown name.
    public static func nearest(to name: String) -> String? {
        nearestName(to: name, among: names)
    }

    private static var overview: String {
        let width = names.map(\.count).max() ?? 0
        return Directive.all.map { directive in
            let padding = String(repeating: " ", count: width - directive.name.count + 2)
            return directive.name + padding + directive.summary + "\n"
        }.joined()
    }

    /// The content of `Documentation/Directives.md`.
    public static var markdown: String {
        let list = Directive.all.map { directive in
            "| [`\(directive.name)`](#\(directive.name)) | \(directive.places) "
                + "| \(directive.summary) |\n"
        }.joined()
        return """
            # Directives

            Every directive of `gateway.conf`, made from the declarations that the parser itself \
            uses: `GOLDEN_UPDATE=1 swift test --filter ReferenceTests` writes this page, and \
            `gateway reference NAME` prints one entry. The grammar is described at the end.

            | directive | where | |
            |---|---|---|
            \(list)
            \(Directive.all.map(\.markdown).joined(separator: "\n"))
            \(grammar)
            """
    }

    private static let grammar = """
        ## The language

        A directive is a name, arguments, and the end of the line, a `;`, or a `{ block }`; a \
        closing brace also ends the directive before it. Arguments are words, `"quoted strings"` \
        (with `\\"`, `\\\\`, `\\n` and `\\t`), or `option=value`. `#` begins a comment where a \
        word could begin. A line that ends in `\\` goes on.

        `${NAME}` and `${NAME:default}` take an environment variable, in quoted strings too; one \
        that is not set and has no default is an error.

        Durations are `250ms`, `5s`, `1m`, `1h`, `1d`, `1y`; sizes `512`, `64k`, `10m`, `1g`, in \
        powers of 1024; networks `10.0.0.0/8`; addresses `:8080`, `127.0.0.1:8080`, `[::1]:80`, \
        `unix:/run/app.sock`.

        Outer settings are defaults for inner blocks. Field rules (`header`) add up; everything \
        else is replaced by the innermost, `timeout`, `limit` and `buffer` option by option, \
        `error_page` status by status.

        An unknown, repeated, misplaced, contradictory or inert directive is an error, and all \
        errors are reported in one go.

        """
}

extension Directive {
    /// The places it may stand, as a table cell.
    var places: String { contexts.map(\.rawValue).joined(separator: ", ") }

    /// What stands between the braces, for the reader.
    private var shape: String { usageLine.replacing("{ … }", with: "{ }") }

    var markdown: String {
        var text = "## \(name)\n\n\(summary)\n\n```\n\(shape)\n```\n\n"
        text += "Where: \(places)."
        if case .many = repetition { text += " May stand several times." }
        if let fallback {
            text += " Default: \(fallback)."
        }
        text += "\n\n\(help)\n\n"
        if usage == nil || !options.isEmpty {
            for row in rows { text += "- `\(row.term)`: \(row.text)\n" }
            if !rows.isEmpty { text += "\n" }
        }
        return text + "```\n\(example.text)\n```\n"
    }

    /// The arguments and options, each with what there is to say.
    private var rows: [(term: String, text: String)] {
        let first = usage == nil ? arguments.map { ($0.name, $0.summary) } : []
        return first
            + options.map { option in
                var text = option.summary
                if let fallback = option.fallback { text += "; default \(fallback)" }
                if let contexts = option.contexts, contexts != self.contexts {
                    text += " (\(contexts.map(\.rawValue).joined(separator: ", ")))"
                }
                return (
                    option.kind.isFlag ? option.name : "\(option.name)=\(option.kind.metavariable)",
                    text
                )
            }
    }

    var terminalText: String {
        var text = "\(shape)\n    \(summary)\n    Stands \(alternatives(contexts.map(\.phrase)))."
        if let fallback { text += "\n    Default: \(fallback)" }
        text += "\n"
        for row in rows { text += "\n  \(row.term)\n" + wrapped(row.text, indentation: 6) }
        text += "\n"
        for paragraph in help.split(separator: "\n\n") {
            text += wrapped(String(paragraph), indentation: 4) + "\n"
        }
        let lines = example.text.split(separator: "\n", omittingEmptySubsequences: false)
        return text + "  Example, \(example.context.phrase):\n\n"
            + lines.map { "    \($0)\n" }.joined()
    }
}

/// Text in lines of at most 80 characters.
private func wrapped(_ text: String, indentation: Int) -> String {
    let indent = String(repeating: " ", count: indentation)
    var lines: [String] = []
    var line = indent
    for word in text.split(whereSeparator: \.isWhitespace) {
        if line.count + word.count >= 80, line.count > indentation {
            lines.append(line)
            line = indent
        }
        line += (line.count > indentation ? " " : "") + word
    }
    lines.append(line)
    return lines.joined(separator: "\n") + "\n"
}
