import Limiting
import Testing

@testable import Limiting

@Suite("So many at once, and a queue")
struct GateTests {
    private func ticket(_ number: UInt64) -> GateTicket { GateTicket(loop: 0, number: number) }

    @Test("The first are let in, the next wait in order, the rest are refused")
    func order() {
        let table = ConcurrencyTable(limit: 2, queue: 2)
        #expect(table.enter(key(1), ticket: ticket(1)) == .entered)
        #expect(table.enter(key(1), ticket: ticket(2)) == .entered)
        #expect(table.enter(key(1), ticket: ticket(3)) == .queued)
        #expect(table.enter(key(1), ticket: ticket(4)) == .queued)
        #expect(table.enter(key(1), ticket: ticket(5)) == .full)
        #expect(table.enter(key(2), ticket: ticket(6)) == .entered)
        #expect(table.figures.inside == 3)
        #expect(table.leave(key(1)) == ticket(3))
        #expect(table.abandon(key(1), ticket: ticket(4)))
        #expect(!table.abandon(key(1), ticket: ticket(3)))
        #expect(table.leave(key(1)) == nil)
        #expect(table.leave(key(1)) == nil)
        #expect(table.leave(key(2)) == nil)
        #expect(table.figures.inside == 0)
        #expect(table.figures.waiting == 0)
        #expect(table.figures.entered == 4)
        #expect(table.figures.refused == 1)
        #expect(table.figures.timedOut == 1)
    }

    @Test("At random, never more than the limit are inside, and who waits gets in, in order")
    func random() {
        for seed in UInt64(1)...50 {
            var random = SeededGenerator(seed: seed)
            let limit = Int.random(in: 1...4, using: &random)
            let queue = Int.random(in: 0...5, using: &random)
            let table = ConcurrencyTable(limit: limit, queue: queue)
            var inside: Set<UInt64> = []
            var waiting: [UInt64] = []
            for number in UInt64(0)..<500 {
                switch Int.random(in: 0..<5, using: &random) {
                case 0, 1, 2:
                    switch table.enter(key(1), ticket: ticket(number)) {
                    case .entered: inside.insert(number)
                    case .queued: waiting.append(number)
                    case .full: #expect(waiting.count == queue && inside.count == limit)
                    }
                case 3:
                    if let one = inside.min() {
                        inside.remove(one)
                        let next = table.leave(key(1))
                        #expect(next?.number == waiting.first)
                        if let next {
                            waiting.removeFirst()
                            inside.insert(next.number)
                        }
                    }
                default:
                    if let one = waiting.randomElement(using: &random) {
                        #expect(table.abandon(key(1), ticket: ticket(one)))
                        waiting.removeAll { $0 == one }
                    }
                }
                #expect(inside.count <= limit)
                #expect(table.figures.inside == inside.count)
                #expect(table.figures.waiting == waiting.count)
            }
        }
    }

    /// A server with so many workers: each request takes `work`, and waits for a free worker.
    private func settle(workers: Int, work: Int64, rounds: Int, adaptive: inout AdaptiveLimit)
        -> Int
    {
        var now: Int64 = 0
        var free = [Int64](repeating: 0, count: workers)
        // As many clients as the limit lets in ask at all times.
        var running: [(end: Int64, latency: Int64)] = []
        for _ in 0..<rounds {
            while running.count < adaptive.limit {
                let worker = free.indices.min { free[$0] < free[$1] } ?? 0
                let end = max(now, free[worker]) + work
                free[worker] = end
                running.append((end, end - now))
            }
            let next = running.indices.min { running[$0].end < running[$1].end } ?? 0
            let done = running[next]
            now = done.end
            adaptive.record(latency: done.latency, inFlight: running.count, now: now)
            running.remove(at: next)
        }
        return Int(adaptive.estimate)
    }

    @Test(
        "The limit settles where requests begin to wait inside the server",
        arguments: [2, 4, 16]
    )
    func adaptive(_ workers: Int) {
        var limit = AdaptiveLimit()
        let found = settle(
            workers: workers,
            work: 50 * millisecond,
            rounds: 20_000,
            adaptive: &limit
        )
        #expect(found >= workers, "\(found)")
        #expect(found <= workers * 2 + 4, "\(found)")
        // Under the same load for long, it stays there.
        let later = settle(
            workers: workers,
            work: 50 * millisecond,
            rounds: 60_000,
            adaptive: &limit
        )
        #expect(later <= workers * 2 + 4, "\(later)")
        #expect(later >= workers)
    }

    @Test("Failures make room at once")
    func overload() {
        var limit = AdaptiveLimit()
        for _ in 0..<100 { limit.recordOverload() }
        #expect(limit.estimate == AdaptiveLimit.least)
    }
}
