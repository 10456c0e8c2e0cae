/// Where a directive may stand.
enum Context: String, Sendable, CaseIterable {
    case top, site, route, upstream

    /// As a sentence wants it.
    var phrase: String {
        switch self {
        case .top: "at the top"
        case .site: "in a site"
        case .route: "in a route"
        case .upstream: "in an upstream"
        }
    }
}

/// A directive, declared once: what the parser, the messages, the reference and the model need.
struct Directive: Sendable {
    /// How often it may stand in one block.
    enum Repetition: Sendable { case once, many }

    /// A run of arguments of one kind.
    struct Argument: Sendable {
        /// How many there may be.
        enum Count: Sendable { case one, optional, oneOrMore, any }
        /// As the reference names it.
        let name: String
        let kind: Kind
        let count: Count
        let summary: String

        init(_ name: String, _ kind: Kind, _ summary: String) {
            self.init(name, kind, .one, summary)
        }

        init(_ name: String, _ kind: Kind, _ count: Count, _ summary: String) {
            self.name = name
            self.kind = kind
            self.count = count
            self.summary = summary
        }
    }

    /// `name=value`, or for the kind `flag` the name alone.
    struct Option: Sendable {
        let name: String
        let kind: Kind
        /// As it would be written; nil when leaving it out means something of its own.
        let fallback: String?
        /// Where it has an effect; everywhere the directive may stand, unless said otherwise.
        let contexts: [Context]?
        let summary: String

        init(
            _ name: String,
            _ kind: Kind,
            default fallback: String? = nil,
            in contexts: [Context]? = nil,
            _ summary: String
        ) {
            self.name = name
            self.kind = kind
            self.fallback = fallback
            self.contexts = contexts
            self.summary = summary
        }
    }

    let name: String
    let contexts: [Context]
    var repetition: Repetition = .once
    var arguments: [Argument] = []
    /// How the arguments are written, where their list does not say it all.
    var usage: String?
    var options: [Option] = []
    /// What its block is, if it has one.
    var block: Context?
    /// What holds without it; nil when there is nothing to say.
    var fallback: String?
    let summary: String
    let help: String
    /// Directives of a context, as they could stand in a file.
    let example: Example
    let effect: Effect

    /// What it does to the model under construction.
    enum Effect: Sendable {
        /// Notes something in the block it stands in.
        case set(@Sendable (Call, Block) -> Void)
        /// Opens a block in the one it stands in.
        case open(@Sendable (Call, Block) -> Block)
    }

    /// What surrounds an example.
    struct Example: Sendable {
        let context: Context
        let text: String

        static func top(_ text: String) -> Example { Example(context: .top, text: text) }
        static func site(_ text: String) -> Example { Example(context: .site, text: text) }
        static func route(_ text: String) -> Example { Example(context: .route, text: text) }
        static func upstream(_ text: String) -> Example { Example(context: .upstream, text: text) }
    }

    /// The flags, which stand as words of their own.
    var flags: [String] { options.filter { $0.kind.isFlag }.map(\.name) }
}
