import Testing

@testable import Caching

private func name(_ key: Int, _ variant: Int = 0) -> DiskName {
    DiskName(
        key: DiskKey(high: UInt64(key) << 56 | UInt64(key), low: UInt64(key)),
        variant: UInt64(variant)
    )
}

@Suite("The index of what is on the disk")
struct DiskIndexTests {
    @Test("agrees with a simple model, whatever is done", arguments: 1...30)
    func model(seed: UInt64) {
        var chance = Chance(seed: seed)
        var index = DiskIndex()
        var model: [DiskName: Int] = [:]
        for _ in 0..<2000 {
            let one = name(
                Int.random(in: 0..<40, using: &chance),
                Int.random(in: 0..<3, using: &chance)
            )
            switch Int.random(in: 0..<8, using: &chance) {
            case 0..<3:
                let size = Int.random(in: 0...20_000, using: &chance)
                index.insert(one, size: size, hash: 0)
                model[one] = DiskIndex.space(size)
            case 3:
                index.insertFound(one, size: 5000)
                if model[one] == nil { model[one] = 8192 }
            case 4:
                let wasThere = index.remove(one)
                #expect(wasThere == (model[one] != nil), "seed \(seed)")
                model[one] = nil
            case 5:
                let expected = Set(model.keys.filter { $0.key == one.key })
                let removed = Set(index.remove(one.key))
                #expect(removed == expected, "seed \(seed)")
                for gone in expected { model[gone] = nil }
            case 6:
                index.use(one, hash: 1)
            default:
                let victim = index.evict { _ in false }
                #expect((victim == nil) == model.isEmpty, "seed \(seed)")
                if let victim {
                    #expect(model.removeValue(forKey: victim) != nil, "seed \(seed)")
                }
            }
            #expect(index.count == model.count, "seed \(seed)")
            #expect(index.bytes == model.values.reduce(0, +), "seed \(seed)")
            #expect(index.contains(one) == (model[one] != nil), "seed \(seed)")
            #expect(
                Set(index.find(one.key).map(\.name)) == Set(model.keys.filter { $0.key == one.key })
            )
        }
        #expect(Set(index.names) == Set(model.keys))
        var seen: Set<DiskName> = []
        var next: Int? = 0
        while let start = next {
            let (names, following) = index.scan(from: start, atMost: 7)
            seen.formUnion(names)
            next = following
        }
        #expect(seen == Set(model.keys))
        while index.evict(isHot: { _ in true }) != nil {}
        #expect(index.count == 0 && index.bytes == 0)
    }

    @Test("What is used stays while what is not leaves, oldest first")
    func order() {
        var index = DiskIndex()
        for key in 0..<10 { index.insert(name(key), size: 1, hash: UInt64(key)) }
        index.use(name(0), hash: 0)
        index.use(name(4), hash: 4)
        let gone = (0..<8).compactMap { _ in index.evict { _ in false } }
        #expect(gone == [1, 2, 3, 5, 6, 7, 8, 9].map { name($0) })
    }

    @Test("What memory still has is not evicted before what it has not")
    func hot() {
        var index = DiskIndex()
        for key in 1...6 { index.insert(name(key), size: 1, hash: UInt64(key)) }
        let gone = (0..<3).compactMap { _ in index.evict { $0 <= 3 } }
        #expect(gone == [name(4), name(5), name(6)])
    }

    @Test("Files found at the start are older than what has been written since")
    func found() {
        var index = DiskIndex()
        index.insert(name(1), size: 1, hash: 0)
        for key in [5, 4, 3] { index.insertFound(name(key), size: 1) }
        let gone = (0..<4).compactMap { _ in index.evict { _ in false } }
        #expect(gone == [3, 4, 5, 1].map { name($0) })
    }

    @Test("A file written anew is another version")
    func versions() {
        var index = DiskIndex()
        index.insert(name(1), size: 1, hash: 0)
        let before = index.find(name(1).key)[0].version
        index.insert(name(1), size: 1, hash: 0)
        let isSame = index.remove(name(1), version: before)
        #expect(!isSame && index.contains(name(1)))
        let all = index.takeAll()
        #expect(all.count == 1 && index.count == 0)
        index.insert(name(1), size: 1, hash: 0)
        let isOld = index.remove(name(1), version: before)
        #expect(!isOld)
    }
}

@Suite("A disk that fails")
struct DiskHealthTests {
    @Test("It is left alone for longer and longer, and told of once a minute")
    func pauses() {
        let second: Int64 = 1_000_000_000
        var health = DiskHealth()
        #expect(!health.isOff(now: 0))
        let isTold = health.failed(now: 0)
        #expect(isTold)
        #expect(health.isOff(now: second - 1) && !health.isOff(now: second))
        // What was under way changes nothing.
        _ = health.failed(now: 5)
        #expect(!health.isOff(now: second))
        let isToldAgain = health.failed(now: second)
        #expect(!isToldAgain)
        #expect(health.isOff(now: 3 * second - 1) && !health.isOff(now: 3 * second))
        var now = 3 * second
        for _ in 0..<20 {
            _ = health.failed(now: now)
            now = health.resumes
        }
        #expect(health.resumes - now <= DiskHealth.longestPause)
        _ = health.failed(now: now)
        #expect(health.resumes == now + DiskHealth.longestPause)
        now = health.resumes
        health.succeeded(now: now)
        _ = health.failed(now: now)
        #expect(health.resumes == now + DiskHealth.firstPause)
        #expect(health.errors == 25)
    }
}
