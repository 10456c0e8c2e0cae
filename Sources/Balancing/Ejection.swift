/// When a server that fails is set aside, and for how long.
///
/// Passive health: the evidence is the traffic itself, no request is sent for it.
public struct EjectionPolicy: Sendable, Equatable {
    /// Consecutive failures that set a server aside; 0 never does.
    public var fails: Int
    /// Length of the first ejection, nanoseconds.
    ///
    /// Each further one is twice as long.
    public var time: Int64
    /// Longest ejection, nanoseconds.
    public var maximumTime: Int64
    /// A server that stayed in use for so long, nanoseconds, starts at `time` again.
    public var forgetAfter: Int64

    /// Makes a policy; values out of range are brought into it, so that no sum can overflow.
    /// - Parameters:
    ///   - fails: Consecutive failures; 0 switches ejection off.
    ///   - time: First ejection, nanoseconds.
    ///   - maximumTime: Longest ejection, nanoseconds.
    ///   - forgetAfter: Good time after which earlier ejections no longer count, nanoseconds.
    public init(
        fails: Int = 3,
        time: Int64 = 10_000_000_000,
        maximumTime: Int64 = 300_000_000_000,
        forgetAfter: Int64 = 300_000_000_000
    ) {
        self.fails = max(0, fails)
        self.time = clampedDuration(time)
        self.maximumTime = max(self.time, clampedDuration(maximumTime))
        self.forgetAfter = clampedDuration(forgetAfter)
    }

    /// How long an ejection lasts that follows `earlier` remembered ones, nanoseconds.
    func duration(afterEjections earlier: Int) -> Int64 {
        var length = time
        // Ends after at most 63 rounds: `length` doubles and `maximumTime` is bounded.
        for _ in 0..<min(earlier, 63) {
            if length >= maximumTime { break }
            length *= 2
        }
        return min(length, maximumTime)
    }
}

/// What the failures of one server have led to: a pure machine, events in and decisions out.
///
/// An ejection ends by a trial: one request is let through when the time is over (half-open), and
/// its outcome brings the server back or sets it aside for twice as long.
struct EjectionState: Equatable {
    enum Phase: Equatable {
        /// In use, with so many failures since the last success.
        case counting(failures: Int)
        /// Set aside until then at least, monotonic nanoseconds.
        case ejected(until: Int64)
    }

    private(set) var phase = Phase.counting(failures: 0)
    /// Ejections that still count for the length of the next one.
    private(set) var rememberedEjections = 0
    /// When the server last came back from an ejection, monotonic nanoseconds.
    private(set) var returnedAt = Int64.min

    /// Whether nothing is held against the server, so that a success changes nothing.
    var isClean: Bool { phase == .counting(failures: 0) }

    /// Takes note of a failed request.
    /// - Returns: The end of the ejection that this failure began, or nil when it began none.
    mutating func fail(now: Int64, isTrial: Bool, policy: EjectionPolicy) -> Int64? {
        guard policy.fails > 0 else { return nil }
        switch phase {
        case .counting(let failures):
            let count = min(failures, policy.fails) + 1
            guard count >= policy.fails else {
                phase = .counting(failures: count)
                return nil
            }
            if isForgiven(now: now, policy: policy) { rememberedEjections = 0 }
        case .ejected(let until):
            // Requests that were under way when the server was set aside still fail one by one:
            // that is old news. Only a trial sent after the time was over says something new.
            guard isTrial, now >= until else { return nil }
        }
        let until = saturatingSum(now, policy.duration(afterEjections: rememberedEjections))
        rememberedEjections = min(rememberedEjections + 1, 63)
        phase = .ejected(until: until)
        return until
    }

    /// Takes note of a request that the server answered.
    /// - Returns: Whether this brought the server back from an ejection.
    mutating func succeed(now: Int64, isTrial: Bool) -> Bool {
        switch phase {
        case .counting:
            phase = .counting(failures: 0)
            return false
        case .ejected:
            // A request from before the ejection may end well after it; it proves nothing.
            guard isTrial else { return false }
            phase = .counting(failures: 0)
            returnedAt = now
            return true
        }
    }

    private func isForgiven(now: Int64, policy: EjectionPolicy) -> Bool {
        rememberedEjections > 0 && now >= saturatingSum(returnedAt, policy.forgetAfter)
    }
}

/// Longest duration the rules calculate with: ten years in nanoseconds.
let maximumDuration: Int64 = 315_360_000_000_000_000

/// A duration, at least zero and at most `maximumDuration`.
func clampedDuration(_ nanoseconds: Int64) -> Int64 {
    min(max(0, nanoseconds), maximumDuration)
}

/// A sum that stops at the end of its type instead of trapping.
func saturatingSum(_ left: Int64, _ right: Int64) -> Int64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    guard overflow else { return sum }
    return right > 0 ? .max : .min
}
