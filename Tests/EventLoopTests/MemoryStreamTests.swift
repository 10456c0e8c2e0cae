import Bytes
import Testing

@testable import EventLoop

@Suite("Streams over in-memory pipes")
struct MemoryStreamTests {
    @Test("What is sent arrives in order, in whatever pieces", arguments: [1, 3, 100, Int.max])
    func order(_ longest: Int) throws {
        var faults = Simulation.Faults()
        faults.longestReceive = longest
        faults.longestSend = longest
        faults.longestDelay = 5_000_000
        let ends = Shared<(Stream, Stream)?>(nil)
        let text = String((0..<300).flatMap { "\($0)," })
        try simulate(
            faults: faults,
            { reactor in
                let (near, far) = try reactor.pair()
                ends.value = (near, far)
                try await near.write(buffer(text), deadline: .max)
                near.shutdownWrite()
            },
            { reactor in
                await reactor.sleep(until: reactor.after(seconds: 0.1))
                let (near, far) = try #require(ends.value)
                let got = Buffer()
                while true {
                    got.reserve(4096)
                    if try await far.read(into: got, deadline: .max) == 0 { break }
                }
                #expect(got.text == text)
                near.close()
                far.close()
            }
        )
    }

    @Test("A writer waits when a direction is full, and goes on when there is space")
    func backpressure() throws {
        try simulate { reactor in
            let (near, far) = try reactor.pair()
            let bytes = Buffer()
            bytes.append([UInt8](repeating: 1, count: LoopLimits.memoryStreamCapacity + 10))
            try near.send(bytes)
            #expect(bytes.count == 10)
            #expect(!near.mayWrite)
            await #expect(throws: StreamError.timedOut) {
                try await near.write(bytes, deadline: reactor.after(seconds: 1))
            }
            let got = Buffer(capacity: 100)
            #expect(try far.receive(into: got, atMost: 100) == 100)
            try await near.write(bytes, deadline: reactor.after(seconds: 1))
            #expect(bytes.isEmpty)
            near.close()
            far.close()
        }
    }

    @Test("Is quiet once all has been taken, whatever news was still on its way")
    func quiet() throws {
        try simulate { reactor in
            let (near, far) = try reactor.pair()
            #expect(far.isQuiet())
            try near.send(buffer("last"))
            await reactor.sleep(until: reactor.after(seconds: 1))
            let got = Buffer(capacity: 100)
            #expect(try far.receive(into: got, atMost: 2) == 2)
            #expect(!far.isQuiet())
            #expect(try far.receive(into: got) == 2)
            // Of what was left of the first time.
            await reactor.sleep(until: reactor.after(seconds: 1))
            #expect(far.mayRead && far.isQuiet())
            try near.send(buffer("x"))
            await reactor.sleep(until: reactor.after(seconds: 1))
            #expect(!far.isQuiet())
            #expect(try far.receive(into: got) == 1)
            #expect(far.isQuiet())
            near.close()
            await reactor.sleep(until: reactor.after(seconds: 1))
            #expect(!far.isQuiet())
            far.close()
        }
    }

    @Test("An ended direction is read to its end; the other one goes on")
    func shutdownWrite() throws {
        try simulate { reactor in
            let (near, far) = try reactor.pair()
            try near.send(buffer("last"))
            near.shutdownWrite()
            let got = buffer()
            #expect(try await far.read(into: got, deadline: .max) == 4)
            #expect(try await far.read(into: got, deadline: .max) == 0)
            #expect(got.text == "last")
            #expect(far.peerHasClosed && !far.isBroken)
            try await far.write(buffer("answer"), deadline: .max)
            let answer = buffer()
            #expect(try await near.read(into: answer, deadline: .max) == 6)
            near.close()
            far.close()
        }
    }

    @Test("A close is an orderly end to the peer, and nothing can be sent to it any more")
    func close() throws {
        try simulate { reactor in
            let (near, far) = try reactor.pair()
            near.close()
            near.close()
            #expect(!near.isOpen)
            #expect(try await far.read(into: buffer(), deadline: .max) == 0)
            #expect(throws: StreamError.closed) { try far.send(buffer("x")) }
            #expect(throws: StreamError.cancelled) { try near.send(buffer("x")) }
            far.close()
        }
    }

    @Test("A reset comes after what had arrived; so does a close with bytes unread")
    func reset() throws {
        try simulate { reactor in
            for abruptly in [true, false] {
                let (near, far) = try reactor.pair()
                try near.send(buffer("before"))
                if !abruptly { try far.send(buffer("unread")) }
                near.close(abruptly: abruptly)
                let got = buffer()
                #expect(try await far.read(into: got, deadline: .max) == 6)
                #expect(got.text == "before")
                await #expect(throws: StreamError.reset) {
                    _ = try await far.read(into: got, deadline: .max)
                }
                #expect(throws: StreamError.reset) { try far.send(buffer("x")) }
                #expect(far.isBroken)
                far.close()
            }
        }
    }

    @Test("A read ends at its deadline, and the stream is as good as before")
    func readDeadline() throws {
        try simulate { reactor in
            let (near, far) = try reactor.pair()
            let end = reactor.after(seconds: 2)
            await #expect(throws: StreamError.timedOut) {
                _ = try await far.read(into: buffer(), deadline: end)
            }
            #expect(reactor.now >= end)
            try near.send(buffer("late"))
            let got = buffer()
            #expect(try await far.read(into: got, deadline: .max) == 4)
            near.close()
            far.close()
        }
    }

    @Test("Closing or cancelling a stream ends the waits on it")
    func cancellation() throws {
        let stream = Shared<Stream?>(nil)
        try simulate(
            { reactor in
                let (near, far) = try reactor.pair()
                stream.value = far
                _ = far.mayRead
                for _ in 0..<2 {
                    await #expect(throws: StreamError.cancelled) {
                        _ = try await far.read(into: buffer(), deadline: WaitPoint.never)
                    }
                }
                near.close()
            },
            { reactor in
                await reactor.sleep(until: reactor.after(seconds: 1))
                stream.value?.cancel()
                await reactor.sleep(until: reactor.after(seconds: 1))
                stream.value?.close()
            }
        )
    }

    @Test("One point hears of several streams")
    func gathering() throws {
        try simulate { reactor in
            let (a, b) = try reactor.pair()
            let (c, d) = try reactor.pair()
            for stream in [a, c] { #expect(try stream.receive(into: buffer()) == nil) }
            let point = WaitPoint(reactor: reactor)
            a.gather(at: point)
            c.gather(at: point)
            try d.send(buffer("x"))
            #expect(await point.wait(until: reactor.after(seconds: 1)) == .ready)
            #expect(c.mayRead && !a.mayRead)
            try b.send(buffer("x"))
            #expect(await point.wait(until: reactor.after(seconds: 1)) == .ready)
            #expect(a.mayRead)
            a.gather(at: nil)
            c.gather(at: nil)
            for stream in [a, b, c, d] { stream.close() }
            point.retire()
        }
    }

    @Test("A parked stream is handed out when its peer speaks, leaves, or is silent for too long")
    func parking() throws {
        try simulate { reactor in
            for news in ["bytes", "end", "reset", "silence"] {
                let (near, far) = try reactor.pair()
                #expect(try near.receive(into: buffer()) == nil)
                let end = reactor.after(seconds: 5)
                #expect(try near.park(until: end))
                switch news {
                case "bytes": try far.send(buffer("x"))
                case "end": far.shutdownWrite()
                case "reset": far.close(abruptly: true)
                default: break
                }
                let awakened = await reactor.nextAwakened()
                #expect(awakened.count == 1 && awakened.first === near, "\(news)")
                #expect((reactor.now >= end) == (news == "silence"))
                near.close()
                far.close()
            }
        }
    }

    @Test("A stream that has something to read is not parked")
    func noParking() throws {
        try simulate { reactor in
            let (near, far) = try reactor.pair()
            #expect(try !near.park(until: .max))
            near.close()
            far.close()
        }
    }
}
