/// Fetching a hot response anew before it is stale, by chance, so that it never becomes stale for
/// all of its clients at once.
///
/// Source: Vattani, Chierichetti, Lowenstein, Optimal Probabilistic Cache Stampede Prevention,
/// VLDB 2015: with δ the time that a fetch takes, refresh when the remaining time is less than
/// δ·β·(−ln u), u uniform in (0, 1).
package enum EarlyRefresh {
    /// How eager: 1 is optimal for exponential gaps.
    static let beta: Int64 = 1
    /// The longest time before its end at which a response is fetched anew: a tenth of its
    /// lifetime, so that what lives for seconds is not fetched all the time.
    static let share: Int64 = 10

    /// Whether this request shall fetch the response anew.
    ///
    /// `remaining`: Milliseconds for which it stays fresh.
    ///
    /// `lifetime`: Milliseconds of its whole lifetime.
    ///
    /// `fetchTime`: Milliseconds that the last fetch took.
    ///
    /// `random`: Uniform.
    package static func isDue(remaining: Int64, lifetime: Int64, fetchTime: Int64, random: UInt64)
        -> Bool
    {
        guard remaining < lifetime / share else { return false }
        // −ln u of a uniform u: the leading zeros are −log2 u cut off; a linear rest makes it
        // smooth, and ln 2 is 710 / 1024.
        let zeros = Int64(random.leadingZeroBitCount)
        let mantissa = Int64((random << UInt64(zeros + 1)) >> 54)
        let logarithm = ((zeros + 1) * 1024 - mantissa) * 710 / 1024
        return remaining <= max(1, fetchTime) * beta * logarithm / 1024
    }
}
