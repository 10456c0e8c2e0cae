import Configuration
import Testing

/// The choice of a site by host.
@Suite("Site table")
struct SiteTableTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let host: String
        let expected: Int?
        var testDescription: String { host.isEmpty ? "no host" : host }
    }

    static let table = SiteTable([
        (.exact("example.com"), 0), (.below("example.com"), 1), (.below("b.example.com"), 2),
        (.exact("x.b.example.com"), 3), (.any, 4), (.exact("[2001:db8::1]"), 5),
        (.exact("192.0.2.1"), 6), (.exact("localhost"), 7), (.below("com"), 8),
    ])

    static let cases: [Case] = [
        Case(host: "example.com", expected: 0), Case(host: "EXAMPLE.Com", expected: 0),
        Case(host: "example.com.", expected: 0), Case(host: "www.example.com", expected: 1),
        Case(host: "a.www.example.com", expected: 1), Case(host: "b.example.com", expected: 1),
        Case(host: "a.b.example.com", expected: 2), Case(host: "x.b.example.com", expected: 3),
        Case(host: "y.x.b.example.com", expected: 2), Case(host: "notexample.com", expected: 8),
        Case(host: "example.org", expected: 4), Case(host: "com", expected: 4),
        Case(host: ".example.com", expected: 8), Case(host: ".com", expected: 4),
        Case(host: "", expected: 4), Case(host: ".", expected: 4), Case(host: "..", expected: 4),
        Case(host: "[2001:db8::1]", expected: 5), Case(host: "[2001:DB8::1]", expected: 5),
        Case(host: "192.0.2.1", expected: 6), Case(host: "1.192.0.2.1", expected: 4),
        Case(host: "localhost", expected: 7), Case(host: "localhost.", expected: 7),
        Case(host: "example.com..", expected: 4),
        Case(host: String(repeating: "a.", count: 120) + "example.com", expected: 1),
        Case(host: String(repeating: "a", count: 5000) + ".example.com", expected: 4),
    ]

    @Test("The most specific host wins", arguments: cases)
    func specific(_ row: Case) {
        #expect(Self.table.find(host: Array(row.host.utf8).span) == row.expected)
    }

    @Test("Without '*' a foreign host has no site")
    func foreign() {
        let table = SiteTable([(.exact("a.example"), 0)])
        #expect(table.find(host: Array("b.example".utf8).span) == nil)
        #expect(table.find(host: Array("".utf8).span) == nil)
        #expect(SiteTable([]).find(host: Array("a".utf8).span) == nil)
        #expect(SiteTable([(.any, 9)]).find(host: Array("a".utf8).span) == 9)
    }

    @Test("Ten thousand sites are each found by their host, and by those below it")
    func many() {
        let hosts = (0..<10_000).flatMap { number -> [(host: HostPattern, site: Int)] in
            [
                (.exact("shop\(number).example.com"), number),
                (.below("shop\(number).example.com"), number + 10_000),
            ]
        }
        let table = SiteTable(hosts)
        for number in 0..<10_000 {
            let host = "shop\(number).example.com"
            #expect(table.find(host: Array(host.utf8).span) == number)
            #expect(table.find(host: Array("x.y.\(host)".utf8).span) == number + 10_000)
        }
        #expect(table.find(host: Array("shop10000.example.com".utf8).span) == nil)
    }

    @Test("Random tables answer as a search through all hosts does")
    func random() {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var random = SplitMix(state: seed)
        func name() -> String {
            (0..<Int.random(in: 1...4, using: &random)).map { _ in
                ["a", "b", "ab", "x"].randomElement(using: &random) ?? ""
            }.joined(separator: ".")
        }
        for _ in 0..<100 {
            var seen: Set<HostPattern> = []
            var hosts: [(host: HostPattern, site: Int)] = []
            for number in 0..<Int.random(in: 0...20, using: &random) {
                let host: HostPattern =
                    Bool.random(using: &random) ? .exact(name()) : .below(name())
                if seen.insert(host).inserted { hosts.append((host, number)) }
            }
            let table = SiteTable(hosts)
            for _ in 0..<50 {
                let host = name()
                #expect(table.find(host: Array(host.utf8).span) == naive(hosts, host), "\(host)")
            }
        }
    }

    private func naive(_ hosts: [(host: HostPattern, site: Int)], _ name: String) -> Int? {
        var best: (length: Int, site: Int)?
        for (host, site) in hosts {
            switch host {
            case .exact(let text) where text == name: return site
            case .below(let text)
            where name.hasSuffix("." + text) && text.count > best?.length ?? -1:
                best = (text.count, site)
            default: continue
            }
        }
        return best?.site
    }
}
