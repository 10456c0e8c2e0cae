import Testing

/// Something that the repository promises about its own files.
struct Rule: Sendable, CustomTestStringConvertible {
    /// What it says, as a sentence.
    let name: String
    /// Small sets of files that break it; without one, nobody would know whether it finds anything.
    let bad: [[SourceFile]]
    /// Sets of files that come close and keep it.
    let good: [[SourceFile]]
    /// What breaks it, as `path:line: reason`.
    let violations: @Sendable ([SourceFile]) -> [String]

    var testDescription: String { name }

    /// A rule about each line of code by itself.
    ///
    /// It is about the files that `applies` picks; `objection` says what is wrong with the line at
    /// an index, or nil.
    static func lines(
        _ name: String,
        bad: [SourceFile],
        good: [SourceFile] = [],
        in applies: @escaping @Sendable (SourceFile) -> Bool,
        objection: @escaping @Sendable (SourceFile, Int) -> String?
    ) -> Rule {
        Rule(name: name, bad: bad.map { [$0] }, good: good.map { [$0] }) { files in
            files.filter(applies).flatMap { file in
                file.lines.indices.compactMap { index in
                    guard index < file.code.count else { return nil }
                    return objection(file, index).map { "\(file.path):\(index + 1): \($0)" }
                }
            }
        }
    }

    static let all: [Rule] = [
        pureImports, noMachine, oneImporter, noProxyImport, noFoundation, lineLength, fileLength,
        functionLength, noLeftovers, noTraps, noForceUnwrap, uncheckedHasReason, trackedFiles,
        testsMirrorSources,
    ]
}

@Suite("The repository's own rules")
struct RepositoryTests {
    @Test("The repository keeps the rule", arguments: Rule.all)
    func holds(rule: Rule) {
        let violations = rule.violations(Repository.files)
        #expect(violations.isEmpty, "\n\(violations.joined(separator: "\n"))")
    }

    @Test("The rule objects to each bad sample", arguments: Rule.all)
    func objects(rule: Rule) {
        #expect(!rule.bad.isEmpty)
        for sample in rule.bad {
            #expect(!rule.violations(sample).isEmpty, "\(sample.map(\.text))")
        }
    }

    @Test("The rule leaves each good sample alone", arguments: Rule.all)
    func allows(rule: Rule) {
        for sample in rule.good {
            #expect(rule.violations(sample) == [], "\(sample.map(\.text))")
        }
    }

    @Test("There is a repository to look at")
    func isThere() {
        #expect(Repository.files.contains { $0.path == "Package.swift" })
        #expect(Repository.files.filter { $0.isSource && $0.isSwift }.count > 1)
    }
}

@Suite("What the rules are made of")
struct RuleToolTests {
    @Test("Comments and literals are left out, and lines stay where they are")
    func code() {
        let text = """
            let a = "x // no" // comment
            /* one /* two
            */ */ let b = \"""
              try! "quoted" \\(f("}")) {
              \"""
            let c = #"\\"# + "\\(g("a" + h()))" + d
            """
        #expect(
            codeLines(of: text) == [
                #"let a = "" "#, "", #" let b = ""#, "", #"""#, #"let c = "" + "" + d"#,
            ]
        )
    }

    @Test("Functions are measured from their first line to their closing brace")
    func functionLengths() {
        let text = """
            struct A {
                init() {}
                func f(
                    x: () -> Void = { }
                ) {
                    g { }
                }
            }
            protocol P {
                func required()
                func also(x: Int) -> Int
            }
            func last() -> Int { 1 }
            """
        let found = functions(in: codeLines(of: text))
        #expect(found.map(\.name) == ["init", "f", "last"])
        #expect(found.map(\.line) == [1, 2, 12])
        #expect(found.map(\.lineCount) == [1, 5, 1])
    }

    @Test("Imports are found with their modifiers and kinds")
    func imports() {
        let text = "public import A\n@testable import B\nimport struct C.D\n// import E\nlet f = 1"
        #expect(SourceFile("a.swift", text).imports.map(\.module) == ["A", "B", "C"])
    }

    @Test("Fenced blocks are found by their language")
    func blocks() {
        let page = "a\n```gateway\nsite * {\n}\n```\n```sh\nls\n```\n  ```gateway\nx\n  ```\n"
        let found = fencedBlocks(in: page, language: "gateway")
        #expect(found.map(\.line) == [2, 9])
        #expect(found.map(\.text) == ["site * {\n}\n", "x\n"])
    }
}
