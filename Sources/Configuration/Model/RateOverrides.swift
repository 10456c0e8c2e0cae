public import Limiting

/// The file that `rates=` names: a line for each key that has another rate.
///
/// ```
/// # the key, its rate, and what else differs
/// 203.0.113.9        1000/s burst=2000
/// partner-7f3a       off
/// ```
extension RateOverride {
    /// Bytes of a file at most: some 300,000 lines.
    public static let maximumFileSize = 16 << 20

    /// What is wrong with a file.
    public struct Failure: Error, Sendable {
        /// The line, from 1.
        public let line: Int
        /// What was expected.
        public let message: String
    }

    /// Reads such a file.
    /// - Parameters:
    ///   - bytes: The content.
    ///   - parts: Parts of the key; more than one stand with `+` between.
    ///   - algorithm: How requests are counted.
    /// - Returns: The rates, in the order of the lines.
    /// - Throws: What is wrong, and where.
    public static func parse(
        _ bytes: [UInt8],
        parts: Int,
        _ algorithm: LimitAlgorithm
    ) throws(Failure) -> [RateOverride] {
        var overrides: [RateOverride] = []
        var seen: Set<[String]> = []
        let lines = String(decoding: bytes, as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" })
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            let override = try parse(words.map(String.init), parts, algorithm, line: index + 1)
            guard seen.insert(override.values).inserted else {
                throw Failure(line: index + 1, message: "the key '\(first)' stands twice")
            }
            overrides.append(override)
        }
        return overrides
    }

    private static func parse(
        _ words: [String],
        _ parts: Int,
        _ algorithm: LimitAlgorithm,
        line: Int
    ) throws(Failure) -> RateOverride {
        // A lone part may hold a plus sign.
        let values =
            parts == 1
            ? [words[0]]
            : words[0].split(separator: "+", omittingEmptySubsequences: false).map(String.init)
        guard values.count == parts else {
            throw Failure(line: line, message: "expected \(parts) values with '+' between")
        }
        guard words.count >= 2 else {
            throw Failure(line: line, message: "expected a rate such as 100/s, or off")
        }
        if words[1] == "off" && words.count == 2 { return RateOverride(values: values, rate: nil) }
        do throws(ValueError) {
            let (count, period) = try Literals.rate(words[1])
            var burst: Int?
            for word in words.dropFirst(2) {
                guard word.hasPrefix("burst="), algorithm == .tokenBucket else {
                    throw ValueError("unexpected '\(word)'")
                }
                burst = try Literals.count(String(word.dropFirst("burst=".count)))
            }
            guard let rate = LimitRate(count, per: period, burst: burst) else {
                throw ValueError("the rate '\(words[1])' is out of bounds")
            }
            return RateOverride(values: values, rate: rate)
        } catch {
            throw Failure(line: line, message: error.message)
        }
    }
}
