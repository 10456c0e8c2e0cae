/// The form of a path that routes are compared with.
///
/// It is never what is forwarded.
///
/// Percent-encoded bytes are decoded, runs of slashes become one, and `.` and `..` are resolved, in
/// this order, so that no spelling of a path gets past a rule for it: an app decodes before it
/// looks at a path, and so must who decides for it. `%2F` becomes a slash like any other.
/// Source: RFC 3986 §5.2.4 and §6.2.2, and what nginx compares its locations with.
public enum PathNormalization {
    /// What normalising came to.
    public enum Outcome: Equatable, Sendable {
        /// The path is normal as it stands; nothing was written.
        case unchanged
        /// The normal form has been written to the target.
        case rewritten
        /// No app can be meant by this path; the request gets 400.
        case rejected(Fault)
    }

    /// Why a path has no normal form.
    public enum Fault: String, Sendable, CaseIterable {
        /// A `%` without two hexadecimal digits behind it.
        case invalidEncoding = "invalid_path_encoding"
        /// `%00`, at which C programs cut a path.
        case encodedNul = "encoded_nul_in_path"
        /// `..` above the root.
        case aboveRoot = "path_above_root"

        /// The label under which metrics count the fault.
        public var name: String { rawValue }
    }

    /// Normalises a path.
    ///
    /// - Parameters:
    ///   - path: Starts with `/`; any other, such as `*`, is taken as normal.
    ///   - target: Gets the normal form if it differs; its memory is used again.
    /// - Returns: Which of the two to use, or why neither.
    public static func normalize(
        _ path: Span<UInt8>,
        into target: inout [UInt8]
    ) -> Outcome {
        guard !path.isEmpty, path[0] == 0x2F, !isNormal(path) else { return .unchanged }
        target.removeAll(keepingCapacity: true)
        var index = 0
        while index < path.count {
            var byte = path[index]
            index += 1
            if byte == 0x25 {
                guard index + 1 < path.count,
                    let high = Characters.hexadecimalValue(path[index]),
                    let low = Characters.hexadecimalValue(path[index + 1])
                else { return .rejected(.invalidEncoding) }
                byte = high << 4 | low
                guard byte != 0 else { return .rejected(.encodedNul) }
                index += 2
            }
            if byte == 0x2F {
                guard closeSegment(&target) else { return .rejected(.aboveRoot) }
                if target.last != 0x2F { target.append(0x2F) }
            } else {
                target.append(byte)
            }
        }
        guard closeSegment(&target) else { return .rejected(.aboveRoot) }
        return .rewritten
    }

    /// Whether nothing in the path needs work: no `%`, no `//`, no segment that starts with a dot.
    private static func isNormal(_ path: Span<UInt8>) -> Bool {
        var slash = false
        for index in path.indices {
            let byte = path[index]
            if byte == 0x25 || (slash && (byte == 0x2F || byte == 0x2E)) { return false }
            slash = byte == 0x2F
        }
        return true
    }

    /// Resolves the last segment if it is `.` or `..`, leaving the slash before it.
    ///
    /// - Returns: Whether there was a segment to go up to.
    private static func closeSegment(_ target: inout [UInt8]) -> Bool {
        let count = target.count
        guard count >= 2, target[count - 1] == 0x2E else { return true }
        if target[count - 2] == 0x2F {
            target.removeLast()
            return true
        }
        guard count >= 3, target[count - 2] == 0x2E, target[count - 3] == 0x2F else { return true }
        target.removeLast(3)
        guard !target.isEmpty else { return false }
        while let last = target.last, last != 0x2F { target.removeLast() }
        return true
    }
}
