import Testing

@testable import EventLoop

@Suite struct LoopBarrierTests {
    @Test func `it opens when the last one arrives, on whatever thread`() throws {
        let barrier = try LoopBarrier(3)
        barrier.arrive()
        barrier.arrive()
        #expect(!barrier.wait(within: 0))
        let thread = try LoopThread { barrier.arrive() }
        #expect(barrier.wait(within: 60_000_000_000))
        thread.join()
    }

    @Test func `with nobody to wait for it is open`() throws {
        #expect(try LoopBarrier(0).wait(within: 0))
    }
}
