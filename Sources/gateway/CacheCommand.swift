import Addressing
import ArgumentParser
import Bytes
import Configuration
import EventLoop

/// `gateway cache`: looks into the cache of the gateway that runs, and empties it.
struct CacheCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache",
        abstract: "Shows and removes what the running gateway has stored.",
        discussion: """
            Asks the listener that `metrics` names, with the token of `cache_purge`, both as the \
            configuration file has them.
            """,
        subcommands: [Purge.self, Show.self, Top.self]
    )

    /// `gateway cache purge`.
    struct Purge: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Removes stored responses, or makes them stale."
        )

        @Option(help: "One URL, with all its variants.")
        var url: String?
        @Option(help: "All URLs that begin so.")
        var prefix: String?
        @Option(help: "All URLs of a host.")
        var host: String?
        @Option(help: "All responses that Cache-Tag, Surrogate-Key or Cache-Groups names so.")
        var tag: String?
        @Flag(help: "Everything.")
        var all = false
        @Flag(help: "They are only made stale: the next request validates them.")
        var soft = false

        @OptionGroup var file: ConfigurationFile

        func validate() throws {
            let given = [url, prefix, host, tag].compactMap { $0 }.count + (all ? 1 : 0)
            if given != 1 {
                throw ValidationError("Expected one of --url, --prefix, --host, --tag and --all.")
            }
        }

        func run() throws {
            var query = all ? "all=1" : ""
            for (name, value) in [("url", url), ("prefix", prefix), ("host", host), ("tag", tag)] {
                if let value { query = "\(name)=\(CacheCommand.encoded(value))" }
            }
            if soft { query += "&soft=1" }
            try CacheCommand.ask("POST", "/cache/purge?\(query)", file)
        }
    }

    /// `gateway cache show`.
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows what is stored for a URL."
        )

        @Argument(help: "Such as https://shop.example.com/api.")
        var url: String
        @OptionGroup var file: ConfigurationFile

        func run() throws {
            try CacheCommand.ask("GET", "/cache/show?url=\(CacheCommand.encoded(url))", file)
        }
    }

    /// `gateway cache top`.
    struct Top: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows what has answered most often."
        )

        @Option(help: "How many.")
        var count = 20
        @OptionGroup var file: ConfigurationFile

        func run() throws {
            try CacheCommand.ask("GET", "/cache/top?count=\(count)", file)
        }
    }

    /// Asks the running gateway, and prints what it says.
    static func ask(_ method: String, _ target: String, _ file: ConfigurationFile) throws {
        let configuration = try file.load()
        guard let address = configuration.metrics, let token = configuration.cachePurge?.token
        else {
            StandardError.write("Error: needs 'metrics' and 'cache_purge token='\n")
            throw ExitCode(1)
        }
        try ControlRequest.send(method, target, to: address, token: token)
    }

    /// A value as a query takes it.
    static func encoded(_ text: String) -> String { ControlRequest.encoded(text) }
}
