/// How files look, and what must not stand in them.
extension Rule {
    private static let maximumColumns = 100
    private static let maximumFileLines = 500
    private static let maximumFunctionLines = 70

    static let lineLength = lines(
        "No line is longer than 100 columns",
        bad: [
            SourceFile("Sources/A/A.swift", String(repeating: "a", count: 101)),
            SourceFile("Sources/A/A.swift", "// " + String(repeating: "a", count: 98)),
        ],
        good: [
            SourceFile("Tests/ATests/A.swift", String(repeating: "é", count: 100)),
            SourceFile(
                "Tests/ATests/A.swift",
                "let a = \"\"\"\n" + String(repeating: "a", count: 101) + "\n\"\"\""
            ),
        ],
        in: { $0.isSwift },
        objection: { file, index in
            let line = file.lines[index]
            guard line.utf8.count > maximumColumns else { return nil }
            // A line within a literal of several lines is data, often an expected output.
            let isComment = line.drop { $0 == " " }.hasPrefix("//")
            if !isComment, file.code[index].allSatisfy(\.isWhitespace) { return nil }
            // A test's row may hold a long literal that nothing is gained by breaking.
            if file.isTest, !isComment, file.code[index].count <= maximumColumns / 2 { return nil }
            let columns = line.count
            return columns > maximumColumns ? "\(columns) columns" : nil
        }
    )

    static let fileLength = Rule(
        name: "No source file has more than 500 lines: one subject each",
        bad: [[SourceFile("Sources/A/A.swift", String(repeating: "a\n", count: 501))]],
        good: [[SourceFile("Sources/A/A.swift", String(repeating: "a\n", count: 500))]],
        violations: { files in
            files.compactMap { file in
                let count = file.lines.count - (file.text.hasSuffix("\n") ? 1 : 0)
                guard file.isSource, file.isSwift, count > maximumFileLines else { return nil }
                return "\(file.path):1: \(count) lines"
            }
        }
    )

    static let functionLength = Rule(
        name: "No function has more than 70 lines",
        bad: [
            [
                SourceFile(
                    "Sources/A/A.swift",
                    "func f() {\n" + String(repeating: "  g { }\n", count: 69) + "}"
                )
            ]
        ],
        good: [
            [
                SourceFile(
                    "Sources/A/A.swift",
                    "func f() {\n" + String(repeating: "  g { }\n", count: 68) + "}\nfunc h() {}"
                )
            ],
            [
                SourceFile(
                    "Sources/A/A.swift",
                    "protocol P {\n  func f()\n}\n" + String(repeating: "let a = 1\n", count: 80)
                        + "struct S {}"
                )
            ],
        ],
        violations: { files in
            files.filter { $0.isSource && $0.isSwift }.flatMap { file in
                functions(in: file.code).filter { $0.lineCount > maximumFunctionLines }.map {
                    "\(file.path):\($0.line + 1): \($0.name) has \($0.lineCount) lines"
                }
            }
        }
    )

    /// Written in halves, so that this file keeps its own rule.
    private static let leftovers = ["TO" + "DO", "FIX" + "ME", "XX" + "X"]

    static let noLeftovers = Rule(
        name: "Nothing is left for later in the text: it is an issue or nothing",
        bad: leftovers.map { [SourceFile("Documentation/A.md", "a \($0): b")] },
        good: [[SourceFile("Scripts/a.sh", "mktemp /tmp/a.XX" + "XXXX\nmas" + leftovers[0])]],
        violations: { files in
            files.flatMap { file in
                file.lines.enumerated().compactMap { index, line in
                    guard leftovers.contains(where: line.contains),
                        let word = words(of: line).first(where: leftovers.contains)
                    else { return nil }
                    return "\(file.path):\(index + 1): \(word)"
                }
            }
        }
    )

    static let noTraps = lines(
        "No source says try!, as! or fatalError",
        bad: [
            SourceFile("Sources/A/A.swift", "let a = try! b()"),
            SourceFile("Sources/A/A.swift", "let a = b as! C"),
            SourceFile("Sources/A/A.swift", "fatalError(\"no\")"),
        ],
        good: [
            SourceFile("Sources/A/A.swift", "// never try! this\nlet a = \"fatalError(\""),
            SourceFile("Tests/ATests/A.swift", "let a = try! b()"),
        ],
        in: { $0.isSource && $0.isSwift },
        objection: { file, index in
            ["try!", "as!", "fatalError("].first { file.code[index].contains($0) }
                .map { "says \($0)" }
        }
    )

