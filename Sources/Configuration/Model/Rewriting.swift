/// Changes to the path of a request before it is forwarded.
///
/// Rules are compared with the normalised path, as routes are; what they put there is in the form
/// that is sent. What follows it in the normalised path has to be percent-encoded again.
public struct Rewriting: Sendable, Equatable {
    /// One change.
    public struct Rule: Sendable, Equatable {
        /// Which paths it changes: `exact` or `prefix`.
        public let from: PathPattern
        /// What stands in place of the matched part.
        public let replacement: [UInt8]
    }
    /// A change to carry out: the path becomes `replacement`, then what follows `dropped` bytes.
    public struct Change: Sendable, Equatable {
        /// Bytes to leave out at the start of the path.
        public let dropped: Int
        /// Bytes to put there; never empty, and starts with a slash.
        public let replacement: [UInt8]
    }
    /// The most specific ones first.
    public let rules: [Rule]

    /// No change at all.
    public static let none = Rewriting(rules: [])

    /// The change for a path, if there is one.
    /// - Parameter path: The normalised path, without the query; `dropped` counts its bytes.
    /// - Returns: nil when the path stays as it is.
    public func change(for path: Span<UInt8>) -> Change? {
        for rule in rules {
            guard let matched = rule.from.matchedLength(path) else { continue }
            return Change(dropped: matched, replacement: rule.replacement)
        }
        return nil
    }
}

extension PathPattern {
    /// How many bytes of a path the pattern itself stands for; nil when it does not match.
    func matchedLength(_ path: Span<UInt8>) -> Int? {
        switch self {
        case .any: 0
        case .exact(let text):
            path.starts(with: text.utf8) && path.count == text.utf8.count
                ? path.count : nil
        case .prefix(let text):
            if path.starts(with: text.utf8) {
                text.utf8.count
            } else if path.count == text.utf8.count - 1, path.starts(with: text.utf8.dropLast()) {
                path.count
            } else {
                nil
            }
        }
    }
}

extension Span where Element == UInt8 {
    /// Whether the bytes begin with others.
    func starts(with prefix: some Sequence<UInt8>) -> Bool {
        var index = 0
        for byte in prefix {
            guard index < count, self[index] == byte else { return false }
            index += 1
        }
        return true
    }
}
