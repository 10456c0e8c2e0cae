/// Builds the tree of directives of one file.
///
/// Never fails: what is wrong is reported, and it goes on.
struct Parser {
    private var lexer: Lexer
    private let report: Report
    /// Reads what an `include` names.
    private let include: (Statement) -> [Statement]

    init(
        file: Int,
        report: Report,
        environment: @escaping (String) -> String?,
        include: @escaping (Statement) -> [Statement]
    ) {
        lexer = Lexer(file: file, report: report, environment: environment)
        self.report = report
        self.include = include
    }

    /// The directives of the whole file.
    mutating func file() -> [Statement] { statements(openedBy: nil, depth: 0) }

    /// Directives up to the closing brace or the end of the file.
    private mutating func statements(openedBy open: Mark?, depth: Int) -> [Statement] {
        var result: [Statement] = []
        while true {
            switch lexer.next() {
            case .end: continue
            case .word(let name):
                let statement = statement(name, depth: depth)
                if statement.statement.name.text == "include", !statement.statement.name.isQuoted {
                    result += include(statement.statement)
                } else {
                    result.append(statement.statement)
                }
                switch statement.ending {
                case .directive: continue
                case .block(let mark):
                    if open != nil { return result }
                    strayClose(mark)
                case .file(let mark):
                    missingClose(open, mark)
                    return result
                }
            case .open(let mark):
                report.error(
                    mark,
                    "a block without a directive",
                    hint: "'{' stands at the end of its directive's line"
                )
                _ = block(mark, depth: depth)
            case .close(let mark):
                if open != nil { return result }
                strayClose(mark)
            case .endOfFile(let mark):
                missingClose(open, mark)
                return result
            }
        }
    }

    private func strayClose(_ mark: Mark) {
        report.error(mark, "a '}' that closes nothing")
    }

    private func missingClose(_ open: Mark?, _ mark: Mark) {
        guard let open else { return }
        report.error(open, "this block is not closed", notes: [(mark, "the file ends here")])
    }

    /// What ended a directive: itself, the brace that closes the block around it, or the file.
    private enum Ending {
        case directive
        case block(Mark)
        case file(Mark)
    }

    private mutating func statement(
        _ name: Word,
        depth: Int
    ) -> (statement: Statement, ending: Ending) {
        var arguments: [Word] = []
        while true {
            let token = lexer.next()
            if case .word(let word) = token {
                arguments.append(word)
                continue
            }
            if case .open(let mark) = token {
                let inside = block(mark, depth: depth)
                return (
                    Statement(name: name, arguments: arguments, block: inside, openMark: mark),
                    .directive
                )
            }
            let statement = Statement(
                name: name,
                arguments: arguments,
                block: nil,
                openMark: name.mark
            )
            switch token {
            case .close(let mark): return (statement, .block(mark))
            case .endOfFile(let mark): return (statement, .file(mark))
            case .end, .word, .open: return (statement, .directive)
            }
        }
    }

    private mutating func block(_ open: Mark, depth: Int) -> [Statement] {
        guard depth < SourceLimits.blockDepth else {
            report.error(open, "blocks stand at most \(SourceLimits.blockDepth) deep")
            skipBlock()
            return []
        }
        return statements(openedBy: open, depth: depth + 1)
    }

    /// Leaves out a block with everything in it, without recursion.
    private mutating func skipBlock() {
        var depth = 1
        while depth > 0 {
            switch lexer.next() {
            case .open: depth += 1
            case .close: depth -= 1
            case .endOfFile: return
            case .word, .end: continue
            }
        }
    }
}
