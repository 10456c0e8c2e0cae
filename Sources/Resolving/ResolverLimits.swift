/// How long and how often the resolver asks; times in nanoseconds unless named otherwise.
public struct ResolverLimits: Hashable, Sendable {
    /// How long one query to one server may take before the next try, in milliseconds; later
    /// tries wait twice as long each.
    public var queryTimeoutMilliseconds: Int32 = 2000
    /// How often each server is asked before a resolution fails.
    public var tries: Int32 = 2
    /// An answer is kept at least this long, whatever its TTL.
    public var minimumTTL: Int64 = 1_000_000_000
    /// An answer is kept at most this long, whatever its TTL.
    public var maximumTTL: Int64 = 300_000_000_000
    /// How long an answer from /etc/hosts is kept, which has no TTL.
    public var hostsTTL: Int64 = 30_000_000_000
    /// The pause after the first failure; it doubles with each further one.
    public var firstRetryDelay: Int64 = 1_000_000_000
    /// The longest pause after a failure.
    public var maximumRetryDelay: Int64 = 30_000_000_000
    /// Addresses of one name that are kept; the others of a longer answer are left out.
    public var maximumAddressCount = 64
    /// Names that are asked for at the same time; the others wait.
    public var maximumQueryCount = 64

    /// The limits that the gateway runs with.
    public init() {}
}
