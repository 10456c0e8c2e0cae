public import Configuration

/// Every decision that a request would meet, in the order in which they are made.
///
/// The decisions are not described but made: by the parser, the tables and the rules that serve
/// real requests, in a world of their own, in which nothing is sent and nothing is counted.
public struct Explanation: Sendable, Equatable {
    /// One decision, or a few that belong together.
    public struct Step: Sendable, Equatable {
        /// What is decided, in a word.
        public let name: String
        /// What comes out, and why.
        public let lines: [String]
    }

    /// The request in one line.
    public let title: String
    /// The decisions; after a refusal there are no more.
    public let steps: [Step]
    /// The status of a response that the gateway makes itself; nil if an upstream answers.
    public let status: Int?

    /// Explains a request.
    /// - Parameters:
    ///   - request: What a client would send.
    ///   - configuration: Loaded and valid.
    /// - Returns: The decisions, up to the first refusal.
    /// - Throws: What was asked for does not exist there, such as a listener.
    public static func explain(
        _ request: ExplainedRequest,
        by configuration: Configuration
    ) throws(ExplainedRequestError) -> Explanation {
        var explainer = try Explainer(request, configuration)
        explainer.run()
        return explainer.explanation
    }
}

extension Explanation: CustomStringConvertible {
    /// Text for a terminal: the names of the steps in a column, what comes out beside them.
    public var description: String {
        let width = steps.map(\.name.count).max() ?? 0
        var text = visible(title) + "\n\n"
        for step in steps {
            var name = step.name
            for line in step.lines {
                let padding = String(repeating: " ", count: width - name.count + 2)
                text += "\(name)\(padding)\(visible(line))\n"
                name = ""
            }
        }
        return text
    }
}
