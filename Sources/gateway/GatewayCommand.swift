import ArgumentParser

/// The program: one subcommand for each thing it does.
struct GatewayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway",
        abstract: "A reverse proxy: one binary, one file.",
        discussion: """
            Reads gateway.conf. `gateway check` says what is wrong with it, `gateway explain` what \
            a request would meet, and `gateway reference` what may stand in it.
            """,
        version: Build.text,
        subcommands: [
            RunCommand.self, CacheCommand.self, CheckCommand.self, ExplainCommand.self,
            LimitsCommand.self, ReferenceCommand.self, VersionCommand.self,
        ]
    )
}
