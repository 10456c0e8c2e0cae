import Bytes
package import HTTP

/// The ranges that a request asks for.
///
/// Source: RFC 9110 §14.1 and §14.2.
package enum ByteRanges: Sendable, Equatable {
    /// None that is understood: the whole is sent.
    case whole
    /// In the order asked for; at least one, none empty.
    case parts([Range<Int>])
    /// None of them lies within: 416.
    case unsatisfiable

    /// Ranges answered in one response at most; a request with more, or with ranges that overlap so
    /// that they together are larger than the whole, gets the whole: it would only cost.
    ///
    /// Source: RFC 9110 §14.2 and §17.15.
    package static let maximumCount = 16

    /// Reads a Range field.
    ///
    /// `request`: A request's header section.
    ///
    /// `total`: Bytes of the whole.
    package init(_ request: borrowing FieldSection, total: Int) {
        guard let index = request.first(.range), request.count(of: .range) == 1 else {
            self = .whole
            return
        }
        let value = request.value(at: index)
        guard value.count > 6, value.extracting(first: 6).equalsIgnoringCase("bytes=") else {
            self = .whole
            return
        }
        let set = value.extracting(droppingFirst: 6)
        var ranges: [Range<Int>] = []
        var asked = 0
        var list = CommaList()
        while let member = list.next(in: set) {
            asked += 1
            guard asked <= Self.maximumCount,
                let range = Self.read(set.extracting(member), total: total)
            else {
                self = .whole
                return
            }
            if !range.isEmpty { ranges.append(range) }
        }
        let sum = ranges.reduce(0) { $0 + $1.count }
        if asked == 0 || (ranges.count > 1 && sum > total) {
            self = .whole
        } else {
            self = ranges.isEmpty ? .unsatisfiable : .parts(ranges)
        }
    }

    /// One range: empty if it lies outside, nil if it is none.
    private static func read(_ text: Span<UInt8>, total: Int) -> Range<Int>? {
        guard let dash = text.firstIndex(of: UInt8(ascii: "-")) else { return nil }
        let first = text.extracting(first: dash)
        let last = text.extracting(droppingFirst: dash + 1)
        if first.isEmpty {
            guard let count = number(last) else { return nil }
            return max(0, total - count)..<total
        }
        guard let start = number(first) else { return nil }
        guard !last.isEmpty else { return start < total ? start..<total : 0..<0 }
        guard let end = number(last), end >= start else { return nil }
        return start < total ? start..<min(total, end + 1) : 0..<0
    }

    /// Digits; more than any length takes is as good as the largest.
    private static func number(_ digits: Span<UInt8>) -> Int? {
        guard digits.count > 0 else { return nil }
        var value = 0
        for index in digits.indices {
            let digit = digits[index] &- 0x30
            guard digit < 10 else { return nil }
            value = min(1 << 60, value &* 10 &+ Int(digit))
        }
        return value
    }
}

/// What a Content-Range says of the content of a 206.
///
/// Source: RFC 9110 §14.4.
package struct ContentRange: Sendable, Equatable {
    package var first: Int
    package var last: Int
    /// nil when it is not known.
    package var total: Int?

    /// Reads `bytes 0-4/10`.
    package init?(_ value: Span<UInt8>) {
        guard value.count > 6, value.extracting(first: 6).equalsIgnoringCase("bytes ") else {
            return nil
        }
        let rest = value.extracting(droppingFirst: 6)
        guard let dash = rest.firstIndex(of: UInt8(ascii: "-")),
            let slash = rest.firstIndex(of: UInt8(ascii: "/")), dash < slash,
            let first = DeltaRange.number(rest.extracting(first: dash)),
            let last = DeltaRange.number(rest.extracting((dash + 1)..<slash)), last >= first
        else { return nil }
        self.first = first
        self.last = last
        total = DeltaRange.number(rest.extracting(droppingFirst: slash + 1))
        if let total, last >= total { return nil }
    }
}

private enum DeltaRange {
    static let maximum = 1 << 50

    static func number(_ digits: Span<UInt8>) -> Int? {
        guard digits.count > 0, digits.count < 16 else { return nil }
        var value = 0
        for index in digits.indices {
            let digit = digits[index] &- 0x30
            guard digit < 10 else { return nil }
            value = value &* 10 &+ Int(digit)
        }
        return value <= maximum ? value : nil
    }
}
