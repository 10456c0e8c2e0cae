import Synchronization

/// The busiest keys of one limit, with a text for each: a sketch of bounded size, because the
/// counters themselves know keys only by their hash.
///
/// Choice: Space-Saving (Metwally, Agrawal, El Abbadi, 2005). When all places are taken, a new key
/// takes that of the least busy one and its rank, so that whoever makes more than one part in
/// `capacity` of what is noted is always among them. The counts that are shown are only what was
/// seen of a key since it came in: never too high.
public final class HotKeys: Sendable {
    /// Keys remembered: at most 24 KiB, of which most is their texts.
    public static let capacity = 128
    /// Bytes of a key's text.
    public static let textLimit = 96
    /// Nanoseconds that the counts reach back.
    public static let period: Int64 = 60_000_000_000

    private let state = Mutex(State())

    /// Makes a sketch that has seen nothing.
    public init() {}

    /// Counts decisions for a key.
    /// - Parameters:
    ///   - key: Who was counted.
    ///   - isAllowed: What was decided.
    ///   - weight: How many decisions it stands for, where not all of them are noted.
    ///   - now: Monotonic nanoseconds.
    /// - Returns: Whether the key is new here and wants a text.
    public func note(_ key: LimitKey, isAllowed: Bool, weight: UInt64 = 1, now: Int64) -> Bool {
        state.withLock { $0.note(key, isAllowed: isAllowed, weight: weight, now: now) }
    }

    /// Gives a key its text, of which `textLimit` bytes are kept, unless it is gone meanwhile.
    public func name(_ key: LimitKey, _ text: [UInt8]) {
        state.withLock { state in
            guard let index = state.places[key] else { return }
            state.entries[index].text = Array(text.prefix(HotKeys.textLimit))
        }
    }

    /// What is known of the keys that were seen within the period, in no order.
    public func keys(now: Int64) -> [HotKey] {
        state.withLock { state in
            state.advance(to: now)
            let left = HotKeys.period - min(max(0, now - state.start), HotKeys.period)
            return state.entries.compactMap { entry in
                let allowed = entry.present.allowed + HotKeys.part(entry.before.allowed, left)
                let refused = entry.present.refused + HotKeys.part(entry.before.refused, left)
                if allowed == 0 && refused == 0 { return nil }
                return HotKey(key: entry.key, text: entry.text, allowed: allowed, refused: refused)
            }
        }
    }

    /// The share of the period before that still counts.
    private static func part(_ count: UInt64, _ left: Int64) -> UInt64 {
        UInt64((Double(count) * Double(left) / Double(period)).rounded())
    }

    private struct Counts: Sendable {
        var allowed: UInt64 = 0
        var refused: UInt64 = 0
        var sum: UInt64 { allowed &+ refused }
    }

    private struct Entry: Sendable {
        var key: LimitKey
        var text: [UInt8] = []
        var present = Counts()
        var before = Counts()
        /// The rank of who had the place before.
        var inherited: UInt64

        var rank: UInt64 { inherited &+ present.sum &+ before.sum }
    }

    private struct State: Sendable {
        var entries: [Entry] = []
        var places: [LimitKey: Int] = [:]
        /// When the present period began, nanoseconds.
        var start: Int64 = 0

        mutating func note(_ key: LimitKey, isAllowed: Bool, weight: UInt64, now: Int64) -> Bool {
            advance(to: now)
            let known = places[key]
            let index = known ?? place(for: key)
            if isAllowed {
                entries[index].present.allowed &+= weight
            } else {
                entries[index].present.refused &+= weight
            }
            return known == nil
        }

        /// Takes a place for a new key: a free one, or that of the least busy.
        private mutating func place(for key: LimitKey) -> Int {
            if entries.count < HotKeys.capacity {
                entries.append(Entry(key: key, inherited: 0))
                places[key] = entries.count - 1
                return entries.count - 1
            }
            var least = 0
            var rank = UInt64.max
            for index in entries.indices where entries[index].rank < rank {
                least = index
                rank = entries[index].rank
            }
            places[entries[least].key] = nil
            entries[least] = Entry(key: key, inherited: rank)
            places[key] = least
            return least
        }

        /// Begins another period when one is over, and drops who has not been seen since.
        mutating func advance(to now: Int64) {
            let elapsed = now - start
            if elapsed < HotKeys.period { return }
            let isNext = elapsed < 2 * HotKeys.period
            start = isNext ? start + HotKeys.period : now
            entries = entries.compactMap { entry in
                var entry = entry
                entry.before = isNext ? entry.present : Counts()
                entry.present = Counts()
                entry.inherited = 0
                return entry.before.sum > 0 ? entry : nil
            }
            places.removeAll(keepingCapacity: true)
            for (index, entry) in entries.enumerated() { places[entry.key] = index }
        }
    }
}

/// A key of a limit, and what was decided for it of late.
public struct HotKey: Sendable, Equatable {
    /// Who is counted.
    public let key: LimitKey
    /// What it was made of, for a person; empty while nobody has said it.
    public let text: [UInt8]
    /// Requests let through within the period.
    public let allowed: UInt64
    /// Requests refused within the period, or that would have been.
    public let refused: UInt64
}

extension LimitKey {
    /// The key as 32 hexadecimal digits.
    public var hexadecimal: String {
        [high, low].map { half in
            let text = String(half, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }.joined()
    }

    /// The key that 32 hexadecimal digits say; nil for anything else.
    public init?(hexadecimal text: String) {
        guard text.utf8.count == 32, text.utf8.allSatisfy({ $0 != 0x2B && $0 != 0x2D }),
            let high = UInt64(text.prefix(16), radix: 16),
            let low = UInt64(text.suffix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }
}
