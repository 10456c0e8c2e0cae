import Configuration
import Foundation
import Testing

/// Golden files.
///
/// Each holds the main file, other files behind `---- NAME`, then `----------` and what is said,
/// or the model where nothing is. `GOLDEN_UPDATE=1` writes what is said now.
@Suite("gateway.conf, golden files")
struct GoldenTests {
    @Test("A file says what its golden file says", arguments: goldenNames)
    func golden(_ name: String) throws {
        let url = goldenFolder.appending(path: name)
        let text = try String(contentsOf: url, encoding: .utf8)
        let parts = text.components(separatedBy: "\n----------\n")
        let input = try #require(parts.first)
        let actual = outcome(of: input)
        if ProcessInfo.processInfo.environment["GOLDEN_UPDATE"] == "1" {
            try Data((input + "\n----------\n" + actual).utf8).write(to: url)
            return
        }
        #expect(parts.count == 2)
        #expect(actual == parts.last)
    }

    @Test("There are golden files")
    func present() {
        #expect(goldenNames.count > 30)
    }
}

private let goldenFolder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Golden")

private let goldenNames: [String] =
    ((try? FileManager.default.contentsOfDirectory(atPath: goldenFolder.path())) ?? [])
    .filter { $0.hasSuffix(".txt") }.sorted()

private func outcome(of input: String) -> String {
    var files: [String: String] = [:]
    var name = "gateway.conf"
    var lines: [Substring] = []
    for line in input.split(separator: "\n", omittingEmptySubsequences: false) {
        if line.hasPrefix("---- ") {
            files[name] = lines.joined(separator: "\n") + "\n"
            name = String(line.dropFirst(5))
            lines = []
        } else {
            lines.append(line)
        }
    }
    files[name] = lines.joined(separator: "\n") + "\n"
    let environment = ["PORT": "8080", "EMPTY": "", "SECRET": "a$host b"]
    do throws(InvalidConfiguration) {
        let loaded = try Configuration.load(
            "gateway.conf",
            access: access(files, environment: environment)
        )
        return Diagnostic.render(loaded.warnings) + dump(loaded)
    } catch {
        return error.description
    }
}
