import Bytes
import Caching
import Compression
import Configuration
import EventLoop
import Limiting
import Redis
import TLS
import Telemetry

/// One loop's way to the stored responses that gateways share.
final class SharedCacheLoop {
    let shared: SharedCache
    let client: RedisClient
    private let reactor: Reactor
    private let metrics: LoopMetrics
    /// Bytes of responses on their way to Redis.
    private var writing = 0

    init(_ shared: SharedCache, tls: Slot<ClientContext>?, reactor: Reactor, metrics: LoopMetrics) {
        self.shared = shared
        self.reactor = reactor
        self.metrics = metrics
        var settings = RedisSettings(
            shared.redis,
            tls: tls,
            prefix: shared.settings.prefix,
            pace: .cache
        )
        settings.receiveBytes = SharedCacheLoop.receiveBytes
        settings.replyBytes =
            2 * SharedCacheLoop.variants
            * (SharedCacheLoop.shareOfForms * shared.settings.objectSize
                + SharedCacheLoop.headBytes)
        client = RedisClient(
            reactor: reactor,
            settings: settings,
            scripts: SharedCacheScripts.all
        )
    }

    /// Bytes received in one go.
    private static let receiveBytes = 64 << 10
    /// Variants of a key that are asked for at once at most.
    static let variants = 4
    /// A response's contents, its forms in codings with them, take at most so many times what one
    /// content may.
    private static let shareOfForms = 2
    /// Bytes that a response may have besides its content.
    private static let headBytes = 1 << 20

    /// Asks for fields of a key.
    func read(_ key: [UInt8], _ fields: [[UInt8]], at place: WaitPoint, deadline: Int64) async
        -> RedisOutcome
    {
        await client.ask(at: place, deadline: deadline) { command in
            command.begin("EVALSHA", 5 + fields.count)
            command.argument(client.digests[0])
            command.argument(2)
            command.argument(key)
            command.argument(shared.metaKey)
            for field in fields { command.argument(field) }
        }
    }

    /// Sends a response to Redis, if it may be of use to other gateways; nobody waits for it.
    ///
    /// `now`: Unix milliseconds.
    func write(_ object: CachedResponse, now: Int64) {
        let settings = shared.settings
        let useful = min(object.timing.usefulTime(now: now), SharedCacheLoop.longest)
        let since = max(0, now - object.timing.received)
        guard useful > 0, !object.traits.contains(.purged),
            since + object.fetchTime < SharedCache.Limits.memory
        else { return }
        // What stands in a file alone is not read from there, and larger than others take.
        guard object.contentCount <= settings.objectSize, !object.isOnFile else {
            metrics.add(.sharedTooLarge)
            return
        }
        let key = shared.hash(object.key)
        guard mayWrite(object, key) else { return }
        let record = StoredWriting(object, .shared, checksum: Checksum.crc32).bytes()
        let names = Vary.names(in: object.vary).map { $0 + [UInt8(ascii: ",")] }
        let vary = Array(names.joined().dropLast())
        let fields = shared.fields(vary: object.vary)
        let isWhole = object.part == nil
        post(object.cost) { command in
            command.begin("EVALSHA", 13)
            command.argument(client.digests[1])
            command.argument(2)
            command.argument(shared.name(of: key))
            command.argument(shared.metaKey)
            command.argument(isWhole ? fields.whole : fields.part)
            command.argument(record)
            command.argument(since)
            command.argument(since + object.fetchTime)
            command.argument(useful)
            command.argument(vary)
            command.argument(makeEpoch())
            command.argument(isWhole ? fields.part : [])
        }
    }

    /// Sends a response that has got one more form; Redis takes it where it has the same without.
    func amend(_ object: CachedResponse) {
        let contents = object.contentCount + object.formBytes
        guard object.part == nil, !object.traits.contains(.purged),
            object.contentCount <= shared.settings.objectSize,
            contents <= SharedCacheLoop.shareOfForms * shared.settings.objectSize
        else { return }
        let key = shared.hash(object.key)
        guard mayWrite(object, key) else { return }
        let record = StoredWriting(object, .shared, checksum: Checksum.crc32).bytes()
        post(object.cost) { command in
            command.begin("EVALSHA", 6)
            command.argument(client.digests[4])
            command.argument(1)
            command.argument(shared.name(of: key))
            command.argument(shared.fields(vary: object.vary).whole)
            command.argument(record)
        }
    }

    /// Whether there is room for a response, and nothing that would remove it waits to be told.
    private func mayWrite(_ object: CachedResponse, _ key: LimitKey) -> Bool {
        let hasRoom = writing == 0 || writing + object.cost <= shared.settings.writeBuffer
        if hasRoom, client.hasRoom, shared.mayRead(key) { return true }
        metrics.add(.sharedWritesDropped)
        return false
    }

    private func post(_ size: Int, _ body: (RedisCommand) -> Void) {
        let metrics = metrics
        let isSent = client.post(body) { [weak self] reply in
            self?.writing -= size
            metrics.add(reply?.number == nil ? .sharedWritesFailed : .sharedWrites)
        }
        if isSent { writing += size } else { metrics.add(.sharedWritesDropped) }
    }

    /// Milliseconds that anything stays in Redis at most: 30 days, as what is needed again comes
    /// again.
    private static let longest: Int64 = 30 * 86_400_000

    /// A name that no log has had.
    func makeEpoch() -> [UInt8] {
        let buffer = Buffer()
        buffer.append(paddedHexadecimal: reactor.random.next())
        let text = buffer
        return text.readable.bytes()
    }

    func countTold() { metrics.add(.sharedPurgesSent) }

    /// Tells Redis, and by it all gateways, of a purge.
    ///
    /// Returns Whether it was taken.
    func tell(_ purge: Purge, isSoft: Bool, at place: WaitPoint) async -> Bool {
        let deadline = reactor.now + SharedCache.Limits.patience
        let outcome: RedisOutcome
        if case .key(let key) = purge {
            outcome = await client.ask(at: place, deadline: deadline) { command in
                command.begin("EVALSHA", 9)
                command.argument(client.digests[2])
                command.argument(2)
                command.argument(shared.name(of: shared.hash(key.span)))
                command.argument(shared.changesKey)
                command.argument(key)
                command.argument(SharedCache.Limits.memory)
                command.argument(Int64(SharedCache.Limits.changes))
                command.argument(shared.name)
            }
        } else {
            let words = SharedMessage.words(purge)
            outcome = await client.ask(at: place, deadline: deadline) { command in
                command.begin("EVALSHA", 12)
                command.argument(client.digests[3])
                command.argument(2)
                command.argument(shared.metaKey)
                command.argument(shared.logKey)
                command.argument(words.kind)
                command.argument(words.value)
                command.argument(words.origin)
                command.argument(isSoft ? 1 : 0)
                command.argument(shared.name)
                command.argument(Int64(SharedCache.Limits.log))
                command.argument(makeEpoch())
            }
        }
        return outcome.reply?.bytes != nil
    }
}
