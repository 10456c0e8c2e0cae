import ArgumentParser
import Configuration

/// `gateway reference [DIRECTIVE]`.
struct ReferenceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reference",
        abstract: "Explains a directive of gateway.conf, or lists all of them."
    )

    @Argument(help: "The directive; all of them where none is named.")
    var directive: String?

    func run() throws {
        guard let text = Reference.text(for: directive) else {
            let name = directive ?? ""
            let nearest = Reference.nearest(to: name).map { ", did you mean '\($0)'?" }
            StandardError.write(
                "gateway: there is no directive '\(printable(name))'\(nearest ?? "")\n"
                    + "`gateway reference` lists all of them.\n"
            )
            throw ExitCode(1)
        }
        StandardOutput.write(text)
    }
}
