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
