import Bytes
import EventLoop

@testable import Proxy

/// A client that sends some requests over one connection, and holds the gateway to its promises.
struct RandomClient: Sendable {
    let ledger: Ledger
    let number: UInt64

    /// What the client does wrong.
    private enum Manner {
        case good
        /// Stops sending in the middle of its requests, and waits.
        case stalls
        /// Goes away in the middle of its requests.
        case closes
        case resets
        /// Ends its requests with something that is none.
        case raves
        /// Takes nothing for a long time, and leaves.
        case sulks
    }

    func run(_ world: World) async throws {
        var chance = Chance(seed: ledger.seed, number)
        await world.pass(seconds: Double(chance.number(0..<4000)) / 1000)
        var left = 4
        while left > 0 {
            left -= 1
            // The network may refuse even this connection.
            guard let peer = try? await world.client() else { continue }
            await visit(world, peer, &chance)
            peer.close()
            ledger.trace(world, "client \(number) closes")
            if chance.once(in: 2) { return }
        }
    }

    private func visit(_ world: World, _ peer: Peer, _ chance: inout Chance) async {
        let isHTTP10 = chance.once(in: 6)
        var requests: [PlannedRequest] = []
        for _ in 0..<(isHTTP10 ? 1 : chance.number(1..<6)) {
            requests.append(ledger.plan(isHTTP10: isHTTP10, &chance))
        }
        let badManners: [Manner] = [.stalls, .closes, .resets, .raves, .sulks]
        let manner = !ledger.isKind && chance.once(in: 4) ? chance.pick(badManners) : .good
        // Whether the gateway may end the connection where a response is due.
        var mayEnd = manner != .good
        if manner == .good && chance.once(in: 2) {
            for request in requests {
                guard await exchange([request], manner, world, peer, &chance, &mayEnd) else {
                    return
                }
                await world.pass(seconds: Double(chance.number(0..<1500)) / 1000)
            }
        } else {
            _ = await exchange(requests, manner, world, peer, &chance, &mayEnd)
        }
    }

    /// Sends requests in one go, and reads the responses.
    /// - Returns: Whether the connection goes on.
    private func exchange(
        _ requests: [PlannedRequest],
        _ manner: Manner,
        _ world: World,
        _ peer: Peer,
        _ chance: inout Chance,
        _ mayEnd: inout Bool
    ) async -> Bool {
        var bytes: [UInt8] = []
        for request in requests { bytes += request.bytes(&chance) }
        switch manner {
        case .good: break
        case .raves:
            for request in requests { ledger.taint(request) }
            bytes = Array(bytes.prefix(chance.number(0..<bytes.count))) + [0, 13, 10, 13, 10]
        case .stalls, .closes, .resets, .sulks:
            bytes = Array(bytes.prefix(chance.number(1..<bytes.count + 1)))
        }
        let sender = Sender(
            bytes: bytes,
            chance: Chance(seed: ledger.seed, ~number ^ UInt64(requests[0].id))
        )
        world.spawn { world in
            await sender.run(world, peer)
            switch manner {
            case .closes: peer.close()
            case .resets: peer.reset()
            case .good, .raves, .stalls, .sulks: break
            }
        }
        ledger.trace(world, "\(manner) client \(number) sends \(bytes.count) bytes: \(requests)")
        if manner == .sulks {
            await world.pass(seconds: 60)
            return false
        }
        for request in requests {
            let outcome = await read(request, peer, world, mayEnd: mayEnd)
            ledger.trace(world, "client \(number), \(request.id): \(String(describing: outcome))")
            guard let outcome else { return false }
            // The content may have been left unread; then the connection ends behind a response.
            mayEnd = mayEnd || !ledger.isKind && request.body.count > 0
            if outcome.announcedEnd {
                await expectEnd(peer, after: request, manner)
                return false
            }
        }
        return sender.isDone && manner == .good
    }

    private struct Outcome {
        var announcedEnd: Bool
    }

