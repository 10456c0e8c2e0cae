import Addressing

/// An argument with what it says.
struct Parsed: Sendable {
    let value: Value
    let word: Word

    var mark: Mark { word.mark }
    /// Text and keywords; empty for everything else.
    var text: String {
        switch value {
        case .text(let text), .keyword(let text): text
        default: word.text
        }
    }
    var number: Int? { if case .number(let number) = value { number } else { nil } }
    var duration: Int64? { if case .duration(let duration) = value { duration } else { nil } }
    var keyword: String? { if case .keyword(let keyword) = value { keyword } else { nil } }
    var template: Template? { if case .template(let template) = value { template } else { nil } }
}

/// A directive of a file whose arguments are what its declaration wants: what an effect works with.
struct Call {
    let directive: Directive
    let statement: Statement
    let report: Report
    /// The arguments in order, flags and options left out.
    let arguments: [Parsed]
    /// Options by name; flags too.
    let options: [String: Parsed]
    let access: SourceAccess

    /// The directive's name.
    var mark: Mark { statement.mark }

    /// One of the arguments, by its place.
    ///
    /// Declared as required, else an effect would not run without it.
    func argument(_ index: Int) -> Parsed? { index < arguments.count ? arguments[index] : nil }
    func has(_ flag: String) -> Bool { options[flag] != nil }
    func number(_ option: String) -> Int? { options[option]?.number }
    func duration(_ option: String) -> Int64? { options[option]?.duration }
    func keyword(_ option: String) -> String? { options[option]?.keyword }

    func error(
        _ mark: Mark? = nil,
        _ message: String,
        hint: String? = nil,
        notes: [(Mark, String)] = []
    ) {
        report.error(
            mark ?? statement.mark,
            "\(directive.name): \(message)",
            hint: hint,
            notes: notes
        )
    }

    func warning(_ mark: Mark? = nil, _ message: String, hint: String? = nil) {
        report.warning(mark ?? statement.mark, "\(directive.name): \(message)", hint: hint)
    }
}
