/// Finds how many requests a server works on at once before more only wait inside it.
///
/// Once in a while a few requests are let through nearly alone, which shows how long one takes
/// when nothing is in its way. The ratio of that to what requests take now is the gradient that
/// moves the limit: as long as they take little longer it grows, and when they queue inside the
/// server it shrinks in proportion.
///
/// Choice: the gradient with a measured base, as in Envoy's adaptive concurrency filter, and not
/// with a long average (Netflix's second form): under an overload that lasts, an average takes the
/// overload for the normal state, and the limit grows without end.
public struct AdaptiveLimit: Sendable, Equatable {
    /// What the limit is doing.
    private enum Phase: Sendable, Equatable {
        /// Few requests at once, to see how long one takes; from when, what was measured so far.
        case probing(since: Int64, sum: Double, count: Int)
        /// At work until the next probe.
        case working(until: Int64)
    }

    /// The level that was found, not rounded.
    public private(set) var estimate = AdaptiveLimit.start
    /// Nanoseconds that a request takes when nothing is in its way; 0 before it was measured.
    public private(set) var baseLatency: Double = 0
    private var phase = Phase.probing(since: .min, sum: 0, count: 0)
    /// Of the present window: what was measured, and whether the limit was felt.
    private var windowSum: Double = 0
    private var windowCount = 0
    private var windowPeak = 0
    private var windowEnd: Int64 = 0

    /// The level before anything was measured.
    static let start: Double = 8
    /// Requests at once in a probe, and at least.
    static let least: Double = 2
    /// The most: above it no limit is needed.
    static let most: Double = 4096
    /// How much longer than alone is still no reason to shrink.
    static let tolerance = 1.25
    /// How fast the limit follows a new finding.
    static let smoothing = 0.3
    /// Requests that a probe measures.
    static let probeSamples = 10
    /// Nanoseconds from one probe to the next.
    static let probeInterval: Int64 = 30_000_000_000
    /// Nanoseconds and samples that one finding is drawn from at least.
    static let window: Int64 = 100_000_000
    static let windowSamples = 10

    /// Begins without knowledge.
    public init() {}

    /// Requests that may be under way.
    public var limit: Int {
        if case .probing = phase { return Int(AdaptiveLimit.least) }
        return Int(estimate)
    }

    /// Takes note of a request that a server answered.
    /// - Parameters:
    ///   - latency: Nanoseconds from sending it to the head of the response.
    ///   - inFlight: Requests that were under way with it, itself included.
    ///   - now: Monotonic nanoseconds.
    public mutating func record(latency: Int64, inFlight: Int, now: Int64) {
        let latency = Double(max(1, latency))
        switch phase {
        case .probing(let since, let sum, let count):
            // What began before the probe was in a crowd.
            guard now - Int64(latency) >= since, inFlight <= Int(AdaptiveLimit.least) else {
                return
            }
            if count + 1 < AdaptiveLimit.probeSamples {
                phase = .probing(since: since, sum: sum + latency, count: count + 1)
                return
            }
            baseLatency = (sum + latency) / Double(count + 1)
            phase = .working(until: now &+ AdaptiveLimit.probeInterval)
            forgetWindow()
        case .working(let until):
            if windowCount == 0 { windowEnd = now &+ AdaptiveLimit.window }
            windowSum += latency
            windowCount += 1
            windowPeak = max(windowPeak, inFlight)
            guard now >= windowEnd, windowCount >= AdaptiveLimit.windowSamples else { return }
            update(average: windowSum / Double(windowCount), peak: windowPeak)
            forgetWindow()
            if now >= until { phase = .probing(since: now, sum: 0, count: 0) }
        }
    }

    /// Takes note of a request that failed as it does when there are too many.
    public mutating func recordOverload() {
        estimate = max(AdaptiveLimit.least, estimate * 0.9)
    }

    private mutating func update(average: Double, peak: Int) {
        baseLatency = min(baseLatency, average)
        // With half of the places empty, the latency says nothing about the limit.
        if Double(peak) < estimate / 2 { return }
        let gradient = max(0.5, min(1, AdaptiveLimit.tolerance * baseLatency / average))
        // The square root is how many may wait inside the server, so that it never runs dry.
        let target = estimate * gradient + estimate.squareRoot()
        let next = estimate + (target - estimate) * AdaptiveLimit.smoothing
        estimate = max(AdaptiveLimit.least, min(AdaptiveLimit.most, next))
    }

    private mutating func forgetWindow() {
        windowSum = 0
        windowCount = 0
        windowPeak = 0
    }
}
