/// The buckets of every duration histogram, and where a duration falls.
///
/// The bounds lie at least a factor of two apart, so each power of two of nanoseconds holds at most
/// one of them: the number of leading zeros names the bucket but for one comparison, and no loop
/// runs on the path of a request.
struct DurationBuckets: Sendable {
    /// Upper bounds in nanoseconds, included in their bucket, rising; one more bucket stands above.
    static let bounds: [UInt64] = [
        500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000,
        100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000,
        10_000_000_000, 30_000_000_000, 60_000_000_000,
    ]

    /// The bounds as their `le` labels, in seconds.
    static let labels: [StaticString] = [
        "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5",
        "1.0", "2.5", "5.0", "10.0", "30.0", "60.0", "+Inf",
    ]

    /// Buckets, the one without an upper bound included.
    static var count: Int { 17 }
    /// Words that one histogram takes: its buckets, then the sum in nanoseconds.
    static var stride: Int { 18 }

    /// By the number of leading zeros, the first bucket that a value of that magnitude can be in.
    private let firstBucket: [UInt8]
    /// By the number of leading zeros, the largest value that is still in that first bucket.
    private let firstBound: [UInt64]

    init() {
        var buckets: [UInt8] = []
        var limits: [UInt64] = []
        for zeros in 0...UInt64.bitWidth {
            let smallest: UInt64 = zeros == UInt64.bitWidth ? 0 : 1 << UInt64(63 - zeros)
            let bucket = Self.bounds.firstIndex { smallest <= $0 } ?? Self.bounds.count
            buckets.append(UInt8(bucket))
            limits.append(bucket < Self.bounds.count ? Self.bounds[bucket] : .max)
        }
        firstBucket = buckets
        firstBound = limits
    }

    /// The bucket of a duration, from 0.
    func bucket(of nanoseconds: UInt64) -> Int {
        // In bounds: at most 64 leading zeros, 65 entries.
        let zeros = nanoseconds.leadingZeroBitCount
        return Int(firstBucket[zeros]) &+ (nanoseconds > firstBound[zeros] ? 1 : 0)
    }
}
