public import HTTP
import Synchronization

/// The dictionaries that clients may name, shared by all loops and bounded by their memory.
///
/// One belongs to an origin: what another site's client names is not found, though it be the same
/// content. Who needs room drops what was used longest ago. Nothing goes for being old: a client
/// may keep a dictionary fresh by validating it, of which the content says nothing, and whoever
/// names one has it.
public final class DictionaryStore: Sendable {
    private struct Key: Hashable {
        let hash: DictionaryHash
        let origin: [UInt8]
    }
    private struct Entry {
        let dictionary: CompressionDictionary
        /// When it was named or stored last, in nanoseconds of the storing loop's clock: all loops
        /// read the same one.
        var lastUse: Int64
    }
    private final class Shard: Sendable {
        let entries = Mutex<[Key: Entry]>([:])
    }
    private static let shardCount = 16
    /// By the first byte of the hash.
    private let shards: [Shard]
    private let bytes = Atomic<Int>(0)
    private let count = Atomic<Int>(0)
    private let dropped = Atomic<Int>(0)
    private let limit: Atomic<Int>

    /// What a store holds.
    public struct Figures: Sendable, Equatable {
        /// Dictionaries.
        public var count = 0
        /// Bytes of memory that they take.
        public var bytes = 0
        /// Dictionaries dropped so far to make room.
        public var dropped = 0
    }

    /// An empty store.
    /// - Parameter limit: Bytes that dictionaries may take together.
    public init(limit: Int) {
        self.limit = Atomic(limit)
        shards = (0..<Self.shardCount).map { _ in Shard() }
    }

    /// What it holds now.
    public var figures: Figures {
        Figures(
            count: count.load(ordering: .relaxed),
            bytes: bytes.load(ordering: .relaxed),
            dropped: dropped.load(ordering: .relaxed)
        )
    }

    /// Changes how many bytes dictionaries may take, and drops what is too much.
    public func resize(to limit: Int) {
        self.limit.store(limit, ordering: .relaxed)
        makeRoom(for: 0)
    }

    /// The dictionary of an origin with a hash, if it is there; counts as its use.
    /// - Parameters:
    ///   - hash: As the client names it.
    ///   - origin: Scheme, host and port of the request, in lower case.
    ///   - now: Nanoseconds of the loop's clock.
    /// - Returns: nil when there is none, or not any more.
    public func find(_ hash: DictionaryHash, origin: [UInt8], now: Int64)
        -> CompressionDictionary?
    {
        let key = Key(hash: hash, origin: origin)
        return shard(of: hash).entries.withLock { entries in
            guard let entry = entries[key] else { return nil }
            entries[key]?.lastUse = max(now, entry.lastUse)
            return entry.dictionary
        }
    }

    /// Takes a dictionary in, and makes room for it.
    /// - Returns: Whether it was taken: not when it is there already, or larger than all that
    ///   dictionaries may take.
    @discardableResult
    public func insert(_ dictionary: CompressionDictionary, origin: [UInt8], now: Int64) -> Bool {
        let size = dictionary.byteCount
        guard size <= limit.load(ordering: .relaxed) else { return false }
        makeRoom(for: size)
        let key = Key(hash: dictionary.hash, origin: origin)
        let isNew = shard(of: dictionary.hash).entries.withLock { entries in
            guard entries[key] == nil else { return false }
            entries[key] = Entry(dictionary: dictionary, lastUse: now)
            return true
        }
        guard isNew else { return false }
        bytes.wrappingAdd(size, ordering: .relaxed)
        count.wrappingAdd(1, ordering: .relaxed)
        return true
    }

    private func shard(of hash: DictionaryHash) -> Shard {
        shards[Int(hash.bytes[0]) % Self.shardCount]
    }

    /// Drops dictionaries until so many bytes are free.
    ///
    /// Two loops that do so at once may drop one too many, or let the store be above its limit by
    /// one dictionary until the next one comes.
    private func makeRoom(for size: Int) {
        while bytes.load(ordering: .relaxed) + size > limit.load(ordering: .relaxed) {
            guard dropOldest() else { return }
        }
    }

    /// Drops the one of all shards that was used longest ago.
    ///
    /// Returns whether there was one.
    private func dropOldest() -> Bool {
        var oldest: (shard: Int, key: Key, lastUse: Int64)?
        for index in shards.indices {
            shards[index].entries.withLock { entries in
                for (key, entry) in entries where entry.lastUse < oldest?.lastUse ?? .max {
                    oldest = (index, key, entry.lastUse)
                }
            }
        }
        guard let oldest else { return false }
        let entry = shards[oldest.shard].entries.withLock { $0.removeValue(forKey: oldest.key) }
        guard let entry else { return true }
        bytes.wrappingSubtract(entry.dictionary.byteCount, ordering: .relaxed)
        count.wrappingSubtract(1, ordering: .relaxed)
        dropped.wrappingAdd(1, ordering: .relaxed)
        return true
    }
}
