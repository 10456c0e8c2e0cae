import Testing

@testable import Balancing

@Suite("Smooth weighted round robin")
struct RoundRobinTests {
    struct Case: CustomTestStringConvertible {
        let weights: [Int]
        let sequence: String
        var testDescription: String { "\(weights)" }
    }

    static let cases = [
        Case(weights: [1], sequence: "aaaa"),
        Case(weights: [1, 1, 1], sequence: "abcabcabc"),
        Case(weights: [5, 1, 1], sequence: "aabacaaaabacaa"),
        Case(weights: [2, 1], sequence: "abaaba"),
        Case(weights: [3, 2, 1], sequence: "abacba"),
        Case(weights: [1, 3], sequence: "babbbabb"),
    ]

    @Test("The sequence is nginx's", arguments: cases)
    func sequence(_ row: Case) {
        var balancer = Balancer(method: .roundRobin, set: ServerSet(descriptions(row.weights)))
        let names = row.sequence.map { _ in balancer.finishedName() }.joined()
        #expect(names == row.sequence)
    }

    @Test("Loops begin at different servers")
    func offsets() {
        let set = ServerSet(descriptions([1, 1, 1]))
        let firsts = (0..<4).map { offset in
            var balancer = Balancer(method: .roundRobin, set: set, offset: offset)
            return balancer.finishedName()
        }
        #expect(firsts == ["a", "b", "c", "a"])
    }
}

@Suite("Least connections")
struct LeastConnectionsTests {
    @Test("The least loaded for its weight is chosen, in turn among equals")
    func order() {
        var balancer = Balancer(
            method: .leastConnections,
            set: ServerSet(descriptions([1, 1, 1]))
        )
        for round in 1...2 {
            #expect((0..<3).map { _ in balancer.name() }.sorted() == ["a", "b", "c"])
            #expect(balancer.servers.map(\.status.inFlight) == [round, round, round])
        }
        balancer.server("b")?.status.release()
        #expect(balancer.name() == "b")
        balancer.server("c")?.status.release()
        balancer.server("c")?.status.release()
        #expect((0..<2).map { _ in balancer.name() }.joined() == "cc")
    }

    @Test("A server of weight 2 carries twice as much")
    func weights() {
        var balancer = Balancer(method: .leastConnections, set: ServerSet(descriptions([2, 1])))
        for _ in 0..<300 { _ = balancer.name() }
        #expect(balancer.servers.map(\.status.inFlight) == [200, 100])
    }

    @Test("Without load the weights alone decide")
    func idle() {
        var balancer = Balancer(method: .leastConnections, set: ServerSet(descriptions([2, 1])))
        #expect((0..<6).map { _ in balancer.finishedName() }.joined() == "abaaba")
    }
}

@Suite("Random with two choices")
struct RandomTests {
    @Test("Idle servers are drawn by weight", arguments: [11, 12, 13] as [UInt64])
    func shares(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var balancer = Balancer(method: .random, set: ServerSet(descriptions([1, 2, 5])))
        var counts: [String: Int] = [:]
        for _ in 0..<80_000 {
            counts[balancer.finishedName(random: generator.next()), default: 0] += 1
        }
        // Four standard deviations of the smallest share are below 400.
        for (name, share) in [("a", 10_000), ("b", 20_000), ("c", 50_000)] {
            let count = counts[name] ?? 0
            #expect(abs(count - share) < 600, "seed \(seed): \(name) had \(count)")
        }
    }

    @Test("Of two servers the one with less to do is taken")
    func lessLoaded() {
        var generator = SeededGenerator(seed: 3)
        var balancer = Balancer(method: .random, set: ServerSet(descriptions([1, 1])))
        for _ in 0..<5 { #expect(balancer.server("a")?.status.acquire() == true) }
        for _ in 0..<5 { #expect(balancer.name(random: generator.next()) == "b") }
    }

    @Test(
        "Long requests stay even: the fullest is close to the mean",
        arguments: [21, 22] as [UInt64]
    )
    func evenness(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var balancer = Balancer(
            method: .random,
            set: ServerSet((0..<20).map { ServerDescription(name: "s\($0)") })
        )
        for _ in 0..<2_000 { _ = balancer.name(random: generator.next()) }
        let fullest = balancer.servers.map(\.status.inFlight).max() ?? 0
        // One random choice would give about 125; two keep it within a few of 100.
        #expect(fullest <= 106, "seed \(seed): \(fullest)")
    }
}

@Suite("Consistent hashing")
struct HashTests {
    static let keyCount: UInt64 = 20_000

    static func owners(_ balancer: inout Balancer) -> [String] {
        (0..<keyCount).map { balancer.finishedName(key: mixed($0)) }
    }

    @Test("Keys are shared out by weight, and a key stays where it is")
    func shares() {
        var balancer = Balancer(method: .hash, set: ServerSet(descriptions([1, 2, 5])))
        let first = HashTests.owners(&balancer)
        #expect(first == HashTests.owners(&balancer))
        for (name, share) in [("a", 2_500), ("b", 5_000), ("c", 12_500)] {
            let count = first.count { $0 == name }
            #expect(abs(count - share) < 300, "\(name) had \(count)")
        }
    }

    @Test("A server that goes moves its own keys only, one that comes takes only its share")
    func movement() {
        let all = (0..<10).map { ServerDescription(name: "10.0.0.\($0):80") }
        var ten = Balancer(method: .hash, set: ServerSet(all))
        var nine = Balancer(method: .hash, set: ServerSet(Array(all.dropFirst())))
        var shuffled = Balancer(method: .hash, set: ServerSet(all.reversed()))
        let before = HashTests.owners(&ten)
        let after = HashTests.owners(&nine)
        var moved = 0
        for (old, new) in zip(before, after) where old != new {
            #expect(old == "10.0.0.0:80")
            moved += 1
        }
        #expect(abs(moved - Int(HashTests.keyCount) / 10) < 200)
        #expect(before == HashTests.owners(&shuffled), "the order of the servers must not matter")
    }

    @Test("More weight moves keys only to the server that got it")
    func reweighting() {
        var list = descriptions([1, 1, 1])
        var even = Balancer(method: .hash, set: ServerSet(list))
        list[1].weight = 2
        var heavier = Balancer(method: .hash, set: ServerSet(list))
        for (old, new) in zip(HashTests.owners(&even), HashTests.owners(&heavier)) where old != new
        {
            #expect(new == "b")
        }
    }

    @Test("Keys of a server out of use spread over the others and come back")
    func failover() {
        var balancer = Balancer(method: .hash, set: ServerSet(descriptions([1, 1, 1, 1])))
        let before = HashTests.owners(&balancer)
        balancer.server("a")?.status.setHealthy(false)
        let during = HashTests.owners(&balancer)
        var heirs: Set<String> = []
        for (old, new) in zip(before, during) {
            if old == "a" { heirs.insert(new) } else { #expect(old == new) }
        }
        #expect(heirs == ["b", "c", "d"])
        balancer.server("a")?.status.setHealthy(true)
        #expect(HashTests.owners(&balancer) == before)
    }

    @Test("Requests without a key go in turn")
    func withoutKey() {
        var balancer = Balancer(method: .hash, set: ServerSet(descriptions([1, 1, 1])))
        #expect((0..<6).map { _ in balancer.finishedName() }.joined() == "abcabc")
    }
}
