public import Bytes

/// The buffers of one loop that nobody uses now.
///
/// An idle connection owns none: it takes one when bytes arrive and gives it back when it has
/// nothing left to say, so memory follows the requests in flight, not the connections.
public struct BufferPool {
    private var free: [Buffer] = []
    /// Some that have grown: to make a large one anew for each of many flights costs more than the
    /// little that they keep.
    private var grown: [Buffer] = []
    /// Buffers handed out and not yet given back: zero when nothing is in flight.
    public private(set) var lent = 0

    /// Takes an empty buffer of `LoopLimits.smallBuffer` bytes.
    public mutating func take() -> Buffer {
        lent += 1
        if let buffer = free.popLast() { return buffer }
        return Buffer(capacity: LoopLimits.smallBuffer)
    }

    /// Takes an empty buffer that will have to hold so many bytes: one that has grown before, if
    /// there is one and a small one would not do.
    public mutating func take(for count: Int) -> Buffer {
        guard count > LoopLimits.smallBuffer, let buffer = grown.popLast() else { return take() }
        lent += 1
        return buffer
    }

    /// Gives back what `take(for:)` has lent: it keeps its size, as long as that may be kept.
    public mutating func giveGrown(_ buffer: Buffer) {
        guard buffer.capacity > LoopLimits.smallBuffer, buffer.capacity <= LoopLimits.largeBuffer,
            grown.count < LoopLimits.pooledGrownBuffers
        else { return give(buffer) }
        lent -= 1
        buffer.removeAll()
        grown.append(buffer)
    }

    /// Gives a buffer back; what it still holds is dropped.
    public mutating func give(_ buffer: Buffer) {
        lent -= 1
        if free.count >= LoopLimits.pooledBuffers { return }
        buffer.removeAll()
        if buffer.capacity != LoopLimits.smallBuffer { buffer.resize(to: LoopLimits.smallBuffer) }
        free.append(buffer)
    }
}

/// A pipe that `splice(2)` moves bytes through, without their entering the process.
final class SplicePipe {
    let readEnd: Int32
    let writeEnd: Int32
    /// Bytes it takes before a write would wait.
    let capacity: Int
    /// Bytes inside now.
    var count = 0

    init(readEnd: Int32, writeEnd: Int32, capacity: Int) {
        self.readEnd = readEnd
        self.writeEnd = writeEnd
        self.capacity = capacity
    }
}
