import Bytes
import Testing

@testable import TLS

@Suite("RFC 8446 §2.3 early data")
struct EarlyDataTests {
    private let keys = TicketKeys()
    private let sessions = ClientSessions()

    private func settings(_ earlyData: Bool) -> ServerSettings {
        ServerSettings(
            certificates: [TestFiles.ecdsa],
            minimumVersion: .tls12,
            ciphers: nil,
            groups: "X25519:P-256",
            tickets: 1,
            earlyData: earlyData,
            clientCertificates: nil
        )
    }

    private func pair(_ keys: TicketKeys? = nil, takes: Bool = true) throws -> Pair {
        let client = try clientContext()
            .connect(name: "a.example", isAddress: false, sessions: sessions)
        return try Pair(client, server(settings(takes), tickets: keys ?? self.keys).accept())
    }

    /// Lets the client get a ticket that allows early data.
    private func getTicket() throws {
        let first = try pair()
        _ = first.shake()
        // Only who sends early data stays with OpenSSL.
        #expect(first.far.records != nil)
        _ = first.send([1], from: first.far, to: first.near)
        #expect(sessions.count == 1)
        // OpenSSL takes up no session of a connection that was broken off.
        first.near.sendFarewell()
    }

    /// A client that comes back and has sent a request with its first flight.
    private func returning(_ keys: TicketKeys? = nil, takes: Bool = true) throws -> Pair {
        try getTicket()
        let pair = try pair(keys, takes: takes)
        try #require(pair.near.sendEarly(from: buffer("early")))
        return pair
    }

    private func buffer(_ text: String) -> Buffer {
        let buffer = Buffer()
        buffer.append(Array(text.utf8))
        return buffer
    }

    private func read(_ session: TLSSession) -> String {
        let target = Buffer()
        target.reserve(20_000)
        while case .bytes = session.decrypt(into: target, atMost: 20_000) { target.reserve(20_000) }
        return target.readable.string()
    }

