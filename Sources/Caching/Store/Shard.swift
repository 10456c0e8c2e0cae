/// A part of the store behind one lock: a table, two queues, and a memory of what was dropped.
///
/// S3-FIFO: what is new enters a small queue of a tenth of the budget; what is asked for again
/// there moves on to the main queue, the rest leaves at once, so that a scan passes by what is hot.
/// Who comes back soon after it left goes straight to the main queue.
/// Source: Yang, Zhang, Qiu, Yue, Vigfusson, FIFO Queues are All You Need for Cache Eviction,
/// SOSP 2023.
struct Shard: ~Copyable {
    /// A place for an object, linked into its queue and into the chain of its key's variants.
    private struct Slot {
        var object: CachedResponse?
        var newer: Int32 = none
        var older: Int32 = none
        var nextVariant: Int32 = none
        var uses: UInt8 = 0
        var isMain = false
        /// How often it has answered, for who looks.
        var hits: UInt32 = 0
    }

    private struct Queue {
        var newest: Int32 = none
        var oldest: Int32 = none
        var bytes = 0
    }

    private static let none: Int32 = -1
    /// A use more changes nothing above this.
    private static let maximumUses: UInt8 = 3
    /// The share of the small queue.
    private static let smallShare = 10
    /// Variants of one key at most; the oldest gives way.
    static let maximumVariants = 64

    private var slots: [Slot] = []
    private var freeSlots: [Int32] = []
    private var table: [UInt64: Int32] = [:]
    private var small = Queue()
    private var main = Queue()
    private var ghosts = GhostTable()
    private(set) var evictions = 0
    private(set) var count = 0
    /// Fetches under way, by the hash of their key.
    var flights: [UInt64: [Fill]] = [:]
    /// Keys whose responses turned out not to be storable, and until when that is believed.
    var passes = PassTable()
    /// How often keys were asked for that are not stored.
    var uses = UseSketch()

    var bytes: Int { small.bytes + main.bytes }

    // MARK: Looking

    /// The newest variant of a key that a closure takes; one that was chosen by fields of the
    /// request goes before those that were not.
    ///
    /// Only the one taken counts as used.
    /// Source: RFC 9111 §4.1, what omits Vary must not hide what has it.
    mutating func find(_ hash: UInt64, _ fits: (CachedResponse) -> Bool) -> CachedResponse? {
        guard let first = table[hash] else { return nil }
        var index = first
        var unchosen = Self.none
        while index != Self.none {
            let next = slots[Int(index)].nextVariant
            if let object = slots[Int(index)].object, fits(object) {
                // Nearly always there is one variant.
                if (next == Self.none && unchosen == Self.none) || !object.vary.isEmpty {
                    return use(index, object)
                }
                if unchosen == Self.none { unchosen = index }
            }
            index = next
        }
        guard unchosen != Self.none, let object = slots[Int(unchosen)].object else { return nil }
        return use(unchosen, object)
    }

    private mutating func use(_ index: Int32, _ object: CachedResponse) -> CachedResponse {
        if slots[Int(index)].uses < Self.maximumUses { slots[Int(index)].uses += 1 }
        slots[Int(index)].hits &+= 1
        return object
    }

    func contains(_ hash: UInt64) -> Bool { table[hash] != nil }

    /// All variants of a key hash.
    func variants(_ hash: UInt64) -> [CachedResponse] {
        var result: [CachedResponse] = []
        var index = table[hash] ?? Self.none
        while index != Self.none {
            if let object = slots[Int(index)].object { result.append(object) }
            index = slots[Int(index)].nextVariant
        }
        return result
    }

    // MARK: Changing

    /// Puts an object in, in the place of those that it replaces.
    mutating func insert(
        _ object: CachedResponse,
        budget: Int,
        replacing: (CachedResponse) -> Bool
    ) {
        var uses: UInt8 = 0
        var wasMain = false
        var index = table[object.hash] ?? Self.none
        var variants = 0
        while index != Self.none {
            let next = slots[Int(index)].nextVariant
            variants += 1
            if let old = slots[Int(index)].object,
                replacing(old) || variants >= Self.maximumVariants
            {
                uses = max(uses, slots[Int(index)].uses)
                wasMain = wasMain || slots[Int(index)].isMain
                remove(index)
            }
            index = next
        }
        let isMain = wasMain || ghosts.take(object.hash)
        let slot = takeSlot()
        slots[Int(slot)] = Slot(object: object, uses: uses, isMain: isMain)
        slots[Int(slot)].nextVariant = table[object.hash] ?? Self.none
        table[object.hash] = slot
        count += 1
        push(slot, object.cost)
        evict(to: budget)
    }

