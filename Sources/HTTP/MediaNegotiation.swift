import Bytes

/// Chooses among the media types that the gateway can answer with.
///
/// Source: RFC 9110 §12.4.2 and §12.5.1.
public enum MediaNegotiation {
    /// The type that a request prefers.
    ///
    /// Parameters of media ranges other than `q` are not looked at: what is offered has none. A
    /// member that is not well-formed is passed over.
    ///
    /// - Parameters:
    ///   - offers: Lower-case types, `type/subtype`; the first of equally welcome ones is taken.
    ///   - fields: A request's fields; without Accept everything is equally welcome.
    /// - Returns: Index in `offers`, or nil if the request accepts none of them.
    public static func preferred(
        of offers: [StaticString],
        accepting fields: FieldSection
    ) -> Int? {
        guard fields.contains(.accept) else { return offers.isEmpty ? nil : 0 }
        var best: Int?
        var bestQuality = 0
        for index in offers.indices {
            let quality = quality(of: offers[index], in: fields)
            if quality > bestQuality {
                best = index
                bestQuality = quality
            }
        }
        return best
    }

    /// How welcome a type is, 0 to 1000: the quality of the most specific range that matches it.
    private static func quality(of offer: StaticString, in fields: FieldSection) -> Int {
        var quality = 0
        var precision = -1
        var field = fields.first(.accept)
        while let index = field {
            let value = fields.value(at: index)
            var list = CommaList()
            while let place = list.next(in: value) {
                let member = value.extracting(place)
                let end = member.firstIndex(of: 0x3B) ?? member.count
                let range = trimmed(member.extracting(first: end))
                guard let found = precisionOf(range, for: offer), found > precision,
                    let weight = QualityValue.read(inParameters: member.extracting(end...))
                else { continue }
                precision = found
                quality = weight
            }
            field = fields.next(.accept, from: index + 1)
        }
        return quality
    }

    /// 0 for `*/*`, 1 for `type/*`, 2 for the type itself, nil if the range does not match.
    private static func precisionOf(_ range: Span<UInt8>, for offer: StaticString) -> Int? {
        if range.equalsIgnoringCase(offer) { return 2 }
        if range.equals("*/*") { return 0 }
        guard range.count >= 2, range[range.count - 1] == 0x2A, range[range.count - 2] == 0x2F
        else { return nil }
        return offer.withUTF8Buffer { bytes in
            let prefix = range.count - 1
            guard bytes.count >= prefix else { return nil }
            for index in 0..<prefix {
                // In bounds: `prefix` is at most the count of either.
                guard unsafe asciiLowercase(range[index]) == bytes[index] else { return nil }
            }
            return 1
        }
    }
}

/// The bytes without whitespace around them.
@_lifetime(copy bytes)
package func trimmed(_ bytes: Span<UInt8>) -> Span<UInt8> {
    var start = 0
    var end = bytes.count
    while start < end, Characters.isBlank(bytes[start]) { start += 1 }
    while end > start, Characters.isBlank(bytes[end - 1]) { end -= 1 }
    return bytes.extracting(start..<end)
}

/// Quality values, in thousandths.
///
/// Source: RFC 9110 §12.4.2.
public enum QualityValue {
    /// Finds the `q` among parameters.
    ///
    /// - Parameter parameters: What follows a list member's name, with its `;`.
    /// - Returns: 0 to 1000, 1000 if there is no `q`, nil if it is not well-formed.
    public static func read(inParameters parameters: Span<UInt8>) -> Int? {
        var position = 0
        while position < parameters.count {
            let rest = parameters.extracting(position...)
            let end = rest.firstIndex(of: 0x3B) ?? rest.count
            let parameter = trimmed(rest.extracting(first: end))
            if parameter.count >= 2, asciiLowercase(parameter[0]) == 0x71, parameter[1] == 0x3D {
                return parse(parameter.extracting(2...))
            }
            position += end + 1
        }
        return 1000
    }

    /// Reads `0`, `0.123`, `1` or `1.000`.
    ///
    /// - Parameter bytes: A quality value.
    /// - Returns: 0 to 1000, or nil if it is not well-formed.
    public static func parse(_ bytes: Span<UInt8>) -> Int? {
        guard bytes.count >= 1, bytes.count <= 5, bytes[0] == 0x30 || bytes[0] == 0x31 else {
            return nil
        }
        var value = Int(bytes[0] &- 0x30) * 1000
        guard bytes.count > 1 else { return value }
        guard bytes[1] == 0x2E else { return nil }
        var unit = 100
        for index in 2..<bytes.count {
            let digit = bytes[index] &- 0x30
            guard digit < 10 else { return nil }
            value += Int(digit) * unit
            unit /= 10
        }
        return value <= 1000 ? value : nil
    }
}
