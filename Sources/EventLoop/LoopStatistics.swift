/// What an event loop did: summed by the metrics when they are scraped.
public struct LoopStatistics: Sendable {
    /// Turns of the loop.
    public private(set) var turns: UInt64 = 0
    /// Events that the kernel delivered.
    public private(set) var events: UInt64 = 0
    /// Nanoseconds spent working.
    public private(set) var busyNanoseconds: Int64 = 0
    /// Nanoseconds spent asleep in the kernel.
    public private(set) var idleNanoseconds: Int64 = 0

    mutating func endTurn(nanoseconds: Int64) {
        turns &+= 1
        busyNanoseconds &+= nanoseconds
    }

    mutating func endSleep(nanoseconds: Int64, events count: Int) {
        idleNanoseconds &+= nanoseconds
        events &+= UInt64(count)
    }
}
