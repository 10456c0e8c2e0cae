import Foundation
import Testing

@testable import TLS

@Suite("Sites by name, and what they are made from")
struct ServerTests {
    @Test("The most specific name wins; strict listeners refuse what no site has")
    func names() throws {
        let one = ContextSlot(try ServerContext(settings(), read: Files.read))
        let two = ContextSlot(try ServerContext(settings([TestFiles.rsa]), read: Files.read))
        let three = ContextSlot(try ServerContext(settings(), read: Files.read))
        func make(strict: Bool, any: Bool) throws -> TLSServer {
            try #require(
                TLSServer(
                    sites: [
                        .init(names: [.exact("a.example")], slot: one),
                        .init(names: [.below("example")], slot: two),
                        .init(names: any ? [.any] : [.exact("c.test")], slot: three),
                    ],
                    isStrict: strict,
                    tickets: TicketKeys(),
                    keyLog: nil
                )
            )
        }
        let open = try make(strict: false, any: false)
        #expect(open.slot(for: "a.example") === one)
        #expect(open.slot(for: "b.example") === two)
        #expect(open.slot(for: "x.y.example") === two)
        #expect(open.slot(for: "example") === one)
        #expect(open.slot(for: nil) === one)
        let strict = try make(strict: true, any: false)
        #expect(strict.slot(for: "example") == nil)
        #expect(strict.slot(for: nil) == nil)
        #expect(strict.slot(for: "c.test") === three)
        #expect(try make(strict: false, any: true).slot(for: "d.test") === three)
    }

    @Test("A client gets the certificate of the name that it asks for")
    func switching() throws {
        let one = ContextSlot(try ServerContext(settings(), read: Files.read))
        let two = ContextSlot(
            try ServerContext(settings([TestFiles.rsa], minimum: .tls13), read: Files.read)
        )
        let server = try #require(
            TLSServer(
                sites: [
                    .init(names: [.exact("a.example")], slot: one),
                    .init(names: [.exact("b.example")], slot: two),
                ],
                isStrict: true,
                tickets: TicketKeys(),
                keyLog: nil
            )
        )
        for (name, files) in [("a.example", TestFiles.ecdsa), ("b.example", TestFiles.rsa)] {
            let client = try clientContext(believing: files)
                .connect(name: name, isAddress: false, sessions: ClientSessions())
            let failures = try Pair(client, server.accept()).shake()
            #expect(failures.near == nil && failures.far == nil, "\(name)")
        }
        let stranger = try clientContext()
            .connect(name: "c.example", isAddress: false, sessions: ClientSessions())
        #expect(try Pair(stranger, server.accept()).shake().far == .unknownName)
    }

    @Test("The extension's bytes are a name or none")
    func serverNames() {
        func parse(_ bytes: [UInt8]) -> String? { serverName(in: bytes.span) }
        let name = Array("Shop.Example.".utf8)
        let good: [UInt8] = [0, UInt8(name.count + 3), 0, 0, UInt8(name.count)] + name
        #expect(parse(good) == "shop.example")
        for end in 0..<good.count { #expect(parse(Array(good[..<end])) == nil) }
        #expect(parse([0, 5, 1, 0, 2, 97, 98]) == nil)
        #expect(parse([0, 5, 0, 0, 2, 97, 0]) == nil)
        #expect(parse([0, 4, 0, 0, 1, 46]) == nil)
    }

    @Test("What is wrong with files is said in words")
    func brokenFiles() throws {
        func problem(_ files: ServerSettings.Certificate) -> String {
            do {
                _ = try ServerContext(settings([files]), read: Files.read)
                return ""
            } catch { return "\(error)" }
        }
        let (ecdsa, rsa) = (TestFiles.ecdsa, TestFiles.rsa)
        #expect(
            problem(.init(chain: ecdsa.chain, key: rsa.key, ocsp: nil)).contains("does not fit")
        )
        #expect(
            problem(.init(chain: ecdsa.key, key: ecdsa.key, ocsp: nil))
                .contains("holds no certificate")
        )
        #expect(
            problem(.init(chain: ecdsa.chain, key: ecdsa.chain, ocsp: nil))
                .contains("holds no private key")
        )
        #expect(
            problem(.init(chain: "/nowhere", key: ecdsa.key, ocsp: nil))
                .contains("No such file or directory")
        )
        let turned = TestFiles.path("turned.pem")
        let chain = try Files.read(rsa.chain) + Files.read(ecdsa.chain)
        try Data(chain).write(to: URL(filePath: turned))
        #expect(
            problem(.init(chain: turned, key: ecdsa.key, ocsp: nil))
                == "'\(turned)' is out of order: the key in '\(ecdsa.key)' fits certificate 2, which "
                + "must come first"
        )
    }

    @Test("Of two certificates of one kind one would never be shown")
    func kinds() throws {
        let other = TestFiles.certificate(
            "c.example",
            kind: ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]
        )
        let error = #expect(throws: TLSSetupError.self) {
            try ServerContext(settings([TestFiles.ecdsa, TestFiles.rsa, other]), read: Files.read)
        }
        #expect(error?.part == .certificate(2))
        #expect(error?.description.contains("are both ECDSA: only the last would be") == true)
        _ = try ServerContext(settings([TestFiles.ecdsa, TestFiles.rsa]), read: Files.read)
    }

    static let lists: [(list: String, problem: String)] = [
        ("FOO", "OpenSSL knows no cipher suite of 'FOO'"),
        ("ALL", "is without authentication: write ':!aNULL' behind the list"),
        ("ALL:aNULL:eNULL:@SECLEVEL=0", "is without authentication"),
        ("ECDHE-ECDSA-AES128-GCM-SHA256:eNULL:!aNULL", "is without encryption"),
        ("ECDHE-ECDSA-AES128-GCM-SHA256:NULL:!aNULL", "is without encryption"),
    ]

    @Test(
        "Cipher suites that protect nothing are refused, whatever the list says",
        arguments: lists
    )
    func bareCiphers(_ list: String, _ problem: String) {
        let error = #expect(throws: TLSSetupError.self) {
            try ServerContext(settings(ciphers: list), read: Files.read)
        }
        #expect(error?.part == .ciphers)
        #expect(error?.description.contains(problem) == true)
    }

    static let findings: [(list: String?, texts: [String])] = [
        (nil, []),
        ("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256", []),
        ("HIGH:!aNULL:!kRSA:!EXPORT:!kDHE:!PSK:!SRP", []),
        (
            "ECDHE-ECDSA-AES128-GCM-SHA256:AES128-SHA",
            [
                "'AES128-SHA' has no forward secrecy: who gets hold of the key can read what was "
                    + "recorded before"
            ]
        ),
        (
            "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384",
            [
                "no cipher suite fits a certificate with a key of kind ECDSA: clients of TLS 1.2 "
                    + "are refused"
            ]
        ),
        (
            "DHE-RSA-AES128-GCM-SHA256",
            [
                "no cipher suite fits a certificate with a key of kind ECDSA: clients of TLS 1.2 "
                    + "are refused"
            ]
        ),
        (
            "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA265",
            [
                "'ECDHE-ECDSA-AES128-GCM-SHA265' stands for no cipher suite of TLS 1.2 that "
                    + "OpenSSL knows"
            ]
        ),
    ]

    @Test("What is dangerous or dead in a list of cipher suites is found", arguments: findings)
    func cipherFindings(_ list: String?, _ texts: [String]) throws {
        let context = try ServerContext(settings(ciphers: list), read: Files.read)
        #expect(context.cipherFindings(hasAllCertificates: true) == texts)
        let unknown = context.cipherFindings(hasAllCertificates: false)
        #expect(unknown == texts.filter { !$0.hasPrefix("no cipher suite fits") })
    }

    @Test("A curve that clients do not verify is found")
    func curves() throws {
        func findings(_ curve: String) throws -> [String] {
            let files = TestFiles.certificate(
                curve,
                kind: ["ec", "-pkeyopt", "ec_paramgen_curve:" + curve]
            )
            return try CertificateReading(
                chain: files.chain,
                chainPEM: Files.read(files.chain),
                key: files.key,
                keyPEM: Files.read(files.key)
            ).findings(now: Int64(Date().timeIntervalSince1970), hosts: [], authorities: nil)
        }
        #expect(
            try findings("secp256k1") == [
                "has a key on the curve 'secp256k1', which clients do not take: make one on P-256"
            ]
        )
        #expect(try findings("P-384") == [])
    }

    @Test("Ticket keys renew themselves, and old ones decrypt as long as tickets live")
    func ticketKeys() throws {
        let keys = TicketKeys()
        let start: Int64 = 1_800_000_000
        let first = try #require(keys.current(now: start))
        #expect(keys.current(now: start + 3600) == first)
        let second = try #require(keys.current(now: start + TLSLimits.ticketKeyPeriod))
        #expect(second != first)
        let found = try #require(keys.find(first.name, now: start + TLSLimits.ticketKeyPeriod))
        #expect(found.key == first && found.isOld)
        #expect(keys.find(first.name, now: start + 3 * 86_400) == nil)
        #expect(throws: TLSSetupError.self) { try keys.replace(with: [1, 2, 3]) }
        try keys.replace(with: [UInt8](repeating: 7, count: 160))
        #expect(keys.current(now: start + 90 * 86_400)?.name == [UInt8](repeating: 7, count: 16))
    }
}
