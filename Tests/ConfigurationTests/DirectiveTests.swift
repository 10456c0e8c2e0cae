import Testing

@testable import Configuration

/// The declarations that the parser, the messages and the reference come from.
@Suite("Directives")
struct DirectiveTests {
    @Test("No name is declared twice")
    func distinct() {
        #expect(Set(Directive.all.map(\.name)).count == Directive.all.count)
    }

    @Test("Every directive is documented and every option named once", arguments: names)
    func documented(_ name: String) throws {
        let directive = try #require(Directive.all.first { $0.name == name })
        #expect(directive.summary.hasSuffix("."))
        #expect(directive.help.count > 20)
        #expect(!directive.contexts.isEmpty)
        #expect(Set(directive.options.map(\.name)).count == directive.options.count)
        for option in directive.options {
            #expect(!option.summary.isEmpty)
            #expect(option.contexts.map { Set($0).isSubset(of: directive.contexts) } ?? true)
        }
        #expect(directive.contexts.contains(directive.example.context))
        #expect(directive.example.text.contains(name))
    }

    @Test("Every example loads, without a warning", arguments: names)
    func example(_ name: String) throws {
        let directive = try #require(Directive.all.first { $0.name == name })
        let text = Self.file(directive)
        let found = diagnostics(
            text,
            files: ["errors/unavailable.html": "<p>later", "sites/a.conf": "# nothing"]
        )
        #expect(found.isEmpty, "\(Diagnostic.render(found))\n\(text)")
    }

    @Test("Every default that is written is one that the option takes", arguments: names)
    func defaults(_ name: String) throws {
        let directive = try #require(Directive.all.first { $0.name == name })
        for option in directive.options {
            guard let fallback = option.fallback else { continue }
            let word = Word(
                text: fallback,
                mark: Mark(file: 0, offset: 0, length: 1),
                isQuoted: false,
                nameLength: nil,
                literals: [],
                isBroken: false
            )
            #expect(throws: Never.self) { try option.kind.parse(word) }
        }
    }

    /// The example with as much around it as it needs.
    private static func file(_ directive: Directive) -> String {
        let text = directive.example.text
        var outside = text.contains("proxy app") ? "upstream app { server 10.0.0.1:80 }\n" : ""
        switch directive.example.context {
        case .top:
            outside += text + "\n"
            if !text.contains("site ") { outside += "site * { listen :80; proxy 10.0.0.1:80 }\n" }
        case .site:
            outside += "site * {\n\(text)\n\(text.contains("listen") ? "" : "listen :80")\n}\n"
        case .route: outside += "site * {\nlisten :80\nroute * {\n\(text)\n}\n}\n"
        case .upstream:
            outside += "upstream it {\n\(text)\n}\nsite * { listen :80; proxy it }\n"
        }
        return outside
    }
}

private let names = Directive.all.map(\.name)
