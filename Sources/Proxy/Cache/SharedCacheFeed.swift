import Bytes
import Caching
import Configuration
import EventLoop
import Redis
import TLS
import Telemetry

/// What the first loop does for the whole process: hears what other gateways have removed, and
/// tells them what was removed here.
///
/// Two connections: one waits in Redis for news (`XREAD BLOCK`), where nothing else may wait behind
/// it; what is told goes over the loop's own.
final class SharedCacheFeed {
    /// What has been heard.
    enum News {
        case purge(Purge, isSoft: Bool)
        case key([UInt8])
        /// It is not known what was removed meanwhile.
        case lost
    }

    let shared: SharedCache
    let client: RedisClient
    private let loop: SharedCacheLoop
    private let reactor: Reactor
    private let place: WaitPoint
    private let telling: WaitPoint
    private var isStopped = false
    private let created: Int64
    /// Whether news come at once now.
    private(set) var isCurrent = false

    init(_ loop: SharedCacheLoop, tls: Slot<ClientContext>?, reactor: Reactor) {
        self.loop = loop
        shared = loop.shared
        self.reactor = reactor
        created = reactor.now
        place = WaitPoint(reactor: reactor)
        telling = WaitPoint(reactor: reactor)
        var settings = RedisSettings(
            loop.shared.redis,
            tls: tls,
            prefix: loop.shared.settings.prefix,
            pace: RedisPace(misses: 1, first: SharedCache.Limits.pause, longest: 1_000_000_000)
        )
        settings.stall = SharedCacheFeed.patience + SharedCache.Limits.patience
        settings.replyBytes = 32 << 20
        client = RedisClient(reactor: reactor, settings: settings, scripts: [])
    }

    /// Milliseconds by which the time of the start may be wrong.
    private static let margin: UInt64 = 10_000
    /// Nanoseconds that a question for news may take.
    private static let patience =
        SharedCache.Limits.block * 1_000_000 + SharedCache.Limits.patience

    func stop() {
        isStopped = true
        client.stop()
        telling.wake(.ready)
    }

    // MARK: Telling

    /// Tells what waits to be told, in its order, until it has been taken.
    ///
    /// `number`: Where news for this task are posted in the loop's list.
    func tellOthers(_ list: WakeList, enroll: (WaitPoint) -> UInt64) async {
        let number = enroll(telling)
        shared.onNews { list.post(number) }
        while !isStopped, !reactor.isShutDown {
            guard let next = shared.next else {
                // Looked at again in any case, should a wake have come between.
                _ = await telling.wait(until: reactor.now + SharedCache.Limits.patience)
                continue
            }
            if await loop.tell(next.purge, isSoft: next.isSoft, at: telling) {
                shared.told(next.purge)
                loop.countTold()
            } else {
                await reactor.sleep(until: reactor.now + SharedCache.Limits.pause)
            }
        }
        telling.retire()
    }

    // MARK: Hearing

    /// Hears of purges for as long as the loop runs, after each loss of the connection from where
    /// it had come.
    ///
    /// `isCold`: Whether nothing may be stored here that is older than this process.
    func listen(isCold: () -> Bool, _ body: (News) -> Void) async {
        while !isStopped, !reactor.isShutDown {
            if client.isUp, await synchronise(isCold: isCold(), body) {
                isCurrent = true
                while await hear(body) {}
                isCurrent = false
            }
            if isStopped { break }
            await reactor.sleep(until: reactor.now + SharedCache.Limits.pause)
        }
        place.retire()
    }

    private func ask(patience: Int64 = SharedCache.Limits.patience, _ words: [[UInt8]]) async
        -> RedisReply?
    {
        let outcome = await client.ask(at: place, deadline: reactor.now + patience) { command in
            command.write(words)
        }
        return outcome.reply
    }

    private static func words(_ text: String) -> [[UInt8]] {
        text.split(separator: " ").map { Array($0.utf8) }
    }

    /// Finds out what was missed since the last news, or, the first time, what the log says.
    ///
    /// Returns Whether that is known now.
    private func synchronise(isCold: Bool, _ body: (News) -> Void) async -> Bool {
        guard var meta = await readMeta() else { return false }
        if meta.epoch == nil {
            let name = loop.makeEpoch()
            guard
                await ask([Array("HSETNX".utf8), shared.metaKey, Array("e".utf8), name]) != nil,
                let again = await readMeta()
            else { return false }
            meta = again
        }
        guard let epoch = meta.epoch else { return false }
        let before = shared.position
        if let before, before.epoch == epoch {
            guard let hasLog = await has(shared.logKey, before.log),
                let hasChanges = await has(shared.changesKey, before.changes)
            else { return false }
            if hasLog, hasChanges { return true }
        }
        guard let start = await startOfChanges(isFirst: before == nil, isCold: isCold),
            let log = await readLog()
        else { return false }
        if let last = meta.last, log.entries.last?.place ?? .start < last {
            // The log is gone and what tells of it is not: nothing that was stored under it can be
            // told from what has been purged.
            _ = await ask([
                Array("HSET".utf8), shared.metaKey, Array("e".utf8), loop.makeEpoch(),
            ])
            _ = await ask([Array("HDEL".utf8), shared.metaKey, Array("p".utf8)])
            return false
        }
        shared.restart(
            epoch: epoch,
            log: log.entries,
            isWhole: log.isWhole,
            changes: start.place
        )
        if before != nil || start.isCut || !isCold && !log.isWhole {
            // What was removed while nothing was heard is not known.
            body(.lost)
        } else {
            for entry in log.entries where entry.place >= start.place { tell(entry, body) }
        }
        return true
    }

