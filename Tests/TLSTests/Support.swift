import Bytes
import Foundation
import Testing

@testable import TLS

/// Certificates that the tests make themselves, in a folder of their own.
enum TestFiles {
    static let folder: String = {
        let folder = NSTemporaryDirectory() + "gateway-tls-" + UUID().uuidString
        try? FileManager.default.createDirectory(
            atPath: folder,
            withIntermediateDirectories: true
        )
        // Tests end with the process.
        atexit { try? FileManager.default.removeItem(atPath: TestFiles.folder) }
        return folder
    }()

    static func path(_ name: String) -> String { folder + "/" + name }

    private static func openssl(_ arguments: [String]) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try? process.run()
        process.waitUntilExit()
    }

    /// Makes a self-signed certificate for a name.
    static func certificate(_ name: String, kind: [String]) -> ServerSettings.Certificate {
        let files = ServerSettings.Certificate(
            chain: path(name + ".pem"),
            key: path(name + ".key"),
            ocsp: nil
        )
        openssl(
            ["req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=" + name, "-addext"]
                + ["subjectAltName=DNS:" + name + ",IP:192.0.2.7", "-newkey"] + kind
                + ["-keyout", files.key, "-out", files.chain]
        )
        return files
    }

    /// An intermediate authority whose root is thrown away, and a certificate for `a.example`.
    static func belowIntermediate() throws -> (authority: String, leaf: ServerSettings.Certificate)
    {
        let stem = path("below-" + UUID().uuidString)
        let leaf = ServerSettings.Certificate(
            chain: stem + ".pem",
            key: stem + ".key",
            ocsp: nil
        )
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        let root = ["-CA", stem + ".root", "-CAkey", stem + ".root-key"]
        let middle = ["-CA", stem + ".middle", "-CAkey", stem + ".middle-key"]
        let authority = ["-addext", "basicConstraints=critical,CA:TRUE"]
        func make(_ subject: String, _ name: String, _ key: String, _ more: [String]) {
            openssl(
                ["req", "-x509", "-days", "30", "-subj", "/CN=" + subject] + curve + more
                    + ["-keyout", key, "-out", name]
            )
        }
        make("root", stem + ".root", stem + ".root-key", authority)
        make("middle", stem + ".middle", stem + ".middle-key", root + authority)
        let names = ["-addext", "subjectAltName=DNS:a.example"]
        let end = ["-addext", "basicConstraints=critical,CA:FALSE"]
        make("a.example", leaf.chain, leaf.key, middle + names + end)
        return (stem + ".middle", leaf)
    }

    static let ecdsa = certificate(
        "a.example",
        kind: ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    )
    static let rsa = certificate("b.example", kind: ["rsa:2048"])

    /// Makes a certificate that another one has signed; nil: itself.
    private static func make(_ name: String, issuer: String?, days: Int, isAuthority: Bool) {
        openssl(["genrsa", "-out", path(name + ".key"), "2048"])
        openssl([
            "req", "-new", "-key", path(name + ".key"), "-subj", "/CN=" + name, "-out",
            path(name + ".csr"),
        ])
        let extensions = path(name + ".cnf")
        try? ("basicConstraints=critical,CA:" + (isAuthority ? "TRUE" : "FALSE") + "\n")
            .write(toFile: extensions, atomically: true, encoding: .utf8)
        let signer =
            issuer.map { ["-CA", path($0 + ".pem"), "-CAkey", path($0 + ".key")] }
            ?? ["-signkey", path(name + ".key")]
        openssl(
            ["x509", "-req", "-in", path(name + ".csr"), "-days", "\(days)", "-CAcreateserial"]
                + ["-extfile", extensions, "-out", path(name + ".pem")] + signer
        )
    }

    /// An authority, and a certificate of it.
    static func issued(authorityDays: Int, days: Int)
        -> (authority: String, leaf: ServerSettings.Certificate)
    {
        let (authority, leaf) = ("authority-\(UUID().uuidString)", "leaf-\(UUID().uuidString)")
        make(authority, issuer: nil, days: authorityDays, isAuthority: true)
        make(leaf, issuer: authority, days: days, isAuthority: false)
        return (
            path(authority + ".pem"),
            .init(chain: path(leaf + ".pem"), key: path(leaf + ".key"), ocsp: nil)
        )
    }

    /// A root, an authority below it, and a certificate of that with its issuer behind it.
    static func chained() throws
        -> (root: String, middle: String, leaf: ServerSettings.Certificate)
    {
        make("root", issuer: nil, days: 30, isAuthority: true)
        make("middle", issuer: "root", days: 30, isAuthority: true)
        make("leaf", issuer: "middle", days: 30, isAuthority: false)
        let both = try ["leaf.pem", "middle.pem"].map {
            try String(contentsOfFile: path($0), encoding: .utf8)
        }
        try both.joined().write(toFile: path("chain.pem"), atomically: true, encoding: .utf8)
        return (
            path("root.pem"),
            path("middle.pem"),
            .init(chain: path("chain.pem"), key: path("leaf.key"), ocsp: nil)
        )
    }

    /// The bytes of a certificate, PEM.
    static func der(_ file: String) throws -> [UInt8] {
        let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
        let text = lines.filter { !$0.hasPrefix("-") }.joined()
        return Array(try #require(Data(base64Encoded: text)))
    }
}

