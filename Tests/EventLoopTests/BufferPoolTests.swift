import Bytes
import Testing

@testable import EventLoop

@Suite("Buffers of a loop")
struct BufferPoolTests {
    @Test("A small buffer comes back as it was, and one that has grown is small again")
    func small() {
        var pool = BufferPool()
        let buffer = pool.take()
        #expect(buffer.capacity == LoopLimits.smallBuffer)
        #expect(pool.lent == 1)
        buffer.append("left")
        buffer.reserve(2 * LoopLimits.smallBuffer)
        pool.give(buffer)
        #expect(pool.lent == 0)
        let again = pool.take()
        #expect(again === buffer)
        #expect(again.capacity == LoopLimits.smallBuffer)
        #expect(again.isEmpty)
    }

    @Test("What has grown serves who needs that much, and nobody else")
    func grown() {
        var pool = BufferPool()
        let buffer = pool.take(for: LoopLimits.smallBuffer + 1)
        #expect(buffer.capacity == LoopLimits.smallBuffer)
        buffer.reserve(3 * LoopLimits.smallBuffer)
        let capacity = buffer.capacity
        pool.giveGrown(buffer)
        #expect(pool.take() !== buffer)
        #expect(pool.take(for: LoopLimits.smallBuffer) !== buffer)
        #expect(pool.lent == 2)
        let again = pool.take(for: LoopLimits.smallBuffer + 1)
        #expect(again === buffer)
        #expect(again.capacity == capacity)
        #expect(again.isEmpty)
        #expect(pool.lent == 3)
    }

    @Test("No more than so many are kept at their size, and none that is larger than it may be")
    func bounds() {
        var pool = BufferPool()
        let huge = pool.take()
        huge.reserve(LoopLimits.largeBuffer + 1)
        pool.giveGrown(huge)
        #expect(huge.capacity == LoopLimits.smallBuffer)
        let many = (0...LoopLimits.pooledGrownBuffers).map { _ in
            let buffer = pool.take()
            buffer.reserve(2 * LoopLimits.smallBuffer)
            return buffer
        }
        for buffer in many { pool.giveGrown(buffer) }
        #expect(many.filter { $0.capacity > LoopLimits.smallBuffer }.count == many.count - 1)
        #expect(pool.lent == 0)
    }
}
