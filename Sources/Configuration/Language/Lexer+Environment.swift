/// Variables of the environment, which are put in while words are cut.
extension Lexer {
    /// Takes `${NAME}`, `${NAME:default}`, `$$`, or a plain dollar.
    mutating func dollar(_ gathered: inout Gathered) {
        let start = position
        position += 1
        guard position < end else {
            gathered.text.append(UInt8(ascii: "$"))
            return
        }
        if bytes[position] == UInt8(ascii: "$") {
            // Both stay: a template makes one of them, and `$${` is no variable.
            position += 1
            gathered.text += [UInt8(ascii: "$"), UInt8(ascii: "$")]
            return
        }
        guard bytes[position] == UInt8(ascii: "{") else {
            gathered.text.append(UInt8(ascii: "$"))
            return
        }
        position += 1
        let from = position
        while position < end, bytes[position] != UInt8(ascii: "}"), bytes[position] != 0x0A {
            position += 1
        }
        guard position < end, bytes[position] == UInt8(ascii: "}") else {
            report.error(mark(start, start + 2), "'${' is not closed on its line")
            gathered.isBroken = true
            return
        }
        let inside = bytes[from..<position]
        position += 1
        substitute(inside, mark(start, position), &gathered)
    }

    private mutating func substitute(
        _ inside: ArraySlice<UInt8>,
        _ place: Mark,
        _ gathered: inout Gathered
    ) {
        let colon = inside.firstIndex(of: UInt8(ascii: ":")) ?? inside.endIndex
        let name = String(decoding: inside[inside.startIndex..<colon], as: UTF8.self)
        guard Self.isVariableName(inside[inside.startIndex..<colon]) else {
            report.error(
                place,
                "'\(name)' is no name of an environment variable",
                hint: "write ${NAME} or ${NAME:default}"
            )
            gathered.isBroken = true
            return
        }
        if let value = environment(name) {
            let start = gathered.text.count
            gathered.text += Array(value.utf8)
            gathered.literals.append(start..<gathered.text.count)
        } else if colon < inside.endIndex {
            let start = gathered.text.count
            gathered.text += inside[(colon + 1)...]
            gathered.literals.append(start..<gathered.text.count)
        } else {
            report.error(
                place,
                "the environment variable \(name) is not set",
                hint: "set it, or write ${\(name):default}"
            )
            gathered.isBroken = true
        }
    }

    private static func isVariableName(_ name: ArraySlice<UInt8>) -> Bool {
        guard let first = name.first, !(first >= 0x30 && first <= 0x39) else { return false }
        return name.allSatisfy { byte in
            byte == 0x5F || byte >= 0x30 && byte <= 0x39
                || lowercase(byte) >= 0x61 && lowercase(byte) <= 0x7A
        }
    }
}
