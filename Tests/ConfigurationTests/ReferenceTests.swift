import Configuration
import Foundation
import Testing

/// The reference, made from the declarations.
@Suite("Reference")
struct ReferenceTests {
    static let page = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Documentation/Directives.md")

    @Test("Documentation/Directives.md is what the declarations say")
    func committed() throws {
        if ProcessInfo.processInfo.environment["GOLDEN_UPDATE"] == "1" {
            try Data(Reference.markdown.utf8).write(to: Self.page)
        }
        let committed = try String(contentsOf: Self.page, encoding: .utf8)
        #expect(committed == Reference.markdown, "GOLDEN_UPDATE=1 writes it anew")
    }

    @Test("Every directive has an entry, in lines that fit a terminal")
    func entries() throws {
        for name in Reference.names {
            let text = try #require(Reference.text(for: name))
            #expect(text.hasPrefix(name))
            #expect(text.contains("Example"))
        }
        let overview = try #require(Reference.text(for: nil))
        #expect(overview.split(separator: "\n").count == Reference.names.count)
    }

    @Test("An unknown directive has none, and the nearest is named")
    func unknown() {
        #expect(Reference.text(for: "ruote") == nil)
        #expect(Reference.nearest(to: "ruote") == "route")
        #expect(Reference.nearest(to: "something-else") == nil)
    }
}
