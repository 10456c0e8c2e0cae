/// What is on the disk, by name, and what is to leave it first.
///
/// SIEVE: one queue in the order of arrival, and a hand that goes from its old end to its new one,
/// past what was used since it came by and over what was not. A use sets a bit and moves nothing.
/// Source: Zhang, Yang, Yue, Vigfusson, Rashmi, SIEVE is Simpler than LRU, NSDI 2024.
package struct DiskIndex: Sendable {
    private struct Slot: Sendable {
        var name: DiskName
        /// Bytes on the disk, in blocks.
        var blocks: UInt32
        /// Hash by which memory knows it; 0: it has not been there since the start.
        var hash: UInt64
        /// Tells a file from one written later in its place.
        var version: UInt64
        var isUsed = false
        var isFree = false
        var newer = none
        var older = none
        /// The next variant of the same key.
        var next = none
    }

    private static let none: Int32 = -1
    /// Bytes of a block, in which space is counted.
    package static let block = 4096
    /// Files that one eviction passes by at most because memory has them: else it would look at all
    /// of them again and again.
    private static let maximumLooks = 64
    /// Entries at most: with some 120 bytes each they take a gigabyte.
    package static let maximumCount = 8_000_000

    private var slots: [Slot] = []
    private var free: [Int32] = []
    private var table: [DiskKey: Int32] = [:]
    private var newest = none
    private var oldest = none
    private var hand = none
    private var versions: UInt64 = 0
    package private(set) var count = 0
    /// Bytes on the disk.
    package private(set) var bytes = 0

    package init() {}

    /// Bytes that a file of a size takes.
    package static func space(_ size: Int) -> Int { (size + block - 1) / block * block }

    // MARK: Looking

    package func contains(_ key: DiskKey) -> Bool { table[key] != nil }

    package func contains(_ name: DiskName) -> Bool { place(of: name) != nil }

    /// The names of a key, the newest first, each with its version.
    package func find(_ key: DiskKey) -> [(name: DiskName, version: UInt64)] {
        var found: [(name: DiskName, version: UInt64)] = []
        var index = table[key] ?? Self.none
        while index != Self.none {
            let slot = slots[Int(index)]
            found.append((slot.name, slot.version))
            index = slot.next
        }
        return found
    }

    /// Takes note that a file was read, and by which hash memory knows it now.
    package mutating func use(_ name: DiskName, hash: UInt64) {
        guard let index = place(of: name) else { return }
        slots[Int(index)].isUsed = true
        slots[Int(index)].hash = hash
    }

    private func place(of name: DiskName) -> Int32? {
        var index = table[name.key] ?? Self.none
        while index != Self.none {
            if slots[Int(index)].name == name { return index }
            index = slots[Int(index)].next
        }
        return nil
    }

    // MARK: Changing

    /// Puts a file in that has just been written, in the place of one of the same name.
    package mutating func insert(_ name: DiskName, size: Int, hash: UInt64) {
        var isUsed = false
        if let old = place(of: name) {
            // What is written anew was asked for.
            isUsed = true
            remove(at: old)
        }
        let index = make(name, size: size, hash: hash)
        slots[Int(index)].isUsed = isUsed
        slots[Int(index)].older = newest
        if newest != Self.none { slots[Int(newest)].newer = index } else { oldest = index }
        newest = index
    }

    /// Puts a file in that was found, behind all that came since; nothing if it is there.
    package mutating func insertFound(_ name: DiskName, size: Int) {
        guard place(of: name) == nil else { return }
        let index = make(name, size: size, hash: 0)
        slots[Int(index)].newer = oldest
        if oldest != Self.none { slots[Int(oldest)].older = index } else { newest = index }
        oldest = index
    }

    private mutating func make(_ name: DiskName, size: Int, hash: UInt64) -> Int32 {
        versions &+= 1
        let blocks = UInt32(clamping: Self.space(size) / Self.block)
        var slot = Slot(name: name, blocks: blocks, hash: hash, version: versions)
        slot.next = table[name.key] ?? Self.none
        let index: Int32
        if let old = free.popLast() {
            index = old
            slots[Int(index)] = slot
        } else {
            index = Int32(slots.count)
            slots.append(slot)
        }
        table[name.key] = index
        count += 1
        bytes += Int(blocks) * Self.block
        return index
    }

    /// Removes a file; with a version, only if it is still the same.
    ///
    /// Returns Whether it was there.
    @discardableResult
    package mutating func remove(_ name: DiskName, version: UInt64? = nil) -> Bool {
        guard let index = place(of: name) else { return false }
        if let version, slots[Int(index)].version != version { return false }
        remove(at: index)
        return true
    }

    /// Removes all variants of a key.
    ///
    /// Returns Their names.
    package mutating func remove(_ key: DiskKey) -> [DiskName] {
        let found = find(key).map(\.name)
        for name in found { remove(name) }
        return found
    }

    /// All names.
    package var names: [DiskName] { slots.filter { !$0.isFree }.map(\.name) }

    /// Becomes empty at once.
    ///
    /// Returns What it was, for who takes its time with it.
    package mutating func takeAll() -> DiskIndex {
        let all = self
        self = DiskIndex()
        versions = all.versions
        return all
    }

    /// The names in a run of slots, for who looks at all of them.
    ///
    /// Returns The names, and the slot to go on with, or nil behind the last.
    package func scan(from start: Int, atMost limit: Int) -> (names: [DiskName], next: Int?) {
        let end = min(slots.count, start + limit)
        guard start < end else { return ([], nil) }
        let names = slots[start..<end].filter { !$0.isFree }.map(\.name)
        return (names, end < slots.count ? end : nil)
    }

    /// Takes out what is to leave first.
    ///
    /// `isHot`: Whether memory has what it knows by a hash: such was used, though not from here.
    package mutating func evict(isHot: (UInt64) -> Bool) -> DiskName? {
        guard count > 0 else { return nil }
        if hand == Self.none { hand = oldest }
        // Each step takes a bit, or one of the few looks into memory.
        var looks = 0
        while true {
            let slot = slots[Int(hand)]
            if !slot.isUsed {
                guard looks < Self.maximumLooks, slot.hash != 0, isHot(slot.hash) else { break }
                looks += 1
            }
            slots[Int(hand)].isUsed = false
            hand = slot.newer == Self.none ? oldest : slot.newer
        }
        let victim = hand
        let name = slots[Int(victim)].name
        remove(at: victim)
        return name
    }

    private mutating func remove(at index: Int32) {
        let slot = slots[Int(index)]
        if hand == index { hand = slot.newer }
        if slot.newer != Self.none {
            slots[Int(slot.newer)].older = slot.older
        } else {
            newest = slot.older
        }
        if slot.older != Self.none {
            slots[Int(slot.older)].newer = slot.newer
        } else {
            oldest = slot.newer
        }
        if table[slot.name.key] == index {
            table[slot.name.key] = slot.next == Self.none ? nil : slot.next
        } else {
            var previous = table[slot.name.key] ?? Self.none
            while previous != Self.none, slots[Int(previous)].next != index {
                previous = slots[Int(previous)].next
            }
            if previous != Self.none { slots[Int(previous)].next = slot.next }
        }
        slots[Int(index)].isFree = true
        slots[Int(index)].newer = Self.none
        slots[Int(index)].older = Self.none
        slots[Int(index)].next = Self.none
        free.append(index)
        count -= 1
        bytes -= Int(slot.blocks) * Self.block
    }
}
