import ArgumentParser

/// `gateway run`: serves until it is told to stop.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Serve by a configuration until told to stop.",
        discussion: """
            SIGTERM and SIGINT finish the requests in flight and stop; a second one stops at once. \
            SIGHUP reads the configuration again; a faulty one changes nothing. SIGUSR1 opens the \
            access logs again.
            """
    )

    @OptionGroup var file: ConfigurationFile

    func run() throws {
        do throws(Failed) {
            try Serving(path: file.path).run()
        } catch {
            throw ExitCode.failure
        }
    }
}
