/// Walks the tree of directives: checks each against its declaration and lets it take effect.
struct Interpreter {
    let report: Report
    let access: SourceAccess
    private let directives: [String: Directive]

    init(report: Report, access: SourceAccess) {
        self.report = report
        self.access = access
        directives = Dictionary(Directive.all.map { ($0.name, $0) }) { first, _ in first }
    }

    /// Carries out the directives of a block.
    func run(_ statements: [Statement], in block: Block) {
        for statement in statements {
            if !run(statement, in: block) { block.isDamaged = true }
        }
    }

    /// - Returns: Whether the directive took effect.
    private func run(_ statement: Statement, in block: Block) -> Bool {
        let name = statement.name.text
        if statement.name.isQuoted {
            report.error(statement.mark, "a directive's name is not quoted")
            return false
        }
        guard let directive = directives[name] else {
            unknown(statement, in: block.context)
            return false
        }
        guard directive.contexts.contains(block.context) else {
            let places = alternatives(directive.contexts.map(\.phrase))
            report.error(
                statement.mark,
                "\(name): does not stand \(block.context.phrase)",
                hint: "it stands \(places)"
            )
            inspect(statement, directive)
            return false
        }
        var isGood = checkRepetition(directive, statement, block)
        isGood = checkBlock(directive, statement) && isGood
        guard let call = call(directive, statement, block.context), isGood else {
            inspect(statement, directive)
            return false
        }
        switch directive.effect {
        case .set(let effect): effect(call, block)
        case .open(let effect): run(statement.block ?? [], in: effect(call, block))
        }
        return true
    }

    /// Looks for further errors in the block of a directive that is wrong itself.
    private func inspect(_ statement: Statement, _ directive: Directive) {
        guard let inside = statement.block, let context = directive.block else { return }
        let scratch = Block(context, mark: statement.mark)
        run(inside, in: scratch)
    }

    private func unknown(_ statement: Statement, in context: Context) {
        let name = statement.name.text
        if statement.name.isBroken { return }
        if let option = statement.name.optionName {
            report.error(
                statement.mark,
                "expected a directive, found the option '\(option)='",
                hint: "options stand on the line of their directive; '\\' continues a line"
            )
            return
        }
        let here = Directive.all.filter { $0.contexts.contains(context) }.map(\.name)
        if let near = suggestion(for: name, among: here) {
            report.error(statement.mark, "unknown directive '\(name)'", hint: near)
            if let meant = nearestName(to: name, among: here), let directive = directives[meant] {
                inspect(statement, directive)
            }
        } else if let near = nearestName(to: name, among: Directive.all.map(\.name)),
            let directive = directives[near]
        {
            let places = alternatives(directive.contexts.map(\.phrase))
            report.error(
                statement.mark,
                "unknown directive '\(name)'",
                hint: "did you mean '\(near)'? It stands \(places)"
            )
        } else {
            report.error(statement.mark, "unknown directive '\(name)'")
        }
    }

    private func checkRepetition(
        _ directive: Directive,
        _ statement: Statement,
        _ block: Block
    ) -> Bool {
        guard let first = block.seen[directive.name] else {
            block.seen[directive.name] = statement.mark
            return true
        }
        if case .many = directive.repetition { return true }
        report.error(
            statement.mark,
            "\(directive.name): stands twice in one block",
            notes: [(first, "it stands here first")]
        )
        return false
    }

    private func checkBlock(_ directive: Directive, _ statement: Statement) -> Bool {
        if directive.block == nil, statement.block != nil {
            report.error(statement.openMark, "\(directive.name): takes no block")
            return false
        }
        if directive.block != nil, statement.block == nil {
            report.error(statement.mark, "\(directive.name): expected a block in '{' and '}'")
            return false
        }
        return true
    }

    // MARK: Arguments

    /// Reads the arguments; nil when any of them is wrong.
    private func call(
        _ directive: Directive,
        _ statement: Statement,
        _ context: Context
    ) -> Call? {
        var words: [Word] = []
        var options: [String: Parsed] = [:]
        var isGood = true
        for word in statement.arguments {
            if let name = word.optionName {
                isGood = option(name, word, directive, context, &options) && isGood
            } else if !word.isQuoted, directive.flags.contains(word.text) {
                if options[word.text] != nil {
                    report.error(word.mark, "\(directive.name): '\(word.text)' stands twice")
                    isGood = false
                }
                options[word.text] = Parsed(value: .flag, word: word)
            } else {
                words.append(word)
            }
        }
        guard let arguments = positional(words, directive, statement), isGood else { return nil }
        return Call(
            directive: directive,
            statement: statement,
            report: report,
            arguments: arguments,
            options: options,
            access: access
        )
    }