    /// Removes the variants of a key that a closure names.
    ///
    /// Returns How many.
    @discardableResult
    mutating func remove(_ hash: UInt64, where matches: (CachedResponse) -> Bool) -> Int {
        var index = table[hash] ?? Self.none
        var removed = 0
        while index != Self.none {
            let next = slots[Int(index)].nextVariant
            if let object = slots[Int(index)].object, matches(object) {
                remove(index)
                removed += 1
            }
            index = next
        }
        return removed
    }

    /// Puts a changed object in the place of one; nothing if that is gone.
    mutating func replace(_ old: CachedResponse, by new: CachedResponse) {
        var index = table[old.hash] ?? Self.none
        while index != Self.none {
            if slots[Int(index)].object === old {
                let difference = new.cost - old.cost
                slots[Int(index)].object = new
                if slots[Int(index)].isMain {
                    main.bytes += difference
                } else {
                    small.bytes += difference
                }
                return
            }
            index = slots[Int(index)].nextVariant
        }
    }

    /// Looks at some of the objects.
    ///
    /// `start`: The slot to begin with.
    ///
    /// `limit`: How many slots to look at.
    ///
    /// `body`: Gets each object there.
    ///
    /// Returns The slot to go on with, or nil behind the last.
    func scan(from start: Int, atMost limit: Int, _ body: (CachedResponse, _ uses: Int) -> Void)
        -> Int?
    {
        let end = min(slots.count, start + limit)
        var index = start
        while index < end {
            if let object = slots[index].object { body(object, Int(slots[index].hits)) }
            index += 1
        }
        return end < slots.count ? end : nil
    }

    /// Makes room until no more bytes than these are used.
    mutating func evict(to budget: Int) {
        let smallBudget = budget / Self.smallShare
        // Each step removes an object, or takes a use or a place in the small queue from one.
        while bytes > budget, count > 0 {
            if small.oldest != Self.none, small.bytes > smallBudget || main.oldest == Self.none {
                evictSmall()
            } else {
                evictMain()
            }
        }
    }

    private mutating func evictSmall() {
        let index = small.oldest
        guard index != Self.none, let object = slots[Int(index)].object else { return }
        guard slots[Int(index)].uses == 0 else {
            unlink(index, object.cost)
            slots[Int(index)].isMain = true
            slots[Int(index)].uses = 0
            push(index, object.cost)
            return
        }
        ghosts.add(object.hash, capacity: count)
        remove(index)
        evictions += 1
    }

    private mutating func evictMain() {
        let index = main.oldest
        guard index != Self.none, let object = slots[Int(index)].object else { return }
        guard slots[Int(index)].uses == 0 else {
            unlink(index, object.cost)
            slots[Int(index)].uses -= 1
            push(index, object.cost)
            return
        }
        remove(index)
        evictions += 1
    }

    // MARK: Links

    private mutating func takeSlot() -> Int32 {
        if let free = freeSlots.popLast() { return free }
        slots.append(Slot())
        return Int32(slots.count - 1)
    }

    /// Takes an object out of table, chain and queue.
    private mutating func remove(_ index: Int32) {
        guard let object = slots[Int(index)].object else { return }
        let next = slots[Int(index)].nextVariant
        if table[object.hash] == index {
            table[object.hash] = next == Self.none ? nil : next
        } else {
            var previous = table[object.hash] ?? Self.none
            while previous != Self.none, slots[Int(previous)].nextVariant != index {
                previous = slots[Int(previous)].nextVariant
            }
            if previous != Self.none { slots[Int(previous)].nextVariant = next }
        }
        unlink(index, object.cost)
        slots[Int(index)] = Slot()
        freeSlots.append(index)
        count -= 1
    }

    private mutating func push(_ index: Int32, _ cost: Int) {
        var queue = slots[Int(index)].isMain ? main : small
        slots[Int(index)].older = queue.newest
        slots[Int(index)].newer = Self.none
        if queue.newest != Self.none { slots[Int(queue.newest)].newer = index }
        queue.newest = index
        if queue.oldest == Self.none { queue.oldest = index }
        queue.bytes += cost
        if slots[Int(index)].isMain { main = queue } else { small = queue }
    }

    private mutating func unlink(_ index: Int32, _ cost: Int) {
        let slot = slots[Int(index)]
        var queue = slot.isMain ? main : small
        if slot.older != Self.none {
            slots[Int(slot.older)].newer = slot.newer
        } else {
            queue.oldest = slot.newer
        }
        if slot.newer != Self.none {
            slots[Int(slot.newer)].older = slot.older
        } else {
            queue.newest = slot.older
        }
        queue.bytes -= cost
        if slot.isMain { main = queue } else { small = queue }
    }
}
