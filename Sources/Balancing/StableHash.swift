/// A 64-bit hash that is the same in every process and on every machine, so that several gateways
/// send equal keys to the same server.
///
/// Not for tables that an attacker may fill: it has no secret.
///
/// Choice: FNV-1a, because keys are short, with a final mix, because its high bits are weak.
public func stableHash(_ bytes: Span<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for index in bytes.indices {
        hash = (hash ^ UInt64(bytes[index])) &* 0x0000_0100_0000_01b3
    }
    return mixed(hash)
}

/// `stableHash` of a name's UTF-8.
///
/// For configuration, not for the path of a request.
func stableHash(of name: String) -> UInt64 {
    let bytes = [UInt8](name.utf8)
    return stableHash(bytes.span)
}

/// Spreads every bit of a number over all bits (the finaliser of SplitMix64).
func mixed(_ number: UInt64) -> UInt64 {
    var value = number &+ 0x9e37_79b9_7f4a_7c15
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
}

/// The natural logarithm of a finite number above zero, exact to about 10 digits.
///
/// The standard library has none, and this module imports no C library; the ranks of rendezvous
/// hashing need it to be monotonic and alike everywhere, which plain arithmetic is.
func naturalLogarithm(_ value: Double) -> Double {
    let significand = value.significand
    // ln m = 2 artanh((m - 1) / (m + 1)), whose series converges fast because m is in 1..<2.
    let term = (significand - 1) / (significand + 1)
    let square = term * term
    var sum = 1.0 / 19
    sum = sum * square + 1.0 / 17
    sum = sum * square + 1.0 / 15
    sum = sum * square + 1.0 / 13
    sum = sum * square + 1.0 / 11
    sum = sum * square + 1.0 / 9
    sum = sum * square + 1.0 / 7
    sum = sum * square + 1.0 / 5
    sum = sum * square + 1.0 / 3
    sum = sum * square + 1
    return Double(value.exponent) * 0.693_147_180_559_945_3 + 2 * term * sum
}
