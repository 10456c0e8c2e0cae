extension Template {
    /// Cuts a text with variables into pieces.
    ///
    /// What came from the environment is taken as it is: a dollar in a password is no variable.
    /// - Throws: An unknown variable, or a dollar that begins none.
    init(parsing word: Word) throws(ValueError) {
        let bytes = Array(word.text.utf8)
        var segments: [Segment] = []
        var literal: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            guard byte == UInt8(ascii: "$"), !word.literals.contains(where: { $0.contains(index) })
            else {
                literal.append(byte)
                index += 1
                continue
            }
            index += 1
            if index < bytes.count, bytes[index] == UInt8(ascii: "$") {
                literal.append(UInt8(ascii: "$"))
                index += 1
                continue
            }
            let start = index
            while index < bytes.count, Self.isNameByte(bytes[index]) { index += 1 }
            let name = String(decoding: bytes[start..<index], as: UTF8.self)
            guard let variable = Variable(rawValue: name) else { throw Self.unknown(name) }
            if !literal.isEmpty { segments.append(.literal(literal)) }
            literal = []
            segments.append(.variable(variable))
        }
        if !literal.isEmpty { segments.append(.literal(literal)) }
        self.segments = segments
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        byte == 0x5F || byte >= 0x61 && byte <= 0x7A || byte >= 0x41 && byte <= 0x5A
            || byte >= 0x30 && byte <= 0x39
    }

    private static func unknown(_ name: String) -> ValueError {
        let known = Variable.allCases.map(\.rawValue)
        if name.isEmpty {
            return ValueError("a '$' that begins no variable", hint: "write $$ for a dollar")
        }
        let near = nearestName(to: name, among: known).map { "did you mean '$\($0)'?" }
        let all = known.map { "$" + $0 }.joined(separator: " ")
        return ValueError("unknown variable '$\(name)'", hint: near ?? "known are \(all)")
    }
}
