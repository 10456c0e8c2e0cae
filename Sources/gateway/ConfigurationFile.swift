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
        do throws(Failed) {
            return try ConfigurationLoading.load(path)
        } catch {
            throw ExitCode.failure
        }
    }
}
