import Limiting

/// The rates of the language: something in a time.
extension Literals {
    /// A count and nanoseconds of `100/s`, `1000/m`, `5/h`, `1/d` or `10/30s`.
    /// - Throws: What was expected, when it is none or out of bounds.
    static func rate(_ text: String) throws(ValueError) -> (count: Int, period: Int64) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
            throw ValueError("expected a rate such as 100/s, 1000/m or 10/30s, found '\(text)'")
        }
        let count: Int
        do throws(ValueError) {
            count = try Literals.count(String(parts[0]))
        } catch {
            throw ValueError("expected a count before '/\(parts[1])', found '\(parts[0])'")
        }
        guard (1...LimitRate.maximumCount).contains(count) else {
            throw ValueError("a rate's count is 1 to \(LimitRate.maximumCount), not \(count)")
        }
        let unit = String(parts[1])
        let isBare = unit.utf8.first.map { $0 < 0x30 || $0 > 0x39 } ?? false
        let period: Int64
        do throws(ValueError) {
            period = try duration(isBare ? "1" + unit : unit)
        } catch {
            throw ValueError(
                "expected a time behind the '/', found '\(unit)'",
                hint: "the units are s m h d, as in 100/s or 10/30s"
            )
        }
        guard (millisecond...LimitRate.maximumPeriod).contains(period) else {
            throw ValueError("a rate's time is 1ms to 365d, not \(unit)")
        }
        return (count, period)
    }

    /// Bytes in a second of `500k/s` or `1m/s`.
    /// - Throws: What was expected, when it is none or out of bounds.
    static func byteRate(_ text: String) throws(ValueError) -> Int {
        guard text.hasSuffix("/s"), let size = try? size(String(text.dropLast(2))) else {
            throw ValueError("expected bytes in a second such as 500k/s or 1m/s, found '\(text)'")
        }
        guard (1024...(1 << 40)).contains(size) else {
            throw ValueError("a rate of bytes is 1k/s to 1024g/s, not \(text)")
        }
        return size
    }
}
