import ArgumentParser
import Proxy

/// `gateway explain METHOD URL --from ADDRESS`.
struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Says what a request would meet, step by step, and sends nothing.",
        discussion: """
            The decisions are those of the configuration file, with every server well and nothing \
            else in flight; a gateway that runs is not asked. The status is 0 whatever becomes of \
            the request.
            """
    )

    @Argument(help: "The method, such as GET.")
    var method: String

    @Argument(help: "The URL, such as https://shop.example.com/api.")
    var url: String

    @Option(help: "Who connects to the gateway: an address, or 'unix'.")
    var from: String

    @Option(
        name: [.customShort("H"), .customLong("header")],
        parsing: .unconditionalSingleValue,
        help: "A header field, 'NAME: VALUE'; may be given several times."
    )
    var headers: [String] = []

    @Option(help: "The client that a PROXY protocol header names.")
    var proxied: String?

    @Option(help: "The listener, where the URL's port does not tell it.")
    var listener: String?

    @Option(help: "The Content-Type of the response to suppose, such as text/html.")
    var responseType: String?

    @Option(help: "Its size in bytes; a length that is not known unless given.")
    var responseSize: Int?

    @OptionGroup var file: ConfigurationFile

    func validate() throws {
        _ = try request()
    }

    func run() throws {
        let request = try request()
        let configuration = try file.load()
        do throws(ExplainedRequestError) {
            let explanation = try Explanation.explain(request, by: configuration)
            StandardOutput.write(explanation.description)
        } catch {
            StandardError.write("Error: \(printable(error.description))\n")
            throw ExitCode.validationFailure
        }
    }

    private func request() throws -> ExplainedRequest {
        do throws(ExplainedRequestError) {
            return try ExplainedRequest(
                method: method,
                url: url,
                from: from,
                proxied: proxied,
                listener: listener,
                fields: headers,
                responseType: responseType,
                responseSize: responseSize
            )
        } catch { throw ValidationError(printable(error.description)) }
    }
}
