import Addressing
import Bytes
import Testing

@testable import EventLoop

@Suite("Simulation")
struct SimulationTests {
    /// What happens in a world with an unkind network, with the times at which it happens.
    private func trace(seed: UInt64) throws -> [String] {
        var faults = Simulation.Faults()
        faults.longestReceive = 7
        faults.longestSend = 9
        faults.longestDelay = 30_000_000
        faults.refusedConnects = 64
        let address = try SocketAddress("10.0.0.1:80")
        let trace = Shared<[String]>([])
        let clients = (0..<5).map { number -> Script in
            { reactor in
                await reactor.sleep(until: reactor.now + 1)
                guard let stream = try? await reactor.connect(to: address, deadline: .max) else {
                    trace.value.append("\(reactor.now): \(number) refused")
                    return
                }
                try await stream.write(buffer("hello from \(number)"), deadline: .max)
                stream.shutdownWrite()
                let got = Buffer()
                while try await stream.read(into: got, deadline: .max) > 0 {
                    trace.value.append("\(reactor.now): \(number) has \(got.count)")
                    got.reserve(100)
                }
                stream.close()
            }
        }
        let server: Script = { reactor in
            let listener = Listener(simulated: address, reactor: reactor)
            await reactor.sleep(until: reactor.after(seconds: 1))
            while let accepted = listener.acceptNow() {
                let got = Buffer()
                while try await accepted.stream.read(into: got, deadline: .max) > 0 {
                    trace.value.append("\(reactor.now): server has \(got.text)")
                    got.reserve(100)
                }
                try await accepted.stream.write(got, deadline: .max)
                accepted.stream.close()
            }
            listener.close()
        }
        try simulate(seed: seed, faults: faults, all: [server] + clients)
        return trace.value
    }

    @Test("The same seed gives the same world, and another seed another one")
    func determinism() throws {
        let first = try trace(seed: 1)
        #expect(first.count > 20)
        #expect(try trace(seed: 1) == first)
        #expect(try trace(seed: 2) != first)
    }

    @Test("Nobody listens at an address that was never, or is no longer, listened at")
    func refusal() throws {
        try simulate { reactor in
            let address = try SocketAddress("10.0.0.1:80")
            await #expect(throws: StreamError.self) {
                _ = try await reactor.connect(to: address, deadline: .max)
            }
            let listener = Listener(simulated: address, reactor: reactor)
            let stream = try await reactor.connect(to: address, deadline: .max)
            // Not accepted yet: it is reset when the listener goes.
            listener.close()
            await #expect(throws: StreamError.reset) {
                _ = try await stream.read(into: buffer(), deadline: .max)
            }
            #expect(await listener.accept() == nil)
            await #expect(throws: StreamError.self) {
                _ = try await reactor.connect(to: address, deadline: .max)
            }
            stream.close()
        }
    }
}
