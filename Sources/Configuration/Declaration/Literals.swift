/// The units of the language's numbers.
enum Literals {
    static let millisecond: Int64 = 1_000_000
    static let second: Int64 = 1000 * millisecond
    static let minute: Int64 = 60 * second
    static let hour: Int64 = 60 * minute
    static let day: Int64 = 24 * hour
    /// Choice: 365 days, as everyone who writes `hsts=1y` means it.
    static let year: Int64 = 365 * day

    private static let durationUnits: [(suffix: String, nanoseconds: Int64)] = [
        ("ms", millisecond), ("s", second), ("m", minute), ("h", hour), ("d", day), ("y", year),
    ]
    private static let sizeUnits: [(suffix: String, bytes: Int)] = [
        ("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30),
    ]

    /// Nanoseconds of `250ms`, `5s`, `1m`, `1h`, `1d`, `1y`.
    /// - Throws: What was expected, when it is none or does not fit.
    static func duration(_ text: String) throws(ValueError) -> Int64 {
        let (digits, suffix) = split(text)
        guard let count = Int64(digits), !digits.isEmpty else {
            throw ValueError(
                "expected a duration such as 250ms, 5s, 1m or 1h, found '\(text)'"
            )
        }
        guard let unit = durationUnits.first(where: { $0.suffix == suffix }) else {
            throw ValueError(
                suffix.isEmpty
                    ? "the duration '\(text)' needs a unit"
                    : "'\(suffix)' is no unit of time",
                hint: suffix.isEmpty
                    ? "did you mean '\(text)s'?" : "the units are ms s m h d y"
            )
        }
        let (product, overflow) = count.multipliedReportingOverflow(by: unit.nanoseconds)
        if overflow { throw ValueError("the duration '\(text)' is too long") }
        return product
    }

    /// Bytes of `512`, `64k`, `10m`, `1g`.
    /// - Throws: What was expected, when it is none or does not fit.
    static func size(_ text: String) throws(ValueError) -> Int {
        let (digits, suffix) = split(text)
        guard let count = Int(digits), !digits.isEmpty else {
            throw ValueError("expected a size such as 512, 64k, 10m or 1g, found '\(text)'")
        }
        if suffix.isEmpty { return count }
        guard let unit = sizeUnits.first(where: { $0.suffix == suffix.lowercased() }) else {
            throw ValueError("'\(suffix)' is no unit of size", hint: "the units are k m g")
        }
        let (product, overflow) = count.multipliedReportingOverflow(by: unit.bytes)
        if overflow { throw ValueError("the size '\(text)' is too large") }
        return product
    }

    /// A number without sign.
    static func count(_ text: String) throws(ValueError) -> Int {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
            throw ValueError("expected a number, found '\(text)'")
        }
        guard let number = Int(text) else { throw ValueError("the number '\(text)' is too large") }
        return number
    }

    private static func split(_ text: String) -> (digits: String, suffix: String) {
        let digits = text.utf8.prefix { $0 >= 0x30 && $0 <= 0x39 }
        return (
            String(decoding: digits, as: UTF8.self),
            String(decoding: text.utf8.dropFirst(digits.count), as: UTF8.self)
        )
    }

    /// A duration as a person would write it.
    static func text(duration: Int64) -> String {
        for unit in durationUnits.reversed() where unit.suffix != "y" {
            if duration != 0, duration % unit.nanoseconds == 0 {
                return "\(duration / unit.nanoseconds)\(unit.suffix)"
            }
        }
        return duration == 0 ? "0s" : "\(duration)ns"
    }

    /// A size as a person would write it.
    static func text(size: Int) -> String {
        for unit in sizeUnits.reversed() where size != 0 && size % unit.bytes == 0 {
            return "\(size / unit.bytes)\(unit.suffix)"
        }
        return "\(size)"
    }
}
