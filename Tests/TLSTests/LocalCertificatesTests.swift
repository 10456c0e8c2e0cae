import Foundation
import Testing

@testable import TLS

/// A folder that is gone after the test.
private func withFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "tls-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder.path())
}

private func mode(_ path: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    return try #require(attributes[.posixPermissions] as? Int)
}

private func reading(_ wanted: LocalCertificates.Wanted) throws -> CertificateReading {
    CertificateReading(
        try KeyPair(
            chain: wanted.chain,
            chainPEM: Files.read(wanted.chain),
            key: wanted.key,
            keyPEM: Files.read(wanted.key)
        )
    )
}

private let day: Int64 = 86_400
private let start: Int64 = 1_800_000_000

@Suite("certificate internal: the local authority and its files")
struct LocalCertificatesTests {
    private func wanted(_ folder: String, _ names: [String]) -> LocalCertificates.Wanted {
        LocalCertificates.Wanted(
            names: names,
            chain: "\(folder)/internal/site.pem",
            key: "\(folder)/internal/site.key"
        )
    }

    @Test("A certificate stands for its names and for no others, and the authority signed it")
    func issued() throws {
        try withFolder { folder in
            let local = LocalCertificates(directory: "\(folder)/internal")
            let names = ["localhost", "*.dev.example", "127.0.0.1", "::1"]
            let wanted = wanted(folder, names)
            let outcome = try local.ensure([wanted], machine: "m", now: start)
            #expect(outcome.hasNewAuthority)
            #expect(outcome.made == [wanted.chain])
            let certificate = try reading(wanted)
            for name in names + ["a.dev.example", "LOCALHOST", "[::1]"] {
                #expect(certificate.covers(name), "\(name)")
            }
            for name in ["example", "dev.example", "a.b.dev.example", "127.0.0.2", "", "*.a.b"] {
                #expect(!certificate.covers(name), "\(name)")
            }
            #expect(certificate.isIssued(by: try Files.read(local.authorityPath)))
            #expect(certificate.notBefore <= start)
            #expect(certificate.notAfter == start + 30 * day)
        }
    }

    @Test("Only the owner can read the keys")
    func permissions() throws {
        try withFolder { folder in
            let local = LocalCertificates(directory: "\(folder)/internal")
            let wanted = wanted(folder, ["localhost"])
            _ = try local.ensure([wanted], machine: "m", now: start)
            #expect(try mode("\(folder)/internal") == 0o700)
            #expect(try mode("\(folder)/internal/ca.key") == 0o600)
            #expect(try mode(wanted.key) == 0o600)
            #expect(try mode(local.authorityPath) == 0o644)
            let names = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/internal")
            #expect(names.sorted() == ["ca.key", "ca.pem", "lock", "site.key", "site.pem"])
        }
    }

    @Test("What is good stays; what is about to end is made anew, by the same authority")
    func renewal() throws {
        try withFolder { folder in
            let local = LocalCertificates(directory: "\(folder)/internal")
            let wanted = wanted(folder, ["localhost"])
            _ = try local.ensure([wanted], machine: "m", now: start)
            let authority = try Files.read(local.authorityPath)
            for later in [0, day, 19 * day] {
                let outcome = try local.ensure([wanted], machine: "m", now: start + later)
                #expect(outcome.made.isEmpty && !outcome.hasNewAuthority)
            }
            let outcome = try local.ensure([wanted], machine: "m", now: start + 20 * day)
            #expect(outcome.made == [wanted.chain])
            #expect(!outcome.hasNewAuthority)
            #expect(try Files.read(local.authorityPath) == authority)
            #expect(try reading(wanted).notAfter == start + 50 * day)
        }
    }

    @Test("An authority that ends soon is made anew with all its certificates")
    func authorityRenewal() throws {
        try withFolder { folder in
            let local = LocalCertificates(directory: "\(folder)/internal")
            let wanted = wanted(folder, ["localhost"])
            _ = try local.ensure([wanted], machine: "m", now: start)
            let later = start + 3600 * day
            let outcome = try local.ensure([wanted], machine: "m", now: later)
            #expect(outcome.hasNewAuthority)
            #expect(outcome.made == [wanted.chain])
            let certificate = try reading(wanted)
            #expect(certificate.isIssued(by: try Files.read(local.authorityPath)))
        }
    }

    @Test("Other names, a lost or foreign key, and damaged files are mended")
    func mended() throws {
        try withFolder { folder in
            let local = LocalCertificates(directory: "\(folder)/internal")
            let first = wanted(folder, ["localhost"])
            _ = try local.ensure([first], machine: "m", now: start)
            func isMended(_ wanted: LocalCertificates.Wanted) throws -> Bool {
                let outcome = try local.ensure([wanted], machine: "m", now: start)
                _ = try reading(wanted)
                return outcome.made == [wanted.chain] && !outcome.hasNewAuthority
            }
            let more = wanted(folder, ["localhost", "a.example"])
            #expect(try isMended(more))
            #expect(try isMended(first), "fewer names")
            try FileManager.default.removeItem(atPath: first.key)
            #expect(try isMended(first))
            try Data("nothing".utf8).write(to: URL(filePath: first.chain))
            #expect(try isMended(first))
            // The key of the authority does not fit the certificate.
            try PrivateFile.write(
                Files.read("\(folder)/internal/ca.key"),
                to: first.key,
                mode: 0o600
            )
            #expect(try isMended(first))
            // Without its key the authority is of no use any more.
            try FileManager.default.removeItem(atPath: "\(folder)/internal/ca.key")
            #expect(try local.ensure([first], machine: "m", now: start).hasNewAuthority)
        }
    }

    @Test("A folder that cannot be made is named")
    func noFolder() throws {
        let local = LocalCertificates(directory: "/proc/none/internal")
        #expect {
            try local.ensure([], machine: "m", now: start)
        } throws: { "\($0)".hasPrefix("'/proc/none/internal") }
    }

    @Test("A name that would add others is refused")
    func injected() {
        for name in ["a,DNS:b", "a\nb", "", "a b", "email:copy@", "é"] {
            #expect(throws: TLSSetupError.self) { try LocalAuthority.alternativeNames([name]) }
        }
    }
}
