/// A word of the language: a directive's name or an argument.
struct Word: Sendable {
    /// What it says, escapes and environment variables resolved.
    let text: String
    /// Where it stands.
    let mark: Mark
    /// Whether it is one quoted string.
    let isQuoted: Bool
    /// For `name=value`, how many bytes the name has.
    let nameLength: Int?
    /// The bytes of `text` that came from the environment, where `$` is a dollar and nothing else.
    let literals: [Range<Int>]
    /// Whether an error about it has been reported already, so that what it says means nothing.
    let isBroken: Bool

    /// The name of `name=value`.
    var optionName: String? {
        nameLength.map { String(decoding: text.utf8.prefix($0), as: UTF8.self) }
    }

    /// The value of `name=value`, as a word of its own.
    var optionValue: Word? {
        guard let nameLength else { return nil }
        let skipped = nameLength + 1
        return Word(
            text: String(decoding: text.utf8.dropFirst(skipped), as: UTF8.self),
            mark: Mark(
                file: mark.file,
                offset: mark.offset + skipped,
                length: max(1, mark.length - skipped)
            ),
            isQuoted: false,
            nameLength: nil,
            literals: literals.map {
                max(0, $0.lowerBound - skipped)..<max(0, $0.upperBound - skipped)
            },
            isBroken: isBroken
        )
    }
}

/// A directive as it stands in a file, before anything is known about it.
struct Statement: Sendable {
    let name: Word
    let arguments: [Word]
    /// What stands between its braces; nil when it has none.
    let block: [Statement]?
    /// The opening brace, or the name where there is none.
    let openMark: Mark

    var mark: Mark { name.mark }
}
