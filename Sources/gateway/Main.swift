import ArgumentParser
import Glibc

/// The program's entry.
@main
enum Main {
    /// Serves, or does what the other subcommands do.
    ///
    /// A process that serves for months need not hold the parser of its command line: the forms in
    /// which services are started do without it (0.7 MiB of memory resident).
    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        switch (arguments.count, arguments.first, arguments.dropFirst().first) {
        case (1, "run", _): serve("gateway.conf")
        case (3, "run", "--config"), (3, "run", "-c"):
            // An option in the path's place is for the parser to complain of.
            if let path = arguments.last, !path.hasPrefix("-") {
                serve(path)
            } else {
                GatewayCommand.main()
            }
        default: GatewayCommand.main()
        }
    }

    private static func serve(_ path: String) {
        do throws(Failed) {
            try Serving(path: path).run()
        } catch {
            exit(EXIT_FAILURE)
        }
    }
}