    private func option(
        _ name: String,
        _ word: Word,
        _ directive: Directive,
        _ context: Context,
        _ options: inout [String: Parsed]
    ) -> Bool {
        guard let option = directive.options.first(where: { $0.name == name }),
            let value = word.optionValue
        else {
            let known = directive.options.map(\.name)
            report.error(
                word.mark,
                "\(directive.name): unknown option '\(name)='",
                hint: suggestion(for: name, among: known)
                    ?? (known.isEmpty
                        ? "it takes no options; put an argument with '=' in quotes"
                        : "known are \(known.joined(separator: " "))")
            )
            return false
        }
        if option.kind.isFlag {
            report.error(
                word.mark,
                "\(directive.name): '\(name)' takes no value",
                hint: "write '\(name)'"
            )
            return false
        }
        if let contexts = option.contexts, !contexts.contains(context) {
            report.error(
                word.mark,
                "\(directive.name): '\(name)=' has no effect \(context.phrase)",
                hint: "it stands \(alternatives(contexts.map(\.phrase)))"
            )
            return false
        }
        if let first = options[name] {
            report.error(
                word.mark,
                "\(directive.name): '\(name)=' stands twice",
                notes: [(first.mark, "it stands here first")]
            )
            return false
        }
        guard let parsed = parse(value, option.kind, "\(directive.name): \(name): ") else {
            return false
        }
        options[name] = parsed
        return true
    }

    /// Gives each word its argument: a run of several takes what the ones behind it leave.
    private func positional(
        _ words: [Word],
        _ directive: Directive,
        _ statement: Statement
    ) -> [Parsed]? {
        var result: [Parsed] = []
        var isGood = true
        var next = 0
        for (index, argument) in directive.arguments.enumerated() {
            let reserved = directive.arguments[(index + 1)...].filter { $0.count != .optional }
                .count
            let left = words.count - next
            let taken: Int
            switch argument.count {
            case .one: taken = min(left, 1)
            case .optional: taken = min(max(0, left - reserved), 1)
            case .oneOrMore: taken = left > 0 ? max(1, left - reserved) : 0
            }
            if taken == 0, argument.count != .optional {
                missing(argument, directive, statement)
                return nil
            }
            for (offset, word) in words[next..<(next + taken)].enumerated() {
                if offset > 0, isUnknownFlag(word, directive) {
                    isGood = false
                } else if let parsed = parse(word, argument.kind, "\(directive.name): ") {
                    result.append(parsed)
                } else {
                    isGood = false
                }
            }
            next += taken
        }
        if next < words.count {
            let word = words[next]
            report.error(
                word.mark,
                "\(directive.name): unexpected argument '\(word.text)'",
                hint: suggestion(
                    for: word.text,
                    among: directive.options.map { $0.kind.isFlag ? $0.name : $0.name + "=" }
                )
                    ?? "write \(directive.usageLine)"
            )
            return nil
        }
        return isGood ? result : nil
    }

    /// Whether a word behind a first address looks like a flag: then that is what is wrong.
    private func isUnknownFlag(_ word: Word, _ directive: Directive) -> Bool {
        guard !directive.flags.isEmpty, !word.isQuoted,
            word.text.utf8.allSatisfy({ $0 >= 0x61 && $0 <= 0x7A || $0 == 0x5F })
        else { return false }
        report.error(
            word.mark,
            "\(directive.name): unknown option '\(word.text)'",
            hint: suggestion(for: word.text, among: directive.flags)
        )
        return true
    }

    private func missing(
        _ argument: Directive.Argument,
        _ directive: Directive,
        _ statement: Statement
    ) {
        report.error(
            statement.mark,
            "\(directive.name): \(directive.usage == nil ? argument.name + " is" : "arguments are") missing",
            hint: "write \(directive.usageLine)"
        )
    }

    private func parse(_ word: Word, _ kind: Kind, _ prefix: String) -> Parsed? {
        if word.isBroken { return nil }
        do throws(ValueError) {
            return Parsed(value: try kind.parse(word), word: word)
        } catch {
            report.error(word.mark, prefix + error.message, hint: error.hint)
            return nil
        }
    }
}

extension Directive {
    /// How it is written, on one line.
    var usageLine: String {
        var parts = [name]
        if let usage {
            parts.append(usage)
        } else {
            for argument in arguments {
                switch argument.count {
                case .one: parts.append(argument.name)
                case .optional: parts.append("[\(argument.name)]")
                case .oneOrMore: parts.append("\(argument.name)…")
                }
            }
        }
        for option in options {
            parts.append(option.kind.isFlag ? "[\(option.name)]" : "[\(option.name)=…]")
        }
        if block != nil { parts.append("{ … }") }
        return parts.joined(separator: " ")
    }
}
