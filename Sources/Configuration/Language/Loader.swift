/// Reads a file and the files it includes into one tree.
final class Loader {
    private let access: SourceAccess
    private let report: Report
    /// The files being read, outermost first, to see a file that includes itself.
    private var stack: [String] = []

    init(access: SourceAccess, report: Report) {
        self.access = access
        self.report = report
    }

    /// The directives of the main file.
    func load(_ path: String) -> [Statement] {
        do throws(SourceAccess.Failure) {
            return parse(path, try access.read(path, SourceLimits.fileSize))
        } catch {
            report.error(file: path, Self.reason(error))
            return []
        }
    }

    private static func reason(_ failure: SourceAccess.Failure) -> String {
        switch failure {
        case .unreadable(let reason): "cannot be read: \(reason)"
        case .tooLarge: "is larger than \(SourceLimits.fileSize >> 20) MiB"
        }
    }

    private func parse(_ path: String, _ bytes: [UInt8]) -> [Statement] {
        let file = report.add(SourceFile(name: path, bytes: bytes))
        guard checkText(file, report) else { return [] }
        stack.append(normalisedPath(path))
        defer { stack.removeLast() }
        var parser = Parser(
            file: file,
            report: report,
            environment: access.environment,
            include: { self.include($0, from: path) }
        )
        return parser.file()
    }

    private func include(_ statement: Statement, from including: String) -> [Statement] {
        guard statement.block == nil else {
            report.error(statement.openMark, "include: takes no block")
            return []
        }
        guard let word = statement.arguments.first else {
            report.error(statement.mark, "include: expected a path or a pattern of paths")
            return []
        }
        if statement.arguments.count > 1 {
            report.error(statement.arguments[1].mark, "include: takes one path or pattern")
            return []
        }
        if word.isBroken { return [] }
        guard !word.text.isEmpty, !word.text.utf8.contains(0) else {
            report.error(word.mark, "include: expected a path or a pattern of paths")
            return []
        }
        let path = resolvedPath(word.text, from: including)
        guard word.text.utf8.contains(where: { "*?[".utf8.contains($0) }) else {
            return read(path, word)
        }
        let paths = access.matches(path).sorted()
        if paths.isEmpty { report.warning(word.mark, "include: no file fits '\(path)'") }
        return paths.flatMap { read($0, word) }
    }

    private func read(_ path: String, _ word: Word) -> [Statement] {
        let normalised = normalisedPath(path)
        if stack.contains(normalised) {
            let chain = (stack.drop { $0 != normalised } + [normalised]).joined(separator: " → ")
            report.error(word.mark, "include: the file includes itself: \(chain)")
            return []
        }
        guard stack.count < SourceLimits.includeDepth else {
            report.error(
                word.mark,
                "include: files include each other \(SourceLimits.includeDepth) deep"
            )
            return []
        }
        guard report.files.count < SourceLimits.files else {
            report.error(word.mark, "include: more than \(SourceLimits.files) files")
            return []
        }
        do throws(SourceAccess.Failure) {
            return parse(path, try access.read(path, SourceLimits.fileSize))
        } catch {
            report.error(word.mark, "include: '\(path)' \(Self.reason(error))")
            return []
        }
    }
}

/// A path as seen from the folder of a file.
func resolvedPath(_ path: String, from file: String) -> String {
    guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
    return String(file[...slash]) + path
}

/// A path without `.`, `..` and repeated slashes, to compare with.
private func normalisedPath(_ path: String) -> String {
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
        if part == "..", let last = parts.last, last != ".." {
            parts.removeLast()
        } else {
            parts.append(part)
        }
    }
    return (path.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
}
