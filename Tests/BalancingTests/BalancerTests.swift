import Testing

@testable import Balancing

/// Descriptions of servers called a, b, c… with these weights.
func descriptions(_ weights: [Int]) -> [ServerDescription] {
    weights.enumerated().map { index, weight in
        ServerDescription(name: String(UnicodeScalar(UInt8(97 + index))), weight: weight)
    }
}

extension Balancer {
    /// The name of the chosen server, still in flight; `-` if there is none.
    mutating func name(
        now: Int64 = 0,
        key: UInt64? = nil,
        excluding tried: TriedServers = TriedServers(),
        random: UInt64 = 0
    ) -> String {
        switch choose(now: now, key: key, excluding: tried, random: random) {
        case .server(let index, _): servers[index].description.name
        case .none: "-"
        }
    }

    /// As `name`, and the request is over at once.
    mutating func finishedName(
        now: Int64 = 0,
        key: UInt64? = nil,
        random: UInt64 = 0
    ) -> String {
        guard case .server(let index, _) = choose(now: now, key: key, random: random) else {
            return "-"
        }
        servers[index].status.release()
        return servers[index].description.name
    }

    func server(_ name: String) -> Server? { servers.first { $0.description.name == name } }
}

@Suite("Choice of a server")
struct BalancerTests {
    let policy = EjectionPolicy(fails: 1, time: 10 * second, maximumTime: 60 * second)

