import Bytes
import EventLoop
import Foundation
import HTTP
import HTTP1
import Testing

@testable import Proxy

/// Many clients, many requests, two origins, and everything going wrong that can: a seed decides.
///
/// Each request has a number of its own, and each response must be for the request that it answers,
/// with exactly the content that belongs to that number, or visibly cut short.
@Suite("Randomised exchanges")
struct RandomisedTests {
    /// Worlds in one test run, split so that a failure names its hundred.
    static let hundreds = Array(0..<10)

    @Test("No response is mixed up, cut short in silence, or leaked", arguments: hundreds)
    func seeds(hundred: Int) throws {
        if let only = ProcessInfo.processInfo.environment["GATEWAY_SEED"].flatMap(UInt64.init) {
            if hundred == 0 { try RandomWorld(seed: only).run() }
            return
        }
        for seed in 0..<100 { try RandomWorld(seed: UInt64(hundred * 100 + seed)).run() }
    }

    @Test(
        "The worlds are worth looking at: most requests of a hundred worlds are answered by origins"
    )
    func coverage() throws {
        var answered = 0
        var cut = 0
        var failed = 0
        for seed in 0..<100 {
            let world = RandomWorld(seed: UInt64(5000 + seed))
            try world.run()
            answered += world.answered
            cut += world.cut
            failed += world.failed
        }
        #expect(answered > 400)
        #expect(cut > 10)
        #expect(failed > 40)
    }
}

/// One world; one thread touches it, see `World`.
private final class RandomWorld: @unchecked Sendable {
    private static let configuration = """
        upstream app {
            server $server
            server 10.0.0.2:8000
            timeout connect=1s response=5s
        }
        site * {
            listen $site
            timeout body=5s send=5s
            route /buffered/* { buffer on memory=2k ; proxy app }
            route * { proxy app }
        }
        """

    private let seed: UInt64
    /// How often an origin has received all of a request, by its number.
    private var received: [Int: Int] = [:]
    private(set) var answered = 0
    private(set) var cut = 0
    private(set) var failed = 0

    init(seed: UInt64) { self.seed = seed }

    func run() throws {
        var random = SeededGenerator(seed: seed)
        var faults = Simulation.Faults()
        if Bool.random(using: &random) {
            faults.longestReceive = Int.random(in: 8...3000, using: &random)
            faults.longestSend = Int.random(in: 8...3000, using: &random)
        }
        if Bool.random(using: &random) {
            faults.longestDelay = Int64.random(in: 0...30_000_000, using: &random)
        }
        faults.refusedConnects = UInt8.random(in: 0...20, using: &random)
        try simulate(RandomWorld.configuration, seed: seed, faults: faults) { world in
            for address in [World.server, "10.0.0.2:8000"] {
                let origin = try world.origin(at: address)
                world.spawn { world in await self.serve(origin, world) }
            }
            for number in 0..<3 {
                world.spawn { world in try await self.play(client: number, world) }
            }
            // The clients end by themselves; the origins when nobody is left.
            while world.scripts > 3 { await world.pass(seconds: 1) }
            world.closeAll()
        }
    }

    // MARK: Content

    /// What a number stands for: the same bytes whoever asks.
    static func content(_ id: Int) -> [UInt8] {
        let count = id % 17 == 0 ? 20_000 : id * 37 % 1500
        return (0..<count).map { UInt8(truncatingIfNeeded: id &+ $0 &* 7) }
    }

    // MARK: Origins

    private func serve(_ origin: Origin, _ world: World) async {
        var connections: UInt64 = 0
        while let peer = await origin.next() {
            connections += 1
            let seed = self.seed &* 1_000_003 &+ connections
            world.spawn { world in
                var random = SeededGenerator(seed: seed)
                while await self.answer(peer, &random, world) {}
                peer.close()
            }
        }
    }

