import Bytes
import Testing

@testable import TLS

@Suite("Sessions that have parted from OpenSSL")
struct RecordSessionTests {
    private func pair(
        _ settings: ServerSettings? = nil,
        suite: CipherSuite? = nil,
        sessions: ClientSessions = ClientSessions()
    ) throws -> Pair {
        let client = try clientContext()
            .connect(name: "a.example", isAddress: false, sessions: sessions)
        if let suite { #expect(client?.offer(suite) == true) }
        return try Pair(client, server(settings ?? TLSTests.settings()).accept())
    }

    private let bytes = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 3) }

    @Test("Each suite and number of tickets: both ways, and new keys of either side")
    func suites() throws {
        for suite in CipherSuite.allCases {
            for tickets in 0...3 {
                let pair = try pair(settings(tickets: tickets), suite: suite)
                let failures = pair.shake()
                #expect(failures.near == nil && failures.far == nil)
                #expect(pair.far.records != nil && pair.near.records == nil)
                #expect(pair.far.information?.cipher == suite.name)
                #expect(pair.near.information?.cipher == suite.name)
                for asks in [false, true, true] {
                    #expect(pair.send(bytes, from: pair.near, to: pair.far) == bytes)
                    #expect(pair.send(bytes, from: pair.far, to: pair.near) == bytes)
                    #expect(pair.near.updateKeys(asking: asks))
                    pair.far.rest()
                }
                #expect(pair.send([1], from: pair.near, to: pair.far) == [1])
                #expect(pair.far.records?.reader.owesKeyUpdate == true)
                #expect(pair.send([2], from: pair.far, to: pair.near) == [2])
                #expect(pair.far.records?.reader.owesKeyUpdate == false)
                let output = try #require(pair.far.output)
                #expect(pair.far.records?.writer.renewKeys(to: output) == true)
                #expect(pair.send([3], from: pair.far, to: pair.near) == [3])
                pair.far.sendFarewell()
                _ = pair.carry()
                let target = Buffer()
                guard case .ended = pair.near.decrypt(into: target, atMost: 9) else {
                    Issue.record("the farewell was not understood")
                    return
                }
                #expect(!pair.far.encrypt(from: buffer([1])), "nothing follows a farewell")
            }
        }
    }

    @Test(
        "A session that resumed parts as well, and so does one in tiny pieces",
        arguments: [1, 7]
    )
    func resumed(step: Int) throws {
        for suite in CipherSuite.allCases {
            let sessions = ClientSessions()
            let keys = TicketKeys()
            for round in 0..<3 {
                let client = try clientContext()
                    .connect(name: "a.example", isAddress: false, sessions: sessions)
                #expect(client?.offer(suite) == true)
                let pair = try Pair(client, server(settings(), tickets: keys).accept())
                pair.step = step
                _ = pair.shake()
                #expect(pair.far.records != nil)
                #expect(pair.far.information?.isResumed == (round > 0))
                #expect(pair.send([5], from: pair.far, to: pair.near) == [5])
                // Without a farewell: what OpenSSL keeps of the session is still good.
            }
        }
    }

    @Test("Handshakes in two rounds, or with a client's certificate, are no exceptions")
    func longer() throws {
        // The client's first key share is of another group.
        let other = try pair(settings(groups: "P-384"))
        let policy = ServerSettings.ClientCertificates(
            isRequired: true,
            authorities: [TestFiles.rsa.chain]
        )
        let known = try Pair(
            clientContext(showing: TestFiles.rsa)
                .connect(name: "a.example", isAddress: false, sessions: ClientSessions()),
            server(settings(clients: policy)).accept()
        )
        for pair in [other, known] {
            let failures = pair.shake()
            #expect(failures.near == nil && failures.far == nil)
            #expect(pair.far.records != nil)
            #expect(pair.send(bytes, from: pair.near, to: pair.far) == bytes)
            #expect(pair.send(bytes, from: pair.far, to: pair.near) == bytes)
        }
    }

    @Test("Each handshake of a thread keeps its own secrets, whatever becomes of the others")
    func interleaved() throws {
        let pairs = try (0..<3).map { _ in try pair() }
        pairs[1].near.input = nil
        let broken = try #require(pairs[1].far.input)
        for _ in 0..<4 {
            for pair in pairs {
                _ = pair.near.handshake(unixSeconds: pair.now)
                _ = pair.far.handshake(unixSeconds: pair.now)
                #expect(KeyDerivation.ofThread?.secrets == nil)
                // One client turns out to speak no TLS in the midst of it.
                if pair === pairs[1] { broken.append([1, 2, 3, 4, 5, 6]) }
            }
            for pair in pairs where pair !== pairs[1] { _ = pair.carry() }
        }
        #expect(pairs[1].far.information == nil)
        for pair in [pairs[2], pairs[0]] {
            #expect(pair.far.records != nil && pair.far.secrets == nil)
            #expect(pair.send(bytes, from: pair.near, to: pair.far) == bytes)
            #expect(pair.send(bytes, from: pair.far, to: pair.near) == bytes)
        }
    }

    @Test("Content that came with the client's last flight is not lost")
    func together() throws {
        let pair = try pair()
        // Until the client is done, and has its last flight in its output.
        while pair.near.information == nil {
            _ = pair.near.handshake(unixSeconds: pair.now)
            _ = pair.far.handshake(unixSeconds: pair.now)
            if pair.near.information == nil { _ = pair.carry() }
        }
        #expect(pair.near.encrypt(from: buffer([1, 2, 3])))
        _ = pair.carry()
        guard case .complete = pair.far.handshake(unixSeconds: pair.now) else {
            Issue.record("not complete")
            return
        }
        #expect(pair.far.records != nil && pair.far.mayDecrypt)
        let target = Buffer()
        guard case .bytes(3) = pair.far.decrypt(into: target, atMost: 100) else {
            Issue.record("no content")
            return
        }
        #expect(target.readable.bytes() == [1, 2, 3])
        #expect(!pair.far.mayDecrypt)
    }

    @Test("TLS 1.2 and clients stay with OpenSSL")
    func others() throws {
        let older = try pair()
        older.near.speakAtMost12()
        _ = older.shake()
        #expect(older.far.information?.version == .tls12 && older.far.records == nil)
        #expect(older.far.secrets == nil)
        // What is left to be sent then is more than a ticket: the end of the handshake.
        #expect(!older.far.mayHoldTicket)
        #expect(older.send(bytes, from: older.far, to: older.near) == bytes)
        let newer = try pair()
        _ = newer.shake()
        #expect(newer.near.records == nil && newer.far.records != nil)
        #expect(newer.far.secrets == nil)
        #expect(newer.far.mayHoldTicket && !newer.near.mayHoldTicket)
    }

    @Test("Who breaks the protocol is told so by an alert, once")
    func alerts() throws {
        let pair = try pair()
        _ = pair.shake()
        pair.far.input?.append([20, 3, 3, 0, 1, 1])
        let target = Buffer()
        for _ in 0..<2 {
            guard case .failed(.protocolError) = pair.far.decrypt(into: target, atMost: 9) else {
                Issue.record("it was taken")
                return
            }
        }
        pair.far.sendFarewell()
        #expect(!pair.far.encrypt(from: buffer([1])))
        #expect(pair.far.output?.count == 24)
        _ = pair.carry()
        repeat {
            guard case .failed(.refusedByPeer) = pair.near.decrypt(into: target, atMost: 9) else {
                Issue.record("the alert was not understood")
                return
            }
        } while pair.carry()
    }

    @Test("A peer's alert ends the session as it does with OpenSSL")
    func refused() throws {
        let pair = try pair()
        _ = pair.shake()
        // An alert of the client's: it finds a record that was changed.
        #expect(pair.far.encrypt(from: buffer([1])))
        let output = try #require(pair.far.output)
        var sent = output.readable.bytes()
        sent[sent.count - 1] ^= 1
        output.removeAll()
        pair.near.input?.append(sent)
        let target = Buffer()
        _ = pair.near.decrypt(into: target, atMost: 9)
        _ = pair.carry()
        guard case .failed(.refusedByPeer) = pair.far.decrypt(into: target, atMost: 9) else {
            Issue.record("the alert was not understood")
            return
        }
    }

    @Test("Only whole protected records behind the mark are counted as sent")
    func counting() {
        func count(_ bytes: [UInt8], from mark: Int = 0) -> UInt64? {
            TLSSession.protectedRecords(in: buffer(bytes), from: mark)
        }
        let record: [UInt8] = [23, 3, 3, 0, 17] + [UInt8](repeating: 0, count: 17)
        #expect(count([]) == 0 && count(record) == 1 && count(record + record) == 2)
        #expect(count(record + record, from: record.count) == 1)
        #expect(count([20, 3, 3, 0, 1, 1] + record) == nil)
        #expect(count(record.dropLast()) == nil && count(record + [23, 3]) == nil)
        #expect(TLSSession.protectedRecords(in: nil, from: 0) == nil)
    }
}