    static let noForceUnwrap = lines(
        "No source unwraps by force",
        bad: [
            SourceFile("Sources/A/A.swift", "let a = b!"),
            SourceFile("Sources/A/A.swift", "b()!.c"),
            SourceFile("Sources/A/A.swift", "d[1]![2]"),
            SourceFile("Sources/A/A.swift", "var e: Int!"),
        ],
        good: [
            SourceFile("Sources/A/A.swift", "if !a, b != c, d!=e { f(!g) }"),
            SourceFile("Sources/A/A.swift", "return !h && !(i)"),
        ],
        in: { $0.isSource && $0.isSwift },
        objection: { file, index in
            guard file.code[index].utf8.contains(UInt8(ascii: "!")) else { return nil }
            let line = Array(file.code[index])
            for position in line.indices.dropFirst() where line[position] == "!" {
                let before = line[position - 1]
                let isComparison = position + 1 < line.count && line[position + 1] == "="
                if before.isLetter || before.isNumber || "_)]>?\"`".contains(before), !isComparison
                {
                    return "unwraps by force"
                }
            }
            return nil
        }
    )

    static let uncheckedHasReason = lines(
        "What switches a check of the compiler off has its reason on the line above",
        bad: [
            SourceFile("Sources/A/A.swift", "final class A: @unchecked Sendable {}"),
            SourceFile("Sources/A/A.swift", "// A.\nlet b = 1\nnonisolated(unsafe) var c = 2"),
        ],
        good: [
            SourceFile(
                "Sources/A/A.swift",
                "// Why.\nfinal class A: @unchecked Sendable {}"
            ),
            SourceFile("Sources/A/A.swift", "/// Why.\n@safe\nnonisolated(unsafe) let c = 2"),
        ],
        in: { $0.isSource && $0.isSwift },
        objection: { file, index in
            let line = file.code[index]
            guard
                let word = ["@unchecked Sendable", "nonisolated(unsafe)"].first(
                    where: line.contains
                ),
                !hasReason(file, above: index)
            else { return nil }
            return "\(word) without a reason"
        }
    )

    static let trackedFiles = Rule(
        name: "Nothing that was built, resolved or compiled is tracked",
        bad: [
            [SourceFile("Fuzz/.build/a.txt", "")], [SourceFile("Package.resolved", "{}")],
            [SourceFile(".build-x/a.txt", "")], [SourceFile("Tests/__pycache__/a.pyc", "")],
            [SourceFile("Sources/A/a.bin", "a\0b")],
        ],
        good: [
            [SourceFile("Fuzz/Corpus/ProxyHeader/local", "\r\n\r\n\0")],
            [SourceFile("Scripts/build.sh", "a")],
        ],
        violations: { files in
            files.compactMap { file in
                let isBuilt = file.path.split(separator: "/").contains {
                    $0.hasPrefix(".build") || $0 == "Package.resolved" || $0 == "__pycache__"
                        || $0 == ".venv" || $0 == "node_modules"
                }
                if isBuilt { return "\(file.path):1: does not belong into git" }
                // What a fuzz target starts from may be any bytes.
                let isBinary = file.text.utf8.contains(0)
                return isBinary && !file.path.hasPrefix("Fuzz/Corpus/")
                    ? "\(file.path):1: is not text" : nil
            }
        }
    )

    static let testsMirrorSources = Rule(
        name: "Every test target mirrors a source target, and the other way round",
        bad: [
            [SourceFile("Tests/ATests/A.swift", "")],
            [SourceFile("Sources/A/A.swift", "")],
        ],
        good: [
            [
                SourceFile("Sources/A/A.swift", ""), SourceFile("Tests/ATests/A.swift", ""),
                SourceFile("Sources/gateway/main.swift", ""),
                SourceFile("Tests/RepositoryTests/Rule.swift", ""),
            ]
        ],
        violations: { files in
            let sources = Set(files.filter { $0.isSource && $0.isSwift }.map(\.target))
            let tests = Set(files.filter { $0.isTest && $0.isSwift }.map(\.target))
            // The command is tested by running it, and these rules are about everything.
            let missing = sources.subtracting(["gateway"]).filter { !tests.contains($0 + "Tests") }
            let idle = tests.subtracting(["RepositoryTests", "GatewayTests"]).filter { test in
                !sources.contains { $0 + "Tests" == test }
            }
            return missing.sorted().map { "Sources/\($0): has no Tests/\($0)Tests" }
                + idle.sorted().map { "Tests/\($0): mirrors no target of Sources" }
        }
    )
}
