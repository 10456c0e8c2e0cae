/// A virtual clock and an in-memory network with seeded delays: what a loop runs on in tests.
///
/// Time passes only when every task waits; then it jumps to the next event or deadline. The same
/// seed gives the same order of everything, so a failure can be replayed.
public final class Simulation {
    /// How unkind the network is.
    public struct Faults: Sendable {
        /// Bytes that one receive returns at most; chosen anew each time from 1 to this.
        public var longestReceive = Int.max
        /// Bytes that one send takes at most; chosen anew each time from 1 to this.
        public var longestSend = Int.max
        /// The longest time that news travels, in nanoseconds.
        public var longestDelay: Int64 = 0
        /// Connection attempts out of 256 that are refused.
        public var refusedConnects: UInt8 = 0

        /// A kind network: everything arrives whole and at once.
        public init() {}
    }

    private struct Event {
        var time: Int64
        var order: UInt64
        var stream: Stream
        var flags: UInt32
    }

    /// Virtual nanoseconds since an arbitrary start.
    public private(set) var now: Int64 = 1_000_000_000_000
    /// Virtual Unix time in nanoseconds.
    public var wallNow: Int64 { 1_750_000_000_000_000_000 + now }
    /// How unkind the network is; may be changed at any time.
    public var faults = Faults()
    /// The simulation's chance, apart from the loop's.
    public var random: SeededGenerator
    /// Whether nothing is left to happen: every task waits for something that never comes.
    public private(set) var isQuiescent = false

    private var events: [Event] = []
    private var order: UInt64 = 0
    private var listeners: [String: Listener] = [:]

    /// Starts a world.
    /// - Parameter seed: Decides every choice in it.
    public init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    // MARK: Time

    /// Jumps to whatever comes next.
    func advance(nextLook: Int64?) {
        var next = nextLook ?? .max
        if let first = events.first { next = min(next, first.time) }
        guard next < WaitPoint.never else {
            isQuiescent = true
            return
        }
        isQuiescent = false
        now = max(now, next)
    }

    /// Takes the next event whose time has come.
    func nextDueEvent() -> (Stream, UInt32)? {
        guard let first = events.first, first.time <= now else { return nil }
        events.removeFirst()
        return (first.stream, first.flags)
    }

    /// Lets a stream learn something after the network's delay.
    func schedule(_ flags: UInt32, for stream: Stream) {
        let delay =
            faults.longestDelay > 0
            ? Int64.random(in: 0...faults.longestDelay, using: &random) : 0
        order += 1
        let event = Event(time: now + delay, order: order, stream: stream, flags: flags)
        // Kept sorted by time, then by order of birth: a simulation has few events at once.
        let place = events.firstIndex { $0.time > event.time } ?? events.endIndex
        events.insert(event, at: place)
    }

    /// How many bytes one receive or send may move now.
    func portion(of available: Int, longest: Int) -> Int {
        if longest == Int.max || available <= 1 { return available }
        return min(available, Int.random(in: 1...longest, using: &random))
    }

    // MARK: Network

    /// Makes an address accept connections.
    func listen(_ listener: Listener, at address: String) { listeners[address] = listener }

    /// Stops an address from accepting connections.
    func stopListening(at address: String) { listeners[address] = nil }

    /// Connects to a listener of the same simulation.
    /// - Parameters:
    ///   - address: The listener's, as it is written.
    ///   - reactor: The loop that the connection belongs to.
    /// - Returns: The client's stream, or nil when nobody listens or the network refuses.
    public func connect(to address: String, reactor: Reactor) -> Stream? {
        guard let listener = listeners[address] else { return nil }
        if faults.refusedConnects > 0,
            UInt8.random(in: 0...255, using: &random) < faults.refusedConnects
        {
            return nil
        }
        let (near, far) = MemoryEnd.pair(simulation: self)
        let client = Stream(reactor: reactor, memory: near)
        listener.offer(Stream(reactor: reactor, memory: far))
        return client
    }
}
