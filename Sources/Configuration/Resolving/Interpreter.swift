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
}