/// Settings with everything at its default but what a test says.
func settings(
    _ certificates: [ServerSettings.Certificate] = [TestFiles.ecdsa],
    minimum: TLSVersion = .tls12,
    ciphers: String? = nil,
    groups: String = "X25519:P-256:P-384",
    tickets: Int = 1,
    clients: ServerSettings.ClientCertificates? = nil,
    logsSecrets: Bool = false
) -> ServerSettings {
    ServerSettings(
        certificates: certificates,
        minimumVersion: minimum,
        ciphers: ciphers,
        groups: groups,
        tickets: tickets,
        clientCertificates: clients,
        logsSecrets: logsSecrets
    )
}

/// A listener with one site of every name.
func server(
    _ settings: ServerSettings,
    tickets: TicketKeys = TicketKeys(),
    keyLog: KeyLog? = nil
) throws -> TLSServer {
    let slot = ContextSlot(try ServerContext(settings, read: Files.read))
    return try #require(
        TLSServer(
            sites: [.init(names: [.any], slot: slot)],
            isStrict: false,
            tickets: tickets,
            keyLog: keyLog
        )
    )
}

/// What believes a certificate of the tests.
func clientContext(
    believing files: ServerSettings.Certificate = TestFiles.ecdsa,
    showing own: ServerSettings.Certificate? = nil
) throws -> ClientContext {
    try ClientContext(
        ClientSettings(authorities: [files.chain], certificate: own, isVerified: true),
        read: Files.read
    )
}

/// A client's and a server's session that talk through nothing but buffers.
final class Pair {
    let near: TLSSession
    let far: TLSSession
    /// Bytes that travel at once.
    var step = Int.max
    var now: Int64 = 1_800_000_000

    init(_ client: TLSSession?, _ server: TLSSession?) throws {
        near = try #require(client)
        far = try #require(server)
        for session in [near, far] {
            session.input = Buffer()
            session.output = Buffer()
        }
    }

    /// Carries ciphertext both ways.
    /// - Returns: Whether there was any.
    func carry() -> Bool {
        var moved = false
        for (from, to) in [(near, far), (far, near)] {
            guard let output = from.output, let input = to.input, !output.isEmpty else { continue }
            input.move(min(step, output.count), from: output)
            moved = true
        }
        return moved
    }

    /// Shakes hands.
    /// - Returns: Why each side failed; nil where it did not.
    func shake() -> (near: TLSFailure?, far: TLSFailure?) {
        var failures: (near: TLSFailure?, far: TLSFailure?) = (nil, nil)
        while true {
            if case .failed(let failure) = near.handshake(unixSeconds: now) {
                failures.near = failure
            }
            if case .failed(let failure) = far.handshake(unixSeconds: now) {
                failures.far = failure
            }
            if !carry() { return failures }
        }
    }

    /// Sends bytes from one side to the other.
    /// - Returns: What came.
    func send(_ bytes: [UInt8], from: TLSSession, to: TLSSession) -> [UInt8] {
        let source = Buffer()
        source.append(bytes)
        let target = Buffer()
        while !source.isEmpty { guard from.encrypt(from: source) else { return [] } }
        repeat {
            target.reserve(20_000)
            while case .bytes = to.decrypt(into: target, atMost: 20_000) { target.reserve(20_000) }
        } while carry()
        target.reserve(20_000)
        while case .bytes = to.decrypt(into: target, atMost: 20_000) { target.reserve(20_000) }
        var result: [UInt8] = []
        for index in target.readable.indices { result.append(target.readable[index]) }
        return result
    }
}
