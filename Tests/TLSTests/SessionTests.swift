import Bytes
import Foundation
import Testing

@testable import TLS

@Suite("TLS sessions over buffers")
struct SessionTests {
    private func pair(
        _ settings: ServerSettings = settings(),
        name: String = "a.example",
        sessions: ClientSessions = ClientSessions(),
        tickets: TicketKeys = TicketKeys()
    ) throws -> Pair {
        let client = try clientContext()
            .connect(name: name, isAddress: name.hasPrefix("192"), sessions: sessions)
        return try Pair(client, server(settings, tickets: tickets).accept())
    }

    @Test(
        "Both versions establish a session, and bytes arrive both ways",
        arguments: [true, false]
    )
    func establish(modern: Bool) throws {
        let pair = try pair(settings(minimum: modern ? .tls13 : .tls12))
        let failures = pair.shake()
        #expect(failures.near == nil && failures.far == nil)
        let information = try #require(pair.far.information)
        #expect(information.version == .tls13)
        #expect(information.serverName == "a.example")
        #expect(information.applicationProtocol == "http/1.1")
        #expect(!information.isResumed)
        let long = (0..<50_000).map { UInt8(truncatingIfNeeded: $0) }
        #expect(
            pair.send(Array("hello".utf8), from: pair.near, to: pair.far) == Array("hello".utf8)
        )
        #expect(pair.send(long, from: pair.far, to: pair.near) == long)
    }

    @Test(
        "Records that come in pieces of any size mean the same",
        arguments: [1, 2, 3, 5, 17, 256]
    )
    func pieces(step: Int) throws {
        let pair = try pair()
        pair.step = step
        let failures = pair.shake()
        #expect(failures.near == nil && failures.far == nil)
        let bytes = (0..<700).map { UInt8(truncatingIfNeeded: $0) }
        #expect(pair.send(bytes, from: pair.near, to: pair.far) == bytes)
        #expect(pair.send(bytes, from: pair.far, to: pair.near) == bytes)
    }

    @Test("A ticket takes a session up again, and only with the keys it was made with")
    func resumption() throws {
        let sessions = ClientSessions()
        let keys = TicketKeys()
        let first = try pair(sessions: sessions, tickets: keys)
        _ = first.shake()
        // A ticket of TLS 1.3 comes after the handshake, with the first bytes that are read.
        _ = first.send([1], from: first.far, to: first.near)
        #expect(sessions.count == 1)
        let second = try pair(sessions: sessions, tickets: keys)
        _ = second.shake()
        #expect(second.far.information?.isResumed == true)
        _ = second.send([1], from: second.far, to: second.near)
        let third = try pair(sessions: sessions, tickets: TicketKeys())
        let failures = third.shake()
        #expect(failures.far == nil && third.far.information?.isResumed == false)
    }

    @Test("No ticket, no resumption")
    func noTickets() throws {
        let sessions = ClientSessions()
        let pair = try pair(settings(tickets: 0), sessions: sessions)
        _ = pair.shake()
        _ = pair.send([1], from: pair.far, to: pair.near)
        let again = try self.pair(settings(tickets: 0), sessions: sessions)
        _ = again.shake()
        #expect(again.far.information?.isResumed == false)
    }

    @Test("A farewell ends a session; without one nothing is said to have ended")
    func farewell() throws {
        let pair = try pair()
        _ = pair.shake()
        let target = Buffer()
        target.reserve(100)
        guard case .wantsInput = pair.near.decrypt(into: target, atMost: 100) else {
            Issue.record("no input, and yet something was read")
            return
        }
        pair.far.sendFarewell()
        _ = pair.carry()
        guard case .ended = pair.near.decrypt(into: target, atMost: 100) else {
            Issue.record("the farewell was not understood")
            return
        }
    }

    @Test("A changed byte is found out, and the session is over")
    func tampering() throws {
        let pair = try pair()
        _ = pair.shake()
        let source = Buffer()
        source.append("secret")
        #expect(pair.near.encrypt(from: source))
        let output = try #require(pair.near.output)
        var bytes: [UInt8] = []
        for index in output.readable.indices { bytes.append(output.readable[index]) }
        bytes[bytes.count - 1] ^= 1
        output.removeAll()
        pair.far.input?.append(bytes)
        let target = Buffer()
        target.reserve(100)
        guard case .failed = pair.far.decrypt(into: target, atMost: 100) else {
            Issue.record("the change went unnoticed")
            return
        }
        #expect(target.isEmpty)
    }

    @Test("A client does not believe another name, and knows why")
    func wrongName() throws {
        let pair = try pair(name: "evil.example")
        let failures = pair.shake()
        #expect(failures.near == .invalidCertificate)
        #expect(failures.far == .refusedByPeer)
        #expect(pair.near.verificationProblem == "hostname mismatch")
    }

    @Test("An IP address is verified as such and sent as no name")
    func address() throws {
        let pair = try pair(name: "192.0.2.7")
        let failures = pair.shake()
        #expect(failures.near == nil && failures.far == nil)
        #expect(pair.far.information?.serverName == nil)
        let wrong = try self.pair(name: "192.0.2.8")
        #expect(wrong.shake().near == .invalidCertificate)
    }

    @Test("Whatever comes in place of a ClientHello fails, and nothing traps")
    func garbage() throws {
        var generator = SystemRandomNumberGenerator()
        for length in [1, 5, 6, 40, 300, 5000] {
            for first in [UInt8(22), 21, 20, 23, 0x80, 0, 71] {
                let session = try #require(try server(settings()).accept())
                let input = Buffer()
                input.append(
                    [first, 3, 1]
                        + (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
                )
                session.input = input
                session.output = Buffer()
                if case .complete = session.handshake(unixSeconds: 0) {
                    Issue.record("garbage is no handshake")
                }
            }
        }
    }

    @Test("A pipe in the place of a file is an error, and nothing to wait for")
    func pipes() throws {
        let path = TestFiles.path("pipe")
        #expect(unsafe mkfifo(path, 0o600) == 0)
        #expect(throws: TLSSetupError.self) { _ = try Files.read(path) }
        #expect(throws: TLSSetupError.self) { _ = try Files.read(TestFiles.folder) }
        #expect(throws: TLSSetupError.self) { _ = try KeyLog(path: path) }
    }

    @Test("Secrets are logged where the settings say so, and nowhere else")
    func keyLog() throws {
        for logs in [true, false] {
            let path = TestFiles.path("keys-\(logs).log")
            let log = try KeyLog(path: path)
            for isOld in [false, true] {
                let client = try clientContext()
                    .connect(name: "a.example", isAddress: false, sessions: ClientSessions())
                if isOld { client?.speakAtMost12() }
                let server = try server(settings(logsSecrets: logs), keyLog: log)
                let pair = try Pair(client, server.accept())
                #expect(pair.shake().far == nil)
            }
            let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
            let labels = Set(lines.map { String($0.prefix { $0 != " " }) })
            let wanted: Set = [
                "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET",
                "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0", "EXPORTER_SECRET",
                "CLIENT_RANDOM",
            ]
            #expect(labels == (logs ? wanted : []))
        }
    }

    @Test("Client certificates: required, optional, of the wrong authority")
    func clientCertificates() throws {
        func shake(required: Bool, own: ServerSettings.Certificate?) throws
            -> (failure: TLSFailure?, subject: String?)
        {
            let policy = ServerSettings.ClientCertificates(
                isRequired: required,
                authorities: [TestFiles.rsa.chain]
            )
            let client = try clientContext(showing: own)
                .connect(name: "a.example", isAddress: false, sessions: ClientSessions())
            let pair = try Pair(client, server(settings(clients: policy)).accept())
            let failures = pair.shake()
            return (failures.far, pair.far.information?.peerCertificate?.subject)
        }
        #expect(try shake(required: true, own: nil) == (.noClientCertificate, nil))
        #expect(try shake(required: false, own: nil) == (nil, nil))
        #expect(try shake(required: true, own: TestFiles.rsa) == (nil, "CN=b.example"))
        #expect(try shake(required: false, own: TestFiles.ecdsa) == (.invalidCertificate, nil))
    }

    @Test("What went wrong is said in words on both sides")
    func problems() throws {
        let client = try clientContext()
            .connect(name: "other.example", isAddress: false, sessions: ClientSessions())
        var pair = try Pair(client, server(settings()).accept())
        #expect(pair.near.problem == nil && pair.far.problem == nil)
        _ = pair.shake()
        #expect(pair.near.problem == "hostname mismatch")
        #expect(pair.far.problem?.hasPrefix("it has broken the handshake off (") == true)
        #expect(pair.far.requestedName == "other.example" && pair.near.requestedName == nil)
        let policy = ServerSettings.ClientCertificates(
            isRequired: true,
            authorities: [TestFiles.rsa.chain]
        )
        func shake(_ own: ServerSettings.Certificate?) throws -> String? {
            let client = try clientContext(showing: own)
                .connect(name: "a.example", isAddress: false, sessions: ClientSessions())
            pair = try Pair(client, server(settings(clients: policy)).accept())
            _ = pair.shake()
            return pair.far.problem
        }
        #expect(
            try shake(nil)
                == "it shows no certificate, and has to (peer did not return a certificate)"
        )
        #expect(try shake(TestFiles.ecdsa) == "self-signed certificate")
        #expect(try shake(TestFiles.rsa) == nil)
    }

    @Test("An intermediate that is named is believed, though its root is not known")
    func intermediateOnly() throws {
        let (authority, leaf) = try TestFiles.belowIntermediate()
        let policy = ServerSettings.ClientCertificates(isRequired: true, authorities: [authority])
        let client = try clientContext(showing: leaf)
            .connect(name: "a.example", isAddress: false, sessions: ClientSessions())
        let asked = try Pair(client, server(settings(clients: policy)).accept())
        #expect(asked.shake() == (nil, nil))
        #expect(asked.far.information?.peerCertificate?.subject == "CN=a.example")
        let context = try ClientContext(
            ClientSettings(authorities: [authority], certificate: nil, isVerified: true),
            read: Files.read
        )
        let near = context.connect(name: "a.example", isAddress: false, sessions: ClientSessions())
        #expect(try Pair(near, server(settings([leaf])).accept()).shake() == (nil, nil))
        // One that is not named is not.
        let other = context.connect(name: "a.example", isAddress: false, sessions: ClientSessions())
        let strange = try Pair(other, server(settings()).accept())
        #expect(strange.shake().near == .invalidCertificate)
    }
}