    @Test("Down servers get nothing, backup servers only when no other is left")
    func downAndBackup() {
        var list = descriptions([1, 1, 1])
        list[0].isDown = true
        list[2].isBackup = true
        for method in BalancingMethod.allCases {
            var balancer = Balancer(method: method, set: ServerSet(list))
            for key in UInt64(0)..<20 {
                #expect(
                    balancer.finishedName(key: key, random: key &* 0x9e37_79b9_7f4a_7c15) == "b"
                )
            }
            balancer.server("b")?.status.setHealthy(false)
            #expect(balancer.finishedName(key: 1) == "c")
        }
    }

    @Test("A full server is passed over; when all are full the answer is busy")
    func maximumConnections() {
        var list = descriptions([1, 1])
        list[0].maximumConnections = 1
        list[1].maximumConnections = 2
        for method in BalancingMethod.allCases {
            var balancer = Balancer(method: method, set: ServerSet(list))
            let names = (0..<3).map { _ in balancer.name(key: 5, random: 99) }
            #expect(names.sorted() == ["a", "b", "b"])
            #expect(
                balancer.choose(now: 0, key: 5, random: 1)
                    == .none(reason: .busy, retryAfter: second)
            )
            balancer.server("a")?.status.release()
            #expect(balancer.name(key: 5) == "a")
        }
    }

    @Test("A retry goes to another server, and nowhere when it has been at all")
    func excluding() {
        for method in BalancingMethod.allCases {
            var balancer = Balancer(method: method, set: ServerSet(descriptions([5, 1, 1])))
            var tried = TriedServers()
            var seen: Set<String> = []
            for attempt in UInt64(0)..<3 {
                guard
                    case .server(let index, _) = balancer.choose(
                        now: 0,
                        key: 3,
                        excluding: tried,
                        random: attempt << 31
                    )
                else { break }
                tried.insert(balancer.servers[index])
                seen.insert(balancer.servers[index].description.name)
            }
            #expect(seen == ["a", "b", "c"])
            #expect(
                balancer.choose(now: 0, key: 3, excluding: tried, random: 0)
                    == .none(reason: .allTried, retryAfter: second)
            )
        }
    }

    @Test("An ejected server gets nothing, then one trial, then its share again")
    func ejectionAndTrial() {
        var balancer = Balancer(
            method: .roundRobin,
            set: ServerSet(descriptions([1, 1])),
            ejection: policy
        )
        let first = balancer.servers[0].status
        first.recordFailure(now: 0, isTrial: false, policy: policy)
        #expect((0..<4).map { _ in balancer.finishedName(now: second) } == ["b", "b", "b", "b"])

        let choices = (0..<4).map { _ in balancer.choose(now: 10 * second, random: 0) }
        #expect(choices.filter { $0 == .server(index: 0, isTrial: true) }.count == 1)
        #expect(choices.filter { $0 == .server(index: 1, isTrial: false) }.count == 3)

        first.recordSuccess(now: 11 * second, isTrial: true)
        let after = (0..<4).map { _ in balancer.finishedName(now: 12 * second) }
        #expect(after.sorted() == ["a", "a", "b", "b"])
    }

    @Test("When all are ejected they are used all the same, as trials")
    func panic() {
        for method in BalancingMethod.allCases {
            var balancer = Balancer(
                method: method,
                set: ServerSet(descriptions([1, 1])),
                ejection: policy
            )
            for server in balancer.servers {
                server.status.recordFailure(now: 0, isTrial: false, policy: policy)
            }
            guard case .server(let index, let isTrial) = balancer.choose(now: 1, random: 1) else {
                Issue.record("\(method): no server in a panic")
                continue
            }
            #expect(isTrial)
            #expect(balancer.servers[index].status.recordSuccess(now: 2, isTrial: isTrial))
            #expect(balancer.servers[index].status.ejectedUntil == nil)
            // From now on only the one that has come back is used.
            #expect(balancer.choose(now: 3, random: 1) == .server(index: index, isTrial: false))
        }
    }

    @Test("A usable backup server goes before ejected ones")
    func backupBeforePanic() {
        var list = descriptions([1, 1])
        list[1].isBackup = true
        var balancer = Balancer(method: .roundRobin, set: ServerSet(list), ejection: policy)
        balancer.servers[0].status.recordFailure(now: 0, isTrial: false, policy: policy)
        #expect(balancer.finishedName(now: 1) == "b")
    }

    @Test("Why there is no server, and when to come again")
    func reasons() {
        var empty = Balancer(method: .roundRobin, set: ServerSet([]), retryAfterUnhealthy: 7)
        #expect(empty.choose(now: 0, random: 0) == .none(reason: .noServers, retryAfter: 7))

        var sick = Balancer(
            method: .random,
            set: ServerSet(descriptions([1, 1])),
            retryAfterUnhealthy: 7
        )
        for server in sick.servers { server.status.setHealthy(false) }
        #expect(sick.choose(now: 0, random: 0) == .none(reason: .unhealthy, retryAfter: 7))

        #expect(sick.retryAfter(now: 0) == second)
        sick.servers[0].status.recordFailure(now: 0, isTrial: false, policy: policy)
        #expect(sick.retryAfter(now: 4 * second) == 6 * second)
        #expect(sick.retryAfter(now: 50 * second) == second)
    }

    @Test("Servers that stay keep status and place when the set is replaced")
    func replacing() throws {
        let before = ServerSet(descriptions([1, 1, 1]))
        var balancer = Balancer(method: .roundRobin, set: before, ejection: policy)
        let b = try #require(balancer.server("b"))
        b.status.recordFailure(now: 0, isTrial: false, policy: policy)
        #expect(balancer.name(now: 1) == "a")

        let list = [descriptions([1, 1])[1], ServerDescription(name: "new")]
        balancer.replaceServers(before.updated(to: list))
        #expect(balancer.servers.map(\.description.name) == ["b", "new"])
        #expect(balancer.servers[0].status === b.status)
        #expect((0..<3).map { _ in balancer.finishedName(now: 2) } == ["new", "new", "new"])
    }

    @Test("A name that is there twice is one server; too many are cut off")
    func setLimits() {
        let twice = ServerSet([ServerDescription(name: "x"), ServerDescription(name: "x")])
        #expect(twice.servers[0].status === twice.servers[1].status)
        let many = (0..<5_000).map { ServerDescription(name: "s\($0)") }
        #expect(ServerSet(many).servers.count == ServerSet.maximumCount)
    }

    @Test("A request is at eight servers at most, however many there are")
    func triedLimit() {
        var balancer = Balancer(
            method: .roundRobin,
            set: ServerSet((0..<20).map { ServerDescription(name: "s\($0)") })
        )
        var tried = TriedServers()
        for index in 0..<8 { #expect(tried.insert(balancer.servers[index]) == true) }
        #expect(tried.insert(balancer.servers[8]) == false)
        #expect(!tried.contains(balancer.servers[8]))
        #expect(
            balancer.choose(now: 0, excluding: tried, random: 0)
                == .none(reason: .allTried, retryAfter: second)
        )
    }

    @Test(
        "Random histories: never a down or unhealthy server, and all are counted out",
        arguments: 0..<200
    )
    func histories(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var list = descriptions((0..<5).map { _ in Int.random(in: 1...9, using: &generator) })
        list[Int.random(in: 0..<5, using: &generator)].isDown = true
        list[Int.random(in: 0..<5, using: &generator)].isBackup = true
        for index in list.indices {
            list[index].maximumConnections = Int.random(in: 0...3, using: &generator)
        }
        let method = BalancingMethod.allCases[Int(seed % 4)]
        var balancer = Balancer(method: method, set: ServerSet(list), ejection: policy)
        var open: [(index: Int, isTrial: Bool)] = []
        var now: Int64 = 0
        for _ in 0..<400 {
            now += Int64.random(in: 0...second, using: &generator)
            if Bool.random(using: &generator), !open.isEmpty {
                let done = open.remove(at: Int.random(in: 0..<open.count, using: &generator))
                let status = balancer.servers[done.index].status
                if Int.random(in: 0..<4, using: &generator) == 0 {
                    status.recordFailure(now: now, isTrial: done.isTrial, policy: policy)
                } else {
                    status.recordSuccess(now: now, isTrial: done.isTrial)
                }
                status.release()
            } else if case .server(let index, let isTrial) = balancer.choose(
                now: now,
                key: generator.next(),
                random: generator.next()
            ) {
                #expect(!balancer.servers[index].description.isDown)
                #expect(balancer.servers[index].status.isHealthy)
                open.append((index, isTrial))
            }
            let unlucky = balancer.servers[Int.random(in: 0..<5, using: &generator)].status
            unlucky.setHealthy(Int.random(in: 0..<5, using: &generator) > 0)
            for (index, server) in balancer.servers.enumerated() {
                let limit = server.description.maximumConnections
                let flying = open.count { $0.index == index }
                #expect(server.status.inFlight == flying)
                #expect(limit == 0 || flying <= limit)
            }
            #expect(balancer.savedWeights.reduce(0, +) == 0)
        }
    }
}
