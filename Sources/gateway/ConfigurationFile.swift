import ArgumentParser
import Configuration

/// The file that a subcommand reads, and how it is loaded for a person who waits for an answer.
struct ConfigurationFile: ParsableArguments {
    @Option(name: [.customShort("c"), .customLong("config")], help: "The configuration.")
    var path = "gateway.conf"

    /// Reads and checks the file.
    /// - Returns: The configuration, its warnings already on standard error.
    /// - Throws: Exit status 1, after everything that is wrong has been said on standard error.
    func load() throws -> Configuration {
        do throws(InvalidConfiguration) {
            let loaded = try Configuration.load(path, access: .system)
            StandardError.write(Diagnostic.render(loaded.warnings))
            return loaded
        } catch {
            StandardError.write(error.description)
            let counts = ConfigurationFile.counts(error.diagnostics)
            StandardError.write("\(printable(path)): \(counts)\n")
            throw ExitCode(1)
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
