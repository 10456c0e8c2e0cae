import EventLoop

@testable import Proxy

/// A server that answers each request with its id, and misbehaves as its chance has it.
struct RandomOrigin: Sendable {
    let ledger: Ledger
    let number: UInt64

    /// What a response comes to in the end.
    private enum Ending {
        case whole
        case close(after: Int)
        case reset(after: Int)
        case stall(after: Int)
    }

    /// A response put together.
    private struct Response {
        var bytes: [UInt8]
        var headCount: Int
        var ending: Ending
        var closes: Bool
    }

    func run(_ world: World, at address: String) async throws {
        let server = try world.origin(at: address)
        var connections: UInt64 = 0
        while let peer = await server.next() {
            connections += 1
            let chance = Chance(seed: ledger.seed, number << 32 | connections)
            world.attend { world in
                var chance = chance
                while await serve(world, peer, &chance) {}
                peer.close()
            }
        }
    }

    /// - Returns: Whether the connection goes on.
    private func serve(_ world: World, _ peer: Peer, _ chance: inout Chance) async -> Bool {
        guard let head = try? await peer.readHead() else { return false }
        guard let id = head.value("X-Id").flatMap({ Int($0) }),
            let request = ledger.arrived(id, at: world.now),
            head.start == "\(request.method) \(request.target) HTTP/1.1"
        else {
            ledger.fail("an origin got what nobody sent: \(head.lines)")
            return false
        }
        ledger.trace(world, "origin \(number) has head of \(id)")
        let misbehaves = !ledger.isKind && chance.once(in: 4)
        let isEarly = !ledger.isKind && chance.once(in: 12)
        if misbehaves && chance.once(in: 4) {
            if chance.once(in: 2) { peer.reset() }
            return false
        }
        if !isEarly, await !readBody(of: request, head, peer) { return false }
        if chance.once(in: 4) {
            await world.pass(seconds: Double(chance.number(0..<3000)) / 1000)
        }
        let response = makeResponse(to: request, misbehaves: misbehaves, &chance)
        ledger.trace(
            world,
            "origin \(number) answers \(id): \(response.ending) of \(response.bytes.count)"
        )
        guard await send(response, peer, world, &chance) else { return false }
        if isEarly, await !readBody(of: request, head, peer) { return false }
        return !response.closes
    }

    /// - Returns: Whether all of it came.
    private func readBody(of request: PlannedRequest, _ head: ReceivedHead, _ peer: Peer) async
        -> Bool
    {
        let framing: ReceivedFraming
        if let length = head.value("Content-Length") {
            framing = .length(Int(length) ?? -1)
        } else if head.value("Transfer-Encoding") == "chunked" {
            framing = .chunked
        } else {
            framing = .length(0)
        }
        let expected = content(of: request.id, count: request.body.count)
        var got: [UInt8] = []
        do {
            try await peer.readBody(framing, into: &got)
        } catch {
            if case .malformed(let text) = error { ledger.fail("malformed at an origin: \(text)") }
            if ledger.isPure(request) && !expected.starts(with: got) {
                ledger.fail("other content for \(request.id)")
            }
            return false
        }
        if ledger.isPure(request) && got != expected {
            ledger.fail("content of \(request.id) looks whole: \(got.count) of \(expected.count)")
        }
        return true
    }

    private func makeResponse(
        to request: PlannedRequest,
        misbehaves: Bool,
        _ chance: inout Chance
    ) -> Response {
        let size = chance.size(largest: ledger.largest)
        var head = ""
        if chance.once(in: 8) { head += "HTTP/1.1 103 Early Hints\r\nX-Id: \(request.id)\r\n\r\n" }
        var body = content(of: request.id, count: size)
        var closes = chance.once(in: 8)
        var endsByClose = false
        let version = chance.once(in: 8) ? "0" : "1"
        if version == "0" { closes = true }
        let form = chance.number(0..<4)
        if form == 1 { closes = true }
        let common =
            "X-Id: \(request.id)\r\nX-Size: \(size)\r\nContent-Type: text/plain\r\n"
            + (closes && version == "1" ? "Connection: close\r\n" : "")
        switch form {
        case 0 where version == "1":
            head += "HTTP/1.1 200 OK\r\n\(common)Transfer-Encoding: chunked\r\n\r\n"
            body = chunked(body, &chance)
            if misbehaves && chance.once(in: 3) {
                body = Array("xyz\r\n".utf8)
            }
        case 1:
            head += "HTTP/1.\(version) 200 OK\r\n\(common)\r\n"
            endsByClose = true
        case 2:
            head += "HTTP/1.\(version) 204 No Content\r\n\(common)\r\n"
            body = []
        default:
            head += "HTTP/1.\(version) 200 OK\r\n\(common)Content-Length: \(size)\r\n\r\n"
            if misbehaves && chance.once(in: 3) { body += Array("more than was said".utf8) }
        }
        if request.method == "HEAD" { body = [] }
        if misbehaves && chance.once(in: 6) {
            head = "HTTP/1.1 200\u{1} OK \(request.id)\r\n\r\n"
            body = []
        }
        let bytes = Array(head.utf8) + body
        var ending = Ending.whole
        if misbehaves {
            let place = chance.number(0..<bytes.count)
            switch chance.number(0..<3) {
            // An orderly end is how such a body ends: only a reset cuts it.
            case 0 where !endsByClose || place < head.utf8.count: ending = .close(after: place)
            case 0, 1: ending = .reset(after: place)
            default: ending = .stall(after: place)
            }
        }
        return Response(
            bytes: bytes,
            headCount: head.utf8.count,
            ending: ending,
            closes: closes
        )
    }

    /// - Returns: Whether the response went out as it should.
    private func send(
        _ response: Response,
        _ peer: Peer,
        _ world: World,
        _ chance: inout Chance
    ) async -> Bool {
        var end = response.bytes.count
        switch response.ending {
        case .whole: break
        case .close(let place), .reset(let place), .stall(let place): end = place
        }
        var start = 0
        while start < end {
            let next = chance.once(in: 3) ? min(end, start + chance.number(1..<400)) : end
            guard (try? await peer.send(bytes: Array(response.bytes[start..<next]))) != nil else {
                return false
            }
            start = next
            if start < end && chance.once(in: 2) {
                await world.pass(seconds: Double(chance.number(0..<500)) / 1000)
            }
        }
        switch response.ending {
        case .whole: return true
        case .close: return false
        case .reset: peer.reset()
        case .stall: await world.pass(seconds: 60)
        }
        return false
    }
}
