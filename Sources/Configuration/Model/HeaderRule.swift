/// A change to the fields of a request or a response.
public struct HeaderRule: Sendable, Equatable {
    /// What is done.
    public enum Operation: Sendable, Equatable {
        /// Takes all fields of the name away and puts one there.
        case set(Template)
        /// Puts one more there.
        case add(Template)
        /// Takes all fields of the name away.
        case remove
    }
    /// The field's name as it stands in the file.
    public let name: String
    /// The name as it is sent.
    public let nameBytes: [UInt8]
    /// The name in lower case, to compare with.
    public let lowercaseName: [UInt8]
    /// What is done.
    public let operation: Operation

    init(name: String, operation: Operation) {
        self.name = name
        self.nameBytes = Array(name.utf8)
        self.lowercaseName = Array(name.lowercased().utf8)
        self.operation = operation
    }
}

/// A text with variables in it, cut into pieces once, when the configuration is loaded.
public struct Template: Sendable, Equatable {
    /// A piece.
    public enum Segment: Sendable, Equatable {
        /// Bytes as they are: no control characters.
        case literal([UInt8])
        /// What the request has there.
        case variable(Variable)
    }
    /// The pieces in order; two literals never stand side by side.
    public let segments: [Segment]

    /// The text, if there is no variable in it.
    public var literal: [UInt8]? {
        switch segments.count {
        case 0: return []
        case 1:
            guard case .literal(let bytes) = segments[0] else { return nil }
            return bytes
        default: return nil
        }
    }
}

/// What a template may take from a request.
public enum Variable: String, Sendable, CaseIterable {
    /// The client's address as it was resolved.
    case clientAddress = "client_address"
    /// The host, lower-case, without the port.
    case host
    /// The path as the client sent it, before any rewriting.
    case path
    /// The query without the question mark; empty if there is none.
    case query
    /// The path with question mark and query, as the client sent them.
    case uri
    /// The method.
    case method
    /// `http` or `https`.
    case scheme
    /// The request's id.
    case requestID = "request_id"
    /// The upstream's name; empty if none is used.
    case upstream
}
