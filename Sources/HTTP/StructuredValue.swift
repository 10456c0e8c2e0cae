import Bytes

/// A value of a structured field: a bare item, or an inner list of such; parameters are checked and
/// dropped.
///
/// Source: RFC 9651 §3.
public enum StructuredValue: Equatable, Sendable {
    case boolean(Bool)
    case integer(Int64)
    case string([UInt8])
    case token([UInt8])
    case bytes([UInt8])
    case list([StructuredValue])
    /// A type that no field here has: a Decimal or a Date.
    case other
}

/// A structured field that is a Dictionary: parsed whole, so that a field with an error anywhere
/// counts for nothing.
///
/// Source: RFC 9651 §4.2.2.
public enum StructuredDictionary {
    /// A key with its value.
    public struct Member: Equatable, Sendable {
        /// In lower case, as keys are.
        public var key: [UInt8]
        /// `true` where there is a key alone.
        public var value: StructuredValue
    }

    /// Reads the members.
    /// - Parameter bytes: The values of all of the field's lines, with commas between.
    /// - Returns: Of equal keys only the last; nil for what is no Dictionary.
    public static func parse(_ bytes: Span<UInt8>) -> [Member]? {
        var reader = StructuredReader()
        var members: [Member] = []
        reader.skipSpaces(bytes)
        while reader.position < bytes.count {
            guard let key = reader.key(bytes) else { return nil }
            var value = StructuredValue.boolean(true)
            if reader.take(UInt8(ascii: "="), bytes) {
                guard let read = reader.itemOrList(bytes) else { return nil }
                value = read
            }
            guard reader.parameters(bytes) else { return nil }
            members.removeAll { $0.key == key }
            members.append(Member(key: key, value: value))
            reader.skipBlanks(bytes)
            if reader.position == bytes.count { return members }
            guard reader.take(UInt8(ascii: ","), bytes) else { return nil }
            reader.skipBlanks(bytes)
            // A comma at the end.
            if reader.position == bytes.count { return nil }
        }
        return members
    }
}

/// A structured field that is an Item.
///
/// Source: RFC 9651 §4.2.3.
public enum StructuredItem {
    /// Reads the item.
    /// - Parameter bytes: The values of all of the field's lines, with commas between.
    /// - Returns: nil for what is none.
    public static func parse(_ bytes: Span<UInt8>) -> StructuredValue? {
        var reader = StructuredReader()
        reader.skipSpaces(bytes)
        guard let value = reader.item(bytes), reader.parameters(bytes) else { return nil }
        reader.skipSpaces(bytes)
        return reader.position == bytes.count ? value : nil
    }
}
