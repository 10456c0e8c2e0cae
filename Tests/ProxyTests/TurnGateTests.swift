import EventLoop
import Testing

@testable import Proxy

@Suite("Work that keeps the processor for long, in turns")
struct TurnGateTests {
    @Test("A turn begins as long as units are left, and the last piece is done whole")
    func limit() {
        var gate = TurnGate(limit: 10)
        let first = [4, 4, 400, 1].map { gate.admits($0) }
        #expect(first == [true, true, true, false])
        gate.beginTurn()
        let second = [10, 1].map { gate.admits($0) }
        #expect(second == [true, false])
    }

    @Test("Who waits goes first in the next turn, in the order of coming")
    func order() throws {
        try simulate(plain) { world in
            var gate = TurnGate(limit: 10)
            let points = (0..<5).map { _ in WaitPoint(reactor: world.reactor) }
            let done = Done()
            for (index, point) in points.enumerated() {
                gate.wait(at: point, for: 4)
                let held = Held(point: point)
                world.spawn { _ in
                    _ = await held.point.wait(until: WaitPoint.never)
                    done.numbers.append(index)
                }
            }
            await world.pass(seconds: 0.1)
            #expect(gate.hasWaiting && done.numbers.isEmpty)
            gate.beginTurn()
            let isFull = !gate.admits(1)
            #expect(gate.hasWaiting && isFull)
            await world.pass(seconds: 0.1)
            #expect(done.numbers == [0, 1, 2])
            gate.beginTurn()
            let rest = [2, 1].map { gate.admits($0) }
            #expect(!gate.hasWaiting && rest == [true, false])
            await world.pass(seconds: 0.1)
            #expect(done.numbers == [0, 1, 2, 3, 4])
        }
    }

    @Test(
        "Responses that are to be compressed at once let another one go first",
        // Of what is stored as well the first piece is on its way before all of it is here.
        arguments: [("", 4), ("cache", 3)]
    )
    func compression(cache: String, before: Int) throws {
        let text = """
            access_log /log format=json
            site * {
                listen $site
                route /plain { proxy $server }
                route /* { compress gzip min=20; \(cache); proxy $server }
            }
            """
        let log = try LogCapture()
        try simulate(text, log: log) { world in
            let server = try world.origin()
            var clients: [Peer] = []
            var origins: [Peer] = []
            for number in 0..<21 {
                let client = try await world.client()
                let path = number == 20 ? "/plain" : "/\(number)"
                try await client.send("GET \(path) HTTP/1.1", "Host: a", "Accept-Encoding: gzip")
                let origin = try await server.accept()
                try await origin.gets("GET \(path) HTTP/1.1")
                clients.append(client)
                origins.append(origin)
            }
            let body = String(repeating: "compressible ", count: 1500)
            // All in one instant, the plain one last.
            for origin in origins {
                try await origin.send(
                    "HTTP/1.1 200 OK",
                    "Content-Type: text/plain",
                    "Cache-Control: max-age=60",
                    "Content-Length: \(body.utf8.count)",
                    body: body
                )
            }
            for (number, client) in clients.enumerated() {
                let coding = number == 20 ? "!Content-Encoding" : "Content-Encoding: gzip"
                try await client.skipBody(try await client.gets("HTTP/1.1 200 OK", coding))
            }
        }
        let order = try log.objects().map { $0["target"] }
        #expect(order.count == 21)
        // Four contents of 19.5 KB fill a turn.
        let place = try #require(order.firstIndex(of: "/plain"))
        #expect(place == before)
    }
}

/// What scripts have done; one thread touches it.
private final class Done: @unchecked Sendable {
    var numbers: [Int] = []
}

/// Takes a point into a script; one thread touches it.
private final class Held: @unchecked Sendable {
    let point: WaitPoint
    init(point: WaitPoint) { self.point = point }
}
