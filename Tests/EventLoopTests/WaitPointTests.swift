import Testing

@testable import EventLoop

@Suite("WaitPoint")
struct WaitPointTests {
    @Test("A deadline ends a wait at its time, and not before")
    func deadline() throws {
        try simulate { reactor in
            let point = WaitPoint(reactor: reactor)
            let end = reactor.now + 50_000_000
            #expect(await point.wait(until: end) == .timedOut)
            #expect(reactor.now >= end)
            #expect(reactor.now < end + 2 * LoopLimits.tickNanoseconds)
            point.retire()
        }
    }

    @Test("A wake ends a wait at once, with its reason", arguments: [Wake.ready, .cancelled])
    func wake(_ reason: Wake) throws {
        let point = Shared<WaitPoint?>(nil)
        try simulate(
            { reactor in
                let mine = WaitPoint(reactor: reactor)
                point.value = mine
                let start = reactor.now
                #expect(await mine.wait(until: reactor.after(seconds: 100)) == reason)
                #expect(reactor.now - start < 2_000_000_000)
                #expect(!mine.isWaiting)
                mine.retire()
                point.value = nil
            },
            { reactor in
                await reactor.sleep(until: reactor.after(seconds: 1))
                #expect(point.value?.isWaiting == true)
                point.value?.wake(reason)
            }
        )
    }

    @Test("A wake while nobody waits is not kept")
    func earlyWake() throws {
        let elapsed = try simulate { reactor in
            let point = WaitPoint(reactor: reactor)
            point.wake(.ready)
            #expect(await point.wait(until: reactor.after(seconds: 1)) == .timedOut)
            point.retire()
        }
        #expect(elapsed >= 1_000_000_000)
    }

    @Test("A loop that is shut down lets nobody wait")
    func shutDown() throws {
        try simulate { reactor in
            reactor.shutDown()
            let point = WaitPoint(reactor: reactor)
            #expect(await point.wait(until: WaitPoint.never) == .cancelled)
            point.retire()
        }
    }
}
