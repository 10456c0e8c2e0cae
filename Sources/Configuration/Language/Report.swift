/// Collects what is to be said about a configuration, and knows the files it was read from.
///
/// A class, because every step of a load adds to the same one; it never leaves the load.
final class Report {
    /// The files read so far, each inclusion on its own.
    private(set) var files: [SourceFile] = []
    private var found: [Diagnostic] = []
    /// Whether the load fails.
    private(set) var hasErrors = false

    func add(_ file: SourceFile) -> Int {
        files.append(file)
        return files.count - 1
    }

    func error(
        _ mark: Mark,
        _ message: String,
        hint: String? = nil,
        notes: [(Mark, String)] = []
    ) {
        hasErrors = true
        add(.error, mark, message, hint, notes)
    }

    func warning(
        _ mark: Mark,
        _ message: String,
        hint: String? = nil,
        notes: [(Mark, String)] = []
    ) {
        add(.warning, mark, message, hint, notes)
    }

    /// An error that no line of a file can be shown for: the file itself cannot be read.
    func error(file: String, _ message: String) {
        hasErrors = true
        let place = Place(file: file, fileNumber: files.count, line: 0, column: 0, length: 1)
        found.append(
            Diagnostic(
                severity: .error,
                place: place,
                message: message,
                hint: nil,
                notes: [],
                line: ""
            )
        )
    }

    private func add(
        _ severity: Diagnostic.Severity,
        _ mark: Mark,
        _ message: String,
        _ hint: String?,
        _ notes: [(Mark, String)]
    ) {
        guard found.count < SourceLimits.diagnostics else { return }
        let file = files[mark.file]
        found.append(
            Diagnostic(
                severity: severity,
                place: file.place(mark),
                message: Report.printable(message),
                hint: hint.map(Report.printable),
                notes: notes.map { note in
                    Diagnostic.Note(
                        place: files[note.0.file].place(note.0),
                        message: Report.printable(note.1)
                    )
                },
                line: file.line(mark)
            )
        )
    }

    /// A place to be found again when the load is over.
    func origin(_ mark: Mark) -> Origin {
        let file = files[mark.file]
        return Origin(place: file.place(mark), line: file.line(mark))
    }

    /// A text without control characters: messages quote what a file or the environment holds, and
    /// a terminal would obey it, or show one message as two.
    static func printable(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return text }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            result.append(scalar.value < 0x20 || scalar.value == 0x7F ? "\u{FFFD}" : scalar)
        }
        return String(result)
    }

    /// Everything of a severity, sorted by place, nothing twice.
    func diagnostics(_ severity: Diagnostic.Severity) -> [Diagnostic] {
        var result: [Diagnostic] = []
        let sorted = found.enumerated()
            .filter { $0.element.severity == severity }
            .sorted { ($0.element.place, $0.offset) < ($1.element.place, $1.offset) }
        for (_, diagnostic) in sorted {
            let isRepeated = result.reversed().prefix { $0.place == diagnostic.place }
                .contains { $0.message == diagnostic.message }
            if !isRepeated { result.append(diagnostic) }
        }
        return result
    }
}
