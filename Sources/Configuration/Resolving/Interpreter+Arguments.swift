/// Reading the arguments of a directive against its declaration.
extension Interpreter {
    /// Reads the arguments; nil when any of them is wrong.
    func call(
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
                } else if let flag = directive.options.first(where: { $0.name == word.text }) {
                    isGood = mayStand(flag, word, directive, context) && isGood
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
        guard mayStand(option, word, directive, context) else { return false }
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

    /// Whether an option has an effect where its directive stands; reports one that has none.
    private func mayStand(
        _ option: Directive.Option,
        _ word: Word,
        _ directive: Directive,
        _ context: Context
    ) -> Bool {
        guard let contexts = option.contexts, !contexts.contains(context) else { return true }
        let name = option.kind.isFlag ? option.name : option.name + "="
        report.error(
            word.mark,
            "\(directive.name): '\(name)' has no effect \(context.phrase)",
            hint: "it stands \(alternatives(contexts.map(\.phrase)))"
        )
        return false
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
            let reserved = directive.arguments[(index + 1)...].filter {
                $0.count != .optional && $0.count != .any
            }
            .count
            let left = words.count - next
            let taken: Int
            switch argument.count {
            case .one: taken = min(left, 1)
            case .optional: taken = min(max(0, left - reserved), 1)
            case .oneOrMore: taken = left > 0 ? max(1, left - reserved) : 0
            case .any: taken = max(0, left - reserved)
            }
            if taken == 0, argument.count != .optional, argument.count != .any {
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
        let what = directive.usage == nil ? argument.name + " is" : "arguments are"
        report.error(
            statement.mark,
            "\(directive.name): \(what) missing",
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