    /// Reads a request and answers it, well or badly.
    /// - Returns: Whether the connection goes on.
    private func answer(_ peer: Peer, _ random: inout SeededGenerator, _ world: World) async -> Bool
    {
        guard let head = await readRequest(peer, world) else { return false }
        let id = number(in: head)
        received[id, default: 0] += 1
        let content = RandomWorld.content(id)
        var response = "HTTP/1.1 200 OK\r\nX-Id: \(id)\r\n"
        var bytes: [UInt8]
        var goesOn = true
        let isHead = head.method == .head
        switch Int.random(in: 0..<3, using: &random) {
        case 0:
            response += "Transfer-Encoding: chunked\r\n\r\n"
            bytes = Array(response.utf8)
            if !isHead { bytes += chunked(content, &random) }
        case 1 where !isHead:
            response += "Connection: close\r\nContent-Length: \(content.count)\r\n\r\n"
            bytes = Array(response.utf8) + content
            goesOn = false
        default:
            response += "Content-Length: \(content.count)\r\n\r\n"
            bytes = Array(response.utf8) + (isHead ? [] : content)
        }
        switch Int.random(in: 0..<24, using: &random) {
        case 0: return false
        case 1:
            peer.reset()
            return false
        case 2:
            _ = try? await peer.send(bytes: Array("HTTP/1.1 2x0 nonsense\r\n\r\n".utf8))
            return false
        case 3:
            _ = try? await peer.send(
                bytes: Array(bytes.prefix(Int.random(in: 0..<max(1, bytes.count), using: &random)))
            )
            if Bool.random(using: &random) { peer.reset() }
            return false
        case 4:
            // More than was announced: a response that nobody asked for must not reach anybody.
            bytes += Array("HTTP/1.1 200 OK\r\nX-Id: 999999\r\nContent-Length: 1\r\n\r\n!".utf8)
        case 5:
            await world.pass(seconds: Double.random(in: 0...8, using: &random))
        case 6:
            bytes = Array("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".utf8) + bytes
        default: break
        }
        guard (try? await peer.send(bytes: bytes)) != nil else { return false }
        return goesOn
    }