    @Test(
        "It is read and answered before the client's last flight, however it is cut",
        arguments: [1, 7, 100, Int.max]
    )
    func accepted(step: Int) throws {
        let pair = try returning()
        pair.step = step
        var steps = 0
        while steps < 10_000, pair.far.information == nil {
            _ = pair.carry()
            _ = pair.far.handshake(unixSeconds: pair.now)
            steps += 1
        }
        #expect(pair.far.earlyDataOutcome == .accepted)
        #expect(pair.far.information?.isResumed == true && pair.far.isEarly)
        var text = read(pair.far)
        while text.count < 5, pair.carry() {
            text += read(pair.far)
        }
        #expect(text == "early")
        #expect(pair.far.encrypt(from: buffer("answer")) && pair.far.isEarly)
        pair.far.sendFarewell()
        #expect(pair.shake().near == nil)
        #expect(read(pair.near) == "answer")
        repeat { #expect(read(pair.far) == "") } while pair.carry()
        #expect(!pair.far.isEarly)
        #expect(pair.send([1, 2], from: pair.near, to: pair.far) == [1, 2])
        #expect(pair.send([3], from: pair.far, to: pair.near) == [3])
        #expect(pair.far.records == nil && pair.far.secrets == nil)
    }

    @Test("Who comes back without any parts from OpenSSL as everywhere else")
    func without() throws {
        try getTicket()
        let pair = try pair()
        #expect(pair.shake().far == nil)
        #expect(pair.far.information?.isResumed == true && pair.far.earlyDataOutcome == nil)
        #expect(pair.far.records != nil)
        #expect(pair.send([1, 2], from: pair.near, to: pair.far) == [1, 2])
    }

    @Test("The same flight once more is no early data, whichever loop it meets")
    func replayed() throws {
        let pair = try returning()
        let sent = try #require(pair.near.output)
        let flight = sent.readable.bytes()
        _ = pair.carry()
        guard case .early = pair.far.handshake(unixSeconds: pair.now) else {
            Issue.record("the first one was not taken")
            return
        }
        let other = try #require(server(settings(true), tickets: keys).accept())
        other.input = Buffer()
        other.output = Buffer()
        other.input?.append(flight)
        guard case .wantsInput = other.handshake(unixSeconds: pair.now) else {
            Issue.record("the second one was taken")
            return
        }
        #expect(other.earlyDataOutcome == .replayed && !other.isEarly)
    }

    @Test("A ticket of other keys, as before a restart, brings none in")
    func otherKeys() throws {
        let pair = try returning(TicketKeys())
        #expect(pair.shake().far == nil)
        #expect(pair.far.information?.isResumed == false)
        #expect(pair.far.earlyDataOutcome == .unfit && !pair.far.isEarly)
        #expect(read(pair.far) == "")
    }

    @Test("A server that takes none skips it, and the handshake goes on")
    func off() throws {
        let pair = try returning(takes: false)
        #expect(pair.shake().far == nil)
        #expect(pair.far.information?.isResumed == true)
        #expect(pair.far.earlyDataOutcome == nil && !pair.far.isEarly)
        #expect(read(pair.far) == "")
    }

    @Test("A changed last flight ends the session")
    func wrongEnd() throws {
        let pair = try returning()
        _ = pair.carry()
        _ = pair.far.handshake(unixSeconds: pair.now)
        #expect(read(pair.far) == "early")
        _ = pair.carry()
        _ = pair.near.handshake(unixSeconds: pair.now)
        let sent = try #require(pair.near.output)
        var bytes = sent.readable.bytes()
        bytes[bytes.count - 1] ^= 1
        pair.far.input?.append(bytes)
        let target = Buffer()
        target.reserve(100)
        guard case .failed = pair.far.decrypt(into: target, atMost: 100) else {
            Issue.record("it was taken for the end of the handshake")
            return
        }
    }

    @Test("A client cannot send more of it than it was allowed")
    func tooMuch() throws {
        let pair = try returning()
        let flood = buffer(String(repeating: "x", count: 17_000))
        while !flood.isEmpty { guard pair.near.sendEarly(from: flood) else { break } }
        #expect(!flood.isEmpty)
    }
}

@Suite("Strike register")
struct StrikeRegisterTests {
    private func mark(_ number: UInt64) -> StrikeRegister.Mark { .init(high: 7, low: number) }

    @Test("A mark is remembered for a period at least, and forgotten after two")
    func periods() {
        for delay in Int64(0)..<TLSLimits.strikePeriod {
            for start in [Int64(0), 1, 15, 16, 1_800_000_000] {
                let register = StrikeRegister()
                #expect(register.note(mark(1), now: 1_799_999_999) == .new)
                #expect(register.note(mark(2), now: 1_799_999_999 + start) == .new)
                #expect(register.note(mark(2), now: 1_799_999_999 + start + delay) == .seen)
            }
        }
        let register = StrikeRegister()
        #expect(register.note(mark(1), now: 1000) == .new)
        #expect(register.note(mark(1), now: 1000 + 2 * TLSLimits.strikePeriod) == .new)
    }

    @Test("A clock that goes back forgets nothing")
    func clock() {
        let register = StrikeRegister()
        #expect(register.note(mark(1), now: 1_000_000) == .new)
        #expect(register.note(mark(1), now: 10) == .seen)
        #expect(register.note(mark(2), now: 10) == .new)
        #expect(register.note(mark(2), now: 1_000_001) == .seen)
    }

    @Test("What cannot be remembered is not taken, until there is room again")
    func full() {
        let register = StrikeRegister(capacity: 2)
        #expect(register.note(mark(1), now: 100) == .new)
        #expect(register.note(mark(2), now: 100) == .new)
        #expect(register.note(mark(3), now: 100) == .full)
        #expect(register.note(mark(1), now: 100) == .seen)
        #expect(register.note(mark(3), now: 100 + TLSLimits.strikePeriod) == .new)
    }
}
