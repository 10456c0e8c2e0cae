import Bytes

/// Writes samples in the one format or the other.
///
/// The two differ in little: where the family's name in the comments has the suffix of a counter,
/// in the comments themselves, and in the end mark.
/// Source: Prometheus text format 0.0.4; OpenMetrics 1.0.
final class SampleWriter {
    /// One label beside a series' own; its value needs no escaping.
    typealias Label = (name: StaticString, value: StaticString)

    private let format: MetricsFormat
    private let buffer = Buffer(capacity: 16384)
    private var name: [UInt8] = []

    init(format: MetricsFormat) {
        self.format = format
    }

    /// Writes the comments of a family; its samples follow.
    func begin(_ metric: MetricDescription) {
        name = Array(metric.sampleName.utf8)
        switch format {
        case .prometheus:
            comment("HELP", metric.sampleName, metric.help)
            // The format has no infos.
            comment(
                "TYPE",
                metric.sampleName,
                metric.kind == .info ? "gauge" : metric.kind.rawValue
            )
        case .openMetrics:
            comment("TYPE", metric.name, metric.kind.rawValue)
            if metric.unit != .none { comment("UNIT", metric.name, metric.unit.rawValue) }
            comment("HELP", metric.name, metric.help)
        }
    }

    private func comment(_ keyword: StaticString, _ name: String, _ text: String) {
        buffer.append("# ")
        buffer.append(keyword)
        buffer.append(UInt8(ascii: " "))
        buffer.append(utf8: name)
        buffer.append(UInt8(ascii: " "))
        buffer.append(LabelText.escaped(text, quotes: format == .openMetrics))
        buffer.append(UInt8(ascii: "\n"))
    }

    /// Writes a count.
    func sample(_ labels: [UInt8] = [], _ more: Label..., value: UInt64) {
        buffer.append(name)
        open(labels, more)
        append(value, decimals: 0)
        buffer.append(UInt8(ascii: "\n"))
    }

    /// Writes a count of fractions.
    /// - Parameters:
    ///   - labels: The series' labels.
    ///   - value: The value without its point.
    ///   - decimals: The value's last digits that stand behind the point.
    func sample(_ labels: [UInt8] = [], value: UInt64, decimals: Int) {
        buffer.append(name)
        open(labels, [])
        append(value, decimals: decimals)
        buffer.append(UInt8(ascii: "\n"))
    }

    /// Writes nanoseconds as seconds.
    func sample(_ labels: [UInt8] = [], nanoseconds: UInt64) {
        sample(labels, value: nanoseconds, decimals: 9)
    }

    /// Writes a gauge, whose word holds a signed number: while a scrape looks at the loops one
    /// after the other, what moved between them may make their sum negative.
    func sample(_ labels: [UInt8] = [], signed word: UInt64) {
        let value = Int64(bitPattern: word)
        buffer.append(name)
        open(labels, [])
        if value < 0 { buffer.append(UInt8(ascii: "-")) }
        append(value.magnitude, decimals: 0)
        buffer.append(UInt8(ascii: "\n"))
    }

    /// Writes a histogram of durations, unless it is empty.
    /// - Parameters:
    ///   - labels: The series' labels.
    ///   - words: Starts with the counts of `DurationBuckets` and the sum in nanoseconds.
    func histogram(_ labels: [UInt8], _ words: ArraySlice<UInt64>) {
        let start = words.startIndex
        let counts = words[start..<start + DurationBuckets.count]
        guard counts.contains(where: { $0 != 0 }) else { return }
        var cumulative: UInt64 = 0
        for (label, count) in zip(DurationBuckets.labels, counts) {
            cumulative &+= count
            buffer.append(name)
            buffer.append("_bucket")
            open(labels, [("le", label)])
            append(cumulative, decimals: 0)
            buffer.append(UInt8(ascii: "\n"))
        }
        buffer.append(name)
        buffer.append("_sum")
        open(labels, [])
        append(words[start + DurationBuckets.count], decimals: 9)
        buffer.append(UInt8(ascii: "\n"))
        buffer.append(name)
        buffer.append("_count")
        open(labels, [])
        append(cumulative, decimals: 0)
        buffer.append(UInt8(ascii: "\n"))
    }

    /// The text, with the end mark where the format has one.
    func finish() -> [UInt8] {
        if format == .openMetrics { buffer.append("# EOF\n") }
        let buffer = buffer
        return buffer.readable.bytes()
    }

    private func open(_ labels: [UInt8], _ more: [Label]) {
        if !labels.isEmpty || !more.isEmpty {
            buffer.append(UInt8(ascii: "{"))
            buffer.append(labels)
            var needsComma = !labels.isEmpty
            for label in more {
                if needsComma { buffer.append(UInt8(ascii: ",")) }
                needsComma = true
                buffer.append(label.name)
                buffer.append("=\"")
                buffer.append(label.value)
                buffer.append(UInt8(ascii: "\""))
            }
            buffer.append(UInt8(ascii: "}"))
        }
        buffer.append(UInt8(ascii: " "))
    }

    private func append(_ value: UInt64, decimals: Int) {
        let digits = Array(String(value).utf8)
        guard decimals > 0 else {
            buffer.append(digits)
            return
        }
        let padded = [UInt8](repeating: 48, count: max(0, decimals + 1 - digits.count)) + digits
        buffer.append(Array(padded.dropLast(decimals)))
        buffer.append(UInt8(ascii: "."))
        buffer.append(Array(padded.suffix(decimals)))
    }
}
