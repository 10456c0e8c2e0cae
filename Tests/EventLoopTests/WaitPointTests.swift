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
            #expect(reactor.now < end + LoopLimits.tickNanoseconds)
            point.retire()
        }
    }
}
