/// A configuration that was refused, with everything that is wrong in it.
public struct InvalidConfiguration: Error, Sendable, CustomStringConvertible {
    /// Errors and warnings, sorted by place; at least one error.
    public let diagnostics: [Diagnostic]

    /// The messages as `gateway check` prints them.
    public var description: String { Diagnostic.render(diagnostics) }
}

extension Configuration {
    /// Reads, checks and compiles a configuration.
    /// - Parameters:
    ///   - path: The main file.
    ///   - access: How files and the environment are reached.
    /// - Returns: The configuration; its `warnings` are to be shown.
    /// - Throws: Everything that is wrong with it, in one go.
    public static func load(
        _ path: String,
        access: SourceAccess
    ) throws(InvalidConfiguration) -> Configuration {
        let report = Report()
        let statements = Loader(access: access, report: report).load(path)
        // Without a main file there is nothing to point at.
        if !report.files.isEmpty {
            let top = Block(.top, mark: Mark(file: 0, offset: 0, length: 1))
            Interpreter(report: report, access: access).run(statements, in: top)
            // systemd names several with colons between.
            let state = access.environment("STATE_DIRECTORY")?.split(separator: ":").first
            var resolver = Resolver(
                report: report,
                top: top,
                stateDirectory: state.map(String.init) ?? "/var/lib/gateway"
            )
            if let configuration = resolver.resolve() { return configuration }
        }
        let all = report.diagnostics(.error) + report.diagnostics(.warning)
        throw InvalidConfiguration(diagnostics: all.sorted { $0.place < $1.place })
    }
}
