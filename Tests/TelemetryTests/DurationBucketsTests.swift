import Testing

@testable import Telemetry

@Suite("Buckets of durations")
struct DurationBucketsTests {
    @Test("Every bound, and what lies beside it, falls where a search would put it")
    func bounds() {
        let buckets = DurationBuckets()
        var values: [UInt64] = [0, 1, 2, 3, .max, .max - 1, 1 << 63]
        for bound in DurationBuckets.bounds { values += [bound - 1, bound, bound + 1] }
        for exponent in 0..<64 { values.append(1 << UInt64(exponent)) }
        for exponent in 1..<64 { values.append((1 << UInt64(exponent)) - 1) }
        for value in values {
            let searched =
                DurationBuckets.bounds.firstIndex { value <= $0 } ?? DurationBuckets.bounds.count
            #expect(buckets.bucket(of: value) == searched, "\(value)")
        }
    }

    @Test("Bounds lie at least a factor of two apart, which the search relies on")
    func spacing() {
        for (low, high) in zip(DurationBuckets.bounds, DurationBuckets.bounds.dropFirst()) {
            #expect(high >= 2 * low)
        }
    }

    @Test("Labels are the bounds in seconds")
    func labels() {
        for (label, bound) in zip(DurationBuckets.labels, DurationBuckets.bounds) {
            #expect(Double(label.description) == Double(bound) / 1e9)
        }
        #expect(DurationBuckets.labels.last?.description == "+Inf")
    }
}
