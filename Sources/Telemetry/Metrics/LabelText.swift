/// The escaping rules of the exposition formats.
///
/// Source: Prometheus text format 0.0.4; OpenMetrics 1.0 §ABNF (escaped-string).
enum LabelText {
    /// Label pairs as they stand between the braces, values escaped.
    static func pairs(_ pairs: [(name: String, value: String)]) -> [UInt8] {
        var text: [UInt8] = []
        for (name, value) in pairs {
            if !text.isEmpty { text.append(UInt8(ascii: ",")) }
            text += name.utf8
            text += "=\"".utf8
            text += escaped(value, quotes: true)
            text.append(UInt8(ascii: "\""))
        }
        return text
    }

    /// Text with `\`, line feeds and, where asked, quotes escaped.
    /// - Parameters:
    ///   - text: Any text.
    ///   - quotes: Label values and OpenMetrics help escape quotes; Prometheus help does not.
    /// - Returns: The text as it is written.
    static func escaped(_ text: String, quotes: Bool) -> [UInt8] {
        var result: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): result += "\\\\".utf8
            case UInt8(ascii: "\n"): result += "\\n".utf8
            case UInt8(ascii: "\"") where quotes: result += "\\\"".utf8
            default: result.append(byte)
            }
        }
        return result
    }
}
