import Bytes

/// A set of media types: whole ones, `type/*`, and structured suffixes such as `+json`.
///
/// Made once, when a configuration is loaded; looking a type up compares bytes and allocates
/// nothing.
public struct MediaTypeSet: Sendable, Equatable {
    private var types: [[UInt8]] = []
    /// With the slash.
    private var prefixes: [[UInt8]] = []
    /// With the plus.
    private var suffixes: [[UInt8]] = []
    private var takesAll = false

    /// Makes a set; nil if one of the patterns is none.
    /// - Parameter patterns: `type/subtype`, `type/*`, `+suffix`, or `*` and `*/*` for all.
    public init?(_ patterns: [String]) {
        for pattern in patterns {
            let bytes = Array(pattern.lowercased().utf8)
            if bytes == [0x2A] || bytes == [0x2A, 0x2F, 0x2A] {
                takesAll = true
            } else if bytes.first == 0x2B {
                guard bytes.count > 1, Characters.isToken(bytes.span) else { return nil }
                suffixes.append(bytes)
            } else {
                guard let slash = bytes.firstIndex(of: 0x2F), slash > 0 else { return nil }
                let subtype = Array(bytes[(slash + 1)...])
                guard Characters.isToken(Array(bytes[..<slash]).span) else { return nil }
                if subtype == [0x2A] {
                    prefixes.append(Array(bytes[...slash]))
                } else {
                    guard !subtype.isEmpty, Characters.isToken(subtype.span) else { return nil }
                    types.append(bytes)
                }
            }
        }
    }

    /// Whether the value of a Content-Type field names a member; parameters do not count.
    ///
    /// Source: RFC 9110 §8.3.1.
    public func contains(_ contentType: Span<UInt8>) -> Bool {
        if takesAll { return true }
        let end = contentType.firstIndex(of: 0x3B) ?? contentType.count
        let type = trimmed(contentType.extracting(first: end))
        guard type.count > 2 else { return false }
        for candidate in types where Self.equal(type, candidate) { return true }
        for prefix in prefixes
        where type.count > prefix.count && Self.equal(type.extracting(first: prefix.count), prefix)
        {
            return true
        }
        for suffix in suffixes
        where type.count > suffix.count
            && Self.equal(type.extracting(droppingFirst: type.count - suffix.count), suffix)
        {
            return true
        }
        return false
    }

    private static func equal(_ bytes: Span<UInt8>, _ lowercase: [UInt8]) -> Bool {
        guard bytes.count == lowercase.count else { return false }
        for index in bytes.indices where asciiLowercase(bytes[index]) != lowercase[index] {
            return false
        }
        return true
    }
}
