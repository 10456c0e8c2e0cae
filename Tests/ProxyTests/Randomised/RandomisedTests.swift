import EventLoop
import Foundation
import Testing

@testable import Proxy

/// Many worlds in which clients, origins and the network stall, close, reset, send nonsense and
/// split what they send anywhere.
///
/// In each of them: no response is ever another request's; a body is what the origin sent, or
/// visibly cut; every request ends; what is not idempotent reaches origins once at most; and at the
/// end nothing is left, no stream, buffer, timer or count.
///
/// `GATEWAY_SEED=n` runs one world alone, `GATEWAY_SEEDS=n` another number of them.
@Suite("Randomised worlds")
struct RandomisedTests {
    static let configuration = """
        timeout header=5s body=5s idle=20s response=8s send=5s
        limit body=1m
        upstream app {
            server 10.0.0.1:8000
            server 10.0.0.2:8000
            retry attempts=3
            eject fails=3 time=1s max=2s
            keepalive connections=4 idle=3s
        }
        site * {
            listen $site
            route /buffered/* { buffer on memory=1k; proxy app }
            route /coded/* { compress zstd br gzip deflate min=1; proxy app }
            route * { proxy app }
        }
        """

    static let alone = ProcessInfo.processInfo.environment["GATEWAY_SEED"].flatMap { UInt64($0) }
    static let count =
        ProcessInfo.processInfo.environment["GATEWAY_SEEDS"].flatMap { UInt64($0) }
        ?? 1000
    static let seedsInBatch: UInt64 = 50
    /// Where each batch begins.
    static let batches =
        alone.map { [$0] } ?? Array(stride(from: 1, to: count + 1, by: Int(seedsInBatch)))

    @Test("Nothing is mixed up, cut without a sign, repeated, or left behind", arguments: batches)
    func worlds(_ first: UInt64) throws {
        var whole = 0
        var other = 0
        var coded = 0
        let last = Self.alone ?? min(Self.count, first + Self.seedsInBatch - 1)
        for seed in first...last {
            let ledger = try Self.run(seed)
            whole += ledger.whole
            coded += ledger.coded
            other += ledger.cut + ledger.refused + ledger.unanswered
        }
        // A simulation in which nothing happens proves nothing.
        #expect(whole > 0)
        if Self.alone == nil { #expect(other > 0 && coded > 0) }
    }

    @Test("The same seed gives the same world, to the nanosecond", arguments: [3, 8, 16])
    func determinism(_ seed: UInt64) throws {
        let first = try Self.run(seed)
        let second = try Self.run(seed)
        #expect(first.times.count > 3)
        #expect(first.times == second.times)
    }

    static func run(_ seed: UInt64) throws -> Ledger {
        var chance = Chance(seed: seed, 0)
        let isKind = seed % 4 == 0
        var faults = Simulation.Faults()
        if !chance.once(in: 4) {
            faults.longestReceive = chance.pick([1, 16, 300, 5000, .max])
            faults.longestSend = chance.pick([1, 16, 300, 5000, .max])
            // News of every few bytes must not come so late that a good peer looks slow.
            let delays = faults.longestReceive < 300 ? [0, 1] : [0, 1, 20, 300]
            let longest = faults.longestReceive == 300 ? 20 : 300
            faults.longestDelay = Int64(min(longest, chance.pick(delays))) * 1_000_000
            if !isKind && chance.once(in: 3) { faults.refusedConnects = 40 }
        }
        let isFine = min(faults.longestReceive, faults.longestSend) < 300
        let ledger = Ledger(seed: seed, isKind: isKind, largest: isFine ? 2_000 : 150_000)
        let clients = chance.number(1..<6)
        try simulate(configuration, seed: seed, faults: faults) { world in
            for (number, address) in ["10.0.0.1:8000", "10.0.0.2:8000"].enumerated() {
                let origin = RandomOrigin(ledger: ledger, number: UInt64(number + 1))
                world.attend { world in try await origin.run(world, at: address) }
            }
            for number in 0..<clients {
                let client = RandomClient(ledger: ledger, number: UInt64(number + 100))
                world.spawn { world in try await client.run(world) }
            }
        }
        return ledger
    }
}
