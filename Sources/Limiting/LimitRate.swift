/// How much is allowed in how much time: the numbers of one limit.
///
/// Arithmetic is exact: a rate of 7 in a second is a seventh of a second for each, not a rounded
/// number of nanoseconds, so a limit never drifts.
public struct LimitRate: Sendable, Hashable {
    /// Units in a period, 1 to `maximumCount`.
    public let count: Int
    /// Nanoseconds, 1 to `maximumPeriod`.
    public let period: Int64
    /// What a token bucket holds when it is full, 1 to `maximumCount`; the windows do not use it.
    public let burst: Int
    /// The time that one unit takes to come back: `period / count`, cut off, and what is cut off
    /// as a numerator over `count`.
    let interval: Moment
    /// The time that a whole bucket takes to come back.
    let tolerance: Moment

    /// Units in a period, and in a bucket, at most.
    public static let maximumCount = 1_000_000_000
    /// Nanoseconds of a period at most: a year.
    public static let maximumPeriod: Int64 = 365 * 86_400_000_000_000
    /// Nanoseconds that a bucket may take to fill at most: a quarter of the clock's range, so that
    /// no sum of two moments can overflow.
    static let maximumTolerance: Int64 = 1 << 61

    /// Makes a rate; nil when a number is out of bounds, or a full bucket would last for decades.
    /// - Parameters:
    ///   - count: Units in a period.
    ///   - period: Nanoseconds.
    ///   - burst: Units at once; without it, as many as in a period.
    public init?(_ count: Int, per period: Int64, burst: Int? = nil) {
        let burst = burst ?? count
        let bounds = 1...LimitRate.maximumCount
        guard bounds.contains(count), bounds.contains(burst),
            (1...LimitRate.maximumPeriod).contains(period)
        else { return nil }
        self.count = count
        self.period = period
        self.burst = burst
        interval = Moment(
            nanoseconds: period / Int64(count),
            fraction: UInt32(truncatingIfNeeded: period % Int64(count))
        )
        guard let tolerance = interval.times(burst, count: count),
            tolerance.nanoseconds <= LimitRate.maximumTolerance
        else { return nil }
        self.tolerance = tolerance
    }

    /// Nanoseconds in which a full bucket is emptied and full again.
    public var fillTime: Int64 { tolerance.nanoseconds &+ (tolerance.fraction > 0 ? 1 : 0) }
}

/// A point in time, or a stretch of it, exact: nanoseconds, and a numerator over a rate's `count`.
struct Moment: Sendable, Hashable {
    var nanoseconds: Int64
    /// Below the rate's `count`, which is at most 10⁹ and so fits.
    var fraction: UInt32

    /// So many times as long; nil when that does not fit.
    func times(_ factor: Int, count: Int) -> Moment? {
        let (whole, overflow) = nanoseconds.multipliedReportingOverflow(by: Int64(factor))
        if overflow { return nil }
        // Both are at most 10⁹, so the product is at most 10¹⁸ and fits.
        let parts = Int64(fraction) &* Int64(factor)
        if parts == 0 { return Moment(nanoseconds: whole, fraction: 0) }
        let (sum, carried) = whole.addingReportingOverflow(parts / Int64(count))
        if carried { return nil }
        return Moment(
            nanoseconds: sum,
            fraction: UInt32(truncatingIfNeeded: parts % Int64(count))
        )
    }

    /// Later by another stretch.
    ///
    /// Nothing overflows: moments lie in a year's clock and a tolerance, which its type bounds.
    func adding(_ other: Moment, count: Int) -> Moment {
        // Two numbers below 2³⁰ fit 32 bits.
        var fraction = fraction &+ other.fraction
        var nanoseconds = nanoseconds &+ other.nanoseconds
        if fraction >= UInt32(truncatingIfNeeded: count) {
            fraction &-= UInt32(truncatingIfNeeded: count)
            nanoseconds &+= 1
        }
        return Moment(nanoseconds: nanoseconds, fraction: fraction)
    }

    /// Earlier by another stretch.
    func subtracting(_ other: Moment, count: Int) -> Moment {
        if fraction >= other.fraction {
            return Moment(
                nanoseconds: nanoseconds &- other.nanoseconds,
                fraction: fraction &- other.fraction
            )
        }
        return Moment(
            nanoseconds: nanoseconds &- other.nanoseconds &- 1,
            fraction: fraction &+ UInt32(truncatingIfNeeded: count) &- other.fraction
        )
    }

    /// Nanoseconds, a part of one counted whole: what somebody who waits has to wait.
    var roundedUp: Int64 { nanoseconds &+ (fraction > 0 ? 1 : 0) }
}

extension Moment: Comparable {
    static func < (left: Moment, right: Moment) -> Bool {
        left.nanoseconds != right.nanoseconds
            ? left.nanoseconds < right.nanoseconds : left.fraction < right.fraction
    }
}

/// `(a * b + d) / c`, cut off, without overflow on the way; `Int64.max` when the result does not
/// fit.
///
/// `c`: Above zero; `a` and `b` are not negative.
func scaled(_ a: Int64, _ b: Int64, plus d: UInt32 = 0, by c: Int64) -> Int64 {
    let divisor = UInt64(bitPattern: c)
    let product = UInt64(bitPattern: a).multipliedFullWidth(by: UInt64(bitPattern: b))
    let (low, carries) = product.low.addingReportingOverflow(UInt64(d))
    // Of two numbers below 2⁶³ the product is below 2¹²⁶, so one more has room.
    let high = product.high &+ (carries ? 1 : 0)
    if high == 0 { return Int64(clamping: low / divisor) }
    guard high < divisor else { return .max }
    return Int64(clamping: divisor.dividingFullWidth((high, low)).quotient)
}
