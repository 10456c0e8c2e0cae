import ArgumentParser
import Configuration

/// `gateway check`.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Says everything that is wrong with a configuration.",
        discussion: """
            Ends with status 0 if `gateway run` would take the file, and with 1 if not. Warnings \
            change nothing about that: a setting that is legal but dangerous, and what is missing \
            on this machine at this moment, such as the socket of an application that is not \
            running yet.
            """
    )

    @OptionGroup var file: ConfigurationFile

    func run() throws {
        let loaded = try file.load()
        let certificates = CertificateCheck(loaded)
        StandardError.write(Diagnostic.render(certificates.diagnostics))
        let errors = certificates.errors + SystemCheck.errors(loaded)
        for error in errors {
            StandardError.write("\(printable(file.path)): error: \(printable(error))\n")
        }
        let missing = SystemCheck.findings(loaded)
        for finding in missing {
            StandardError.write("\(printable(file.path)): warning: \(printable(finding))\n")
        }
        for line in loaded.summary { StandardOutput.write(printable(line) + "\n") }
        for line in certificates.summary { StandardOutput.write(printable(line) + "\n") }
        if certificates.hasErrors || !errors.isEmpty { throw ExitCode(1) }
        let count = loaded.warnings.count + certificates.diagnostics.count + missing.count
        let warnings = count == 0 ? "" : ", with \(count) warning\(count == 1 ? "" : "s")"
        StandardOutput.write("\(printable(file.path)): good\(warnings)\n")
    }
}
