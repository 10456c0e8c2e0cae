import Bytes
import Caching
import Configuration
import EventLoop
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

    init(_ shared: SharedCache, tls: ClientContext?, reactor: Reactor, metrics: LoopMetrics) {
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
            SharedCacheLoop.variants * (shared.settings.objectSize + SharedCacheLoop.headBytes)
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
        guard object.part == nil, useful > 0, !object.traits.contains(.purged),
            since + object.fetchTime < SharedCache.Limits.memory
        else { return }
        guard object.contentCount <= settings.objectSize else {
            metrics.add(.sharedTooLarge)
            return
        }
        let key = shared.hash(object.key)
        let size = object.cost
        guard writing == 0 || writing + size <= settings.writeBuffer, client.hasRoom,
            shared.mayRead(key)
        else {
            metrics.add(.sharedWritesDropped)
            return
        }
        var form: [UInt8] = []
        StoredForm.write(object, to: &form)
        let names = Vary.names(in: object.vary).map { $0 + [UInt8(ascii: ",")] }
        let vary = Array(names.joined().dropLast())
        let field = shared.field(vary: object.vary)
        let metrics = metrics
        let isSent = client.post { command in
            command.begin("EVALSHA", 12)
            command.argument(client.digests[1])
            command.argument(2)
            command.argument(shared.name(of: key))
            command.argument(shared.metaKey)
            command.argument(field)
            command.argument(form)
            command.argument(since)
            command.argument(since + object.fetchTime)
            command.argument(useful)
            command.argument(vary)
            command.argument(makeEpoch())
        } note: { [weak self] reply in
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
