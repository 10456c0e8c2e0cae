import Bytes
import HTTP
import Testing

private func section(_ lines: [(String, String)]) -> FieldSection {
    var fields = FieldSection()
    for (name, value) in lines {
        fields.append(name: Array(name.utf8).span, value: Array(value.utf8).span)
    }
    return fields
}

@Suite("RFC 9842 §2: the fields of dictionaries")
struct DictionaryFieldsTests {
    private func advice(_ values: String...) -> DictionaryAdvice? {
        DictionaryAdvice(section(values.map { ("Use-As-Dictionary", $0) }))
    }

    private func text(_ bytes: [UInt8]?) -> String? {
        bytes.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test("The RFC's own examples")
    func examples() throws {
        let document = try #require(advice("match=\"/product/*\", match-dest=(\"document\")"))
        #expect(text(document.match) == "/product/*")
        #expect(document.destinations.map { text($0) } == ["document"])
        #expect(document.id.isEmpty)
        #expect(text(advice("match=\"/app/*/main.js\"")?.match) == "/app/*/main.js")
        #expect(text(advice("match=\"/d%C3%BCsseldorf\"")?.match) == "/d%C3%BCsseldorf")
        let named = try #require(advice("match=\"/app/*/main.js\", id=\"dictionary-12345\""))
        #expect(text(named.id) == "dictionary-12345")
    }

    @Test(
        "What a client must not use",
        arguments: [
            // No pattern, or none that is a text.
            "match", "match=1", "id=\"a\"", "match=\"\"", "match=/a",
            // A regular expression.
            "match=\"/a(.*)\"", "match=\"(/a)\"",
            // Another type, or one that is not a token.
            "match=\"/a\", type=zip", "match=\"/a\", type=\"raw\"",
            // Values of another type than their own.
            "match=\"/a\", match-dest=\"document\"", "match=\"/a\", match-dest=(document)",
            "match=\"/a\", id=x",
            "match=\"/a\", id=\"" + String(repeating: "x", count: 1025) + "\"",
            // No structured field at all.
            "match=\"/a", "match=\"/a\",", "",
        ]
    )
    func unusable(_ value: String) { #expect(advice(value) == nil) }

    @Test("What is to be passed over")
    func usable() {
        #expect(advice("match=\"/a\", type=raw, ttl=5, new=(1 2);x") != nil)
        #expect(advice("match=\"/a\\\\(b\"") != nil)
        #expect(advice("match=\"/a\", id=\"" + String(repeating: "x", count: 1024) + "\"") != nil)
        #expect(advice("match=\"/a\"", "id=\"b\"").map { text($0.id) } == "b")
    }

    @Test("The hash that a client names")
    func available() throws {
        func read(_ values: String...) -> AvailableDictionary {
            AvailableDictionary(section(values.map { ("available-dictionary", $0) }))
        }
        let value = ":pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4=:"
        guard case .hash(let hash) = read(value) else {
            Issue.record("no hash")
            return
        }
        // The SHA-256 of "Hello World".
        #expect(hash.prefix == 0xA591_A6D4)
        let target = Buffer()
        hash.write(to: target)
        let bytes = target.readable
        #expect(bytes.count == 32 && bytes[31] == 0x6E)
        #expect(read() == .none)
        #expect(read(value, value) == .malformed)
        for bad in [":AAAA:", "a", "\"" + value + "\"", String(value.dropLast()), value + ", a"] {
            #expect(read(bad) == .malformed)
        }
    }

    struct Origin: CustomTestStringConvertible {
        var request: [(String, String)]
        var allowed: String?
        var isReadable: Bool
        var testDescription: String { "\(request) \(allowed ?? "-")" }
    }

    static let origins = [
        Origin(request: [], isReadable: true),
        Origin(request: [("Sec-Fetch-Site", "same-origin")], isReadable: true),
        Origin(request: [("Sec-Fetch-Site", "cross-site")], isReadable: true),
        Origin(
            request: [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")],
            isReadable: true
        ),
        Origin(
            request: [("Sec-Fetch-Site", "none"), ("Sec-Fetch-Mode", "same-origin")],
            isReadable: true
        ),
        Origin(
            request: [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")],
            allowed: "*",
            isReadable: false
        ),
        Origin(
            request: [("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Mode", "no-cors")],
            isReadable: false
        ),
        Origin(
            request: [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "cors")],
            allowed: "*",
            isReadable: false
        ),
        Origin(request: cors, isReadable: false),
        Origin(request: cors, allowed: "*", isReadable: true),
        Origin(request: cors, allowed: "https://b.example", isReadable: true),
        Origin(request: cors, allowed: "https://c.example", isReadable: false),
        Origin(
            request: [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "websocket")],
            isReadable: false
        ),
    ]
    static let cors = [
        ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "cors"),
        ("Origin", "https://b.example"),
    ]

    @Test("§9.3.3: whose size may depend on a dictionary", arguments: origins)
    func readability(_ example: Origin) {
        let allowed = example.allowed.map { [("Access-Control-Allow-Origin", $0)] } ?? []
        let readability = DictionaryReadability(section(example.request))
        #expect(readability.allows(section(allowed)) == example.isReadable)
    }
}
