import Addressing

/// What an argument or the value of an option may be.
indirect enum Kind: Sendable {
    /// Any text without control characters.
    case text
    /// Any text; line breaks and tabs too.
    case content
    /// One of some words.
    case keyword([String])
    /// Nanoseconds; the bounds too.
    case duration(ClosedRange<Int64>)
    /// Bytes; the bounds too.
    case size(ClosedRange<Int>)
    /// A number.
    case count(ClosedRange<Int>)
    /// A status code.
    case status(ClosedRange<Int>)
    /// Status codes and ranges of them, with commas between.
    case statuses
    /// An address to listen on.
    case listenAddress
    /// An address or name to connect to.
    case endpoint
    /// A network in CIDR notation.
    case network
    /// A host of a site.
    case host
    /// The pattern of a route, compared with normalised paths.
    case pattern
    /// A path or prefix as it is sent.
    case wirePattern
    /// Methods with commas between.
    case methods
    /// Text with variables.
    case template
    /// A number in a time, such as `100/s`.
    case rate
    /// Bytes in a second, such as `1m/s`.
    case byteRate
    /// One of some words, or else something.
    case either([String], Kind)
    /// Nothing: the option's name says it all.
    case flag

    var isFlag: Bool { if case .flag = self { true } else { false } }
}

extension Kind {
    /// What stands for a value in the reference: the words themselves, or what they mean.
    var metavariable: String {
        switch self {
        case .text, .content, .template: "TEXT"
        case .keyword(let words): words.joined(separator: "|")
        case .duration: "DURATION"
        case .size: "SIZE"
        case .count: "NUMBER"
        case .status: "STATUS"
        case .statuses: "STATUSES"
        case .listenAddress, .endpoint: "ADDRESS"
        case .network: "NETWORK"
        case .host: "HOST"
        case .pattern, .wirePattern: "PATH"
        case .methods: "METHODS"
        case .either(let words, let kind): words.joined(separator: "|") + "|" + kind.metavariable
        case .rate, .byteRate: "RATE"
        case .flag: ""
        }
    }
}

/// What an argument turned out to say.
enum Value: Sendable {
    case text(String)
    case keyword(String)
    /// Nanoseconds.
    case duration(Int64)
    /// Bytes, a count, or a status code.
    case number(Int)
    case statuses([ClosedRange<Int>])
    case listenAddress(SocketAddress)
    case endpoint(Endpoint)
    case network(Network)
    case host(HostPattern)
    case pattern(PathPattern)
    case methods(MethodSet)
    case template(Template)
    /// A count, and nanoseconds.
    case rate(count: Int, period: Int64)
    case flag
}

/// Why a word is not of a kind.
struct ValueError: Error {
    /// Goes behind the directive's name and a colon.
    let message: String
    var hint: String?

    init(_ message: String, hint: String? = nil) {
        self.message = message
        self.hint = hint
    }
}
