import Configuration
import Foundation
import Testing

/// The pages that people copy from.
@Suite("Documentation")
struct DocumentationTests {
    /// What the pages' configurations read besides themselves.
    private static let files = [
        "errors/unavailable.html": "<p>back soon</p>",
        "rates.txt": "203.0.113.9 1000/s burst=2000\npartner off\n",
    ]

    @Test("Every configuration in the documentation loads, without a warning", arguments: Page.all)
    func configurationsLoad(page: Page) {
        for block in page.configurations {
            do throws(InvalidConfiguration) {
                let loaded = try configuration(block.text, files: Self.files)
                for warning in loaded.warnings where !block.mayWarn(warning.message) {
                    Issue.record("\(page.path):\(block.line): \(warning)")
                }
            } catch {
                Issue.record("\(page.path):\(block.line): \(error.description)")
            }
        }
    }

    @Test("Configurations are found where they are marked, and a broken one does not load")
    func brokenBlockFails() throws {
        let page = Page(
            path: "Documentation/sample.md",
            text: "a\n```\nnot one\n```\n```gateway\nsite * { listne :80 }\n```\nb\n"
        )
        let block = try #require(page.configurations.first)
        #expect(page.configurations.count == 1)
        #expect(block == ConfigurationBlock(line: 6, text: "site * { listne :80 }\n"))
        #expect(throws: InvalidConfiguration.self) {
            try configuration(block.text, files: Self.files)
        }
    }

    @Test("README and at least a dozen pages show a configuration")
    func pagesShowConfigurations() {
        #expect(Page.all.contains { $0.path == "README.md" && !$0.configurations.isEmpty })
        #expect(Page.all.filter { !$0.configurations.isEmpty }.count >= 12)
    }

    @Test("Every link to a file of the repository leads to one", arguments: Page.all)
    func linksLead(page: Page) {
        let folder = Page.root.appending(path: page.path).deletingLastPathComponent()
        for link in page.links {
            #expect(
                FileManager.default.fileExists(atPath: folder.appending(path: link).path),
                "\(page.path): \(link)"
            )
        }
    }
}

/// A configuration within a page.
struct ConfigurationBlock: Equatable {
    /// Where its first line stands.
    let line: Int
    var text: String

    /// Whether the page is about what is warned of: a metrics listener for a container.
    func mayWarn(_ message: String) -> Bool {
        message.hasPrefix("metrics:") && text.contains("metrics :")
    }
}

/// A page of the repository.
struct Page: CustomTestStringConvertible {
    let path: String
    let text: String

    var testDescription: String { path }

    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// README, ARCHITECTURE, all of Documentation, and what the examples say of themselves.
    static let all: [Page] = {
        let names = try? FileManager.default.contentsOfDirectory(
            atPath: root.appending(path: "Documentation").path
        )
        let pages = (names ?? []).filter { $0.hasSuffix(".md") }.map { "Documentation/\($0)" }
        let main = ["README.md", "ARCHITECTURE.md", "Examples/flask/README.md"]
        return (main + pages.sorted()).map { path in
            let text = try? String(contentsOf: root.appending(path: path), encoding: .utf8)
            return Page(path: path, text: text ?? "")
        }
    }()

    /// The blocks that are fenced and marked as configurations.
    var configurations: [ConfigurationBlock] {
        var blocks: [ConfigurationBlock] = []
        var open: ConfigurationBlock?
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            if let block = open, line == "```" {
                blocks.append(block)
                open = nil
            } else if open != nil {
                open?.text += line + "\n"
            } else if line == "```gateway" {
                open = ConfigurationBlock(line: index + 2, text: "")
            }
        }
        // A fence that is never closed is a block as well: it will not load.
        return blocks + (open.map { [$0] } ?? [])
    }

    /// What is linked to within the repository, without the place in it.
    var links: [String] {
        text.matches(of: /\]\(([^)#: ]+)(#[^)]*)?\)/).map { String($0.1) }
    }
}
