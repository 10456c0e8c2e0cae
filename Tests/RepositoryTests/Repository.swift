import Foundation

/// One file of the repository, or of a sample that a rule must object to.
struct SourceFile: Sendable {
    /// Relative to the repository's root, as `Sources/HTTP/Status.swift`.
    let path: String
    let text: String
    /// The lines as written, the first one at index 0.
    let lines: [String]
    /// The same lines without comments and without what stands in string literals.
    let code: [String]
    /// The modules that the code imports, each with the index of its line.
    let imports: [(module: String, line: Int)]

    init(_ path: String, _ text: String) {
        self.path = path
        self.text = text
        lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { String(Substring($0)) }
        code = path.hasSuffix(".swift") ? codeLines(of: text) : lines
        imports = path.hasSuffix(".swift") ? importedModules(in: code) : []
    }

    var isSwift: Bool { path.hasSuffix(".swift") }
    var isSource: Bool { path.hasPrefix("Sources/") }
    var isTest: Bool { path.hasPrefix("Tests/") }

    /// The package target that the file belongs to: the second component of its path.
    var target: String {
        let parts = path.split(separator: "/")
        return parts.count > 2 ? String(parts[1]) : ""
    }
}

/// The modules that code imports, each with the index of its line.
private func importedModules(in code: [String]) -> [(module: String, line: Int)] {
    code.enumerated().compactMap { index, line in
        guard line.contains("import ") else { return nil }
        let words = line.split { " \t;".contains($0) }.map(String.init)
        guard let keyword = words.firstIndex(of: "import"), keyword + 1 < words.count,
            words[..<keyword].allSatisfy({ importModifiers.contains($0) || $0.hasPrefix("@") })
        else { return nil }
        // `import struct Module.Name` names the kind first.
        let position = importKinds.contains(words[keyword + 1]) ? keyword + 2 : keyword + 1
        guard position < words.count else { return nil }
        return words[position].split(separator: ".").first.map { (String($0), index) }
    }
}

private let importKinds: Set<String> = [
    "struct", "class", "enum", "protocol", "func", "var", "let", "typealias",
]
private let importModifiers: Set<String> = [
    "public", "package", "internal", "fileprivate", "private",
]

/// The checked-out repository.
enum Repository {
    /// Where it is: two folders above this file's, or what REPOSITORY_ROOT names.
    static let root: String =
        ProcessInfo.processInfo.environment["REPOSITORY_ROOT"]
        ?? URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// Paths of what git tracks or would track, of those files that exist.
    static let paths: [String] = {
        let git = Process()
        git.executableURL = URL(filePath: "/usr/bin/env")
        git.arguments = ["git", "-C", root, "ls-files", "-z", "-co", "--exclude-standard"]
        let output = Pipe()
        git.standardOutput = output
        guard (try? git.run()) != nil else { return [] }
        let data = output.fileHandleForReading.readDataToEndOfFile()
        git.waitUntilExit()
        return String(decoding: data, as: UTF8.self).split(separator: "\0").map(String.init)
            .filter { FileManager.default.fileExists(atPath: root + "/" + $0) }.sorted()
    }()

    /// All files; one that is not text has its bytes replaced, which the rule for that sees as NUL.
    static let files: [SourceFile] = paths.compactMap { path in
        guard let data = FileManager.default.contents(atPath: root + "/" + path) else { return nil }
        return SourceFile(path, String(decoding: data, as: UTF8.self))
    }
}

/// The fenced code blocks of a Markdown page that are marked with a language.
///
/// For tests that load every configuration which the documentation shows.
/// - Returns: The line of each opening fence, counted from 1, and the block's text.
func fencedBlocks(in markdown: String, language: String) -> [(line: Int, text: String)] {
    var blocks: [(line: Int, text: String)] = []
    var open: (line: Int, isWanted: Bool, text: String)?
    for (index, line) in markdown.split(separator: "\n", omittingEmptySubsequences: false)
        .enumerated()
    {
        let trimmed = line.drop { $0 == " " }
        if let block = open {
            if trimmed == "```" {
                if block.isWanted { blocks.append((block.line, block.text)) }
                open = nil
            } else {
                open?.text += line + "\n"
            }
        } else if trimmed.hasPrefix("```") {
            open = (index + 1, trimmed.dropFirst(3) == language, "")
        }
    }
    return blocks
}
