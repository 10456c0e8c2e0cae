import Bytes
import Caching
import Configuration
import HTTP
import Limiting
import Redis
import Synchronization

/// What the process knows of the stored responses that gateways share.
///
/// That is the purges, and what it has still to tell the others. Shared by all loops; a reload
/// keeps it where its settings stay.
final class SharedCache: Sendable {
    /// Bounds of what is shared.
    enum Limits {
        /// Purges that the log in Redis holds.
        static let log = SharedPurges.maximumCount
        /// Invalidated keys that the other stream holds: a gateway that was away for longer than
        /// they last empties its memory.
        static let changes = 65_536
        /// Messages that wait to be told; past it one that means everything takes their place.
        static let queue = 4096
        /// Milliseconds that an invalidated key is remembered in Redis, and that a response may
        /// have taken to be shared: one that was asked for earlier may be older than what it would
        /// replace.
        static let memory: Int64 = 120_000
        /// Entries taken out of a stream in one go.
        static let batch = 256
        /// Nanoseconds for a message to be told, and for questions that no request waits for.
        static let patience: Int64 = 2_000_000_000
        /// Milliseconds that Redis holds a question for news back.
        static let block: Int64 = 5000
        /// Nanoseconds that the end of the process waits for purges to be told, and in what steps.
        static let farewell: Int64 = 3_000_000_000
        static let glance: Int64 = 10_000_000
        /// Nanoseconds to wait before trying again.
        static let pause: Int64 = 100_000_000
    }

    private struct State: Sendable {
        var epoch: [UInt8]?
        var log = StreamPlace.start
        var changes = StreamPlace.start
        var purges = SharedPurges()
        var queue: [Purge] = []
        var isSoft: [Bool] = []
        /// Keys whose removal is still to be told, with how often.
        var pendingKeys: [LimitKey: Int] = [:]
        var pendingPurges = 0
    }

    let settings: CacheSharing
    let redis: RedisPolicy
    /// What this process is called in messages.
    let name: [UInt8]
    let prefix: [UInt8]
    private let secret: LimitSecret
    private let state = Mutex(State())
    /// Wakes who tells the others.
    private let signal = Mutex<(@Sendable () -> Void)?>(nil)

    /// Starts knowing nothing, or goes on with what another one knows that spoke of the same keys.
    init(_ settings: CacheSharing, redis: RedisPolicy, seed: UInt64, after old: SharedCache?) {
        self.settings = settings
        self.redis = redis
        let prefix = Array(settings.prefix.utf8)
        self.prefix = prefix
        secret = SharedLimits.secret(redis)
        // Not the seed itself, which nobody may know.
        let number = KeyHash(seed: seed).hash(prefix.span)
        name = Array(String(number, radix: 16).utf8)
        guard let old, old.settings.prefix == settings.prefix else { return }
        let known = old.state.withLock { $0 }
        state.withLock { $0 = known }
    }

    // MARK: Names in Redis

    var metaKey: [UInt8] { prefix + Array("meta".utf8) }
    var logKey: [UInt8] { prefix + Array("log".utf8) }
    var changesKey: [UInt8] { prefix + Array("changes".utf8) }

    /// What stands for a key: the same in all gateways, and no client can make two that meet.
    func hash(_ key: Span<UInt8>) -> LimitKey {
        var hasher = KeyHasher(secret)
        hasher.combine(bytes: key)
        return hasher.finish()
    }

    /// The name of a key in Redis.
    func name(of key: LimitKey) -> [UInt8] {
        let buffer = Buffer()
        buffer.append(paddedHexadecimal: key.high)
        buffer.append(paddedHexadecimal: key.low)
        let text = buffer
        return prefix + text.readable.bytes()
    }

    /// The field of a response within its key, and that of a part of it.
    func fields(vary: Span<UInt8>) -> (whole: [UInt8], part: [UInt8]) {
        let buffer = Buffer()
        if vary.isEmpty {
            buffer.append("-")
        } else {
            buffer.append("v")
            buffer.append(paddedHexadecimal: hash(vary).low)
        }
        let text = buffer
        let whole = text.readable.bytes()
        return (whole, whole + [UInt8(ascii: "p")])
    }

    // MARK: What is read

