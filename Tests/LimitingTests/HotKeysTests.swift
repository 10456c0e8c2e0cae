import Testing

@testable import Limiting

@Suite("The busiest keys of a limit")
struct HotKeysTests {
    @Test("Counts are those of the last minute, and go with it")
    func minute() {
        let hot = HotKeys()
        let start = 1000 * second
        #expect(hot.note(key(1), isAllowed: true, weight: 64, now: start))
        #expect(!hot.note(key(1), isAllowed: false, now: start))
        #expect(!hot.note(key(1), isAllowed: false, now: start + second))
        hot.name(key(1), Array("one".utf8))
        let one = HotKey(key: key(1), text: Array("one".utf8), allowed: 64, refused: 2)
        #expect(hot.keys(now: start + second) == [one])
        // A minute on, half of what the minute before had counts still.
        let later = hot.keys(now: start + 90 * second)
        #expect(later == [HotKey(key: key(1), text: one.text, allowed: 32, refused: 1)])
        #expect(hot.keys(now: start + 130 * second).isEmpty)
        // It begins anew.
        #expect(hot.note(key(1), isAllowed: false, now: start + 500 * second))
        #expect(hot.keys(now: start + 500 * second).map(\.refused) == [1])
    }

    @Test("A key that nobody has named has an empty text, and one that left is not named")
    func texts() {
        let hot = HotKeys()
        #expect(hot.note(key(1), isAllowed: false, now: second))
        #expect(hot.keys(now: second).map(\.text) == [[]])
        hot.name(key(2), Array("two".utf8))
        #expect(hot.keys(now: second).count == 1)
        hot.name(key(1), [UInt8](repeating: 0x61, count: 500))
        #expect(hot.keys(now: second).map(\.text.count) == [HotKeys.textLimit])
    }

    @Test("In a flood of others the busiest stay, and no count is too high", arguments: 1...10)
    func flood(_ seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let hot = HotKeys()
        var counts: [LimitKey: UInt64] = [:]
        // Ten keys have a fifth of all that is noted: 2 % each, and a place needs 0.8 %.
        for _ in 0..<40_000 {
            let isBusy = Int.random(in: 0..<5, using: &random) == 0
            let number =
                isBusy
                ? UInt64.random(in: 0..<10, using: &random)
                : UInt64.random(in: 1000..<1_000_000_000, using: &random)
            counts[key(number), default: 0] += 1
            _ = hot.note(key(number), isAllowed: false, now: second)
        }
        let keys = hot.keys(now: second)
        #expect(keys.count == HotKeys.capacity)
        let found = Set(keys.map(\.key))
        for number in UInt64(0)..<10 { #expect(found.contains(key(number)), "seed \(seed)") }
        for one in keys { #expect(one.refused <= counts[one.key] ?? 0) }
        // The busy ones come in early, and miss little.
        let busiest = keys.sorted { $0.refused > $1.refused }.prefix(10)
        #expect(Set(busiest.map(\.key)) == Set((UInt64(0)..<10).map { key($0) }), "seed \(seed)")
        for one in busiest { #expect(one.refused * 10 >= (counts[one.key] ?? 0) * 9) }
    }

    @Test("A key as digits, and back")
    func digits() {
        let some = LimitKey(high: 0x1, low: 0xfedc_ba98_7654_3210)
        #expect(some.hexadecimal == "0000000000000001fedcba9876543210")
        #expect(LimitKey(hexadecimal: some.hexadecimal) == some)
        for text in [
            "", "1", "+000000000000001fedcba9876543210", "g000000000000001fedcba9876543210",
        ] {
            #expect(LimitKey(hexadecimal: text) == nil, "\(text)")
        }
    }

    @Test("What is forgotten has used nothing", arguments: LimitAlgorithm.allCases)
    func forget(_ algorithm: LimitAlgorithm) throws {
        let rate = try #require(LimitRate(2, per: 60 * second))
        let table = LimitTable(algorithm: algorithm, logCount: 2)
        for number in UInt64(0)..<500 {
            _ = table.take(key(number), cost: 2, rate, now: second)
        }
        #expect(!table.knows(key(1000)))
        #expect(!table.forget(key(1000)))
        for number in UInt64(0)..<500 where number % 3 == 0 {
            #expect(table.knows(key(number)))
            #expect(table.forget(key(number)))
            #expect(!table.forget(key(number)))
        }
        for number in UInt64(0)..<500 {
            let isAllowed = table.take(key(number), cost: 1, rate, now: second).isAllowed
            #expect(isAllowed == (number % 3 == 0), "\(number)")
        }
    }
}
