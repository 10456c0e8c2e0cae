/// Cuts a file into words and signs.
///
/// Never fails: what is wrong is reported, and it goes on.
struct Lexer {
    enum Token {
        case word(Word)
        /// The end of a line, or `;`.
        case end
        case open(Mark)
        case close(Mark)
        case endOfFile(Mark)
    }

    let bytes: [UInt8]
    let file: Int
    let report: Report
    let environment: (String) -> String?
    var position: Int
    /// Where the file ends for this lexer: before the first byte that cannot stand in one.
    var end: Int { bytes.count }

    init(file: Int, report: Report, environment: @escaping (String) -> String?) {
        self.file = file
        self.report = report
        self.environment = environment
        bytes = report.files[file].bytes
        position = bytes.starts(with: byteOrderMark) ? byteOrderMark.count : 0
    }

    mutating func next() -> Token {
        while position < end {
            let byte = bytes[position]
            switch byte {
            case 0x20, 0x09, 0x0D: position += 1
            case 0x0A:
                position += 1
                return .end
            case UInt8(ascii: ";"):
                position += 1
                return .end
            case UInt8(ascii: "{"): return .open(takeSign())
            case UInt8(ascii: "}"): return .close(takeSign())
            case UInt8(ascii: "#"):
                while position < end, bytes[position] != 0x0A { position += 1 }
            case UInt8(ascii: "\\") where lineEnd(after: position + 1) != nil:
                position = lineEnd(after: position + 1) ?? end
            default: return .word(word())
            }
        }
        return .endOfFile(Mark(file: file, offset: end, length: 1))
    }

    private mutating func takeSign() -> Mark {
        position += 1
        return Mark(file: file, offset: position - 1, length: 1)
    }

    /// The start of the next line, if the line ends right at an index.
    private func lineEnd(after index: Int) -> Int? {
        if index >= end { return end }
        if bytes[index] == 0x0A { return index + 1 }
        if bytes[index] == 0x0D, index + 1 < end, bytes[index + 1] == 0x0A { return index + 2 }
        return nil
    }

    func mark(_ start: Int, _ stop: Int) -> Mark {
        Mark(file: file, offset: start, length: max(1, stop - start))
    }

    /// What a word has gathered so far.
    struct Gathered {
        var text: [UInt8] = []
        var literals: [Range<Int>] = []
        var nameLength: Int?
        var isQuoted = false
        var isBroken = false
    }

    /// Takes a word; at least one byte is consumed.
    private mutating func word() -> Word {
        let start = position
        var gathered = Gathered()
        scan: while position < end {
            let byte = bytes[position]
            switch byte {
            case 0x20, 0x09, 0x0D, 0x0A, UInt8(ascii: ";"), UInt8(ascii: "{"), UInt8(ascii: "}"):
                break scan
            case UInt8(ascii: "\""):
                let opens =
                    position == start || gathered.nameLength == gathered.text.count - 1
                quoted(&gathered, opens: opens, start: start)
            case UInt8(ascii: "$"): dollar(&gathered)
            case UInt8(ascii: "\\"):
                if lineEnd(after: position + 1) != nil { break scan }
                report.error(
                    mark(position, position + 1),
                    "a backslash stands at the very end of a line or in a quoted string",
                    hint: "put the argument in quotes and write \\\\"
                )
                gathered.isBroken = true
                position += 1
            case UInt8(ascii: "="):
                if gathered.nameLength == nil, Self.isOptionName(gathered.text), !gathered.isQuoted
                {
                    gathered.nameLength = gathered.text.count
                }
                gathered.text.append(byte)
                position += 1
            default:
                gathered.text.append(byte)
                position += 1
            }
        }
        let place = mark(start, position)
        if gathered.text.count > SourceLimits.wordLength {
            report.error(place, "a word has at most \(SourceLimits.wordLength) bytes")
            gathered.isBroken = true
        }
        let text = String(decoding: gathered.text, as: UTF8.self)
        if !gathered.isQuoted { checkLookalikes(text, place) }
        return Word(
            text: text,
            mark: place,
            isQuoted: gathered.isQuoted && gathered.nameLength == nil,
            nameLength: gathered.nameLength,
            literals: gathered.literals,
            isBroken: gathered.isBroken
        )
    }

    private static func isOptionName(_ text: [UInt8]) -> Bool {
        guard let first = text.first, first >= 0x61, first <= 0x7A else { return false }
        return text.allSatisfy {
            $0 >= 0x61 && $0 <= 0x7A || $0 == 0x5F || $0 >= 0x30 && $0 <= 0x39
        }
    }

    /// Takes a quoted string, the opening quote at the current position.
    private mutating func quoted(_ gathered: inout Gathered, opens: Bool, start: Int) {
        let open = position
        position += 1
        guard opens else {
            report.error(
                mark(open, position),
                "a quote inside a word",
                hint: "put the whole argument in quotes, and write \\\" for a quote in it"
            )
            gathered.isBroken = true
            return
        }
        gathered.isQuoted = true
        while position < end, bytes[position] != 0x0A {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position += 1
                checkAfterQuote(&gathered)
                return
            case UInt8(ascii: "\\"): escape(&gathered)
            case UInt8(ascii: "$"): dollar(&gathered)
            default:
                gathered.text.append(bytes[position])
                position += 1
            }
        }
        report.error(
            mark(open, open + 1),
            "the quote is not closed on its line",
            hint: "write \\n for a line break in a quoted string"
        )
        gathered.isBroken = true
    }

    private mutating func checkAfterQuote(_ gathered: inout Gathered) {
        guard position < end else { return }
        switch bytes[position] {
        case 0x20, 0x09, 0x0D, 0x0A, UInt8(ascii: ";"), UInt8(ascii: "{"), UInt8(ascii: "}"): return
        case UInt8(ascii: "\\") where lineEnd(after: position + 1) != nil: return
        default:
            report.error(
                mark(position, position + 1),
                "a space is missing after the closing quote"
            )
            gathered.isBroken = true
            // What follows up to the next space belongs to the same mistake.
            while position < end, bytes[position] > 0x20 { position += 1 }
        }
    }

    private mutating func escape(_ gathered: inout Gathered) {
        let start = position
        position += 1
        guard position < end, bytes[position] != 0x0A, bytes[position] != 0x0D else { return }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): gathered.text.append(byte)
        case UInt8(ascii: "n"): gathered.text.append(0x0A)
        case UInt8(ascii: "t"): gathered.text.append(0x09)
        default:
            report.error(
                mark(start, position),
                "unknown escape in a quoted string",
                hint: "known are \\\" \\\\ \\n and \\t"
            )
            gathered.isBroken = true
        }
    }

    /// Signs that look like a space or a quote and are none come from text processors.
    private func checkLookalikes(_ text: String, _ place: Mark) {
        for scalar in text.unicodeScalars where scalar.value >= 0x80 {
            switch scalar.value {
            case 0x201C...0x201F, 0x2018...0x201B, 0xAB, 0xBB:
                report.error(
                    place,
                    "a typographic quotation mark",
                    hint: "write a plain \" instead"
                )
                return
            default:
                guard scalar.properties.isWhitespace || scalar.value == 0x200B else { continue }
                report.error(place, "a space that is not a plain one", hint: "write a plain space")
                return
            }
        }
    }
}
