import Foundation
import HTTP
import Testing

@testable import Caching

/// Least recently used: what the store is compared with.
private struct LRU {
    private var stamps: [Int: Int] = [:]
    private var order: [Int: Int] = [:]
    private var first = 0
    private var next = 0
    let capacity: Int

    init(capacity: Int) { self.capacity = capacity }

    mutating func ask(_ key: Int) -> Bool {
        let isHit = stamps[key] != nil
        if let old = stamps[key] { order[old] = nil }
        stamps[key] = next
        order[next] = key
        next += 1
        while stamps.count > capacity {
            if let oldest = order.removeValue(forKey: first) { stamps[oldest] = nil }
            first += 1
        }
        return isHit
    }
}

/// A sequence of requests.
private enum Trace: String, CaseIterable, CustomTestStringConvertible {
    /// Few keys are asked for often, many seldom.
    case zipf
    /// The same, and now and then a crawler that asks for everything once.
    case scan
    /// The same, but what is hot changes.
    case drift

    var testDescription: String { rawValue }

    func keys(_ count: Int, catalogue: Int, seed: UInt64) -> [Int] {
        var chance = Chance(seed: seed)
        var sums: [Double] = []
        var sum = 0.0
        for rank in 1...catalogue {
            sum += 1 / pow(Double(rank), 0.9)
            sums.append(sum)
        }
        var crawler = catalogue
        return (0..<count).map { number in
            if self == .scan, (number / 2000) % 5 == 4, number % 2 == 0 {
                crawler += 1
                return crawler
            }
            let point = Double.random(in: 0..<sum, using: &chance)
            var low = 0
            var high = sums.count - 1
            while low < high {
                let middle = (low + high) / 2
                if sums[middle] < point { low = middle + 1 } else { high = middle }
            }
            let shift = self == .drift ? number / 10_000 * catalogue / 20 : 0
            return (low + shift) % catalogue
        }
    }
}

@Suite("Hit rates")
struct HitRateTests {
    private static let size = 2000

    /// Shares of hits of the store and of LRU with room for the same number of objects.
    private func rates(_ keys: [Int], room: Int) -> (ours: Double, lru: Double) {
        let one = object("key", hash: 0, size: Self.size).cost + 12
        let store = CacheStore(budget: one * room, objectLimit: one * room, seed: 1)
        var lru = LRU(capacity: room)
        var ours = 0
        var theirs = 0
        var scratch: [UInt8] = []
        let none = FieldSection()
        for key in keys {
            let bytes = bytes("k\(key)")
            let hash = store.hash(bytes.span)
            if store.find(bytes.span, hash: hash, request: none, scratch: &scratch) != nil {
                ours += 1
            } else {
                store.insert(object("k\(key)", hash: hash, size: Self.size))
            }
            if lru.ask(key) { theirs += 1 }
        }
        return (Double(ours) / Double(keys.count), Double(theirs) / Double(keys.count))
    }

    @Test(
        "are no worse than LRU's, and better where something is asked for once",
        arguments: Trace.allCases
    )
    private func comparison(_ trace: Trace) {
        let keys = trace.keys(40_000, catalogue: 10_000, seed: 1)
        let (ours, lru) = rates(keys, room: 500)
        #expect(ours > lru - 0.005, "\(ours) against \(lru)")
        if trace != .drift { #expect(ours > lru + 0.03, "\(ours) against \(lru)") }
    }

    /// Writes the figures that Benchmarks/hit_rates.py draws.
    @Test("are measured", .enabled(if: ProcessInfo.processInfo.environment["HIT_RATES"] != nil))
    func measure() throws {
        let path = try #require(ProcessInfo.processInfo.environment["HIT_RATES"])
        var text = "trace,room,ours,lru\n"
        for trace in Trace.allCases {
            let keys = trace.keys(100_000, catalogue: 10_000, seed: 1)
            for room in [50, 100, 200, 500, 1000, 2000, 5000] {
                let (ours, lru) = rates(keys, room: room)
                text += "\(trace.rawValue),\(room),\(ours),\(lru)\n"
            }
        }
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }
}
