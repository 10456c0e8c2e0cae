import Addressing
import Bytes
import Foundation
import Testing

@testable import EventLoop

@Suite("Streams over the system's sockets")
struct SocketTests {
    /// RLIMIT_NOFILE, whose own type is another than that of the parameter it is for.
    static let descriptorLimit: __rlimit_resource_t = 7

    static let addresses = [
        "127.0.0.1:0", "unix:@gateway-test-\(getpid())", "unix:/tmp/gateway-test-\(getpid()).sock",
    ]

    private static func removeSocket(_ path: String) {
        // The path is a Swift string, passed NUL-terminated; an abstract name is no file.
        _ = unsafe unlink(path)
    }

    /// Runs a script with both ends of a connection.
    private static func connected(
        _ address: String,
        _ script:
            @escaping @Sendable (Reactor, EventLoop.Stream, EventLoop.Stream) async throws -> Void
    ) throws {
        try withSockets { reactor in
            let socket = try ListeningSocket(binding: try SocketAddress(address))
            let bound = socket.address
            let listener = try Listener(reactor: reactor, socket: socket)
            let client = try await reactor.connect(to: bound, deadline: reactor.after(seconds: 5))
            let accepted = try #require(await listener.accept())
            try await script(reactor, client, accepted.stream)
            client.close()
            accepted.stream.close()
            listener.close()
            if case .unix(let path) = bound { removeSocket(path) }
        }
    }

    @Test("Bytes pass both ways, and an end is an end", arguments: addresses)
    func echo(_ address: String) throws {
        try Self.connected(address) { reactor, client, server in
            let deadline = reactor.after(seconds: 5)
            try await client.write(buffer("question"), deadline: deadline)
            let got = buffer()
            #expect(try await server.read(into: got, deadline: deadline) == 8)
            #expect(got.text == "question")
            #expect(!server.mayRead)
            client.shutdownWrite()
            #expect(try await server.read(into: got, deadline: deadline) == 0)
            try await server.write(buffer("answer"), deadline: deadline)
            server.close()
            let answer = buffer()
            #expect(try await client.read(into: answer, deadline: deadline) == 6)
            #expect(try await client.read(into: answer, deadline: deadline) == 0)
        }
    }

