extension Diagnostic: CustomStringConvertible {
    /// Characters of a line that are shown; a longer one is cut around the place.
    private static let shownWidth = 160

    /// The message with its place, the line, a caret under the place, and what else helps.
    public var description: String {
        var text = "\(place): \(severity.rawValue): \(message)\n"
        if place.line > 0 {
            let shown = shownLine()
            text += "    \(shown.text)\n    \(shown.underline)\n"
        }
        if let hint { text += "    \(hint)\n" }
        for note in notes { text += "\(note.place): note: \(note.message)\n" }
        return text
    }

    /// The line and what underlines it.
    ///
    /// Tabs stay tabs in both, so that they stay aligned.
    private func shownLine() -> (text: String, underline: String) {
        var scalars = line.unicodeScalars.map { scalar in
            scalar.value < 0x20 && scalar != "\t" || scalar.value == 0x7F ? "\u{FFFD}" : scalar
        }
        var column = min(place.column - 1, scalars.count)
        var dots = ""
        if scalars.count > Self.shownWidth {
            let start = max(0, min(column - Self.shownWidth / 2, scalars.count - Self.shownWidth))
            scalars = Array(scalars[start..<min(scalars.count, start + Self.shownWidth)])
            column -= start
            dots = start > 0 ? "… " : ""
        }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        let padding = scalars.prefix(column).map { $0 == "\t" ? "\t" : " " }.joined()
        let width = max(1, min(place.length, scalars.count - column))
        return (
            dots + String(text),
            String(repeating: " ", count: dots.isEmpty ? 0 : 2) + padding + "^"
                + String(repeating: "~", count: width - 1)
        )
    }
}

extension Place: CustomStringConvertible {
    /// `gateway.conf:12:9`, or the file alone where no line can be named.
    public var description: String { line > 0 ? "\(file):\(line):\(column)" : file }
}

extension Diagnostic {
    /// Messages one after the other, as `gateway check` prints them.
    public static func render(_ diagnostics: [Diagnostic]) -> String {
        diagnostics.map(\.description).joined()
    }
}
