/// The lines of Swift text without comments and without the contents of string literals.
///
/// Rules then see code only. Line numbers stay. Code inside an interpolation counts as part of its
/// literal.
func codeLines(of text: String) -> [String] {
    var scanner = CodeScanner(bytes: Array(text.utf8))
    return scanner.lines()
}

/// Walks through Swift text knowing just enough of its lexical grammar.
///
/// By bytes, because a debug build takes a minute over the repository by characters.
private struct CodeScanner {
    private static let newline = UInt8(ascii: "\n")
    private static let quote = UInt8(ascii: "\"")
    private static let hash = UInt8(ascii: "#")
    private static let slash = UInt8(ascii: "/")
    private static let star = UInt8(ascii: "*")
    private static let backslash = UInt8(ascii: "\\")

    let bytes: [UInt8]
    var position = 0
    var output: [UInt8] = []

    init(bytes: [UInt8]) {
        self.bytes = bytes
        output.reserveCapacity(bytes.count)
    }

    mutating func lines() -> [String] {
        while position < bytes.count {
            let byte = bytes[position]
            if byte == Self.slash, self[1] == Self.slash {
                while position < bytes.count, bytes[position] != Self.newline { position += 1 }
            } else if byte == Self.slash, self[1] == Self.star {
                skipComment()
            } else if let hashes = literalHashes() {
                skipLiteral(hashes: hashes)
            } else {
                output.append(byte)
                position += 1
            }
        }
        return output.split(separator: Self.newline, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
    }

    /// The byte some way ahead, or 0 past the end.
    private subscript(offset: Int) -> UInt8 {
        position + offset < bytes.count ? bytes[position + offset] : 0
    }

    private func repeats(_ byte: UInt8, _ count: Int, at offset: Int) -> Bool {
        (0..<count).allSatisfy { self[offset + $0] == byte }
    }

    private mutating func skip(_ count: Int) {
        for _ in 0..<count where position < bytes.count {
            if bytes[position] == Self.newline { output.append(Self.newline) }
            position += 1
        }
    }

    private mutating func skipComment() {
        var depth = 0
        repeat {
            if self[0] == Self.slash, self[1] == Self.star {
                depth += 1
                skip(2)
            } else if self[0] == Self.star, self[1] == Self.slash {
                depth -= 1
                skip(2)
            } else {
                skip(1)
            }
        } while depth > 0 && position < bytes.count
    }

    /// How many `#` stand before a quote here, or nil if no literal starts here.
    private func literalHashes() -> Int? {
        guard self[0] == Self.quote || self[0] == Self.hash else { return nil }
        var hashes = 0
        while self[hashes] == Self.hash { hashes += 1 }
        return self[hashes] == Self.quote ? hashes : nil
    }

    private mutating func skipLiteral(hashes: Int) {
        position += hashes
        let quotes = repeats(Self.quote, 3, at: 0) ? 3 : 1
        output.append(Self.quote)
        skip(quotes)
        while position < bytes.count {
            if repeats(Self.quote, quotes, at: 0), repeats(Self.hash, hashes, at: quotes) { break }
            guard self[0] == Self.backslash, repeats(Self.hash, hashes, at: 1) else {
                skip(1)
                continue
            }
            skip(1 + hashes)
            if self[0] == UInt8(ascii: "(") { skipInterpolation() } else { skip(1) }
        }
        skip(quotes + hashes)
        output.append(Self.quote)
    }

    private mutating func skipInterpolation() {
        skip(1)
        var depth = 1
        while position < bytes.count, depth > 0 {
            if let hashes = literalHashes() {
                // Only the line breaks of a literal within a literal are kept.
                let kept = output.count
                skipLiteral(hashes: hashes)
                let breaks = output[kept...].filter { $0 == Self.newline }
                output.removeSubrange(kept...)
                output += breaks
                continue
            }
            if self[0] == UInt8(ascii: "(") { depth += 1 }
            if self[0] == UInt8(ascii: ")") { depth -= 1 }
            skip(1)
        }
    }
}

/// The runs of ASCII letters, digits and `_` in a line.
func words(of line: String) -> [String] {
    line.utf8.split { byte in
        let letter = byte | 0x20
        return !(letter >= 0x61 && letter <= 0x7A || byte >= 0x30 && byte <= 0x39 || byte == 0x5F)
    }.map { String(Substring($0)) }
}

/// The functions of a file that have a body.
///
/// By matching braces, so approximate: a requirement of a protocol has no body and is passed over.
/// - Returns: The index of the line on which each begins, its name, and how many lines it has.
func functions(in code: [String]) -> [(line: Int, name: String, lineCount: Int)] {
    var found: [(line: Int, name: String, lineCount: Int)] = []
    for (index, line) in code.enumerated() {
        guard functionKeywords.contains(where: line.contains) else { continue }
        let words = words(of: line)
        guard let keyword = words.firstIndex(where: { functionKeywords.contains($0) }),
            words[..<keyword].allSatisfy({ !notDeclarations.contains($0) }),
            !line.contains(".init"), let last = bodyEnd(in: code, from: index)
        else { continue }
        let isNamed = words[keyword] == "func" && keyword + 1 < words.count
        found.append((index, isNamed ? words[keyword + 1] : words[keyword], last - index + 1))
    }
    return found
}

private let functionKeywords: Set<String> = ["func", "init", "deinit"]
private let notDeclarations: Set<String> = [
    "return", "let", "var", "case", "if", "guard", "self", "super", "import", "try", "await",
]

/// The line on which the body ends that opens at or after a line; nil if there is no body.
private func bodyEnd(in code: [String], from start: Int) -> Int? {
    var parentheses = 0
    var braces = 0
    for index in start..<code.count {
        if index > start, braces == 0, parentheses == 0,
            words(of: code[index]).contains(where: functionKeywords.contains)
        {
            return nil
        }
        for byte in code[index].utf8 {
            switch byte {
            case UInt8(ascii: "("), UInt8(ascii: "["): parentheses += 1
            case UInt8(ascii: ")"), UInt8(ascii: "]"): parentheses -= 1
            case UInt8(ascii: "{") where parentheses == 0 || braces > 0: braces += 1
            case UInt8(ascii: "}") where braces > 0:
                braces -= 1
                if braces == 0 { return index }
            case UInt8(ascii: "}") where parentheses == 0: return nil
            default: break
            }
        }
    }
    return nil
}
