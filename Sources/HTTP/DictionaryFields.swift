public import Bytes

/// The SHA-256 of a dictionary's content, by which it is known.
///
/// Source: RFC 9842 §2.2.
public struct DictionaryHash: Hashable, Sendable {
    /// Bytes of it.
    public static let byteCount = 32
    /// All of it.
    public let bytes: SIMD32<UInt8>

    /// Takes the bytes of a hash; nil unless there are 32.
    public init?(_ hash: [UInt8]) {
        guard hash.count == Self.byteCount else { return nil }
        bytes = SIMD32(hash)
    }

    /// The first four bytes, by which entity tags tell dictionaries apart.
    public var prefix: UInt32 {
        UInt32(bytes[0]) << 24 | UInt32(bytes[1]) << 16 | UInt32(bytes[2]) << 8 | UInt32(bytes[3])
    }

    /// Writes the bytes.
    public func write(to target: Buffer) {
        for index in bytes.indices { target.append(bytes[index]) }
    }
}

/// The dictionary that a client has for a request.
public enum AvailableDictionary: Sendable, Equatable {
    /// It names none.
    case none
    /// What it says is no hash, or several.
    case malformed
    case hash(DictionaryHash)

    /// Reads the Available-Dictionary field of a request.
    ///
    /// Source: RFC 9842 §2.2.
    public init(_ fields: borrowing FieldSection) {
        guard let value = fields.combined(named: "available-dictionary") else {
            self = .none
            return
        }
        if case .bytes(let bytes)? = StructuredItem.parse(value.span),
            let hash = DictionaryHash(bytes)
        {
            self = .hash(hash)
        } else {
            self = .malformed
        }
    }
}

/// What a response says of its use as a dictionary.
///
/// Source: RFC 9842 §2.1.
public struct DictionaryAdvice: Sendable, Equatable {
    /// Characters that an id has at most.
    public static let longestID = 1024
    /// The URL pattern of the requests that it is for, not empty.
    public let match: [UInt8]
    /// Where such a request has to come from, in Fetch's words; none for anywhere.
    public let destinations: [[UInt8]]
    /// What the server calls it; may be empty.
    public let id: [UInt8]

    /// Reads the Use-As-Dictionary field of a response.
    /// - Returns: nil where there is none, or where a client must not use it: it is malformed, has
    ///   no pattern or one with a regular expression, or is of a type other than `raw`.
    public init?(_ fields: borrowing FieldSection) {
        guard let value = fields.combined(named: "use-as-dictionary"),
            let members = StructuredDictionary.parse(value.span)
        else { return nil }
        var match: [UInt8] = []
        var destinations: [[UInt8]] = []
        var id: [UInt8] = []
        for member in members {
            let key = member.key.span
            if key.equals("match") {
                guard case .string(let text) = member.value else { return nil }
                match = text
            } else if key.equals("match-dest") {
                guard case .list(let items) = member.value else { return nil }
                for item in items {
                    guard case .string(let text) = item else { return nil }
                    destinations.append(text)
                }
            } else if key.equals("id") {
                guard case .string(let text) = member.value, text.count <= Self.longestID else {
                    return nil
                }
                id = text
            } else if key.equals("type") {
                guard case .token(let text) = member.value, text.span.equals("raw") else {
                    return nil
                }
            }
        }
        guard !match.isEmpty, !Self.hasGroup(match.span) else { return nil }
        self.match = match
        self.destinations = destinations
        self.id = id
    }

    /// Whether a URL pattern has a group with a regular expression in it.
    public static func hasGroup(_ pattern: Span<UInt8>) -> Bool {
        var index = 0
        while index < pattern.count {
            if pattern[index] == UInt8(ascii: "\\") {
                index += 1
            } else if pattern[index] == UInt8(ascii: "(") {
                return true
            }
            index += 1
        }
        return false
    }
}

/// Whether the page that asks may read the response, so that its size tells it nothing new.
///
/// Source: RFC 9842 §9.3.3, in its order.
public enum DictionaryReadability: Sendable, Equatable {
    case always
    case never
    /// Where the response allows it to this origin.
    case ifAllowed(origin: [UInt8])

    /// Reads it off the fields of a request, as the client sent them.
    public init(_ request: borrowing FieldSection) {
        self = .always
        guard let site = request.combined(named: "sec-fetch-site"),
            !site.span.equals("same-origin"),
            let mode = request.combined(named: "sec-fetch-mode"),
            !mode.span.equals("navigate"), !mode.span.equals("same-origin")
        else { return }
        self = .never
        if mode.span.equals("cors"), let origin = request.combined(named: "origin") {
            self = .ifAllowed(origin: origin)
        }
    }

    /// Whether it may read a response.
    public func allows(_ response: borrowing FieldSection) -> Bool {
        switch self {
        case .always: return true
        case .never: return false
        case .ifAllowed(let origin):
            guard let allowed = response.combined(named: "access-control-allow-origin") else {
                return false
            }
            return allowed.span.equals("*") || allowed == origin
        }
    }
}