    @Test("What had arrived before a reset can be read, and the reset after it")
    func reset() throws {
        try Self.connected("127.0.0.1:0") { reactor, client, server in
            let deadline = reactor.after(seconds: 5)
            try await client.write(buffer("before"), deadline: deadline)
            try await server.waitUntilReadable(deadline: deadline)
            client.close(abruptly: true)
            let got = buffer()
            #expect(try await server.read(into: got, deadline: deadline) == 6)
            await #expect(throws: StreamError.reset) {
                _ = try await server.read(into: got, deadline: deadline)
            }
        }
    }

    @Test("A read ends at its deadline")
    func deadline() throws {
        try Self.connected("127.0.0.1:0") { reactor, client, _ in
            let end = reactor.now + 20_000_000
            await #expect(throws: StreamError.timedOut) {
                _ = try await client.read(into: buffer(), deadline: end)
            }
            #expect(reactor.now >= end)
        }
    }

    @Test("Nobody listening is a refusal, for TCP and unix sockets")
    func refusal() throws {
        try withSockets { reactor in
            let socket = try ListeningSocket(binding: try SocketAddress("127.0.0.1:0"))
            let bound = socket.address
            try Listener(reactor: reactor, socket: socket).close()
            for address in [bound, try SocketAddress("unix:/tmp/gateway-test-nobody.sock")] {
                do throws(StreamError) {
                    _ = try await reactor.connect(to: address, deadline: reactor.after(seconds: 5))
                    Issue.record("connected to nobody")
                } catch {
                    guard case .system(let number) = error else {
                        Issue.record("\(error)")
                        return
                    }
                    #expect(number.isRefusal)
                }
            }
        }
    }

    @Test("A unix socket that nobody serves is replaced, one in use is not")
    func staleSocket() throws {
        let path = "/tmp/gateway-test-stale-\(getpid()).sock"
        let address = try SocketAddress("unix:\(path)")
        do {
            let first = try ListeningSocket(binding: address)
            #expect(throws: SystemError.self) { _ = try ListeningSocket(binding: address) }
            _ = first
        }
        let second = try ListeningSocket(binding: address)
        #expect(second.address == address)
        Self.removeSocket(path)
    }

    // MARK: Splice

    /// Moves bytes from one connection to another by a pump, and says what it came to.
    private static func splice(
        sent: Int,
        announced: Int,
        _ check: @escaping @Sendable (SplicePump.Need, Int, Int) -> Void
    ) throws {
        let ends = Shared<[EventLoop.Stream]>([])
        let ready = Shared(false)
        let received = Shared(0)
        try withSockets(
            { reactor in
                let socket = try ListeningSocket(binding: try SocketAddress("127.0.0.1:0"))
                let bound = socket.address
                let listener = try Listener(reactor: reactor, socket: socket)
                for _ in 0..<2 {
                    let stream = try await reactor.connect(to: bound, deadline: .max / 4)
                    let accepted = try #require(await listener.accept())
                    ends.value += [stream, accepted.stream]
                }
                listener.close()
                ready.value = true
                var pump = try #require(
                    SplicePump(from: ends.value[1], to: ends.value[2], length: announced)
                )
                var need = try pump.step()
                while need != .done && need != .sourceEnded {
                    switch need {
                    case .source:
                        try await ends.value[1].waitUntilReadable(
                            deadline: reactor.after(seconds: 20)
                        )
                    case .target:
                        try await ends.value[2].waitUntilWritable(
                            deadline: reactor.after(seconds: 20)
                        )
                    default: await reactor.yield()
                    }
                    need = try pump.step()
                }
                #expect(pump.moved == pump.taken)
                #expect(pump.inPipe == 0)
                let moved = pump.moved
                pump.finish()
                ends.value[2].shutdownWrite()
                // The others close when they are through.
                while received.value < moved {
                    await reactor.sleep(until: reactor.after(seconds: 0.01))
                }
                check(need, moved, received.value)
                for stream in ends.value { stream.close() }
            },
            { reactor in
                while !ready.value { await reactor.sleep(until: reactor.after(seconds: 0.01)) }
                var start = 0
                while start < sent {
                    let piece = Buffer()
                    piece.append((start..<min(sent, start + 50_000)).map(byte))
                    try await ends.value[0].write(piece, deadline: reactor.after(seconds: 20))
                    start += 50_000
                }
                ends.value[0].shutdownWrite()
            },
            { reactor in
                while !ready.value { await reactor.sleep(until: reactor.after(seconds: 0.01)) }
                let got = Buffer(capacity: 200_000)
                while received.value < min(sent, announced) {
                    got.removeAll()
                    let count = try await ends.value[3].read(
                        into: got,
                        deadline: reactor.after(seconds: 20)
                    )
                    if count == 0 { break }
                    let bytes = got.readable
                    var isSame = true
                    for index in 0..<count where bytes[index] != byte(received.value + index) {
                        isSame = false
                    }
                    #expect(isSame)
                    received.value += count
                }
            }
        )
    }

    /// The byte at a place of a long content.
    private static func byte(_ index: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: index ^ index >> 8 ^ index >> 16)
    }

    @Test("A pump moves ten million bytes, no more and no fewer, the same ones")
    func pump() throws {
        try Self.splice(sent: 10_000_000, announced: 10_000_000) { need, moved, received in
            #expect(need == .done)
            #expect(moved == 10_000_000 && received == 10_000_000)
        }
    }

    @Test("A pump leaves what follows the length where it is")
    func pumpStops() throws {
        try Self.splice(sent: 300_000, announced: 200_000) { need, moved, _ in
            #expect(need == .done)
            #expect(moved == 200_000)
        }
    }

    @Test("A source that ends too early is reported, with all that it sent passed on")
    func earlyEnd() throws {
        try Self.splice(sent: 123_456, announced: 200_000) { need, moved, received in
            #expect(need == .sourceEnded)
            #expect(moved == 123_456 && received == 123_456)
        }
    }

    // MARK: Descriptors

    @Test("Everything that was opened is closed again")
    func descriptors() async {
        await #expect(processExitsWith: .success) {
            func open() -> Int {
                (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? -1
            }
            // The runtime may open something of its own meanwhile: a leak shows every time.
            for _ in 0..<5 {
                let before = open()
                for address in SocketTests.addresses {
                    try SocketTests.connected(address) { reactor, client, server in
                        let deadline = reactor.after(seconds: 5)
                        try await client.write(buffer("x"), deadline: deadline)
                        _ = try await server.read(into: buffer(), deadline: deadline)
                    }
                }
                try SocketTests.splice(sent: 100_000, announced: 100_000) { _, _, _ in }
                if before > 0 && open() == before { exit(0) }
            }
            exit(1)
        }
    }

    @Test("A listener without descriptors pauses, counts, and goes on when there are some again")
    func exhaustion() async {
        await #expect(processExitsWith: .success) {
            let isFine = Shared(false)
            let next = Shared<EventLoop.Stream?>(nil)
            let exhausted = Shared<Listener?>(nil)
            let asker: Script = { reactor in
                while exhausted.value == nil { await reactor.yield() }
                next.value = await exhausted.value?.accept()?.stream
            }
            let script: Script = { reactor in
                let socket = try ListeningSocket(binding: try SocketAddress("127.0.0.1:0"))
                let bound = socket.address
                let listener = try Listener(reactor: reactor, socket: socket)
                var clients: [EventLoop.Stream] = []
                for _ in 0..<4 {
                    let deadline = reactor.after(seconds: 5)
                    let client = try await reactor.connect(to: bound, deadline: deadline)
                    // The kernel holds none back that has sent something.
                    try await client.write(buffer("x"), deadline: deadline)
                    clients.append(client)
                }
                let first = await listener.accept()
                let firstStream = try #require(first?.stream)
                // No number is below the limit: whatever the runtime opens or closes meanwhile,
                // nothing is to be had until the limit is back.
                var usual = rlimit()
                // The pointers are lent for the calls only.
                unsafe getrlimit(SocketTests.descriptorLimit, &usual)
                var none = rlimit(rlim_cur: 0, rlim_max: usual.rlim_max)
                unsafe setrlimit(SocketTests.descriptorLimit, &none)
                let turns = reactor.statistics.turns
                let began = reactor.now
                exhausted.value = listener
                let patience = reactor.after(seconds: 20)
                while listener.exhaustions < 3, reactor.now < patience {
                    await reactor.sleep(until: reactor.after(seconds: 0.05))
                }
                // Three tries with two pauses between them, and no turns without a reason: 20 for
                // the steps, and then one or two for each 50 ms that a busy machine made of it.
                let took = reactor.now - began
                let spun = Int64(reactor.statistics.turns - turns)
                let paused =
                    next.value == nil && listener.exhaustions >= 3
                    && took >= 2 * LoopLimits.acceptPauseNanoseconds
                    && spun < 20 + took / 10_000_000
                unsafe setrlimit(SocketTests.descriptorLimit, &usual)
                while next.value == nil, reactor.now < patience {
                    await reactor.sleep(until: reactor.after(seconds: 0.05))
                }
                isFine.value = paused && next.value != nil
                next.value?.close()
                firstStream.close()
                listener.close()
                for client in clients { client.close() }
            }
            try withSockets(script, asker)
            exit(isFine.value ? 0 : 1)
        }
    }
}
