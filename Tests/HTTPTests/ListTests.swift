import Bytes
import HTTP
import Testing

@Suite("RFC 9110 §5.6.1 lists and §12 negotiation")
struct ListTests {
    @Test(
        "Members of a list",
        arguments: [
            ("", []), (" , ,", []), ("a", ["a"]),
            ("foo , ,bar,charlie", ["foo", "bar", "charlie"]),
            ("\ta b \t, c ", ["a b", "c"]), (#""a,b",c"#, [#""a,b""#, "c"]),
            (#"a="x\",y",b"#, [#"a="x\",y""#, "b"]), (#"a,"b,c"#, ["a", #""b,c"#]),
            (#""\"#, [#""\"#]),
            (#"a\,b"#, [#"a\"#, "b"]),
        ] as [(String, [String])]
    )
    func members(value: String, expected: [String]) {
        let bytes = Array(value.utf8)
        var list = CommaList()
        var members: [String] = []
        while let place = list.next(in: bytes.span) {
            members.append(bytes.span.extracting(place).string())
        }
        #expect(members == expected)
    }

    struct Accept: CustomTestStringConvertible {
        var values: [String]
        var expected: Int?
        var testDescription: String { values.joined(separator: " | ") }
    }

    @Test(
        "JSON or HTML, by Accept",
        arguments: [
            Accept(values: [], expected: 0), Accept(values: ["*/*"], expected: 0),
            Accept(values: ["text/html"], expected: 1),
            Accept(
                values: ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
                expected: 1
            ),
            Accept(values: ["application/json"], expected: nil),
            Accept(values: ["application/*"], expected: 0),
            Accept(values: ["text/*;q=0.5, */*;q=0.1"], expected: 1),
            Accept(
                values: ["TEXT/HTML;level=1;Q=0.3", "application/problem+json; q=0.2"],
                expected: 1
            ),
            Accept(values: ["application/problem+json;q=0, */*"], expected: 1),
            Accept(values: ["text/html;q=1.5, */*;q=0.1"], expected: 0),
            Accept(values: ["text/html;q=0"], expected: nil), Accept(values: [""], expected: nil),
            Accept(values: ["*/html, /, text"], expected: nil),
        ]
    )
    func accept(item: Accept) {
        var fields = FieldSection()
        for value in item.values { fields.append(.accept, value: Array(value.utf8).span) }
        let offers: [StaticString] = ["application/problem+json", "text/html"]
        #expect(MediaNegotiation.preferred(of: offers, accepting: fields) == item.expected)
    }

    @Test(
        "Quality values",
        arguments: [
            ("1", 1000), ("0", 0), ("1.000", 1000), ("0.5", 500), ("0.123", 123), ("0.", 0),
            ("1.001", nil), ("2", nil), ("", nil), ("0.1234", nil), (".5", nil), ("0,5", nil),
            ("0.a", nil),
        ] as [(String, Int?)]
    )
    func quality(text: String, expected: Int?) {
        #expect(QualityValue.parse(Array(text.utf8).span) == expected)
    }
}
