import ArgumentParser

/// `gateway explain METHOD URL --from ADDRESS`.
struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Says what a request would meet, step by step, and sends nothing."
    )

    @OptionGroup var file: ConfigurationFile

    func run() throws {
        _ = try file.load()
    }
}