    private func chunked(_ content: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = content[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 1...max(1, content.count / 3), using: &random))
            bytes += Array("\(String(piece.count, radix: 16))\r\n".utf8) + piece + [13, 10]
            rest = rest.dropFirst(piece.count)
        }
        return bytes + Array("0\r\nX-Trailer: 1\r\n\r\n".utf8)
    }

    private func readRequest(_ peer: Peer, _ world: World) async -> RequestHead? {
        var parser = RequestParser()
        var head = RequestHead()
        let input = peer.input
        while true {
            switch parser.parse(input.readable, limits: MessageLimits(), into: &head) {
            case .complete(let count):
                peer.input.consume(count)
                let id = number(in: head)
                guard let content = await readBody(peer, head.framing, world) else { return nil }
                if head.method == .post { #expect(content == RandomWorld.content(id), note) }
                return head
            case .invalid(let reason):
                Issue.record("an origin got what is no request: \(reason) (\(seed))")
                return nil
            case .incomplete:
                guard await more(peer, world) else { return nil }
            }
        }
    }

    private func number(in head: RequestHead) -> Int {
        guard let index = head.fields.first(named: Array("x-id".utf8).span) else { return -1 }
        return Int(head.fields.value(at: index).string()) ?? -1
    }

    // MARK: Clients

    private func play(client: Int, _ world: World) async throws {
        var random = SeededGenerator(seed: seed &* 31 &+ UInt64(client))
        var next = client * 100 + 1
        let end = next + 5
        while next < end {
            guard let peer = try? await world.client() else {
                // Refused: the network is like that, and tries again.
                await world.pass(seconds: 0.1)
                continue
            }
            while next < end {
                let batch = min(end - next, Bool.random(using: &random) ? 1 : 3)
                let methods = (0..<batch).map { _ in Int.random(in: 0..<4, using: &random) }
                var bytes: [UInt8] = []
                for offset in 0..<batch {
                    bytes += request(next + offset, methods[offset], &random)
                }
                // Some leave in the middle of what they say.
                let isCut = Int.random(in: 0..<12, using: &random) == 0
                if isCut {
                    bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
                }
                guard (try? await peer.send(bytes: bytes)) != nil else {
                    next += batch
                    break
                }
                if isCut {
                    next += batch
                    if Bool.random(using: &random) { peer.reset() }
                    break
                }
                var goesOn = true
                for offset in 0..<batch where goesOn {
                    goesOn = await readResponse(
                        peer,
                        id: next + offset,
                        isHead: methods[offset] == 1,
                        world
                    )
                }
                next += batch
                if !goesOn { break }
            }
            peer.close()
        }
    }

    private func request(_ id: Int, _ method: Int, _ random: inout SeededGenerator) -> [UInt8] {
        let path = Bool.random(using: &random) ? "/buffered/\(id)" : "/\(id)"
        let fields = "Host: a\r\nX-Id: \(id)\r\n"
        switch method {
        case 0: return Array("GET \(path) HTTP/1.1\r\n\(fields)\r\n".utf8)
        case 1: return Array("HEAD \(path) HTTP/1.1\r\n\(fields)\r\n".utf8)
        case 2:
            let content = RandomWorld.content(id)
            let length = "Content-Length: \(content.count)\r\n"
            posts.insert(id)
            return Array("POST \(path) HTTP/1.1\r\n\(fields)\(length)\r\n".utf8) + content
        default:
            posts.insert(id)
            let head = "POST \(path) HTTP/1.1\r\n\(fields)Transfer-Encoding: chunked\r\n\r\n"
            return Array(head.utf8) + chunked(RandomWorld.content(id), &random)
        }
    }

    private var posts: Set<Int> = []
    private var note: Comment { "seed \(seed); to run it alone: GATEWAY_SEED=\(seed)" }

    /// Reads one response and checks whose it is.
    /// - Returns: Whether the connection goes on.
    private func readResponse(_ peer: Peer, id: Int, isHead: Bool, _ world: World) async -> Bool {
        if posts.contains(id) { #expect(received[id, default: 0] <= 1, note) }
        var parser = ResponseParser()
        var head = ResponseHead()
        let input = peer.input
        while true {
            switch parser.parse(input.readable, limits: MessageLimits(), into: &head) {
            case .complete(let count):
                peer.input.consume(count)
                if head.isInterim { continue }
                return await checkResponse(peer, head, id: id, isHead: isHead, world)
            case .invalid(let reason):
                Issue.record("a client got what is no response: \(reason) (\(seed))")
                return false
            case .incomplete:
                guard await more(peer, world) else { return false }
            }
        }
    }

    private func checkResponse(
        _ peer: Peer,
        _ head: ResponseHead,
        id: Int,
        isHead: Bool,
        _ world: World
    ) async -> Bool {
        let framing = head.framing(forRequest: isHead ? .head : .get)
        #expect(framing != .untilClose, note)
        let content = await readBody(peer, framing, world)
        if head.status == 200 {
            let index = head.fields.first(named: Array("x-id".utf8).span)
            let answeredID = index.map { head.fields.value(at: $0).string() }
            #expect(answeredID == String(id), note)
            if let content, !isHead { #expect(content == RandomWorld.content(id), note) }
            if content == nil { cut += 1 } else { answered += 1 }
            #expect(received[id, default: 0] >= 1, note)
            if posts.contains(id) { #expect(received[id] == 1, note) }
        } else {
            failed += 1
            #expect([400, 408, 502, 503, 504].contains(head.status), note)
        }
        return content != nil && head.keepAlive
    }

    // MARK: Both

    /// - Returns: The content, or nil when it ended before it was complete.
    private func readBody(_ peer: Peer, _ framing: BodyFraming, _ world: World) async -> [UInt8]? {
        var flow = BodyFlow()
        flow.begin(framing, as: .identity)
        let content = Buffer()
        while true {
            do throws(RejectReason) {
                try flow.move(from: peer.input, to: content, limits: MessageLimits())
            } catch {
                Issue.record("content that is no content: \(error) (\(seed))")
                return nil
            }
            if flow.isComplete { return content.readable.bytes() }
            guard await more(peer, world) else { return nil }
        }
    }

    private func more(_ peer: Peer, _ world: World) async -> Bool {
        peer.input.reserve(LoopLimits.smallBuffer)
        let count = try? await peer.stream.read(
            into: peer.input,
            deadline: world.now + World.patience
        )
        return (count ?? 0) > 0
    }
}
