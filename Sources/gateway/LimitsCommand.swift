import ArgumentParser
import Configuration

/// `gateway limits`: looks into the counters of the gateway that runs, and resets them.
struct LimitsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "limits",
        abstract: "Shows who meets the rate limits of the running gateway, and lets them go on.",
        discussion: """
            Asks the listener that `metrics` names, with its `control_token`, both as the \
            configuration file has them.
            """,
        subcommands: [Reset.self, Show.self, Top.self]
    )

    /// What the counts are ordered by.
    enum Order: String, ExpressibleByArgument, CaseIterable { case refused, allowed }

    /// What is asked for, and how the answer looks.
    struct Choice: ParsableArguments {
        @Option(help: "Only this limit, by its name.")
        var limit: String?
        @Flag(help: "JSON instead of a table.")
        var json = false
        @OptionGroup var file: ConfigurationFile

        var query: String {
            let name = limit.map { "&limit=\(ControlRequest.encoded($0))" } ?? ""
            return "format=\(json ? "json" : "text")\(name)"
        }
    }

    /// Whose counter.
    struct Subject: ParsableArguments {
        @Argument(
            help: """
                The values of the key: an address, or what the header, cookie or parameter says; \
                several in their order for a key of several parts.
                """
        )
        var key: [String] = []
        @Option(help: "The key by the digits that `top` shows.")
        var id: String?

        func validate() throws {
            if key.isEmpty == (id == nil) {
                throw ValidationError("Expected either values of a key, or --id.")
            }
        }

        var query: String {
            if let id { return "&id=\(ControlRequest.encoded(id))" }
            return key.map { "&key=\(ControlRequest.encoded($0))" }.joined()
        }
    }

    /// `gateway limits top`.
    struct Top: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows the busiest keys of the last minute.",
            discussion: """
                Refusals are counted one by one, allowed requests estimated from one of 64. \
                Addresses are shown whole, values of headers, cookies and parameters are not.
                """
        )

        @Option(help: "How many.")
        var count = 20
        @Option(help: "By refused or by allowed requests.")
        var by = Order.refused
        @OptionGroup var choice: Choice

        func run() throws {
            let query = "count=\(count)&by=\(by.rawValue)&\(choice.query)"
            try LimitsCommand.ask("GET", "/limits/top?\(query)", choice.file)
        }
    }

    /// `gateway limits show`.
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows what the limits know of one key."
        )

        @OptionGroup var subject: Subject
        @OptionGroup var choice: Choice

        func run() throws {
            let query = choice.query + subject.query
            try LimitsCommand.ask("GET", "/limits/show?\(query)", choice.file)
        }
    }

    /// `gateway limits reset`.
    struct Reset: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forgets what one key has used, so that it may go on at once.",
            discussion: "Without --limit in all limits that count by such a value."
        )

        @OptionGroup var subject: Subject
        @OptionGroup var choice: Choice

        func run() throws {
            let query = choice.query + subject.query
            try LimitsCommand.ask("POST", "/limits/reset?\(query)", choice.file)
        }
    }

    static func ask(_ method: String, _ target: String, _ file: ConfigurationFile) throws {
        let configuration = try file.load()
        guard let address = configuration.metrics, let token = configuration.controlToken else {
            StandardError.write("Error: needs 'metrics ADDRESS control_token='\n")
            throw ExitCode(1)
        }
        try ControlRequest.send(method, target, to: address, token: token)
    }
}