    /// From where on keys that were invalidated are news: all since the last one.
    ///
    /// The first time, all since this process began to store anything, as far as clocks can tell,
    /// or all there are, if something may be older than it.
    ///
    /// Returns nil without an answer.
    private func startOfChanges(isFirst: Bool, isCold: Bool) async -> (
        place: StreamPlace, isCut: Bool
    )? {
        guard isFirst else { return await last(shared.changesKey).map { ($0, false) } }
        guard let time = await ask(SharedCacheFeed.words("TIME"))?.items?.first?.bytes,
            let seconds = StreamPlace.number(time.span),
            let count = await ask([Array("XLEN".utf8), shared.changesKey])?.number
        else { return nil }
        let age = UInt64(max(0, reactor.now - created)) / 1_000_000
        var place = StreamPlace()
        let now = seconds.multipliedReportingOverflow(by: 1000).partialValue
        if isCold { place.time = now - min(now, age + SharedCacheFeed.margin) }
        place.isBetween = true
        if count < Int64(SharedCache.Limits.changes) { return (place, false) }
        let words =
            [Array("XRANGE".utf8), shared.changesKey] + SharedCacheFeed.words("- + COUNT 1")
        guard let oldest = await ask(words)?.items?.first.flatMap({ SharedEntry($0) }) else {
            return nil
        }
        return (place, oldest.place > place)
    }

    private func readMeta() async -> (epoch: [UInt8]?, last: StreamPlace?)? {
        let words = [Array("HMGET".utf8), shared.metaKey, Array("e".utf8), Array("p".utf8)]
        guard let items = await ask(words)?.items, items.count == 2 else { return nil }
        return (items[0].bytes, items[1].bytes.flatMap { StreamPlace($0.span) })
    }

    /// Whether a stream still has an entry, so that all since can be read; nil without an answer.
    private func has(_ key: [UInt8], _ place: StreamPlace) async -> Bool? {
        let text = Array(place.text.utf8)
        let isEntry = !place.isBetween
        if isEntry {
            return await ask([Array("XRANGE".utf8), key, text, text])?.items.map { !$0.isEmpty }
        }
        // No entry stood there: then all behind it is news, if none has been cut off.
        guard let count = await ask([Array("XLEN".utf8), key])?.number else { return nil }
        return count < Int64(SharedCache.Limits.log)
    }

    /// The last entry of a stream; nil without an answer.
    private func last(_ key: [UInt8]) async -> StreamPlace? {
        let words = [Array("XREVRANGE".utf8), key] + SharedCacheFeed.words("+ - COUNT 1")
        guard let items = await ask(words)?.items else { return nil }
        guard let first = items.first else { return .start }
        return SharedEntry(first)?.place
    }

    /// All of the log, and whether nothing has been cut off; nil without an answer.
    private func readLog() async -> (entries: [SharedEntry], isWhole: Bool)? {
        var entries: [SharedEntry] = []
        var from = "-"
        while entries.count <= 2 * SharedCache.Limits.log {
            let words =
                [Array("XRANGE".utf8), shared.logKey]
                + SharedCacheFeed.words("\(from) + COUNT \(SharedCache.Limits.batch)")
            guard let items = await ask(words)?.items else { return nil }
            let page = items.compactMap { SharedEntry($0) }
            guard page.count == items.count else { return nil }
            entries += page
            guard page.count == SharedCache.Limits.batch, let last = page.last else {
                return (entries, entries.count < SharedCache.Limits.log)
            }
            from = "(" + last.place.text
        }
        return nil
    }

    /// Waits for news, and hands them out.
    ///
    /// Returns False when the connection is lost, or Redis is not what it was.
    private func hear(_ body: (News) -> Void) async -> Bool {
        guard !isStopped, let position = shared.position else { return false }
        let words =
            SharedCacheFeed.words(
                "XREAD COUNT \(SharedCache.Limits.batch) BLOCK \(SharedCache.Limits.block) STREAMS"
            ) + [shared.logKey, shared.changesKey, Array(position.log.text.utf8)]
            + [Array(position.changes.text.utf8)]
        guard let reply = await ask(patience: SharedCacheFeed.patience, words) else { return false }
        if case .null = reply {
            // Nothing for a while: also if Redis has lost everything, and counts from the start.
            guard let meta = await readMeta() else { return false }
            return meta.epoch == position.epoch
        }
        guard let streams = reply.items else { return false }
        for stream in streams {
            guard let parts = stream.items, parts.count == 2, let key = parts[0].bytes,
                let items = parts[1].items
            else { return false }
            for item in items {
                guard let entry = SharedEntry(item) else { return false }
                hear(entry, isPurge: key == shared.logKey, body)
            }
        }
        return true
    }

    private func hear(_ entry: SharedEntry, isPurge: Bool, _ body: (News) -> Void) {
        if isPurge {
            shared.heard(entry)
            tell(entry, body)
        } else {
            shared.heard(change: entry.place)
            if entry.author != shared.name { body(.key(entry.fields[UInt8(ascii: "k")] ?? [])) }
        }
    }

    private func tell(_ entry: SharedEntry, _ body: (News) -> Void) {
        // What this process has told is done here already.
        if entry.author == shared.name { return }
        body(.purge(SharedMessage.purge(entry.fields), isSoft: entry.isSoft))
    }
}
