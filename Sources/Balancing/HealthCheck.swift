/// How a server is asked whether it is well.
///
/// Active health: requests sent for this purpose alone, at a rhythm of their own.
public struct HealthCheckPolicy: Sendable, Equatable {
    /// Time between the end of one check and the start of the next, nanoseconds.
    public var every: Int64
    /// How long a check may take, nanoseconds.
    public var timeout: Int64
    /// Consecutive good checks that bring a server back.
    public var passes: Int
    /// Consecutive bad checks that take a server out.
    public var fails: Int
    /// Statuses that count as good.
    public var expected: StatusRanges

    /// Makes a policy; values out of range are brought into it.
    /// - Parameters:
    ///   - every: Nanoseconds between checks, at least a millisecond.
    ///   - timeout: Nanoseconds a check may take, at least a millisecond.
    ///   - passes: Good checks in a row that bring a server back.
    ///   - fails: Bad checks in a row that take it out.
    ///   - expected: Good statuses; by default 200–399, as HAProxy has it.
    public init(
        every: Int64 = 5_000_000_000,
        timeout: Int64 = 2_000_000_000,
        passes: Int = 2,
        fails: Int = 3,
        expected: StatusRanges = StatusRanges([200...399])
    ) {
        self.every = max(1_000_000, clampedDuration(every))
        self.timeout = max(1_000_000, clampedDuration(timeout))
        self.passes = max(1, passes)
        self.fails = max(1, fails)
        self.expected = expected
    }
}

/// A set of status codes, written as ranges.
public struct StatusRanges: Sendable, Equatable {
    /// The ranges; they may overlap.
    public let ranges: [ClosedRange<Int>]

    /// Makes a set.
    public init(_ ranges: [ClosedRange<Int>]) {
        self.ranges = ranges
    }

    /// Whether a status belongs to the set.
    public func contains(_ status: Int) -> Bool {
        for range in ranges where range.contains(status) { return true }
        return false
    }
}

/// Where the checks of one server stand: results in, verdict and time of the next check out.
///
/// A server that has not been checked is usable: a gateway that has just started, or a name that
/// has just resolved, must not answer 503 for the length of a check. The first result decides at
/// once, in either direction, as in HAProxy and Envoy; after that `passes` and `fails` in a row do.
public struct HealthCheckState: Sendable, Equatable {
    /// What the checks say so far.
    public enum Verdict: Sendable, Equatable {
        /// No check has ended yet.
        case unknown
        /// In use; so many bad checks since the last good one.
        case healthy(failures: Int)
        /// Out of use; so many good checks since the last bad one.
        case unhealthy(passes: Int)
    }

    /// A verdict that the caller should log, count and write to the `ServerStatus`.
    public enum Change: Sendable, Equatable {
        /// The server may be used.
        case becameHealthy
        /// The server may not be used.
        case becameUnhealthy
    }

    /// What the checks say so far.
    public private(set) var verdict = Verdict.unknown
    /// When the next check is due, monotonic nanoseconds.
    ///
    /// It waits while a check is under way.
    public private(set) var nextCheck: Int64

    /// Starts checking, at a random moment within the first second (or `every`, if that is less),
    /// so that the checks of many servers do not come in one burst.
    /// - Parameters:
    ///   - now: Monotonic nanoseconds.
    ///   - policy: The upstream's rule.
    ///   - random: Any number, evenly distributed.
    public init(now: Int64, policy: HealthCheckPolicy, random: UInt64) {
        nextCheck = saturatingSum(now, scaled(min(policy.every, 1_000_000_000), by: random))
    }

    /// Whether the server may be used.
    public var isUsable: Bool {
        if case .unhealthy = verdict { return false }
        return true
    }

    /// Takes in the outcome of a check and plans the next one, `every` later, give or take 10 %.
    /// - Parameters:
    ///   - passed: Whether an expected status came in time.
    ///   - now: Monotonic nanoseconds at the end of the check.
    ///   - policy: The upstream's rule.
    ///   - random: Any number, evenly distributed.
    /// - Returns: What changed for the server's use, or nil.
    public mutating func checkEnded(
        passed: Bool,
        now: Int64,
        policy: HealthCheckPolicy,
        random: UInt64
    ) -> Change? {
        let spread = policy.every / 5
        let wait = policy.every - spread / 2 + scaled(spread, by: random)
        nextCheck = saturatingSum(now, wait)

        switch (verdict, passed) {
        case (.unknown, true):
            verdict = .healthy(failures: 0)
            return .becameHealthy
        case (.unknown, false):
            verdict = .unhealthy(passes: 0)
            return .becameUnhealthy
        case (.healthy, true):
            verdict = .healthy(failures: 0)
            return nil
        case (.unhealthy, false):
            verdict = .unhealthy(passes: 0)
            return nil
        case (.healthy(let failures), false):
            let count = min(failures, policy.fails) + 1
            let isOut = count >= policy.fails
            verdict = isOut ? .unhealthy(passes: 0) : .healthy(failures: count)
            return isOut ? .becameUnhealthy : nil
        case (.unhealthy(let passes), true):
            let count = min(passes, policy.passes) + 1
            let isBack = count >= policy.passes
            verdict = isBack ? .healthy(failures: 0) : .unhealthy(passes: count)
            return isBack ? .becameHealthy : nil
        }
    }
}

/// A part of a length that is not negative, evenly distributed over `0..<length`.
func scaled(_ length: Int64, by random: UInt64) -> Int64 {
    // The high half of the product is below `length`, so it fits.
    Int64(truncatingIfNeeded: UInt64(length.magnitude).multipliedFullWidth(by: random).high)
}
