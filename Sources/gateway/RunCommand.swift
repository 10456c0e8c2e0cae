import ArgumentParser

/// `gateway run`.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Serves, until it is told to stop."
    )

    @OptionGroup var file: ConfigurationFile

    func run() throws {
        _ = try file.load()
    }
}
