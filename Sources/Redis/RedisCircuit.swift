/// When a server that fails is left alone, and for how long.
public struct RedisPace: Sendable, Equatable {
    /// Questions in a row without an answer in time, after which the connection is given up.
    public var misses: Int
    /// Nanoseconds of the first pause.
    public var first: Int64
    /// Nanoseconds of the longest one; each is twice the one before.
    public var longest: Int64

    /// Makes a pace.
    public init(misses: Int, first: Int64, longest: Int64) {
        self.misses = misses
        self.first = first
        self.longest = longest
    }

    /// A limit's: who decides cannot wait twice, and must find the way back soon.
    public static let limits = RedisPace(misses: 1, first: 100_000_000, longest: 100_000_000)
    /// A cache's: one slow answer is only a miss, and a server that is down is asked less and less.
    public static let cache = RedisPace(misses: 3, first: 100_000_000, longest: 10_000_000_000)
}

/// Whether a server is asked at all: a pure machine that is told what became of questions.
///
/// Closed, questions pass. After failures it is open for a time that doubles, while nothing is
/// asked. Then it is on trial: one question at a time passes, until one has been answered in time.
public struct RedisCircuit: Sendable {
    private let pace: RedisPace
    private var misses = 0
    private var openings = 0
    private var isAsking = false
    /// Whether the next answer decides.
    public private(set) var isOnTrial = false

    /// Makes a closed one.
    public init(_ pace: RedisPace) { self.pace = pace }

    /// Whether a question may be asked; counts it if so.
    public mutating func admit() -> Bool {
        guard isOnTrial else { return true }
        if isAsking { return false }
        isAsking = true
        return true
    }

    /// A question was answered in time.
    public mutating func succeeded() {
        misses = 0
        openings = 0
        isOnTrial = false
        isAsking = false
    }

    /// A question was not answered in time.
    /// - Returns: Whether that was once too often: the connection is to be given up.
    public mutating func failed() -> Bool {
        misses += 1
        isAsking = false
        return isOnTrial || misses >= pace.misses
    }

    /// The connection was given up, or could not be made.
    /// - Returns: Nanoseconds to leave the server alone for.
    public mutating func open() -> Int64 {
        let doublings = min(openings, 30)
        openings += 1
        misses = 0
        isAsking = false
        isOnTrial = true
        let (pause, overflow) = pace.first.multipliedReportingOverflow(by: 1 << Int64(doublings))
        return overflow ? pace.longest : min(pause, pace.longest)
    }
}
