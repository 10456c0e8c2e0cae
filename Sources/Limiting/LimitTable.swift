import Synchronization

/// The counters of one limit, shared by all loops: bounded, and cut into shards so that loops
/// rarely meet at one lock.
///
/// A key takes 32 bytes, 64 with the room that the table needs to stay fast; a sliding log takes
/// more. A million keys take 64 MiB. Counters that say no more than "nothing used" are dropped
/// first, which changes no decision. Only when every counter is alive and the table full, the one
/// nearest to that state is forgotten, and counted as such.
public final class LimitTable: Sendable {
    /// How requests are counted.
    public let algorithm: LimitAlgorithm
    /// Keys at most.
    public let capacity: Int
    /// Its busiest keys, as far as somebody notes them.
    public let hot = HotKeys()
    private let shards: [Shard]

    /// Shards; a power of two, above the number of cores by far.
    static let shardCount = 64
    /// Keys of a table unless it is told otherwise.
    public static let defaultCapacity = 1_000_000
    /// Bytes of all counters of a sliding log at most, unless it is told otherwise.
    static let logMemory = 96 << 20

    /// Makes an empty table, which takes memory only as keys come.
    /// - Parameters:
    ///   - algorithm: How requests are counted.
    ///   - logCount: Times that a sliding log remembers for one key.
    ///   - capacity: Keys at most; without it a million, or as many logs as fit in 96 MiB.
    public init(algorithm: LimitAlgorithm, logCount: Int = 1, capacity: Int? = nil) {
        let log = min(max(1, logCount), LimitAlgorithm.maximumLogCount)
        let words = algorithm == .slidingLog ? SlidingLog.wordCount(log) : 2
        let fallback =
            algorithm == .slidingLog
            ? min(LimitTable.defaultCapacity, LimitTable.logMemory / (16 * (words + 2)))
            : LimitTable.defaultCapacity
        self.algorithm = algorithm
        self.capacity = max(1, capacity ?? fallback)
        let share = LimitTable.share(of: self.capacity)
        shards = (0..<LimitTable.shardCount).map { _ in
            Shard(LimitShard(algorithm, logCount: log, limit: share))
        }
    }

    /// Takes `cost` units of a key if they are there, whichever loop asks.
    /// - Parameters:
    ///   - key: Who is counted.
    ///   - cost: Units, 0 to `LimitRate.maximumCount`; 0 looks without taking.
    ///   - rate: What is allowed; the same for the same key, unless the configuration changes.
    ///   - now: Monotonic nanoseconds, not negative.
    ///   - observing: Whether a refusal is only counted as one that would have been.
    /// - Returns: Whether they were there; if so, they are taken.
    public func take(
        _ key: LimitKey,
        cost: Int,
        _ rate: LimitRate,
        now: Int64,
        observing: Bool = false
    ) -> LimitDecision {
        let cost = min(max(0, cost), LimitRate.maximumCount)
        return shard(of: key).state.withLock { shard in
            let decision = shard.take(key, cost: cost, rate, now: now)
            if decision.isAllowed {
                shard.figures.allowed &+= 1
            } else if observing {
                shard.figures.observed &+= 1
            } else {
                shard.figures.refused &+= 1
            }
            return decision
        }
    }

    /// What a request would be told, with nothing taken and nothing counted.
    public func look(_ key: LimitKey, _ rate: LimitRate, now: Int64) -> LimitDecision {
        shard(of: key).state.withLock { shard in
            shard.look(key, rate, now: now)
        }
    }

    /// Takes units whether they are there or not; what is missing has to come back first.
    public func charge(_ key: LimitKey, cost: Int, _ rate: LimitRate, now: Int64) {
        let cost = min(max(0, cost), LimitRate.maximumCount)
        if cost == 0 { return }
        shard(of: key).state.withLock { $0.charge(key, cost: cost, rate, now: now) }
    }

    /// Gives back what a `take` took and was not used.
    public func refund(_ key: LimitKey, cost: Int, _ rate: LimitRate) {
        let cost = min(max(0, cost), LimitRate.maximumCount)
        if cost == 0 { return }
        shard(of: key).state.withLock { $0.refund(key, cost: cost, rate) }
    }

    /// Forgets all that a key has used.
    /// - Returns: Whether anything was known of it.
    @discardableResult
    public func forget(_ key: LimitKey) -> Bool {
        shard(of: key).state.withLock { $0.forget(key) }
    }

    /// Whether anything is known of a key.
    public func knows(_ key: LimitKey) -> Bool {
        shard(of: key).state.withLock { $0.knows(key) }
    }

    /// Counts what something else decided in this table's place.
    public func count(_ key: LimitKey, isAllowed: Bool, observing: Bool) {
        shard(of: key).state.withLock { shard in
            if isAllowed {
                shard.figures.allowed &+= 1
            } else if observing {
                shard.figures.observed &+= 1
            } else {
                shard.figures.refused &+= 1
            }
        }
    }

    /// Drops some counters of one shard that say nothing any more, and gives memory back.
    /// - Parameters:
    ///   - number: Any; shards are taken in turn.
    ///   - now: Monotonic nanoseconds.
    public func sweep(_ number: Int, now: Int64) {
        let index = number & (LimitTable.shardCount - 1)
        shards[index].state.withLock { $0.sweep(now: now) }
    }

    /// What the table holds and has decided.
    public var figures: LimitTableFigures {
        var sum = LimitTableFigures()
        for shard in shards { shard.state.withLock { sum.add($0.figures, $0.count, $0.byteCount) } }
        return sum
    }

    private func shard(of key: LimitKey) -> Shard {
        shards[Int(truncatingIfNeeded: key.high) & (LimitTable.shardCount - 1)]
    }

    /// Keys of one shard: its share, and a little more, because hashes do not spread evenly.
    private static func share(of capacity: Int) -> Int {
        let even = (capacity + shardCount - 1) / shardCount
        return even + even / 16 + (capacity >= 4096 ? 32 : 0)
    }

    /// One lock with what it guards.
    private final class Shard: Sendable {
        let state: Mutex<LimitShard>
        init(_ shard: consuming sending LimitShard) { state = Mutex(shard) }
    }
}

/// What a table holds and has decided since it was made.
public struct LimitTableFigures: Sendable, Equatable {
    /// Decisions for a request.
    public var allowed: UInt64 = 0
    /// Decisions against one.
    public var refused: UInt64 = 0
    /// Decisions against one that was let through all the same.
    public var observed: UInt64 = 0
    /// Counters dropped that said nothing any more.
    public var decayed: UInt64 = 0
    /// Counters dropped that did, because the table was full of such.
    public var forgotten: UInt64 = 0
    /// Keys in the table.
    public var keys = 0
    /// Bytes that it takes.
    public var bytes = 0

    /// Figures of a table that was never asked.
    public init() {}

    mutating func add(_ other: LimitTableFigures, _ keys: Int, _ bytes: Int) {
        allowed &+= other.allowed
        refused &+= other.refused
        observed &+= other.observed
        decayed &+= other.decayed
        forgotten &+= other.forgotten
        self.keys += keys
        self.bytes += bytes
    }
}
