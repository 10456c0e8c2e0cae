public import Addressing

/// What is known of a host name.
public enum Resolution: Hashable, Sendable {
    /// No attempt has succeeded yet.
    case neverResolved(ResolutionError)
    /// The last attempt succeeded.
    ///
    /// The addresses are in ascending order and not empty. `since` is when this set of addresses
    /// was first seen, in nanoseconds of the monotonic clock. `timeToLive` is how long the answer
    /// is kept, in nanoseconds.
    case resolved([IPAddress], since: Int64, timeToLive: Int64)
    /// The last attempt failed; the addresses of the last one that succeeded are still used.
    case stale([IPAddress], since: Int64, because: ResolutionError)

    /// The addresses to use; empty if there never were any.
    public var addresses: [IPAddress] {
        switch self {
        case .neverResolved: []
        case .resolved(let addresses, _, _), .stale(let addresses, _, _): addresses
        }
    }
}

/// Why a host name could not be resolved.
public enum ResolutionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The name does not exist.
    case notFound
    /// The name exists and has no address.
    case noAddress
    /// No server answered in time.
    case timeout
    /// No server could be reached, or all failed or refused to answer; the library does not tell
    /// these apart.
    case serverFailure
    /// The answer could not be read.
    case malformedAnswer
    /// The text is no name that could be asked for.
    case badName
    /// The resolver has been shut down.
    case shutDown
    /// The library or the system failed, with its own words.
    case system(String)

    /// A phrase that completes "NAME cannot be resolved: ".
    public var description: String {
        switch self {
        case .notFound: "the name does not exist"
        case .noAddress: "the name has no address"
        case .timeout: "no name server answered in time"
        case .serverFailure: "no name server could be reached, or all failed or refused"
        case .malformedAnswer: "the name server's answer is malformed"
        case .badName: "this is not a name that can be asked for"
        case .shutDown: "the resolver has been shut down"
        case .system(let text): text
        }
    }
}

/// A successful answer.
public struct ResolvedAnswer: Hashable, Sendable {
    /// Where an answer came from.
    public enum Origin: Hashable, Sendable {
        /// /etc/hosts, or a text that is an address.
        case hosts
        /// DNS, with the shortest TTL of the answer's records in seconds.
        case dns(ttlSeconds: Int64)
    }

    /// The addresses, in any order.
    public let addresses: [IPAddress]
    /// Where they came from.
    public let origin: Origin

    /// Makes an answer.
    public init(addresses: [IPAddress], origin: Origin) {
        self.addresses = addresses
        self.origin = origin
    }
}
