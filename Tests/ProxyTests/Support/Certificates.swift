import EventLoop
import Foundation
import TLS
import Testing

@testable import Proxy

/// A certificate that the tests make themselves, once for each run.
enum TestCertificate {
    private static let folder = NSTemporaryDirectory() + "gateway-proxy-" + UUID().uuidString

    /// The files that a configuration may name.
    static let files: [String: String] = {
        try? FileManager.default.createDirectory(
            atPath: folder,
            withIntermediateDirectories: true
        )
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = [
            "req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=a.example", "-addext",
            "subjectAltName=DNS:a.example", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-keyout", folder + "/a.key", "-out", folder + "/a.pem",
        ]
        process.standardError = FileHandle.nullDevice
        try? process.run()
        process.waitUntilExit()
        var files: [String: String] = [:]
        for name in ["a.pem", "a.key"] {
            files[name] = try? String(contentsOfFile: folder + "/" + name, encoding: .utf8)
        }
        try? FileManager.default.removeItem(atPath: folder)
        return files
    }()

    static func read(_ path: String) throws(TLSSetupError) -> [UInt8] {
        guard let text = files[path] else { throw TLSSetupError("there is no '\(path)'") }
        return Array(text.utf8)
    }
}

extension World {
    /// Connects a client that speaks TLS and believes the tests' certificate.
    func secureClient(name: String = "a.example", sessions: ClientSessions = ClientSessions())
        async throws -> Peer
    {
        let peer = try await client()
        peer.stream.startTLS(
            try secureSession(name: name, sessions: sessions),
            received: nil
        )
        try await peer.stream.handshake(deadline: now + World.patience)
        return peer
    }

    /// A client's session that has sent nothing.
    func secureSession(name: String = "a.example", sessions: ClientSessions) throws -> TLSSession {
        let settings = ClientSettings(
            authorities: ["a.pem"],
            certificate: nil,
            isVerified: true
        )
        let context = try ClientContext(settings, read: TestCertificate.read)
        return try #require(context.connect(name: name, isAddress: false, sessions: sessions))
    }

    /// What an origin with the tests' certificate answers connections by.
    func secureOrigin() throws -> TLSServer {
        let settings = ServerSettings(
            certificates: [.init(chain: "a.pem", key: "a.key", ocsp: nil)],
            minimumVersion: .tls12,
            ciphers: nil,
            groups: "X25519:P-256",
            tickets: 2,
            clientCertificates: nil
        )
        let slot = ContextSlot(try ServerContext(settings, read: TestCertificate.read))
        return try #require(
            TLSServer(
                sites: [.init(names: [.any], slot: slot)],
                isStrict: false,
                tickets: TicketKeys(),
                keyLog: nil
            )
        )
    }
}

extension Peer {
    /// Shakes hands as a server.
    func secure(_ server: TLSServer) async throws {
        stream.startTLS(try #require(server.accept()), received: nil)
        try await stream.handshake(deadline: now + World.patience)
    }
}

extension Peer {
    /// Ends this side below TLS, so that the other one hears no farewell.
    func endCarrier() { stream.endWithoutFarewell() }
}