    /// Reads the response to a request.
    /// - Returns: nil when the connection is over.
    private func read(
        _ request: PlannedRequest,
        _ peer: Peer,
        _ world: World,
        mayEnd: Bool
    ) async -> Outcome? {
        var head: ReceivedHead
        do throws(MessageEnd) {
            repeat {
                head = try await peer.readHead()
                if let id = head.value("X-Id"), id != "\(request.id)" {
                    ledger.fail("request \(request.id) got the response to \(id): \(head.lines)")
                    return nil
                }
            } while head.status / 100 == 1
        } catch {
            ledger.countUnanswered()
            if error == .silence || !mayEnd {
                ledger.fail("request \(request.id) got no response, but \(error)")
            }
            if case .malformed(let text) = error { ledger.fail("malformed: \(text)") }
            return nil
        }
        let framing = framing(of: head, to: request)
        var got: [UInt8] = []
        var end: MessageEnd?
        do throws(MessageEnd) {
            try await peer.readBody(framing, into: &got)
        } catch { end = error }
        if let coding = head.value("Content-Encoding"), request.method != "HEAD" {
            guard let plain = try? world.decode(got, coding, isWhole: end == nil) else {
                ledger.fail("response to \(request.id) is no \(coding), and ends in \(end as Any)")
                return nil
            }
            got = Array(plain.utf8)
            ledger.countCoded()
        }
        let isOwn = head.value("X-Id") == nil
        if isOwn { checkOwn(head, request, mayEnd: mayEnd) }
        let said = head.value("X-Size").flatMap { Int($0) } ?? 0
        let hasContent = head.status != 204 && request.method != "HEAD"
        let expected = isOwn ? got : content(of: request.id, count: hasContent ? said : 0)
        if !expected.starts(with: got) {
            ledger.fail("request \(request.id) got other content")
            return nil
        }
        switch end {
        case nil:
            if got.count != expected.count {
                ledger.fail(
                    "response to \(request.id) looks whole: \(got.count) of \(expected.count)"
                )
            }
            if isOwn { ledger.countRefused() } else { ledger.countWhole() }
        case .silence: ledger.fail("response to \(request.id) stops without an end")
        case .malformed(let text): ledger.fail("response to \(request.id): malformed: \(text)")
        case .closed, .reset:
            ledger.countCut()
            if ledger.isKind { ledger.fail("response to \(request.id) was cut in a kind world") }
        }
        if end != nil { return nil }
        let ends = head.value("Connection") == "close" || framing == .untilClose
        return Outcome(announcedEnd: ends)
    }

    /// A response that the gateway made.
    private func checkOwn(_ head: ReceivedHead, _ request: PlannedRequest, mayEnd: Bool) {
        if head.status < 400 || head.value("X-Request-ID") == nil {
            ledger.fail("request \(request.id) got a response of nobody's: \(head.lines)")
        }
        if ledger.isKind {
            ledger.fail("request \(request.id) was refused in a kind world: \(head.lines)")
        }
        if !mayEnd && head.status < 500 {
            ledger.fail("request \(request.id) was blamed: \(head.lines)")
        }
    }

    private func framing(of head: ReceivedHead, to request: PlannedRequest) -> ReceivedFraming {
        if request.method == "HEAD" || head.status == 204 { return .length(0) }
        let lengths = head.values("Content-Length")
        let codings = head.values("Transfer-Encoding")
        if lengths.count + codings.count > 1 { ledger.fail("framed twice: \(head.lines)") }
        if let length = lengths.first { return .length(Int(length) ?? -1) }
        if !codings.isEmpty { return .chunked }
        if !request.isHTTP10 { ledger.fail("no framing for \(request.id): \(head.lines)") }
        return .untilClose
    }

    /// After a response that said so, the connection must end and nothing more may come.
    private func expectEnd(_ peer: Peer, after request: PlannedRequest, _ manner: Manner) async {
        do throws(MessageEnd) {
            let head = try await peer.readHead()
            ledger.fail("a response after the last one, to \(request.id): \(head.lines)")
        } catch {
            if error == .silence { ledger.fail("no end after the last response, to \(request.id)") }
            // Whoever breaks off within the method gets content even if it was to be HEAD.
            if !peer.input.isEmpty && manner == .good {
                let input = peer.input
                let rest = String(decoding: input.readable.bytes(), as: UTF8.self)
                ledger.fail(
                    "after the last response, to \(request), a \(manner) client got \(rest)"
                )
            }
        }
    }
}

/// Sends bytes in pieces, as far as they are taken; one thread touches it, see `World`.
final class Sender: @unchecked Sendable {
    private let bytes: [UInt8]
    private var chance: Chance
    private(set) var isDone = false

    init(bytes: [UInt8], chance: Chance) {
        self.bytes = bytes
        self.chance = chance
    }

    func run(_ world: World, _ peer: Peer) async {
        var start = 0
        while start < bytes.count {
            let end =
                chance.once(in: 3)
                ? min(bytes.count, start + chance.number(1..<500)) : bytes.count
            guard (try? await peer.send(bytes: Array(bytes[start..<end]))) != nil else { return }
            start = end
            if start < bytes.count && chance.once(in: 2) {
                await world.pass(seconds: Double(chance.number(0..<400)) / 1000)
            }
        }
        isDone = true
    }
}
