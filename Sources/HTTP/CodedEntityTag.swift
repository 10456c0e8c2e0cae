public import Bytes

/// Entity tags of content that this gateway compressed.
///
/// Content in another coding is another representation, so its tag has to differ; and since
/// compressing the same bytes again need not give the same bytes, it has to be weak. A strong
/// `"abc"` becomes `W/"abc--gzip"`. A weak tag stays as it is: it says no more than that the
/// content means the same, which stays true. When such a tag comes back, the coding is taken off
/// again, so that the application sees the tag that it made. Content that was coded with a
/// dictionary is another representation for each dictionary: `W/"abc--dcz-a591a6d4"`, by the first
/// bytes of the dictionary's hash.
/// Source: RFC 9110 §8.8.3 and §13.1.
public enum CodedEntityTag {
    /// Writes the tag that the coded form of a representation has.
    ///
    /// - Parameters:
    ///   - tag: The value of an ETag field.
    ///   - mark: What was done to the content.
    ///   - target: Gets the value.
    /// - Returns: Whether it differs from `tag`; false for a weak tag, and for what is none.
    public static func write(_ tag: Span<UInt8>, _ mark: Marked, to target: Buffer) -> Bool {
        guard isStrong(tag) else {
            target.append(tag)
            return false
        }
        target.append("W/")
        target.append(tag.extracting(first: tag.count - 1))
        target.append("--")
        switch mark {
        case .coded(let coding): target.append(coding.name)
        case .dictionary(let prefix):
            target.append("dcz-")
            for shift in stride(from: UInt32(28), through: 0, by: -4) {
                target.append(hexadecimalDigit(UInt8(truncatingIfNeeded: prefix >> shift)))
            }
        case .decoded: target.append("identity")
        }
        target.append(UInt8(ascii: "\""))
        return true
    }

    /// Writes the members of an If-Match or If-None-Match field with every coding taken off.
    ///
    /// - Returns: What the last member that had one had; nil if none had, and then the value is as
    ///   it was.
    public static func writeOriginals(of value: Span<UInt8>, to target: Buffer) -> Marked? {
        var found: Marked?
        var list = CommaList()
        var isFirst = true
        while let place = list.next(in: value) {
            let member = value.extracting(place)
            if !isFirst { target.append(", ") }
            isFirst = false
            if let (end, mark) = coded(member) {
                found = mark
                // Behind `W/`, which was not there before the coding was.
                let start = member[0] == UInt8(ascii: "W") ? 2 : 0
                target.append(member.extracting(start..<end))
                target.append(UInt8(ascii: "\""))
            } else {
                target.append(member)
            }
        }
        return found
    }

    /// What a tag says besides the application's own.
    public enum Marked: Sendable, Equatable {
        /// The content was compressed.
        case coded(ContentCoding)
        /// It was compressed with the dictionary whose hash begins so.
        case dictionary(UInt32)
        /// A coding was taken off.
        case decoded

        /// What the content is coded as; nil for nothing.
        public var coding: ContentCoding? {
            switch self {
            case .coded(let coding): coding
            case .dictionary: .dictionaryZstd
            case .decoded: nil
            }
        }
    }

    /// Where the mark in a tag begins, and which one it is.
    private static func coded(_ tag: Span<UInt8>) -> (end: Int, mark: Marked)? {
        let isWeak = tag.count > 2 && tag[0] == UInt8(ascii: "W") && tag[1] == UInt8(ascii: "/")
        let strong = isWeak ? tag.extracting(droppingFirst: 2) : tag
        guard isStrong(strong) else { return nil }
        func ends(with name: StaticString) -> Int? {
            let end = tag.count - name.utf8CodeUnitCount - 3
            guard end > (isWeak ? 2 : 0), tag[end] == UInt8(ascii: "-"),
                tag[end + 1] == UInt8(ascii: "-"),
                tag.extracting(end + 2..<tag.count - 1).equals(name)
            else { return nil }
            return end
        }
        for coding in ContentCoding.plain {
            if let end = ends(with: coding.name) { return (end, .coded(coding)) }
        }
        if let end = ends(with: "identity") { return (end, .decoded) }
        return dictionary(tag, start: isWeak ? 2 : 0)
    }

    /// The same for `--dcz-` and eight digits.
    private static func dictionary(_ tag: Span<UInt8>, start: Int) -> (end: Int, mark: Marked)? {
        let end = tag.count - 15
        guard end > start, tag.extracting(end..<end + 6).equals("--dcz-") else { return nil }
        var prefix: UInt32 = 0
        for index in end + 6..<tag.count - 1 {
            guard let digit = value(ofLowercase: tag[index]) else { return nil }
            prefix = prefix << 4 | UInt32(digit)
        }
        return (end, .dictionary(prefix))
    }

    private static func hexadecimalDigit(_ value: UInt8) -> UInt8 {
        let digit = value & 15
        return digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit
    }

    private static func value(ofLowercase digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    private static func isStrong(_ tag: Span<UInt8>) -> Bool {
        tag.count >= 2 && tag[0] == UInt8(ascii: "\"") && tag[tag.count - 1] == UInt8(ascii: "\"")
    }
}