    /// Whether what stands under a key may be looked at: nothing that would remove it waits to be
    /// told.
    func mayRead(_ key: LimitKey) -> Bool {
        state.withLock { $0.pendingPurges == 0 && $0.pendingKeys[key] == nil }
    }

    /// What is known of a response that was read.
    ///
    /// Returns nil when there are purges that have not come yet: then it must not be used.
    func verdict(
        on record: borrowing SharedRecord,
        _ reading: SharedReading,
        _ draft: ResponseDraft
    ) -> SharedPurges.Verdict? {
        let epoch = record.epoch.bytes()
        let asked = record.asked
        return state.withLock { state in
            guard let known = state.epoch, known == reading.epoch, known == epoch,
                reading.last <= state.log
            else { return nil }
            return state.purges.verdict(
                key: draft.key.span,
                head: draft.head.span,
                born: asked
            )
        }
    }

    // MARK: What is told

    /// Tells all gateways of a purge, as soon as Redis can be reached.
    func publish(_ purge: Purge, isSoft: Bool) {
        state.withLock { state in
            if state.queue.count >= Limits.queue {
                // It removes more, never less.
                state.queue = []
                state.isSoft = []
                state.pendingKeys = [:]
                state.pendingPurges = 0
                add(.everything, false, &state)
            } else {
                add(purge, isSoft, &state)
            }
        }
        signal.withLock { $0 }?()
    }

    private func add(_ purge: Purge, _ isSoft: Bool, _ state: inout State) {
        state.queue.append(purge)
        state.isSoft.append(isSoft)
        if case .key(let key) = purge {
            state.pendingKeys[hash(key.span), default: 0] += 1
        } else {
            state.pendingPurges += 1
        }
    }

    /// The message that has waited longest.
    var next: (purge: Purge, isSoft: Bool)? {
        state.withLock { state in
            guard let purge = state.queue.first, let isSoft = state.isSoft.first else {
                return nil
            }
            return (purge, isSoft)
        }
    }

    /// It has been told.
    func told(_ purge: Purge) {
        state.withLock { state in
            // It is gone if the queue has overflowed meanwhile.
            guard state.queue.first == purge else { return }
            state.queue.removeFirst()
            state.isSoft.removeFirst()
            if case .key(let key) = purge {
                let hash = hash(key.span)
                let left = (state.pendingKeys[hash] ?? 0) - 1
                state.pendingKeys[hash] = left > 0 ? left : nil
            } else {
                state.pendingPurges = max(0, state.pendingPurges - 1)
            }
        }
    }

    /// Messages that wait to be told.
    var waiting: Int { state.withLock { $0.queue.count } }

    /// Whom to wake when there is something to tell.
    func onNews(_ body: @escaping @Sendable () -> Void) { signal.withLock { $0 = body } }

    // MARK: What is heard

    /// What has been heard of last; nil before anything was.
    var position: (epoch: [UInt8], log: StreamPlace, changes: StreamPlace)? {
        state.withLock { state in
            state.epoch.map { ($0, state.log, state.changes) }
        }
    }

    /// Begins anew, with what a log says; news of changes will follow from a place on.
    func restart(epoch: [UInt8], log: [SharedEntry], isWhole: Bool, changes: StreamPlace) {
        state.withLock { state in
            state.epoch = epoch
            state.changes = changes
            state.purges = SharedPurges()
            if !isWhole, let first = log.first {
                state.purges.forget(upTo: first.place.milliseconds)
            }
            state.log = .start
            for entry in log { take(entry, &state) }
        }
    }

    /// Takes a purge in.
    func heard(_ entry: SharedEntry) { state.withLock { take(entry, &$0) } }

    /// Takes note of an invalidated key.
    func heard(change place: StreamPlace) { state.withLock { $0.changes = place } }

    private func take(_ entry: SharedEntry, _ state: inout State) {
        state.log = max(state.log, entry.place)
        state.purges.add(
            SharedMessage.purge(entry.fields),
            isSoft: entry.isSoft,
            time: entry.place.milliseconds
        )
    }
}

extension SharedEntry {
    /// Whether what it means only becomes stale.
    var isSoft: Bool { fields[UInt8(ascii: "s")] == [UInt8(ascii: "1")] }
}
