import Addressing
import Testing

@testable import EventLoop

@Suite("Connections are accepted one by one, and by many only while they come by many")
struct AcceptTests {
    /// How many may be taken for each event, of which so many are.
    private static func sizes(_ events: [(sleeps: UInt64, taken: Int)]) -> [Int] {
        var batch = AcceptBatch()
        return events.map { event in
            batch.begin(sleeps: event.sleeps)
            let size = batch.left
            for _ in 0..<event.taken { batch.take() }
            return size
        }
    }

    @Test("Twice as many each time that there are more at once, up to the limit")
    func burst() {
        let taken = [1, 2, 4, 8, 16, 32, 64, 64, 64]
        #expect(Self.sizes(taken.map { (7, $0) }) == taken)
        #expect(LoopLimits.acceptsPerTurn == 64)
    }

    @Test("One again after the loop has slept, and when the queue held fewer")
    func calm() {
        #expect(Self.sizes([(0, 1), (1, 1), (2, 1)]) == [1, 1, 1])
        #expect(Self.sizes([(0, 1), (0, 1), (0, 1), (0, 1)]) == [1, 2, 1, 2])
        #expect(Self.sizes([(0, 1), (0, 2), (0, 4), (1, 1)]) == [1, 2, 4, 1])
    }

    /// Connects and sends a byte, so that the kernel holds nothing back.
    private static func talk(to address: SocketAddress, on reactor: Reactor) async throws
        -> EventLoop.Stream
    {
        let deadline = reactor.after(seconds: 20)
        let stream = try await reactor.connect(to: address, deadline: deadline)
        try await stream.write(buffer("x"), deadline: deadline)
        return stream
    }

    @Test("A listener forgets none of many that come at once, whoever asks it for them")
    func sockets() throws {
        let counts = Shared<[Int]>([])
        try withSockets { reactor in
            for closes in [false, true] {
                let socket = try ListeningSocket(binding: try SocketAddress("127.0.0.1:0"))
                let bound = socket.address
                let listener = try Listener(reactor: reactor, socket: socket)
                var ends: [EventLoop.Stream] = []
                for _ in 0..<150 {
                    ends.append(try await Self.talk(to: bound, on: reactor))
                }
                var count = 0
                // Before a listener is closed, only the first is waited for: its batch is used up.
                while count < (closes ? 1 : 150), let accepted = await listener.accept() {
                    ends.append(accepted.stream)
                    count += 1
                }
                while let accepted = listener.acceptNow() {
                    ends.append(accepted.stream)
                    count += 1
                }
                counts.value.append(count)
                listener.close()
                for end in ends { end.close() }
            }
        }
        #expect(counts.value == [150, 150])
    }

    @Test("A closed listener is told nothing, though another process goes on with the socket")
    func shared() throws {
        let told = Shared<UInt64?>(nil)
        try withSockets { reactor in
            let socket = try ListeningSocket(binding: try SocketAddress("127.0.0.1:0"))
            let bound = socket.address
            let other = try socket.duplicate()
            let listener = try Listener(reactor: reactor, socket: socket)
            listener.close()
            let client = try await Self.talk(to: bound, on: reactor)
            let before = reactor.statistics
            while reactor.statistics.turns < before.turns + 20 { await reactor.yield() }
            told.value = reactor.statistics.events - before.events
            client.close()
            let rest = try Listener(reactor: reactor, socket: other)
            let accepted = try #require(rest.acceptNow())
            accepted.stream.close()
            rest.close()
        }
        // News of the client's end at most; one who is told all the time hears in each turn.
        let events = try #require(told.value)
        #expect(events < 10)
    }

    @Test("A connection is accepted with its first bytes, and one without any a little later")
    func deferral() throws {
        let heard = Shared<[String]>([])
        let took = Shared<Int64>(0)
        try withSockets { reactor in
            let socket = try ListeningSocket(binding: try SocketAddress("127.0.0.1:0"))
            let bound = socket.address
            let listener = try Listener(reactor: reactor, socket: socket)
            let deadline = reactor.after(seconds: 20)
            let began = reactor.now
            listener.setDeferral(true)
            let other = try await Self.talk(to: bound, on: reactor)
            let silent = try await reactor.connect(to: bound, deadline: deadline)
            for _ in 0..<2 {
                let accepted = try #require(await listener.accept())
                let got = buffer()
                // Without waiting: what there is.
                let count = try accepted.stream.receive(into: got)
                heard.value.append(count == nil ? "nothing" : got.text)
                accepted.stream.close()
            }
            took.value = reactor.now - began
            silent.close()
            other.close()
            listener.close()
        }
        #expect(heard.value == ["x", "nothing"])
        // Half of what the kernel waits for at least.
        #expect(took.value > Int64(LoopLimits.acceptDelaySeconds) * 500_000_000)
    }

    @Test("Without deferral a connection is accepted though it says nothing, and so after a change")
    func atOnce() throws {
        try withSockets { reactor in
            let socket = try ListeningSocket(binding: try SocketAddress("127.0.0.1:0"))
            let bound = socket.address
            let listener = try Listener(reactor: reactor, socket: socket)
            for changes in [false, true] {
                if changes {
                    listener.setDeferral(true)
                    listener.setDeferral(false)
                }
                let deadline = reactor.after(seconds: 20)
                let silent = try await reactor.connect(to: bound, deadline: deadline)
                let other = try await Self.talk(to: bound, on: reactor)
                for text in ["", "x"] {
                    let accepted = try #require(await listener.accept())
                    let got = buffer()
                    _ = try accepted.stream.receive(into: got)
                    #expect(got.text == text)
                    accepted.stream.close()
                }
                silent.close()
                other.close()
            }
            listener.close()
        }
    }
}
