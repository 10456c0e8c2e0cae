import Configuration
import Foundation
import Testing

/// Whatever stands in a file, a load ends with a configuration or with errors that have a place.
@Suite("gateway.conf, damaged files")
struct RobustnessTests {
    @Test("Every prefix of a valid file is read without a trap", arguments: seeds)
    func prefixes(_ text: String) {
        let bytes = Array(text.utf8)
        for count in 0..<bytes.count { check(Array(bytes[..<count])) }
    }

    @Test("Every single byte left out, or put in the place of another, is read without a trap")
    func singleBytes() {
        let bytes = Array(small.utf8)
        for index in bytes.indices {
            var without = bytes
            without.remove(at: index)
            check(without)
            for sign in Array("{}\"\\$#;=\n\t*/:".utf8) + [0, 0x80, 0xFF] {
                var changed = bytes
                changed[index] = sign
                check(changed)
            }
        }
    }

    @Test("Random changes are read without a trap")
    func mutations() {
        let seed =
            ProcessInfo.processInfo.environment["SEED"].flatMap { UInt64($0) }
            ?? UInt64.random(in: 0 ... .max)
        // Printed, so that a trap can be met again: SEED=… swift test --filter RobustnessTests.
        print("seed \(seed)")
        var random = SplitMix(state: seed)
        let signs =
            Array("{}{}\"\"\\$$#;;==\n\n\t */:.,-09azAZ".utf8) + [0, 0x0D, 0x80, 0xC3, 0xFF]
        let words = seeds.joined(separator: " ").split(whereSeparator: \.isWhitespace)
        for _ in 0..<1500 {
            var bytes = Array((seeds.randomElement(using: &random) ?? small).utf8)
            for _ in 0..<Int.random(in: 1...8, using: &random) where !bytes.isEmpty {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: bytes[index] = signs.randomElement(using: &random) ?? 0
                case 1: bytes.insert(signs.randomElement(using: &random) ?? 0, at: index)
                case 2: bytes.remove(at: index)
                case 3:
                    let word = words.randomElement(using: &random) ?? ""
                    bytes.insert(contentsOf: Array(" \(word) ".utf8), at: index)
                default:
                    let end = min(bytes.count, index + Int.random(in: 1...40, using: &random))
                    let piece = Array(bytes[index..<end])
                    bytes.insert(
                        contentsOf: piece,
                        at: Int.random(in: 0..<bytes.count, using: &random)
                    )
                }
            }
            check(bytes)
        }
    }

    private func check(_ bytes: [UInt8]) {
        do throws(InvalidConfiguration) {
            let loaded = try Configuration.load(
                "c",
                access: access(bytes: ["c": bytes, "run/app.html": [0x78]])
            )
            #expect(!loaded.listeners.isEmpty)
        } catch {
            #expect(error.diagnostics.contains { $0.severity == .error })
            for diagnostic in error.diagnostics {
                #expect(diagnostic.place.line >= 1 && diagnostic.place.column >= 1)
                #expect(diagnostic.description.contains("^"))
            }
        }
    }
}

private let small = """
    site a.example *.b.example { listen :80; respond 200 "x ${Y:z}" } # end
    """

private let seeds: [String] = [
    small,
    """
    trusted_proxies 10.0.0.0/8 fd00::/8 unix
    client_address forwarded
    metrics 127.0.0.1:9900
    timeout header=5s idle=1m drain=10s
    limit body=1g header_size=16k connections=off
    upstream app {
        server unix:/run/app.sock weight=2
        server app.internal:8000 backup max_connections=5
        balance hash key=cookie:id
        health_check /ok every=2s expect=200-299,304
        keepalive idle=1s; profile gunicorn; eject off; retry attempts=3
        header request set X-Up "$request_id"
    }
    site shop.example.com www.shop.example.com {
        listen :80 127.0.0.1:81
        allow 10.0.0.0/8; deny 10.1.0.0/16
        error_page 502 run/app.html
        header set X-A "a \\"b\\" \\\\ $$ $host"
        route /login method=POST { rewrite /login /in; proxy app }
        route /static/* { strip_prefix /static
            proxy app }
        route /old { redirect https://$host/new$uri status=301 }
        route * { buffer on memory=1m; proxy http://10.0.0.9:80 }
    }
    """,
]
