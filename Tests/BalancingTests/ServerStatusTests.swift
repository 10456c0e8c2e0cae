import Testing

@testable import Balancing

@Suite("Status of a server, shared by the loops")
struct ServerStatusTests {
    let policy = EjectionPolicy(fails: 1, time: 10 * second, maximumTime: 60 * second)

    @Test("The limit holds, and a refused request is not counted")
    func limit() {
        let status = ServerStatus()
        #expect(status.acquire(limit: 2))
        #expect(status.acquire(limit: 2))
        #expect(!status.acquire(limit: 2))
        #expect(status.inFlight == 2)
        status.release()
        #expect(status.acquire(limit: 2))
        #expect(status.inFlight == 2)
    }

    @Test("When an ejection is over exactly one trial is given, and another after its lease")
    func oneTrial() {
        let status = ServerStatus()
        #expect(!status.claimTrial(now: 0, lease: second))
        #expect(status.recordFailure(now: 0, isTrial: false, policy: policy))
        #expect(status.ejectedUntil == 10 * second)
        #expect(!status.claimTrial(now: 10 * second - 1, lease: second))
        #expect(status.claimTrial(now: 10 * second, lease: second))
        #expect(!status.claimTrial(now: 10 * second, lease: second))
        #expect(status.claimTrial(now: 11 * second, lease: second))
    }

    @Test("A good trial brings the server back, a bad one sets it aside for longer")
    func trialOutcomes() {
        let status = ServerStatus()
        status.recordFailure(now: 0, isTrial: false, policy: policy)
        #expect(status.claimTrial(now: 10 * second, lease: second))
        #expect(status.recordFailure(now: 10 * second, isTrial: true, policy: policy))
        #expect(status.ejectedUntil == 30 * second)
        #expect(status.claimTrial(now: 30 * second, lease: second))
        #expect(status.recordSuccess(now: 30 * second, isTrial: true))
        #expect(status.ejectedUntil == nil)
        #expect(!status.recordSuccess(now: 31 * second, isTrial: false))
    }

    @Test("Requests of many threads leave nothing in flight, and never exceed the limit")
    func concurrency() async {
        let status = ServerStatus()
        let limit = 5
        let worst = await withTaskGroup(of: Int.self) { group in
            for seed in UInt64(0)..<8 {
                group.addTask {
                    var generator = SeededGenerator(seed: seed)
                    var acquired = 0
                    for _ in 0..<20_000 where status.acquire(limit: limit) {
                        acquired += 1
                        let fails = generator.next() % 3 == 0
                        let now = Int64(truncatingIfNeeded: generator.next() >> 20)
                        if fails {
                            status.recordFailure(now: now, isTrial: true, policy: policy)
                        } else {
                            status.recordSuccess(now: now, isTrial: true)
                        }
                        status.release()
                    }
                    return acquired
                }
            }
            return await group.reduce(into: 0) { $0 += $1 }
        }
        #expect(worst > 0)
        #expect(status.inFlight == 0)
    }

    @Test("Of many threads that want the trial, one gets it")
    func oneTrialAmongThreads() async {
        let status = ServerStatus()
        status.recordFailure(now: 0, isTrial: false, policy: policy)
        let winners = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<64 {
                group.addTask { status.claimTrial(now: 10 * second, lease: second) }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(winners == 1)
    }
}
