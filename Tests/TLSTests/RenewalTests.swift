import COpenSSL
import Foundation
import Synchronization
import Testing

@testable import TLS

/// Files in memory that a test changes.
private final class Shelf: Sendable {
    private let files = Mutex<[String: [UInt8]]>([:])

    subscript(path: String) -> [UInt8]? {
        get { files.withLock { $0[path] } }
        set { files.withLock { $0[path] = newValue } }
    }

    func put(_ files: ServerSettings.Certificate, as name: String) throws {
        self[name + ".pem"] = try Files.read(files.chain)
        self[name + ".key"] = try Files.read(files.key)
    }

    var read: FileReader {
        { path throws(TLSSetupError) in
            guard let bytes = self[path] else { throw TLSSetupError("'\(path)' cannot be read") }
            return bytes
        }
    }
}

private func files(_ name: String, ocsp: String? = nil) -> ServerSettings.Certificate {
    ServerSettings.Certificate(chain: name + ".pem", key: name + ".key", ocsp: ocsp)
}

@Suite("Files that change, each by itself")
struct RenewalTests {
    private static let another = TestFiles.certificate(
        "another.example",
        kind: ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    )

    /// The subjects of the certificates that clients of each kind are shown.
    private func shown(_ context: ServerContext) throws -> [String] {
        let server = try #require(
            TLSServer(
                sites: [.init(names: [.any], slot: ContextSlot(context))],
                isStrict: false,
                tickets: TicketKeys(),
                keyLog: nil
            )
        )
        let unbelieving = try ClientContext(
            ClientSettings(authorities: [], certificate: nil, isVerified: false),
            read: Files.read
        )
        return try ["ECDSA", "RSA"].map { kind in
            let client = try #require(
                unbelieving.connect(
                    name: "a.example",
                    isAddress: false,
                    sessions: ClientSessions()
                )
            )
            client.speakAtMost12()
            _ = unsafe SSL_set_cipher_list(client.ssl, "ECDHE-\(kind)-AES128-GCM-SHA256")
            _ = try Pair(client, server.accept()).shake()
            let certificate = unsafe SSL_get0_peer_certificate(client.ssl)
            return unsafe certificate.map { unsafe Certificates.subject($0) } ?? "none"
        }
    }

    @Test("A bad pair does not keep a good one back, nor an unreadable authority both")
    func parts() throws {
        let shelf = Shelf()
        try shelf.put(TestFiles.ecdsa, as: "one")
        try shelf.put(TestFiles.rsa, as: "two")
        shelf["ca.pem"] = shelf["two.pem"]
        let wanted = settings(
            [files("one"), files("two")],
            clients: .init(isRequired: false, authorities: ["ca.pem"])
        )
        let first = try ServerContext(wanted, read: shelf.read)
        #expect(try shown(first) == ["CN=a.example", "CN=b.example"])
        shelf["two.pem"] = []
        shelf["ca.pem"] = nil
        try shelf.put(Self.another, as: "one")
        let second = try ServerContext(wanted, previous: first, read: shelf.read)
        #expect(try shown(second) == ["CN=another.example", "CN=b.example"])
        #expect(
            Set(second.troubles.keys) == [
                FilePart(.certificate, ["two.pem", "two.key"]), FilePart(.authorities, ["ca.pem"]),
            ]
        )
        // The authority that went on is still the one that is believed.
        #expect(second.sessionPolicy == first.sessionPolicy)
        #expect(throws: TLSSetupError.self) { try ServerContext(wanted, read: shelf.read) }
    }

    @Test("A key that no handshake may use leaves the pair before it in place")
    func weak() throws {
        let weak = TestFiles.certificate("weak.example", kind: ["rsa:1024"])
        let shelf = Shelf()
        try shelf.put(TestFiles.rsa, as: "one")
        let first = try ServerContext(settings([files("one")]), read: shelf.read)
        try shelf.put(weak, as: "one")
        let second = try ServerContext(settings([files("one")]), previous: first, read: shelf.read)
        #expect(second.troubles.count == 1)
        #expect(second.expirations == first.expirations)
    }

    @Test("A missing or bad OCSP response is a warning, at the start and later")
    func responses() throws {
        let shelf = Shelf()
        try shelf.put(TestFiles.ecdsa, as: "one")
        let wanted = settings([files("one", ocsp: "one.der")])
        let missing = try ServerContext(wanted, read: shelf.read)
        #expect(missing.warnings == ["'one.der' is not stapled: 'one.der' cannot be read"])
        shelf["one.der"] = Array("junk".utf8)
        try shelf.put(Self.another, as: "one")
        let next = try ServerContext(wanted, previous: missing, read: shelf.read)
        #expect(Set(next.troubles.keys) == [FilePart(.response, ["one.der"])])
        #expect(next.expirations != missing.expirations || next.warnings.count == 1)
    }

    @Test("A client's certificate and the authorities it believes are renewed each by itself")
    func clients() throws {
        let shelf = Shelf()
        try shelf.put(TestFiles.ecdsa, as: "own")
        shelf["ca.pem"] = try Files.read(TestFiles.rsa.chain)
        let wanted = ClientSettings(
            authorities: ["ca.pem"],
            certificate: files("own"),
            isVerified: true
        )
        let first = try ClientContext(wanted, read: shelf.read)
        shelf["ca.pem"] = Array("nothing".utf8)
        try shelf.put(Self.another, as: "own")
        let second = try ClientContext(wanted, previous: first, read: shelf.read)
        #expect(Set(second.troubles.keys) == [FilePart(.authorities, ["ca.pem"])])
        #expect(second.identity != first.identity)
        shelf["own.key"] = try Files.read(TestFiles.rsa.key)
        let third = try ClientContext(wanted, previous: second, read: shelf.read)
        #expect(third.troubles.count == 2)
        #expect(third.identity == second.identity)
    }

    @Test("A session with a server ends with the certificate that it was opened by")
    func clientSessions() throws {
        let shelf = Shelf()
        try shelf.put(TestFiles.rsa, as: "own")
        let keys = TicketKeys()
        let sessions = ClientSessions()
        func connect() throws -> Bool {
            let context = try ClientContext(
                ClientSettings(
                    authorities: [TestFiles.ecdsa.chain],
                    certificate: files("own"),
                    isVerified: true
                ),
                read: { path throws(TLSSetupError) in
                    path.hasPrefix("/") ? try Files.read(path) : try shelf.read(path)
                }
            )
            let client = context.connect(name: "a.example", isAddress: false, sessions: sessions)
            let pair = try Pair(client, server(settings(), tickets: keys).accept())
            _ = pair.shake()
            _ = pair.send([1], from: pair.far, to: pair.near)
            return pair.far.information?.isResumed == true
        }
        #expect(try !connect())
        #expect(try connect())
        try shelf.put(Self.another, as: "own")
        #expect(try !connect())
        #expect(try connect())
    }
}
