import COpenSSL
import Foundation
import Testing

@testable import TLS

@Suite("Which sessions are taken up again")
struct ResumptionTests {
    private static let clients = ServerSettings.ClientCertificates(
        isRequired: true,
        authorities: [TestFiles.rsa.chain]
    )

    /// One connection to a server that shares its ticket keys with all others of a test.
    /// - Returns: Whether a session was taken up; nil when the handshake failed.
    private func connect(
        _ server: TLSServer,
        name: String = "a.example",
        sessions: ClientSessions,
        now: Int64 = Int64(time(nil)),
        isOld: Bool,
        showing own: ServerSettings.Certificate? = nil
    ) throws -> Bool? {
        let session = try clientContext(showing: own)
            .connect(name: name, isAddress: false, sessions: sessions)
        if isOld { session?.speakAtMost12() }
        let pair = try Pair(session, server.accept())
        pair.now = now
        let failures = pair.shake()
        if failures.far != nil || failures.near != nil { return nil }
        // The ticket of TLS 1.3 comes with the first bytes that are read.
        _ = pair.send([1], from: pair.far, to: pair.near)
        return pair.far.information?.isResumed
    }

    private func keys() throws -> TicketKeys {
        let keys = TicketKeys()
        try keys.replace(with: (0..<80).map { UInt8($0) })
        return keys
    }

    @Test("None of a client whose certificate has ended since", arguments: [false, true])
    func ended(isOld: Bool) throws {
        let server = try server(settings(clients: Self.clients), tickets: keys())
        let sessions = ClientSessions()
        let now = Int64(time(nil))
        func connect(_ now: Int64) throws -> Bool? {
            try self.connect(
                server,
                sessions: sessions,
                now: now,
                isOld: isOld,
                showing: TestFiles.rsa
            )
        }
        #expect(try connect(now) == false)
        #expect(try connect(now + 29 * 86_400) == true)
        // From TLS 1.3 on the ticket has renewed itself; before, a session needs another one.
        if isOld { #expect(try connect(now) == false) }
        #expect(sessions.count == 1)
        #expect(try connect(now + 31 * 86_400) == false)
    }

    @Test("None of a client whose authority has ended since", arguments: [false, true])
    func endedAuthority(isOld: Bool) throws {
        let (authority, leaf) = TestFiles.issued(authorityDays: 10, days: 20)
        let policy = ServerSettings.ClientCertificates(isRequired: true, authorities: [authority])
        let server = try server(settings(clients: policy), tickets: keys())
        let sessions = ClientSessions()
        let now = Int64(time(nil))
        func connect(_ now: Int64) throws -> Bool? {
            try self.connect(server, sessions: sessions, now: now, isOld: isOld, showing: leaf)
        }
        #expect(try connect(now) == false)
        #expect(try connect(now + 9 * 86_400) == true)
        if isOld { #expect(try connect(now) == false) }
        #expect(sessions.count == 1)
        #expect(try connect(now + 11 * 86_400) == false)
    }

    @Test("Those of clients without a certificate know no end", arguments: [false, true])
    func endless(isOld: Bool) throws {
        let server = try server(settings(), tickets: keys())
        let sessions = ClientSessions()
        let now = Int64(time(nil))
        #expect(try connect(server, sessions: sessions, now: now, isOld: isOld) == false)
        let later = now + 31 * 86_400
        #expect(try connect(server, sessions: sessions, now: later, isOld: isOld) == true)
    }

    @Test("Only those of sites that demand the same", arguments: [false, true])
    func demands(isOld: Bool) throws {
        let keys = try keys()
        let chacha = "ECDHE-ECDSA-CHACHA20-POLY1305"
        let optional = ServerSettings.ClientCertificates(
            isRequired: false,
            authorities: [TestFiles.rsa.chain]
        )
        let others = [
            settings(ciphers: chacha), settings(groups: "P-256"), settings(clients: optional),
            settings(minimum: .tls13),
        ]
        for other in others {
            let sessions = ClientSessions()
            let plain = try server(settings(), tickets: keys)
            #expect(try connect(plain, sessions: sessions, isOld: isOld) == false)
            let same = try server(settings(), tickets: keys)
            #expect(try connect(same, sessions: sessions, isOld: isOld) == true)
            if isOld { _ = try connect(plain, sessions: sessions, isOld: isOld) }
            #expect(sessions.count == 1)
            // Where TLS 1.2 is not spoken the handshake fails.
            let different = try server(other, tickets: keys)
            #expect(try connect(different, sessions: sessions, isOld: isOld) != true)
        }
    }

    @Test("Only those of the name that is asked for", arguments: [false, true])
    func names(isOld: Bool) throws {
        let server = try server(settings(), tickets: keys())
        let sessions = ClientSessions()
        #expect(try connect(server, sessions: sessions, isOld: isOld) == false)
        let session = try #require(
            try clientContext().connect(name: "a.example", isAddress: false, sessions: sessions)
        )
        if isOld { session.speakAtMost12() }
        // It verifies the name of the session, and asks for another one.
        _ = unsafe gateway_ssl_set_server_name(session.ssl, "b.example")
        let pair = try Pair(session, server.accept())
        pair.now = Int64(time(nil))
        #expect(pair.shake().far == nil)
        #expect(pair.far.information?.serverName == "b.example")
        #expect(pair.far.information?.isResumed == false)
    }

    @Test("Machines agree, wherever each has its files")
    func machines() throws {
        let copy = TestFiles.path("copied-authority.pem")
        let text = try String(contentsOfFile: TestFiles.rsa.chain, encoding: .utf8)
        try ("# the same\n" + text).write(toFile: copy, atomically: true, encoding: .utf8)
        let there = ServerSettings.ClientCertificates(isRequired: true, authorities: [copy])
        let one = try ServerContext(settings(clients: Self.clients), read: Files.read)
        let two = try ServerContext(settings(clients: there), read: Files.read)
        #expect(one.sessionPolicy == two.sessionPolicy)
        let optional = ServerSettings.ClientCertificates(isRequired: false, authorities: [copy])
        let three = try ServerContext(settings(clients: optional), read: Files.read)
        #expect(one.sessionPolicy != three.sessionPolicy)
    }

    @Test("What was verified is the chain, and not what was sent besides")
    func chain() throws {
        let (root, middle, leaf) = try TestFiles.chained()
        let policy = ServerSettings.ClientCertificates(isRequired: true, authorities: [root])
        func chain(of own: ServerSettings.Certificate) throws -> [[UInt8]]? {
            let session = try clientContext(showing: own)
                .connect(name: "a.example", isAddress: false, sessions: ClientSessions())
            let pair = try Pair(session, server(settings(clients: policy)).accept())
            pair.now = Int64(time(nil))
            _ = pair.shake()
            return pair.far.information?.peerCertificate?.chain
        }
        #expect(try chain(of: leaf) == [TestFiles.der(middle)])
        // An unrelated one and the root besides.
        let stuffed = TestFiles.path("stuffed.pem")
        let parts = try [leaf.chain, TestFiles.ecdsa.chain, root].map {
            try String(contentsOfFile: $0, encoding: .utf8)
        }
        try parts.joined().write(toFile: stuffed, atomically: true, encoding: .utf8)
        let all = ServerSettings.Certificate(chain: stuffed, key: leaf.key, ocsp: nil)
        #expect(try chain(of: all) == [TestFiles.der(middle)])
    }
}
