import Configuration

/// How the configuration is loaded for a person who waits for an answer.
enum ConfigurationLoading {
    /// Reads and checks a file.
    /// - Returns: The configuration, its warnings already on standard error.
    /// - Throws: `Failed`, after everything that is wrong has been said on standard error.
    static func load(_ path: String) throws(Failed) -> Configuration {
        do throws(InvalidConfiguration) {
            let loaded = try Configuration.load(path, access: .system)
            StandardError.write(Diagnostic.render(loaded.warnings))
            return loaded
        } catch {
            StandardError.write(error.description)
            StandardError.write("\(printable(path)): \(counts(error.diagnostics))\n")
            throw Failed()
        }
    }

    /// How many errors and warnings there are, in words.
    static func counts(_ diagnostics: [Diagnostic]) -> String {
        let errors = diagnostics.count { $0.severity == .error }
        let warnings = diagnostics.count - errors
        return [(errors, "error"), (warnings, "warning")]
            .filter { $0.0 > 0 }
            .map { count, noun in "\(count) \(noun)\(count == 1 ? "" : "s")" }
            .joined(separator: ", ")
    }
}
