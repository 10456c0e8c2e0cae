import Bytes
package import HTTP
import Synchronization

/// The responses that all loops share, in memory, within a budget of bytes.
package final class CacheStore: Sendable {
    /// Bounds of the store.
    package enum Limits {
        /// Parts of the store at most: more locks than loops would ever meet at.
        static let shards = 64
        /// A shard has room for so many objects of the largest size.
        static let objectsPerShard = 4
        /// Slots that a purge looks at before it lets others at the shard: some hundred
        /// microseconds.
        static let slotsPerStep = 2048
        /// Purges remembered for fetches that were under way when they came.
        static let rememberedPurges = 256
    }

    private final class Part: Sendable {
        let state = Mutex(Shard())
    }

    /// Bytes that all objects together may cost.
    package let budget: Int
    /// Bytes of content of one object at most.
    package let objectLimit: Int
    private let parts: [Part]
    private let hasher: KeyHash
    private let purges = Mutex<PurgeLog>(PurgeLog())
    /// What stands behind memory and outlives the process; nil for nothing.
    package let tier: (any CacheTier)?
    private let refusals = Atomic<Int>(0)
    let codings = Mutex<CodingTable>(CodingTable())
    private let extents: (@Sendable (Int) -> (any ContentExtent)?)?

    /// Makes an empty store.
    ///
    /// `budget`: Bytes in all.
    ///
    /// `objectLimit`: Bytes of content of one object at most.
    ///
    /// `seed`: Any number that clients do not know.
    ///
    /// `tier`: What stands behind it.
    ///
    /// `extents`: Makes places for large contents of so many bytes at most; nil for memory.
    package init(
        budget: Int,
        objectLimit: Int,
        seed: UInt64,
        tier: (any CacheTier)? = nil,
        extents: (@Sendable (Int) -> (any ContentExtent)?)? = nil
    ) {
        self.tier = tier
        self.budget = budget
        self.extents = extents
        let fitting = max(1, budget / Limits.objectsPerShard)
        self.objectLimit = min(objectLimit, fitting)
        var count = 1
        while count < Limits.shards,
            budget / (count * 2) >= self.objectLimit * Limits.objectsPerShard
        {
            count *= 2
        }
        parts = (0..<count).map { _ in Part() }
        hasher = KeyHash(seed: seed)
    }

    /// The hash by which a key is found.
    package func hash(_ key: Span<UInt8>) -> UInt64 { hasher.hash(key) }

    private func part(_ hash: UInt64) -> Part {
        // The low bits place ghosts and the table hashes once more, so the high ones are free.
        parts[Int(truncatingIfNeeded: hash >> 48) & (parts.count - 1)]
    }

    // MARK: Objects

    /// The newest stored response that fits a request.
    ///
    /// Source: RFC 9111 §4.
    package func find(
        _ key: Span<UInt8>,
        hash: UInt64,
        request: borrowing FieldSection,
        scratch: inout [UInt8]
    ) -> CachedResponse? {
        part(hash).state.withLock { shard in
            shard.find(hash) { object in
                object.key.equalsByWords(key)
                    && (object.part == nil || object.hasRange(of: request))
                    && (object.vary.isEmpty
                        || Vary.matches(
                            object.vary,
                            language: object.language,
                            request: request,
                            scratch: &scratch
                        ))
            }
        }
    }

    /// All stored responses of a key.
    package func variants(_ key: Span<UInt8>, hash: UInt64) -> [CachedResponse] {
        let found = part(hash).state.withLock { $0.variants(hash) }
        return found.filter { $0.key.equalsByWords(key) }
    }

    /// Stores a response in the place of those that it replaces: of the same key and Vary values.
    ///
    /// Returns Whether it was stored.
    @discardableResult
    package func insert(_ object: CachedResponse) -> Bool {
        guard object.contentCount <= objectLimit || object.isOnFile else {
            refusals.wrappingAdd(1, ordering: .relaxed)
            return false
        }
        tier?.store(object)
        if object.isOnFile { removeReplaced(object) } else { insertHere(object) }
        return true
    }

    /// Puts what a validation made of a response in its place.
    ///
    /// Returns Whether it was stored.
    package func renew(_ old: CachedResponse, as new: CachedResponse, since number: Int) -> Bool {
        if new.isOnFile {
            // Its file stays and gets another head, unless it would need another name.
            if new.vary.equalsByWords(old.vary) { return insert(new, since: number) }
            remove(old)
            return false
        }
        remove(old)
        return insert(new, since: number)
    }

    /// Removes what a response that does not stand in memory takes the place of.
    private func removeReplaced(_ object: CachedResponse) {
        part(object.hash).state.withLock { shard in
            shard.passes.remove(object.hash)
            _ = shard.remove(object.hash) { old in
                old.key.equalsByWords(object.key) && old.vary.equalsByWords(object.vary)
            }
        }
    }

    /// Stores a response that the tier has found; not told to it.
    package func recall(_ object: CachedResponse) {
        if object.contentCount <= objectLimit, !object.isOnFile { insertHere(object) }
    }

    private func insertHere(_ object: CachedResponse) {
        part(object.hash).state.withLock { shard in
            shard.passes.remove(object.hash)
            shard.insert(object, budget: budget / parts.count) { old in
                // A whole takes the place of its parts, a part never that of a whole.
                old.key.equalsByWords(object.key) && old.vary.equalsByWords(object.vary)
                    && (object.part == nil || old.part != nil)
            }
        }
    }

    /// Stores a response unless a purge meant it since there had been so many of them.
    ///
    /// Returns Whether it was stored.
    @discardableResult
    package func insert(_ object: CachedResponse, since number: Int) -> Bool {
        guard !purges.withLock({ $0.concerns(object, since: number) }), insert(object)
        else { return false }
        // One that came in between has perhaps looked where the object was not yet.
        guard purges.withLock({ $0.concerns(object, since: number) }) else { return true }
        remove(object)
        return false
    }

    /// Whether it holds something by this hash.
    package func contains(_ hash: UInt64) -> Bool {
        part(hash).state.withLock { $0.contains(hash) }
    }

    /// Puts a changed object in the place of one, if that is still there.
    package func replace(_ old: CachedResponse, by new: CachedResponse) {
        if old.isOnFile {
            tier?.replace(old, by: new)
            return
        }
        part(old.hash).state.withLock { $0.replace(old, by: new) }
    }

    /// Removes one object.
    package func remove(_ object: CachedResponse) {
        tier?.remove(object)
        removeHere(object)
    }

    private func removeHere(_ object: CachedResponse) {
        part(object.hash).state.withLock { shard in
            _ = shard.remove(object.hash) { $0 === object }
        }
    }

    /// Removes everything of a key, also what is arriving.
    ///
    /// Source: RFC 9111 §4.4.
    ///
    /// Returns How many objects, in memory or behind it.
    @discardableResult
    package func invalidate(_ key: Span<UInt8>, hash: UInt64) -> Int {
        let behind = tier?.invalidate(key) ?? 0
        let here = part(hash).state.withLock { shard in
            for fill in shard.flights[hash] ?? [] where fill.isOf(key) {
                fill.doom()
            }
            return shard.remove(hash) { $0.key.equalsByWords(key) }
        }
        return max(here, behind)
    }

    /// Changes a shard; what it may cost is given.
    func change(_ hash: UInt64, _ body: (inout Shard, _ budget: Int) -> Void) {
        part(hash).state.withLock { body(&$0, budget / parts.count) }
    }

    /// Whether it may hold what an earlier process stored: then purges count that came while none
    /// ran.
    package var keepsOverRestarts: Bool { tier != nil }

    /// Removes one object, if there is one.
    package func remove(_ object: CachedResponse?) { if let object { remove(object) } }

    /// Counts a request for a key that is not stored.
    ///
    /// Returns How many there have been lately, this one included.
    package func countUse(_ hash: UInt64) -> Int {
        part(hash).state.withLock { $0.uses.count(hash) }
    }

    /// How many purges there have been.
    package var purgeCount: Int { purges.withLock { $0.count } }

    /// Makes everything of a key stale.
    ///
    /// Returns How many objects, in memory or behind it.
    package func expire(_ key: Span<UInt8>, hash: UInt64, now: Int64) -> Int {
        // What is only behind is removed: nobody would know that it is stale.
        let behind = tier?.invalidate(key) ?? 0
        let found = variants(key, hash: hash)
        for object in found {
            let stale = object.expired(now: now)
            tier?.store(stale)
            replace(object, by: stale)
        }
        return max(found.count, behind)
    }

    // MARK: Fetches

    /// What a request is to do that found nothing to answer it.
    package enum Turn: Sendable {
        /// Fetch the response, for others as well.
        case lead(Fill)
        /// Wait for another one's fetch.
        case follow(Fill)
    }

    /// Joins the fetch of a key, or begins one.
    ///
    /// `key`: The key.
    ///
    /// `hash`: Its hash.
    ///
    /// `mayFollow`: Whether the request may wait for another one's fetch at all.
    ///
    /// `request`: Its header section: what arrives must fit it.
    ///
    /// `patience`: Milliseconds after which a fetch without a head is no longer joined.
    ///
    /// `now`: Unix milliseconds.
    package func join(
        _ key: Span<UInt8>,
        hash: UInt64,
        mayFollow: Bool,
        request: borrowing FieldSection,
        patience: Int64,
        now: Int64
    ) -> Turn {
        let purgeCount = purges.withLock { $0.count }
        return part(hash).state.withLock { shard in
            let under = shard.flights[hash] ?? []
            if mayFollow, !shard.passes.contains(hash, now: now) {
                for fill in under where fill.isOf(key) && fill.mayStore {
                    switch fill.stage {
                    case .waiting:
                        if now - fill.started < patience { return .follow(fill) }
                    // What is complete is about to be stored.
                    case .streaming, .complete:
                        if let head = fill.head, Self.fits(head.draft, request) {
                            return .follow(fill)
                        }
                    case .passed, .settled, .failed: continue
                    }
                }
            }
            let fill = Fill(key: key.bytes(), hash: hash, started: now, purges: purgeCount)
            shard.flights[hash] = under + [fill]
            return .lead(fill)
        }
    }

    /// Whether a response that arrives for another request answers this one.
    package static func fits(_ draft: ResponseDraft, _ request: borrowing FieldSection) -> Bool {
        if draft.vary.isEmpty { return true }
        var scratch: [UInt8] = []
        let none: [UInt8] = []
        return Vary.matches(
            draft.vary.span,
            language: none.span,
            request: request,
            scratch: &scratch
        )
    }

    /// A place for a content of a length, or of one that is not known.
    package func makeExtent(_ length: Int?) -> (any ContentExtent)? {
        if let length, length <= CachedResponse.inlineLimit { return nil }
        // A piece may come that is too large, before it is seen to be.
        return extents?(length ?? objectLimit + CachedResponse.chunkSize)
    }

    /// A fetch is over: nobody joins it any more.
    package func land(_ fill: Fill) {
        part(fill.hash).state.withLock { shard in
            let left = (shard.flights[fill.hash] ?? []).filter { $0 !== fill }
            shard.flights[fill.hash] = left.isEmpty ? nil : left
        }
    }

    /// Remembers that what a key gives is not to be stored.
    package func notePass(_ hash: UInt64, until end: Int64) {
        part(hash).state.withLock { $0.passes.add(hash, until: end) }
    }

    /// Stores what a fetch brought, unless a purge meant it while it was under way.
    ///
    /// Returns Whether it was stored.
    package func complete(_ fill: Fill) -> Bool {
        guard let object = fill.finish() else { return false }
        guard object.part == nil else {
            let isPurged = purges.withLock { $0.concerns(object, since: fill.purges) }
            guard !isPurged, let stored = insertPart(object) else { return false }
            fill.note(stored)
            return true
        }
        return insert(object, since: fill.purges)
    }

    /// Stores what a fetch found somewhere else, unless a purge or an invalidation meant it
    /// meanwhile.
    ///
    /// Returns Whether it was stored.
    package func adopt(_ object: CachedResponse, by fill: Fill) -> Bool {
        guard fill.mayStore else { return false }
        let isPurged = purges.withLock { $0.concerns(object, since: fill.purges) }
        if isPurged { return false }
        return object.part == nil ? insert(object) : insertPart(object) != nil
    }

    // MARK: Figures

    /// What the store holds and has done.
    package var figures: CacheFigures {
        var figures = CacheFigures()
        for part in parts {
            part.state.withLock { shard in
                figures.objects += shard.count
                figures.bytes += shard.bytes
                figures.evictions += shard.evictions
            }
        }
        figures.budget = budget
        figures.refusals = refusals.load(ordering: .relaxed)
        return figures
    }

    /// Looks at all objects, in small steps, so that nobody waits long for a shard.
    ///
    /// Not on a loop: a million objects take a tenth of a second.
    package func scan(_ body: (CachedResponse, _ uses: Int) -> Void) {
        for part in parts {
            var next: Int? = 0
            while let start = next {
                next = part.state.withLock { shard in
                    shard.scan(from: start, atMost: Limits.slotsPerStep, body)
                }
            }
        }
    }

    // MARK: Purges

    /// Removes what a purge means, or makes it stale; in small steps.
    ///
    /// `now`: Unix milliseconds.
    ///
    /// Returns How many objects of memory.
    @discardableResult
    package func purge(_ purge: Purge, soft: Bool, now: Int64) -> Int {
        if !soft { purges.withLock { $0.add(purge) } }
        tier?.purge(purge, isSoft: soft, now: now)
        var found: [CachedResponse] = []
        scan { object, _ in if purge.means(object) { found.append(object) } }
        for object in found {
            if soft {
                replace(object, by: object.expired(now: now))
            } else {
                removeHere(object)
            }
        }
        return found.count
    }
}

/// What a store holds and has done.
package struct CacheFigures: Sendable, Equatable {
    package var objects = 0
    package var bytes = 0
    package var budget = 0
    package var evictions = 0
    /// Objects that were too large to be stored.
    package var refusals = 0

    package init() {}
}

extension Span where Element == UInt8 {
    /// Whether two runs of bytes are equal, eight at a time.
    func equalsByWords(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        var index = 0
        while index &+ 8 <= count {
            if word(at: index) != other.word(at: index) { return false }
            index &+= 8
        }
        while index < count {
            if self[index] != other[index] { return false }
            index &+= 1
        }
        return true
    }
}
