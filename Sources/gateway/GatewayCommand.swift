import ArgumentParser

/// The command line.
@main
struct GatewayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway", abstract: "A reverse proxy for application servers.",
        subcommands: [RunCommand.self])
}
