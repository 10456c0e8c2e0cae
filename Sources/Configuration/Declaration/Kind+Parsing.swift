import Addressing

extension Kind {
    /// What a word says, if it is of this kind.
    /// - Throws: What was expected instead.
    func parse(_ word: Word) throws(ValueError) -> Value {
        let text = word.text
        switch self {
        case .content: return .text(text)
        case .text:
            try rejectControls(text)
            return .text(text)
        case .keyword(let words):
            guard words.contains(text) else { throw Self.unknownWord(text, words) }
            return .keyword(text)
        case .either(let words, let kind):
            if words.contains(text) { return .keyword(text) }
            return try Self.parseOther(word, words, kind)
        case .duration(let bounds):
            let duration = try Literals.duration(text)
            try Self.check(duration, bounds, Literals.text(duration:))
            return .duration(duration)
        case .size(let bounds):
            let size = try Literals.size(text)
            try Self.check(size, bounds, Literals.text(size:))
            return .number(size)
        case .count(let bounds):
            let count = try Literals.count(text)
            try Self.check(count, bounds) { "\($0)" }
            return .number(count)
        case .status(let bounds):
            guard text.utf8.count == 3, let status = try? Literals.count(text),
                bounds.contains(status)
            else {
                throw ValueError(
                    "expected a status code of \(bounds.lowerBound) to \(bounds.upperBound), "
                        + "found '\(text)'"
                )
            }
            return .number(status)
        case .statuses: return .statuses(try parseStatuses(text))
        case .listenAddress, .endpoint, .network: return try parseAddress(text)
        case .host: return .host(try HostPattern(parsing: text))
        case .pattern: return .pattern(try PathPattern(parsing: text))
        case .wirePattern: return .pattern(try PathPattern(wire: text))
        case .methods: return .methods(try MethodSet(parsing: text))
        case .template:
            try rejectControls(text)
            return .template(try Template(parsing: word))
        case .rate:
            let (count, period) = try Literals.rate(text)
            return .rate(count: count, period: period)
        case .byteRate: return .number(try Literals.byteRate(text))
        case .flag: return .flag
        }
    }

    private static func unknownWord(_ text: String, _ words: [String]) -> ValueError {
        ValueError(
            "expected \(alternatives(words)), found '\(text)'",
            hint: suggestion(for: text, among: words)
        )
    }

    /// A word that is none of some keywords: the message names both what it could have been.
    private static func parseOther(
        _ word: Word,
        _ words: [String],
        _ kind: Kind
    ) throws(ValueError) -> Value {
        do throws(ValueError) {
            return try kind.parse(word)
        } catch {
            if let near = suggestion(for: word.text, among: words) {
                throw ValueError(error.message, hint: near)
            }
            throw error
        }
    }

    private static func check<Number: Comparable>(
        _ number: Number,
        _ bounds: ClosedRange<Number>,
        _ text: (Number) -> String
    ) throws(ValueError) {
        if number < bounds.lowerBound {
            throw ValueError("at least \(text(bounds.lowerBound)) is needed")
        }
        if number > bounds.upperBound {
            throw ValueError("at most \(text(bounds.upperBound)) is possible")
        }
    }

    private func parseAddress(_ text: String) throws(ValueError) -> Value {
        do throws(AddressError) {
            switch self {
            case .listenAddress: return .listenAddress(try SocketAddress(text))
            case .endpoint: return .endpoint(try Endpoint(text))
            default: return .network(try Network(text))
            }
        } catch {
            throw ValueError("\(error)")
        }
    }
}

/// `a`, `a or b`, `a, b or c`.
func alternatives(_ words: [String]) -> String {
    guard let last = words.last, words.count > 1 else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " or " + last
}

/// Control characters can come from escapes and the environment, and have no place in a name, a
/// path or a field value.
private func rejectControls(_ text: String) throws(ValueError) {
    if text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
        throw ValueError("control characters are not allowed here")
    }
}

/// Status codes and ranges, with commas between: `200-299,304`.
private func parseStatuses(_ text: String) throws(ValueError) -> [ClosedRange<Int>] {
    var result: [ClosedRange<Int>] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
        let ends = part.split(separator: "-", omittingEmptySubsequences: false)
        let numbers = ends.compactMap { end in end.utf8.count == 3 ? Int(end) : nil }
        guard numbers.count == ends.count, (1...2).contains(numbers.count),
            let first = numbers.first, let last = numbers.last,
            first >= 100, last <= 599, first <= last
        else {
            throw ValueError(
                "expected status codes such as 200, 200-399 or 200,404, found '\(text)'"
            )
        }
        result.append(first...last)
    }
    return result
}
