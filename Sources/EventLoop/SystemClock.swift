import CLinux

/// The system's clocks, for what happens outside a loop; a loop has its own `now`.
public enum SystemClock {
    /// Unix time in seconds.
    public static func unixSeconds() -> Int64 { gateway_wall_nanoseconds() / 1_000_000_000 }

    /// Nanoseconds of the monotonic clock that loops run by.
    public static func monotonicNanoseconds() -> Int64 { gateway_monotonic_nanoseconds() }
}
