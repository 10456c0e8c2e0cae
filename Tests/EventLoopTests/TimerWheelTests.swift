import Testing

@testable import EventLoop

@Suite("Timer wheel")
struct TimerWheelTests {
    @Test("Every deadline is met: never early, and less than a tick late", arguments: [1, 2, 3])
    func exactness(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let longest: [Int64] = [1_000, 20_000_000, 3_000_000_000, 100_000_000_000]
        let scripts = (0..<400).map { number -> Script in
            let delay = Int64.random(in: 0...longest[number % 4], using: &random)
            let start = Int64.random(in: 0...longest[number % 3], using: &random)
            return { reactor in
                await reactor.sleep(until: reactor.now + start)
                let deadline = reactor.now + delay
                await reactor.sleep(until: deadline)
                #expect(reactor.now >= deadline)
                #expect(reactor.now < deadline + 2 * LoopLimits.tickNanoseconds)
            }
        }
        try simulate(all: scripts)
    }

    @Test("A deadline of many turns of the wheel", arguments: [8.2, 60, 3600, 86_400])
    func severalTurns(_ seconds: Double) throws {
        let elapsed = try simulate { reactor in
            await reactor.sleep(until: reactor.after(seconds: seconds))
        }
        let expected = Int64(seconds * 1e9)
        #expect(elapsed >= expected && elapsed < expected + 2 * LoopLimits.tickNanoseconds)
    }

    @Test("A deadline that moves later is met at its new time, and moves nothing in the wheel")
    func movedLater() throws {
        try simulate { reactor in
            let point = WaitPoint(reactor: reactor)
            _ = point.prepare(until: reactor.after(seconds: 5))
            let tick = point.armedTick
            for _ in 1...10 {
                await reactor.sleep(until: reactor.after(seconds: 0.3))
                _ = point.prepare(until: reactor.after(seconds: 5))
                #expect(point.armedTick == tick)
                #expect(reactor.timerCount == 1)
            }
            let end = reactor.after(seconds: 5)
            #expect(await point.wait(until: end) == .timedOut)
            #expect(reactor.now >= end && reactor.now < end + 2 * LoopLimits.tickNanoseconds)
            point.retire()
        }
    }

    @Test("A deadline that moves earlier is met at its new time")
    func movedEarlier() throws {
        try simulate { reactor in
            let point = WaitPoint(reactor: reactor)
            _ = point.prepare(until: reactor.after(seconds: 1000))
            let end = reactor.after(seconds: 1)
            #expect(await point.wait(until: end) == .timedOut)
            #expect(reactor.now >= end && reactor.now < end + 2 * LoopLimits.tickNanoseconds)
            #expect(reactor.timerCount == 0)
        }
    }

    @Test("Points are taken out in any order, and those that stay are kept")
    func removal() throws {
        try simulate { reactor in
            var random = SeededGenerator(seed: 9)
            var points: [WaitPoint] = []
            for _ in 0..<1000 {
                let point = WaitPoint(reactor: reactor)
                _ = point.prepare(
                    until: reactor.now + Int64.random(in: 0...20_000_000_000, using: &random)
                )
                points.append(point)
            }
            #expect(reactor.timerCount == 1000)
            points.shuffle(using: &random)
            for (index, point) in points.enumerated() {
                point.retire()
                #expect(point.armedTick == WaitPoint.notArmed)
                #expect(reactor.timerCount == 999 - index)
                point.retire()
            }
        }
    }
}
