import ArgumentParser

/// `gateway version`.
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Prints the version."
    )

    func run() {
        StandardOutput.write(Build.text + "\n")
    }
}
